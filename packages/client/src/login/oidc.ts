/** OAUTHBEARER with tokens of an OpenID Connect provider (KIP-768), by client credentials. */
import { messageOf } from '@ottla/base'
import { AuthenticationError, ConnectionError, type Secret, type TokenLogin } from '@ottla/network'
import { type FreshToken, sharedToken } from './token-cache.ts'

export interface OidcOptions {
  /** `sasl.oauthbearer.token.endpoint.url` */
  readonly tokenEndpoint: string
  readonly clientId: string
  readonly clientSecret: Secret
  readonly scope?: string | undefined
  /** Whom the token is for, where the provider wants to be told. */
  readonly audience?: string | undefined
  /** SASL extensions, such as `logicalCluster` and `identityPoolId` of Confluent Cloud. */
  readonly extensions?: Readonly<Record<string, string>> | undefined
  /** For one answer of the provider. Default 10,000 ms. */
  readonly timeoutMs?: number | undefined
}

/** A provider that does not say how long its token is good. */
const LIFETIME_S = 300

/**
 * A login for `sasl`. Tokens are shared by all connections and renewed when four fifths of their
 * time are over. A provider that refuses is an AuthenticationError; one that cannot be reached, or
 * answers 5xx or 429, is a ConnectionError, which is tried again as long as what needs it may take.
 * Neither shows a secret.
 */
export function oidc(options: OidcOptions): TokenLogin {
  const token = sharedToken(() => fetchToken(options))
  const { extensions } = options
  return {
    mechanism: 'OAUTHBEARER',
    token: async () => ({ value: await token(), ...(extensions && { extensions }) }),
  }
}

async function fetchToken(options: OidcOptions): Promise<FreshToken> {
  const { tokenEndpoint, clientId, clientSecret, scope, audience, timeoutMs = 10_000 } = options
  const secret = typeof clientSecret === 'string' ? clientSecret : await clientSecret()
  const fields = { grant_type: 'client_credentials', scope, audience }
  const body = new URLSearchParams(
    Object.entries(fields).filter((field): field is [string, string] => field[1] !== undefined),
  )
  // RFC 6749, 2.3.1: both are encoded before they are joined.
  const login = `${encodeURIComponent(clientId)}:${encodeURIComponent(secret)}`
  const headers = {
    authorization: `Basic ${Buffer.from(login).toString('base64')}`,
    accept: 'application/json',
  }
  const signal = AbortSignal.timeout(timeoutMs)
  let response: Response
  let text: string
  try {
    response = await fetch(tokenEndpoint, { method: 'POST', headers, body, signal })
    text = await response.text()
  } catch (error) {
    const cause = error instanceof Error && error.cause ? error.cause : error
    throw new ConnectionError(tokenEndpoint, messageOf(cause), cause)
  }
  const answer = parsed(text)
  if (response.ok) return tokenIn(answer, tokenEndpoint)
  const { error, error_description: detail } = answer
  const reason = [`status ${response.status}`, error, detail].filter(Boolean).join(', ')
  if (response.status >= 500 || response.status === 429) {
    throw new ConnectionError(tokenEndpoint, reason)
  }
  throw new AuthenticationError(`${tokenEndpoint} gives no token: ${reason}`)
}

function parsed(text: string): Record<string, unknown> {
  try {
    return (JSON.parse(text) ?? {}) as Record<string, unknown>
  } catch {
    // An answer of something in between, which is told by its status.
    return {}
  }
}

function tokenIn(answer: Record<string, unknown>, tokenEndpoint: string): FreshToken {
  const { access_token: value, expires_in: seconds } = answer
  if (typeof value !== 'string' || value === '') {
    throw new AuthenticationError(`${tokenEndpoint} gives no token: no access_token in its answer`)
  }
  const lifetime = Number(seconds ?? LIFETIME_S)
  return { value, lifetimeMs: (lifetime > 0 ? lifetime : LIFETIME_S) * 1000 }
}
