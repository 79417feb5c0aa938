/** Admin calls about who may do what, who there is, and how much: ACLs, SCRAM users, quotas. */
import { pbkdf2, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { apis } from '@ottla/protocol'
import type { AdminOptions, ValidateOptions } from './admin-core.ts'
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
const OPERATIONS = {
  any: 1,
  all: 2,
  read: 3,
  write: 4,
  create: 5,
  delete: 6,
  alter: 7,
  describe: 8,
  'cluster-action': 9,
  'describe-configs': 10,
  'alter-configs': 11,
  'idempotent-write': 12,
  'create-tokens': 13,
  'describe-tokens': 14,
  'two-phase-commit': 15,
} as const
const PERMISSIONS = { any: 1, deny: 2, allow: 3 } as const

export type AclResourceType = keyof typeof RESOURCE_TYPES
export type AclPatternType = keyof typeof PATTERN_TYPES
export type AclOperation = keyof typeof OPERATIONS
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

const MECHANISMS = { 'SCRAM-SHA-256': 1, 'SCRAM-SHA-512': 2 } as const
export type ScramMechanism = keyof typeof MECHANISMS

export interface ScramUser {
  readonly user: string
  readonly mechanism: ScramMechanism
  readonly iterations: number
}

/** Entity types are `user`, `client-id` and `ip`; null stands for the default. */
export type QuotaEntity = Readonly<Record<string, string | null>>

export interface ClientQuota {
  readonly entity: QuotaEntity
  /** Such as `producer_byte_rate`, `consumer_byte_rate`, `request_percentage`. */
  readonly values: Readonly<Record<string, number>>
}

const SCRAM_ITERATIONS = 8192
const derive = promisify(pbkdf2)

export class SecurityAdmin extends TransactionAdmin {
  createAcls(acls: readonly Acl[], options: AdminOptions = {}): Promise<void> {
    return this.call('createAcls', options, async () => {
      const response = await this.cluster.request('any', apis.createAcls, {
        creations: acls.map((acl) => ({
          resourceType: RESOURCE_TYPES[acl.resourceType],
          resourceName: acl.resourceName,
          resourcePatternType: PATTERN_TYPES[acl.patternType ?? 'literal'],
          principal: acl.principal,
          host: acl.host ?? '*',
          operation: OPERATIONS[acl.operation],
          permissionType: PERMISSIONS[acl.permission ?? 'allow'],
        })),
      })
      this.checkAll(response.results, () => 'Creating ACLs')
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

  /** Deletes what matches any of the filters; resolves with what that was. */
  deleteAcls(filters: readonly AclFilter[], options: AdminOptions = {}): Promise<Required<Acl>[]> {
    return this.call('deleteAcls', options, async () => {
      const body = { filters: filters.map(filterOf) }
      const response = await this.cluster.request('any', apis.deleteAcls, body)
      this.checkAll(response.filterResults, () => 'Deleting ACLs')
      const deleted = response.filterResults.flatMap(({ matchingAcls }) => matchingAcls)
      this.checkAll(deleted, ({ resourceName }) => `Deleting an ACL on ${resourceName}`)
      return deleted.map(aclOf)
    })
  }

  /** The users named, or all, with their mechanisms. Users that do not exist are left out. */
  describeScramUsers(users?: readonly string[], options: AdminOptions = {}): Promise<ScramUser[]> {
    return this.call('describeScramUsers', options, async () => {
      const body = { users: users ? users.map((name) => ({ name })) : null }
      const api = apis.describeUserScramCredentials
      const response = await this.cluster.request('any', api, body)
      this.check(response.errorCode, 'Describing SCRAM users', response.errorMessage)
      return response.results.flatMap(({ user, credentialInfos }) =>
        credentialInfos.map(({ mechanism, iterations }) => ({
          user,
          mechanism: nameOf(MECHANISMS, mechanism),
          iterations,
        })),
      )
    })
  }

  /** Gives a user a password; only what is derived from it leaves this process. */
  async upsertScramUser(
    user: { readonly user: string; readonly password: string } & Partial<ScramUser>,
    options: AdminOptions = {},
  ): Promise<void> {
    const { mechanism = 'SCRAM-SHA-512', iterations = SCRAM_ITERATIONS } = user
    const [hash, size] = mechanism === 'SCRAM-SHA-256' ? ['sha256', 32] : ['sha512', 64]
    const salt = randomBytes(24)
    const saltedPassword = await derive(user.password, salt, iterations, size, hash)
    const credential = { mechanism: MECHANISMS[mechanism], iterations, salt, saltedPassword }
    await this.alterScramUsers({ upsertions: [{ name: user.user, ...credential }] }, options)
  }

  deleteScramUser(
    { user, mechanism }: Pick<ScramUser, 'user' | 'mechanism'>,
    options: AdminOptions = {},
  ): Promise<void> {
    const deletions = [{ name: user, mechanism: MECHANISMS[mechanism] }]
    return this.alterScramUsers({ deletions }, options)
  }

  private alterScramUsers(
    changes: {
      readonly deletions?: readonly { name: string; mechanism: number }[]
      readonly upsertions?: readonly {
        readonly name: string
        readonly mechanism: number
        readonly iterations: number
        readonly salt: Buffer
        readonly saltedPassword: Buffer
      }[]
    },
    options: AdminOptions,
  ): Promise<void> {
    return this.call('alterScramUsers', options, async () => {
      const api = apis.alterUserScramCredentials
      const { deletions = [], upsertions = [] } = changes
      const response = await this.cluster.request('controller', api, { deletions, upsertions })
      this.checkAll(response.results, ({ user }) => `SCRAM user ${user}`)
    })
  }

  /**
   * Quotas of entities that have at least the parts given, with the given names; null is the
   * default, undefined any name. All quotas without an argument. `strict` leaves out entities with
   * more parts.
   */
  describeClientQuotas(
    filter: Readonly<Record<string, string | null | undefined>> = {},
    options: AdminOptions & { readonly strict?: boolean } = {},
  ): Promise<ClientQuota[]> {
    return this.call('describeClientQuotas', options, async () => {
      const response = await this.cluster.request('any', apis.describeClientQuotas, {
        components: Object.entries(filter).map(([entityType, name]) => ({
          entityType,
          matchType: name === undefined ? 2 : name === null ? 1 : 0,
          match: name ?? null,
        })),
        strict: options.strict ?? false,
      })
      this.check(response.errorCode, 'Describing client quotas', response.errorMessage)
      return (response.entries ?? []).map(({ entity, values }) => ({
        entity: Object.fromEntries(entity.map((part) => [part.entityType, part.entityName])),
        values: Object.fromEntries(values.map(({ key, value }) => [key, value])),
      }))
    })
  }

  /** Sets quotas; null takes one away. */
  alterClientQuotas(
    changes: readonly {
      readonly entity: QuotaEntity
      readonly values: Readonly<Record<string, number | null>>
    }[],
    options: ValidateOptions = {},
  ): Promise<void> {
    return this.call('alterClientQuotas', options, async () => {
      const response = await this.cluster.request('controller', apis.alterClientQuotas, {
        entries: changes.map(({ entity, values }) => ({
          entity: Object.entries(entity).map(([entityType, entityName]) => ({
            entityType,
            entityName,
          })),
          ops: Object.entries(values).map(([key, value]) => ({
            key,
            value: value ?? 0,
            remove: value === null,
          })),
        })),
        validateOnly: options.validateOnly ?? false,
      })
      this.checkAll(response.entries, ({ entity }) => `Quota of ${JSON.stringify(entity)}`)
    })
  }
}

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
  resourceType: nameOf(RESOURCE_TYPES, acl.resourceType) as Acl['resourceType'],
  resourceName: acl.resourceName,
  patternType: nameOf(PATTERN_TYPES, acl.patternType) as 'literal' | 'prefixed',
  principal: acl.principal,
  host: acl.host,
  operation: nameOf(OPERATIONS, acl.operation) as Acl['operation'],
  permission: nameOf(PERMISSIONS, acl.permissionType) as 'allow' | 'deny',
})

function nameOf<T extends string>(table: Readonly<Record<T, number>>, code: number): T {
  const found = (Object.keys(table) as T[]).find((name) => table[name] === code)
  if (found === undefined) throw new TypeError(`the broker answered ${code}, which is unknown here`)
  return found
}
