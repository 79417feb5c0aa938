/** Access control lists. */
import { apis } from '@ottla/protocol'
import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  ResourcePatternTypes,
} from '../constants.ts'
import { protocolError } from '../engine-errors.ts'
import type {
  AclEntry,
  AclFilter,
  Admin,
  DeleteAclResponse,
  DescribeAclResponse,
} from '../types/admin.ts'
import { type AdminContext, onController, refuse } from './context.ts'

interface Checked {
  readonly operation: number
  readonly resourcePatternType: number
  readonly permissionType: number
  readonly resourceType: number
}

function checkTypes(acls: readonly Checked[], shown: (acl: Checked) => string): void {
  const has = (values: object, value: number) => Object.values(values).includes(value)
  const check = (values: object, name: keyof Checked, what: string) => {
    const odd = acls.find((acl) => !has(values, acl[name]))
    if (odd) refuse(`Invalid ${what} ${odd[name]}${shown(odd)}`)
  }
  const pattern =
    shown({} as Checked) === '' ? 'resource pattern filter type' : 'resource pattern type'
  check(AclOperationTypes, 'operation', 'operation type')
  check(ResourcePatternTypes, 'resourcePatternType', pattern)
  check(AclPermissionTypes, 'permissionType', 'permission type')
  check(AclResourceTypes, 'resourceType', 'resource type')
}

const asJson = (acl: unknown): string => `: ${JSON.stringify(acl)}`
const TEXTS = ['principal', 'host', 'resourceName'] as const

export function aclCalls(
  context: AdminContext,
): Pick<Admin, 'createAcls' | 'describeAcls' | 'deleteAcls'> {
  return {
    createAcls: async ({ acl }) => createAcls(context, acl),
    describeAcls: async (filter) => describeAcls(context, filter),
    deleteAcls: async ({ filters }) => deleteAcls(context, filters),
  }
}

async function createAcls(context: AdminContext, acl: readonly AclEntry[]): Promise<boolean> {
  if (!acl || !Array.isArray(acl)) refuse(`Invalid ACL array ${acl}`)
  if (acl.length === 0) refuse('Empty ACL array')
  for (const name of TEXTS) {
    if (acl.every((entry) => typeof entry[name] === 'string')) continue
    refuse(`Invalid ACL array, the ${name}s have to be a valid string`)
  }
  checkTypes(acl, asJson)
  return onController(context, 'create ACL', {}, async (broker) => {
    const answer = await context.cluster.request(apis.createAcls, { creations: acl }, { broker })
    for (const { errorCode, errorMessage } of answer.results) {
      if (errorCode !== 0) throw protocolError(errorCode, errorMessage)
    }
    return true
  })
}

const filterOf = (filter: AclFilter) => ({
  resourceTypeFilter: filter.resourceType,
  resourceNameFilter: filter.resourceName ?? null,
  patternTypeFilter: filter.resourcePatternType,
  principalFilter: filter.principal ?? null,
  hostFilter: filter.host ?? null,
  operation: filter.operation,
  permissionType: filter.permissionType,
})

const isTextOrNone = (value: unknown): boolean => typeof value === 'string' || value === undefined

async function describeAcls(
  context: AdminContext,
  filter: AclFilter,
): Promise<DescribeAclResponse> {
  for (const name of TEXTS) {
    if (isTextOrNone(filter[name])) continue
    refuse(`Invalid ${name}, the ${name} have to be a valid string`)
  }
  checkTypes([filter], () => '')
  return onController(context, 'describe ACL', {}, async (broker) => {
    const answer = await context.cluster.request(apis.describeAcls, filterOf(filter), { broker })
    if (answer.errorCode !== 0) throw protocolError(answer.errorCode, answer.errorMessage)
    const resources = answer.resources.map(({ patternType, ...rest }) => ({
      ...rest,
      resourcePatternType: patternType,
    }))
    return { resources } as unknown as DescribeAclResponse
  })
}

async function deleteAcls(
  context: AdminContext,
  filters: readonly AclFilter[],
): Promise<DeleteAclResponse> {
  if (!filters || !Array.isArray(filters)) refuse(`Invalid ACL Filter array ${filters}`)
  if (filters.length === 0) refuse('Empty ACL Filter array')
  for (const name of TEXTS) {
    if (filters.every((filter) => isTextOrNone(filter[name]))) continue
    refuse(`Invalid ACL Filter array, the ${name}s have to be a valid string`)
  }
  checkTypes(filters, asJson)
  return onController(context, 'delete ACL', {}, async (broker) => {
    const body = { filters: filters.map(filterOf) }
    const answer = await context.cluster.request(apis.deleteAcls, body, { broker })
    const filterResponses = answer.filterResults.map((result) => {
      if (result.errorCode !== 0) throw protocolError(result.errorCode, result.errorMessage)
      const { errorCode, errorMessage, matchingAcls } = result
      return {
        ...{ errorCode, errorMessage },
        matchingAcls: matchingAcls.map(({ patternType, ...rest }) => ({
          ...rest,
          resourcePatternType: patternType,
        })),
      }
    })
    return { filterResponses } as unknown as DeleteAclResponse
  })
}
