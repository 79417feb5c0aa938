/** Decides about ACLs. Pure: takes the image, returns the records to append and the answers. */
import { type Random, randomUuid } from '@ottla/base'
import type {
  CreateAclsRequest,
  CreateAclsResponse,
  DeleteAclsRequest,
  DeleteAclsResponse,
} from '@ottla/protocol'
import { errorCode, type Infer, type InferInput } from '@ottla/protocol'
import { METADATA_VERSION } from '../features.ts'
import { type Acl, type AclsImage, aclKey } from './acls-image.ts'
import { cidrFault } from './cidr.ts'
import type { MetadataImage } from './metadata-image.ts'
import { type MetadataRecord, metadataRecord } from './metadata-record.ts'
import { type Decision, Refusal } from './topic-controller.ts'

export type AclFilter = Infer<typeof DeleteAclsRequest>['filters'][number]
type Creation = Infer<typeof CreateAclsRequest>['creations'][number]
type Created = InferInput<typeof CreateAclsResponse>['results'][number]
type FilterResult = InferInput<typeof DeleteAclsResponse>['filterResults'][number]

const ANY = 1
const MATCH = 2
const LITERAL = 3
const PREFIXED = 4
const CLUSTER = 4
const CLUSTER_NAME = 'kafka-cluster'
/** metadata.version 4.4-IV1 */
const CIDR_SINCE = 32
/** Highest numbers that have a meaning; above them everything counts as unknown. */
const HIGHEST = { resourceType: 7, patternType: 4, operation: 15, permissionType: 3 } as const

const isKnown = (kind: keyof typeof HIGHEST, value: number) => value > 0 && value <= HIGHEST[kind]

/** True when a creation names a kind of thing instead of one thing, which no ACL can. */
export const isWildcard = (creation: Creation): boolean =>
  creation.resourceType === ANY ||
  creation.resourcePatternType === ANY ||
  creation.resourcePatternType === MATCH ||
  creation.operation === ANY ||
  creation.permissionType === ANY

export function createAcls(
  image: MetadataImage,
  random: Random,
  creations: readonly Creation[],
): Decision<Created[]> {
  const { acls } = image
  const records: MetadataRecord[] = []
  const response: Created[] = []
  const made = new Set<string>()
  for (const { resourcePatternType: patternType, ...rest } of creations) {
    const acl: Acl = { ...rest, patternType }
    try {
      checkAcl(acl, image.level(METADATA_VERSION))
      response.push({ errorCode: 0, errorMessage: '' })
      if (acls.has(acl) || made.has(aclKey(acl))) continue
      made.add(aclKey(acl))
      records.push(metadataRecord('AccessControlEntryRecord', { id: randomUuid(random), ...acl }))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      response.push({ errorCode: errorCode(error.error), errorMessage: error.message })
    }
  }
  return { records, response }
}

const refuse = (message: string): never => {
  throw new Refusal('INVALID_REQUEST', message)
}

function checkAcl(acl: Acl, metadataVersion: number): void {
  if (acl.resourceType === CLUSTER && acl.resourceName !== CLUSTER_NAME) {
    refuse(`The only valid name for the CLUSTER resource is ${CLUSTER_NAME}`)
  }
  if (acl.resourceName === '') refuse('Invalid empty resource name')
  for (const kind of ['resourceType', 'patternType', 'operation', 'permissionType'] as const) {
    if (!isKnown(kind, acl[kind])) refuse(`Invalid ${kind} UNKNOWN`)
  }
  if (!acl.principal.includes(':')) {
    refuse(
      `Could not parse principal from \`${acl.principal}\` (no colon is present separating the ` +
        'principal type from the principal name)',
    )
  }
  if (acl.host === '') refuse('Host pattern cannot be null or empty')
  const isRange = acl.host.includes('/')
  if (isRange && metadataVersion < CIDR_SINCE) {
    // An older Apache Kafka would take the range for the name of a host.
    throw new Refusal(
      'UNSUPPORTED_VERSION',
      `Ranges of hosts need metadata.version ${CIDR_SINCE}, and it is ${metadataVersion}`,
    )
  }
  const fault = isRange ? cidrFault(acl.host) : undefined
  if (fault) refuse(`Invalid CIDR notation '${acl.host}': ${fault}`)
}

/** Removes what any of the filters matches; an ACL that two of them match is told twice. */
export function deleteAcls(
  acls: AclsImage,
  filters: readonly AclFilter[],
): Decision<FilterResult[]> {
  const removed = new Set<string>()
  const response = filters.map((filter): FilterResult => {
    const fault = filterFault(filter)
    if (fault) {
      return { errorCode: errorCode('INVALID_REQUEST'), errorMessage: fault, matchingAcls: [] }
    }
    const matching = [...acls.entries()].filter(([, acl]) => matches(filter, acl))
    for (const [id] of matching) removed.add(id)
    const matchingAcls = matching.map(([, acl]) => ({ errorCode: 0, errorMessage: null, ...acl }))
    return { errorCode: 0, errorMessage: null, matchingAcls }
  })
  const records = [...removed].map((id) => metadataRecord('RemoveAccessControlEntryRecord', { id }))
  return { records, response }
}

function filterFault(filter: AclFilter): string | undefined {
  const { resourceTypeFilter, patternTypeFilter, operation, permissionType } = filter
  const isPattern =
    isKnown('resourceType', resourceTypeFilter) && isKnown('patternType', patternTypeFilter)
  if (!isPattern) return 'Unknown patternFilter.'
  const isEntry = isKnown('operation', operation) && isKnown('permissionType', permissionType)
  return isEntry ? undefined : 'Unknown entryFilter.'
}

/** Whether a filter of DescribeAcls or DeleteAcls matches an ACL. */
export function matches(filter: AclFilter, acl: Acl): boolean {
  const isSame = (wanted: number, own: number) => wanted === ANY || wanted === own
  const isText = (wanted: string | null, own: string) => wanted === null || wanted === own
  return (
    isSame(filter.resourceTypeFilter, acl.resourceType) &&
    matchesName(filter.patternTypeFilter, filter.resourceNameFilter, acl) &&
    isText(filter.principalFilter, acl.principal) &&
    isText(filter.hostFilter, acl.host) &&
    isSame(filter.operation, acl.operation) &&
    isSame(filter.permissionType, acl.permissionType)
  )
}

/** MATCH asks which ACLs concern a resource of this name; the others ask for patterns. */
function matchesName(patternType: number, name: string | null, acl: Acl): boolean {
  if (patternType !== ANY && patternType !== MATCH && patternType !== acl.patternType) return false
  if (name === null) return true
  if (patternType !== MATCH) return name === acl.resourceName
  if (acl.patternType === PREFIXED) return name.startsWith(acl.resourceName)
  return acl.patternType === LITERAL && (acl.resourceName === name || acl.resourceName === '*')
}
