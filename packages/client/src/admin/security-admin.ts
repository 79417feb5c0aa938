/** Admin calls about users and what they may use: SCRAM credentials and client quotas. */
import { pbkdf2, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { apis } from '@ottla/protocol'
import { AclAdmin } from './acl-admin.ts'
import { type AdminOptions, isError, type ValidateOptions } from './admin-core.ts'
import { type ItemOptions, inOrder, type Outcomes, type Results } from './item-results.ts'
import { nameIn } from './name-in.ts'

const MECHANISMS = { 'SCRAM-SHA-256': 1, 'SCRAM-SHA-512': 2 } as const
export type ScramMechanism = keyof typeof MECHANISMS

export interface ScramUser {
  readonly user: string
  readonly mechanism: ScramMechanism
  readonly iterations: number
}

export interface UserName {
  readonly user: string
}

/** A user with what it can log in with. */
export interface ScramUserDescription extends UserName {
  readonly credentials: readonly Omit<ScramUser, 'user'>[]
}

/** A password to give to a user, or a credential to take away. */
export type ScramChange =
  | (UserName & { readonly password: string } & Partial<ScramUser>)
  | (UserName & { readonly mechanism: ScramMechanism; readonly delete: true })

/** Entity types are `user`, `client-id` and `ip`; null stands for the default. */
export type QuotaEntity = Readonly<Record<string, string | null>>

export interface ClientQuota {
  readonly entity: QuotaEntity
  /** Such as `producer_byte_rate`, `consumer_byte_rate`, `request_percentage`. */
  readonly values: Readonly<Record<string, number>>
}

export interface QuotaChange {
  readonly entity: QuotaEntity
  /** Null takes a quota away. */
  readonly values: Readonly<Record<string, number | null>>
}

const SCRAM_ITERATIONS = 8192
const derive = promisify(pbkdf2)

export class SecurityAdmin extends AclAdmin {
  /** The users named, or all, with their mechanisms. Users that do not exist are left out. */
  async describeScramUsers(
    users?: readonly string[],
    options: AdminOptions = {},
  ): Promise<ScramUser[]> {
    const found = await this.describeScramCredentials(users, { ...options, perItem: true })
    return found.flatMap((one) => {
      // Somebody who is not there is no reason to keep the others from the caller.
      if (one.error && !isError(one.error, 'RESOURCE_NOT_FOUND')) throw one.error
      if (one.error) return []
      return one.credentials.map((credential) => ({ user: one.user, ...credential }))
    })
  }

  /** The users named, or all; RESOURCE_NOT_FOUND is the error of one who has no credentials. */
  describeScramCredentials<Options extends ItemOptions>(
    users?: readonly string[],
    options: Options = {} as Options,
  ): Promise<Outcomes<Options, UserName, ScramUserDescription>> {
    const body = { users: users ? users.map((name) => ({ name })) : null }
    return this.listEach('describeScramUsers', options, async () => {
      const api = apis.describeUserScramCredentials
      const response = await this.cluster.request('any', api, body)
      this.check(response.errorCode, 'Describing SCRAM users', response.errorMessage)
      return response.results.map(({ user, credentialInfos, ...answer }) =>
        this.outcome<UserName, ScramUserDescription>(
          { user },
          `SCRAM user ${user}`,
          answer,
          () => ({
            user,
            credentials: credentialInfos.map(({ mechanism, iterations }) => ({
              mechanism: nameIn(MECHANISMS, mechanism),
              iterations,
            })),
          }),
        ),
      )
    })
  }

  /** Gives a user a password; only what is derived from it leaves this process. */
  upsertScramUser(
    user: UserName & { readonly password: string } & Partial<ScramUser>,
    options: AdminOptions = {},
  ): Promise<void> {
    return this.alterScramUsers([user], options)
  }

  deleteScramUser(
    { user, mechanism }: Pick<ScramUser, 'user' | 'mechanism'>,
    options: AdminOptions = {},
  ): Promise<void> {
    return this.alterScramUsers([{ user, mechanism, delete: true }], options)
  }

  /**
   * Gives users passwords and takes credentials away. Of one user several changes are done together
   * or not at all, and have one result.
   */
  async alterScramUsers<Options extends ItemOptions>(
    changes: readonly ScramChange[],
    options: Options = {} as Options,
  ): Promise<Results<Options, UserName>> {
    const byUser = new Map<string, { deletions: Deletion[]; upsertions: Upsertion[] }>()
    for (const change of changes) {
      const own = byUser.get(change.user) ?? { deletions: [], upsertions: [] }
      byUser.set(change.user, own)
      if ('delete' in change) {
        own.deletions.push({ name: change.user, mechanism: MECHANISMS[change.mechanism] })
      } else own.upsertions.push(await credentialOf(change))
    }
    return this.eachDone('alterScramUsers', [...byUser.keys()], options, async (users) => {
      const all = users.map((user) => byUser.get(user) as { deletions: []; upsertions: [] })
      const api = apis.alterUserScramCredentials
      const response = await this.cluster.request('controller', api, {
        deletions: all.flatMap(({ deletions }) => deletions),
        upsertions: all.flatMap(({ upsertions }) => upsertions),
      })
      return inOrder(users, response.results, String, userOf).map(([user, answer]) =>
        this.result({ user }, `SCRAM user ${user}`, answer),
      )
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
  alterClientQuotas<Options extends ValidateOptions & ItemOptions>(
    changes: readonly QuotaChange[],
    options: Options = {} as Options,
  ): Promise<Results<Options, { readonly entity: QuotaEntity }>> {
    return this.eachDone('alterClientQuotas', changes, options, async (list) => {
      const response = await this.cluster.request('controller', apis.alterClientQuotas, {
        entries: list.map(({ entity, values }) => ({
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
      const answers = response.entries.map(({ entity, ...answer }) => ({
        ...{ errorCode: answer.errorCode, errorMessage: answer.errorMessage },
        entity: Object.fromEntries(entity.map((part) => [part.entityType, part.entityName])),
      }))
      return inOrder(list, answers, entityName, entityName).map(([{ entity }, answer]) =>
        this.result({ entity }, `Quota of ${JSON.stringify(entity)}`, answer),
      )
    })
  }
}

interface Deletion {
  readonly name: string
  readonly mechanism: number
}

interface Upsertion extends Deletion {
  readonly iterations: number
  readonly salt: Buffer
  readonly saltedPassword: Buffer
}

async function credentialOf(
  user: UserName & { readonly password: string } & Partial<ScramUser>,
): Promise<Upsertion> {
  const { mechanism = 'SCRAM-SHA-512', iterations = SCRAM_ITERATIONS } = user
  const [hash, size] = mechanism === 'SCRAM-SHA-256' ? ['sha256', 32] : ['sha512', 64]
  const salt = randomBytes(24)
  const saltedPassword = await derive(
    user.password,
    salt,
    iterations as number,
    size as number,
    hash as string,
  )
  return { name: user.user, mechanism: MECHANISMS[mechanism], iterations, salt, saltedPassword }
}

const userOf = ({ user }: UserName): string => user
const entityName = ({ entity }: { readonly entity: QuotaEntity }): string =>
  JSON.stringify(Object.entries(entity).sort())
