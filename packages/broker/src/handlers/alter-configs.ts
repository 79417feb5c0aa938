/**
 * AlterConfigs (key 33), versions 0-2, and IncrementalAlterConfigs (key 44), versions 0-1.
 *
 * Behaviour: the first replaces everything that is set on a resource, the second changes single
 * settings (SET, DELETE, APPEND, SUBTRACT). Both take effect without a restart; a setting that
 * needs one is refused. Each resource succeeds or fails for itself: what is wrong with the request
 * comes first (INVALID_REQUEST), then the values (INVALID_CONFIG), last whether the topic is there.
 */
import { apis, errorCode } from '@ottla/protocol'
import type { BrokerServices } from '../broker-services.ts'
import { ResourceType } from '../config/config-resolver.ts'
import { tieringFault } from '../config/tiering-rules.ts'
import { handler } from '../handler.ts'
import {
  type AlterTarget,
  incrementalAlter,
  replaceConfigs,
} from '../metadata/config-controller.ts'
import type { MetadataImage } from '../metadata/metadata-image.ts'
import type { MetadataRecord } from '../metadata/metadata-record.ts'
import { Refusal } from '../metadata/topic-controller.ts'

interface Resource {
  readonly resourceType: number
  readonly resourceName: string
}

export const alterConfigs = handler(
  apis.alterConfigs,
  { lowest: 0, highest: 2 },
  async (services, _context, request) => ({
    throttleTimeMs: 0,
    responses: await alterEach(services, request, (image, resource) =>
      replaceConfigs(image, targetOf(services, resource), resource.configs),
    ),
  }),
)

export const incrementalAlterConfigs = handler(
  apis.incrementalAlterConfigs,
  { lowest: 0, highest: 1 },
  async (services, _context, request) => ({
    throttleTimeMs: 0,
    responses: await alterEach(services, request, (image, resource) => {
      const changes = resource.configs.map(({ name, configOperation, value }) => ({
        name,
        operation: configOperation,
        value,
      }))
      return incrementalAlter(image, targetOf(services, resource), changes)
    }),
  }),
)

function targetOf(services: BrokerServices, { resourceType, resourceName }: Resource): AlterTarget {
  return {
    resourceType,
    resourceName,
    nodeId: services.nodeId,
    valueBehind: (name) => {
      const described =
        resourceType === ResourceType.TOPIC
          ? services.configs.describeTopic(resourceName)
          : services.configs.describeBroker(String(services.nodeId))
      return described.find((config) => config.name === name)?.value ?? null
    },
    tieringFault: (wanted, was) => tieringFault(services.configs, wanted, was),
  }
}

async function alterEach<R extends Resource>(
  services: BrokerServices,
  request: { readonly resources: readonly R[]; readonly validateOnly: boolean },
  decide: (image: MetadataImage, resource: R) => MetadataRecord[],
) {
  const { metadata, image } = services
  const keys = request.resources.map((r) => `${r.resourceType}:${r.resourceName}`)
  const responses = []
  for (const [i, resource] of request.resources.entries()) {
    const { resourceType, resourceName } = resource
    const answer = { errorCode: 0, errorMessage: null as string | null, resourceType, resourceName }
    try {
      if (keys.indexOf(keys[i] as string) !== keys.lastIndexOf(keys[i] as string)) {
        throw new Refusal('INVALID_REQUEST', 'Each resource must appear at most once.')
      }
      if (request.validateOnly) decide(image, resource)
      else {
        await metadata.change((current) => ({
          records: decide(current, resource),
          response: undefined,
        }))
        apply(services, resource)
      }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      answer.errorCode = errorCode(error.error)
      answer.errorMessage = error.message
    }
    responses.push(answer)
  }
  return responses
}

function apply(services: BrokerServices, { resourceType, resourceName }: Resource): void {
  services.archive?.wake()
  if (resourceType === ResourceType.TOPIC) services.partitions.reconfigure(resourceName)
  else if (resourceType === ResourceType.BROKER) services.partitions.reconfigure()
}
