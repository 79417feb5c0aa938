/**
 * DescribeClientQuotas (key 48), versions 0-1, and AlterClientQuotas (key 49), versions 0-1.
 *
 * Behaviour: quotas of users, clients and addresses are kept in the metadata log. Each entity of a
 * request succeeds or fails for itself; a quota that is set to what it is writes nothing.
 * Differences: quotas are kept for whoever takes over the directory and are not enforced yet.
 */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { apis, errorCode } from '@ottla/protocol'
import { handler } from '../handler.ts'
import { alterQuotas, describeQuotas } from '../metadata/quota-controller.ts'
import { Refusal } from '../metadata/topic-controller.ts'

export const describeClientQuotas = handler(
  apis.describeClientQuotas,
  { lowest: 0, highest: 1 },
  ({ image }, _context, { components, strict }) => {
    try {
      const entries = describeQuotas(image.quotas, components, strict).map((found) => ({
        entity: [...found.entity].map(([entityType, entityName]) => ({ entityType, entityName })),
        values: [...found.values].map(([key, value]) => ({ key, value })),
      }))
      return { throttleTimeMs: 0, errorCode: 0, errorMessage: '', entries }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      const { error: name, message } = error
      return { throttleTimeMs: 0, errorCode: errorCode(name), errorMessage: message, entries: null }
    }
  },
)

export const alterClientQuotas = handler(
  apis.alterClientQuotas,
  { lowest: 0, highest: 1 },
  async ({ image, metadata }, _context, { entries: wanted, validateOnly }) => {
    const names = wanted.flatMap(({ entity }) => entity.map((part) => part.entityName ?? ''))
    const addresses = await addressesAmong(wanted.some(namesAddress) ? names : [])
    const isAddress = (name: string) => addresses.has(name)
    const entries = validateOnly
      ? alterQuotas(image.quotas, wanted, isAddress).response
      : await metadata.change((current) => alterQuotas(current.quotas, wanted, isAddress))
    return { throttleTimeMs: 0, entries }
  },
)

const namesAddress = ({ entity }: { entity: readonly { entityType: string }[] }) =>
  entity.some(({ entityType }) => entityType === 'ip')

/** The names that are addresses or can be resolved to one. */
async function addressesAmong(names: readonly string[]): Promise<ReadonlySet<string>> {
  const found = await Promise.all(
    [...new Set(names)].map(async (name) => {
      if (isIP(name) !== 0) return name
      // A name that cannot be resolved is an answer, not a failure.
      return lookup(name).then(
        () => name,
        () => undefined,
      )
    }),
  )
  return new Set(found.filter((name) => name !== undefined))
}
