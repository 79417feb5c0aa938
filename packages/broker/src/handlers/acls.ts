/**
 * DescribeAcls (key 29), versions 1-3, CreateAcls (key 30), versions 1-3, and DeleteAcls (key 31),
 * versions 1-3.
 *
 * Behaviour: with `authorizer.class.name` set, ACLs are kept in the metadata log and described;
 * without it every request is SECURITY_DISABLED. Making an ACL that is there succeeds and changes
 * nothing. A request with an unknown (0) kind of anything ends the connection.
 * Version notes: none; the layout became flexible in 2.
 * Differences: ACLs are kept for whoever takes over the directory and are not enforced yet.
 */
import { apis, type DescribeAclsResponse, errorCode, type InferInput } from '@ottla/protocol'
import type { BrokerServices } from '../broker-services.ts'
import { handler } from '../handler.ts'
import {
  type AclFilter,
  createAcls as decideCreation,
  deleteAcls as decideDeletion,
  isWildcard,
  matches,
} from '../metadata/acl-controller.ts'
import type { Acl } from '../metadata/acls-image.ts'

type Resource = InferInput<typeof DescribeAclsResponse>['resources'][number]

const hasAuthorizer = ({ config }: BrokerServices) => config.get('authorizer.class.name') !== ''

const isUnknown = (...kinds: number[]): boolean => kinds.includes(0)
const hasUnknown = (filter: AclFilter): boolean =>
  isUnknown(
    filter.resourceTypeFilter,
    filter.patternTypeFilter,
    filter.operation,
    filter.permissionType,
  )

export const describeAcls = handler(
  apis.describeAcls,
  { lowest: 1, highest: 3 },
  (services, _context, request) => {
    if (hasUnknown(request)) return 'close'
    if (!hasAuthorizer(services)) {
      return {
        throttleTimeMs: 0,
        errorCode: errorCode('SECURITY_DISABLED'),
        errorMessage: 'No Authorizer is configured on the broker',
        resources: [],
      }
    }
    const found = [...services.image.acls.entries()].map(([, acl]) => acl)
    const resources = byResource(found.filter((acl) => matches(request, acl)))
    return { throttleTimeMs: 0, errorCode: 0, errorMessage: '', resources }
  },
)

function byResource(acls: readonly Acl[]): Resource[] {
  const resources = new Map<string, Resource & { acls: Acl[] }>()
  for (const acl of acls) {
    const { resourceType, resourceName, patternType } = acl
    const key = `${resourceType}:${patternType}:${resourceName}`
    const resource = resources.get(key) ?? { resourceType, resourceName, patternType, acls: [] }
    resource.acls.push(acl)
    resources.set(key, resource)
  }
  return [...resources.values()]
}

export const createAcls = handler(
  apis.createAcls,
  { lowest: 1, highest: 3 },
  async (services, _context, { creations }) => {
    const hasUnknownKind = creations.some((creation) =>
      isUnknown(
        creation.resourceType,
        creation.resourcePatternType,
        creation.operation,
        creation.permissionType,
      ),
    )
    if (hasUnknownKind) return 'close'
    const all = (
      error: 'SECURITY_DISABLED' | 'UNKNOWN_SERVER_ERROR',
      errorMessage: string | null,
    ) => creations.map(() => ({ errorCode: errorCode(error), errorMessage }))
    if (!hasAuthorizer(services)) {
      return {
        throttleTimeMs: 0,
        results: all('SECURITY_DISABLED', 'No Authorizer is configured.'),
      }
    }
    if (creations.some(isWildcard)) {
      return { throttleTimeMs: 0, results: all('UNKNOWN_SERVER_ERROR', null) }
    }
    const results = await services.metadata.change((image) =>
      decideCreation(image, services.random, creations),
    )
    return { throttleTimeMs: 0, results }
  },
)

export const deleteAcls = handler(
  apis.deleteAcls,
  { lowest: 1, highest: 3 },
  async (services, _context, { filters }) => {
    if (filters.some(hasUnknown)) return 'close'
    if (!hasAuthorizer(services)) {
      const filterResults = filters.map(() => ({
        errorCode: errorCode('SECURITY_DISABLED'),
        errorMessage: 'No Authorizer is configured.',
        matchingAcls: [],
      }))
      return { throttleTimeMs: 0, filterResults }
    }
    const filterResults = await services.metadata.change((image) =>
      decideDeletion(image.acls, filters),
    )
    return { throttleTimeMs: 0, filterResults }
  },
)
