/**
 * Admin calls about delegation tokens (KIP-48): passwords for a while, made by somebody who is
 * logged in, for others to log in with as them. Ask over a connection that is itself authenticated,
 * not with a token.
 */
import { apis } from '@ottla/protocol'
import type { AdminOptions } from './admin-core.ts'
import { PartitionAdmin } from './partition-admin.ts'

export interface DelegationToken {
  /** Such as `User:alice`: who those that log in with the token are. */
  readonly owner: string
  /** Who asked for it. */
  readonly requester: string
  readonly issued: Date
  /** Unless it is renewed. */
  readonly expires: Date
  /** The latest it can be renewed to. */
  readonly expiresAtMost: Date
  readonly tokenId: string
  /** The secret; its Base64 is the password for SCRAM. */
  readonly hmac: Buffer
  /** Who may renew it beside the owner. */
  readonly renewers: readonly string[]
}

export interface NewDelegationToken {
  /** Such as `User:alice`. Default: who asks. */
  readonly owner?: string
  readonly renewers?: readonly string[]
  /** Default: the broker's `delegation.token.max.lifetime.ms`. */
  readonly maxLifetimeMs?: number
}

interface Principal {
  readonly principalType: string
  readonly principalName: string
}

function principalOf(text: string): Principal {
  const at = text.indexOf(':')
  if (at <= 0) throw new TypeError(`Not a principal: ${text}. Expected one such as User:alice.`)
  return { principalType: text.slice(0, at), principalName: text.slice(at + 1) }
}

const textOf = (principal: Principal): string =>
  `${principal.principalType}:${principal.principalName}`

export class DelegationTokenAdmin extends PartitionAdmin {
  createDelegationToken(
    token: NewDelegationToken = {},
    options: AdminOptions = {},
  ): Promise<DelegationToken> {
    const owner = token.owner === undefined ? undefined : principalOf(token.owner)
    const renewers = token.renewers ?? []
    const body = {
      ownerPrincipalType: owner?.principalType ?? null,
      ownerPrincipalName: owner?.principalName ?? null,
      renewers: renewers.map(principalOf),
      maxLifetimeMs: token.maxLifetimeMs ?? -1,
    }
    return this.call('createDelegationToken', options, async () => {
      const made = await this.cluster.request('controller', apis.createDelegationToken, body)
      this.check(made.errorCode, 'Creating a delegation token')
      return {
        owner: textOf(made),
        requester: requesterOf(made),
        issued: new Date(made.issueTimestampMs),
        expires: new Date(made.expiryTimestampMs),
        expiresAtMost: new Date(made.maxTimestampMs),
        tokenId: made.tokenId,
        hmac: made.hmac,
        renewers,
      }
    })
  }

  /** The tokens of these owners, or all that whoever asks may see. */
  describeDelegationTokens(
    owners?: readonly string[],
    options: AdminOptions = {},
  ): Promise<DelegationToken[]> {
    const body = { owners: owners ? owners.map(principalOf) : null }
    return this.call('describeDelegationTokens', options, async () => {
      const response = await this.cluster.request('any', apis.describeDelegationToken, body)
      this.check(response.errorCode, 'Describing delegation tokens')
      return response.tokens.map((token) => ({
        owner: textOf(token),
        requester: requesterOf(token),
        issued: new Date(token.issueTimestamp),
        expires: new Date(token.expiryTimestamp),
        expiresAtMost: new Date(token.maxTimestamp),
        tokenId: token.tokenId,
        hmac: token.hmac,
        renewers: token.renewers.map(textOf),
      }))
    })
  }

  /**
   * Lets a token hold for longer, by the broker's `delegation.token.expiry.time.ms` unless a period
   * is given. Resolves with when it expires now.
   */
  renewDelegationToken(
    hmac: Buffer,
    options: AdminOptions & { readonly periodMs?: number } = {},
  ): Promise<Date> {
    const body = { hmac, renewPeriodMs: options.periodMs ?? -1 }
    return this.call('renewDelegationToken', options, async () => {
      const response = await this.cluster.request('controller', apis.renewDelegationToken, body)
      this.check(response.errorCode, 'Renewing a delegation token')
      return new Date(response.expiryTimestampMs)
    })
  }

  /** Ends a token at once, or after a period. Resolves with when it expires now. */
  expireDelegationToken(
    hmac: Buffer,
    options: AdminOptions & { readonly periodMs?: number } = {},
  ): Promise<Date> {
    const body = { hmac, expiryTimePeriodMs: options.periodMs ?? -1 }
    return this.call('expireDelegationToken', options, async () => {
      const response = await this.cluster.request('controller', apis.expireDelegationToken, body)
      this.check(response.errorCode, 'Expiring a delegation token')
      return new Date(response.expiryTimestampMs)
    })
  }
}

/** Brokers before Kafka 3.3 do not tell: then it was the owner. */
const requesterOf = (
  token: Principal & {
    readonly tokenRequesterPrincipalType: string
    readonly tokenRequesterPrincipalName: string
  },
): string => {
  const { tokenRequesterPrincipalType: type, tokenRequesterPrincipalName: name } = token
  return type === '' ? textOf(token) : `${type}:${name}`
}
