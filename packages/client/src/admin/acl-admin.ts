/** Admin calls about who may do what: ACLs. */
import { apis, type ResponseOf } from '@ottla/protocol'
import { type AclOperation, OPERATIONS } from './acl-operations.ts'
import type { AdminOptions } from './admin-core.ts'
import type { ItemAnswer, ItemOptions, ItemOutcome, Results } from './item-results.ts'
import { nameIn } from './name-in.ts'
import { TransactionAdmin } from './transaction-admin.ts'

const RESOURCE_TYPES = {
  any: 1,
  topic: 2,
  group: 3,
  cluster: 4,
  'transactional-id': 5,
  'delegation-token': 6,
  user: 7,
} as const
const PATTERN_TYPES = { any: 1, match: 2, literal: 3, prefixed: 4 } as const
const PERMISSIONS = { any: 1, deny: 2, allow: 3 } as const

export type AclResourceType = keyof typeof RESOURCE_TYPES
export type AclPatternType = keyof typeof PATTERN_TYPES
export type AclPermission = keyof typeof PERMISSIONS

export interface Acl {
  readonly resourceType: Exclude<AclResourceType, 'any'>
  readonly resourceName: string
  /** Default `literal`. */
  readonly patternType?: 'literal' | 'prefixed'
  /** Such as `User:alice` or `User:*`. */
  readonly principal: string
  /** Default `*`. */
  readonly host?: string
  readonly operation: Exclude<AclOperation, 'any'>
  /** Default `allow`. */
  readonly permission?: Exclude<AclPermission, 'any'>
}

/** What is left out matches everything. */
export interface AclFilter {
  readonly resourceType?: AclResourceType
  readonly resourceName?: string
  /** `match`: literal, prefixed and `*` patterns that the name falls under. */
  readonly patternType?: AclPatternType
  readonly principal?: string
  readonly host?: string
  readonly operation?: AclOperation
  readonly permission?: AclPermission
}

export interface AclFilterKey {
  readonly filter: AclFilter
}

/** What a filter has deleted. */
export interface DeletedAcls extends AclFilterKey {
  readonly acls: readonly Required<Acl>[]
}

/** All that was deleted, or with `perItem` what became of each filter. */
export type Deleted<Options> = Options extends { readonly perItem: true }
  ? ItemOutcome<AclFilterKey, DeletedAcls>[]
  : Required<Acl>[]

export class AclAdmin extends TransactionAdmin {
  createAcls<Options extends ItemOptions>(
    acls: readonly Acl[],
    options: Options = {} as Options,
  ): Promise<Results<Options, Acl>> {
    return this.eachDone('createAcls', acls, options, async (list) => {
      const response = await this.cluster.request('any', apis.createAcls, {
        creations: list.map((acl) => ({
          resourceType: RESOURCE_TYPES[acl.resourceType],
          resourceName: acl.resourceName,
          resourcePatternType: PATTERN_TYPES[acl.patternType ?? 'literal'],
          principal: acl.principal,
          host: acl.host ?? '*',
          operation: OPERATIONS[acl.operation],
          permissionType: PERMISSIONS[acl.permission ?? 'allow'],
        })),
      })
      // Answers have no names: they come in the order of the request.
      return list.map((acl, index) => {
        const what = `Creating an ACL on ${acl.resourceType} ${acl.resourceName}`
        return this.result(acl, what, response.results[index] as ItemAnswer)
      })
    })
  }

  describeAcls(filter: AclFilter = {}, options: AdminOptions = {}): Promise<Required<Acl>[]> {
    return this.call('describeAcls', options, async () => {
      const response = await this.cluster.request('any', apis.describeAcls, filterOf(filter))
      this.check(response.errorCode, 'Describing ACLs', response.errorMessage)
      return response.resources.flatMap(({ acls, ...resource }) =>
        acls.map((acl) => aclOf({ ...resource, ...acl })),
      )
    })
  }

  /**
   * Deletes what matches any of the filters; resolves with what that was, of each filter with
   * `perItem`.
   */
  async deleteAcls<Options extends ItemOptions>(
    filters: readonly AclFilter[],
    options: Options = {} as Options,
  ): Promise<Deleted<Options>> {
    const deleted = this.each('deleteAcls', filters, options, async (list) => {
      const body = { filters: list.map(filterOf) }
      const response = await this.cluster.request('any', apis.deleteAcls, body)
      return list.map((filter, index) => {
        const { matchingAcls, ...answer } = response.filterResults[index] as FilterAnswer
        // Of several that match, those that stayed say why.
        const failed = matchingAcls.find(({ errorCode }) => errorCode !== 0)
        const what = failed ? `Deleting an ACL on ${failed.resourceName}` : 'Deleting ACLs'
        return this.outcome<AclFilterKey, DeletedAcls>({ filter }, what, failed ?? answer, () => ({
          ...{ filter, acls: matchingAcls.map(aclOf) },
        }))
      })
    })
    const results = (await deleted) as DeletedAcls[]
    return (options.perItem ? results : results.flatMap(({ acls }) => acls)) as Deleted<Options>
  }
}

type FilterAnswer = ResponseOf<typeof apis.deleteAcls>['filterResults'][number]

const filterOf = (filter: AclFilter) => ({
  resourceTypeFilter: RESOURCE_TYPES[filter.resourceType ?? 'any'],
  resourceNameFilter: filter.resourceName ?? null,
  patternTypeFilter: PATTERN_TYPES[filter.patternType ?? 'any'],
  principalFilter: filter.principal ?? null,
  hostFilter: filter.host ?? null,
  operation: OPERATIONS[filter.operation ?? 'any'],
  permissionType: PERMISSIONS[filter.permission ?? 'any'],
})

interface WireAcl {
  readonly resourceType: number
  readonly resourceName: string
  readonly patternType: number
  readonly principal: string
  readonly host: string
  readonly operation: number
  readonly permissionType: number
}

const aclOf = (acl: WireAcl): Required<Acl> => ({
  resourceType: nameIn(RESOURCE_TYPES, acl.resourceType) as Acl['resourceType'],
  resourceName: acl.resourceName,
  patternType: nameIn(PATTERN_TYPES, acl.patternType) as 'literal' | 'prefixed',
  principal: acl.principal,
  host: acl.host,
  operation: nameIn(OPERATIONS, acl.operation) as Acl['operation'],
  permission: nameIn(PERMISSIONS, acl.permissionType) as 'allow' | 'deny',
})
