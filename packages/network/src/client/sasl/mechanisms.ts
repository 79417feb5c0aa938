/** The mechanisms of SASL that Kafka knows, as the messages a client sends. */
import { type ScramHash, scramExchange } from './scram.ts'

/** A secret, or where to get it each time it is needed. */
export type Secret = string | (() => string | Promise<string>)

export interface PasswordLogin {
  readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
  readonly username: Secret
  readonly password: Secret
  /**
   * With SCRAM: the name is the id of a delegation token (KIP-48) and the password its HMAC as
   * Base64. `tokenauth` of the Java client. Default false.
   */
  readonly isDelegationToken?: boolean
}

export interface OAuthToken {
  /** The token itself, usually a JWT. */
  readonly value: string
  /** SASL extensions (KIP-342), such as `logicalCluster` of Confluent Cloud. */
  readonly extensions?: Readonly<Record<string, string>>
}

export interface TokenLogin {
  readonly mechanism: 'OAUTHBEARER'
  /** Asked for a token with every connection and before a session ends. */
  readonly token: () => OAuthToken | string | Promise<OAuthToken | string>
}

/** Any other mechanism. */
export interface CustomLogin {
  readonly mechanism: string
  readonly exchange: (broker: SaslBroker) => SaslExchange
}

/** Whom a conversation is held with. */
export interface SaslBroker {
  readonly host: string
  readonly port: number
}

/** How a client proves who it is: `sasl.mechanism` and `sasl.jaas.config` of the Java client. */
export type SaslOptions = PasswordLogin | TokenLogin | CustomLogin

/**
 * One conversation. Is given what the broker said last, nothing at first, and returns what to
 * answer; undefined once it is satisfied. Throws when the broker does not prove who it is.
 */
export type SaslExchange = (
  challenge: Buffer | undefined,
) => Buffer | undefined | Promise<Buffer | undefined>

const SCRAM_HASHES: Readonly<Record<string, ScramHash>> = {
  'SCRAM-SHA-256': 'sha256',
  'SCRAM-SHA-512': 'sha512',
}
/** Ends a conversation in which the broker has said what is wrong with the token. */
const GIVE_UP = Buffer.from('\u0001')

export async function exchangeOf(options: SaslOptions, broker: SaslBroker): Promise<SaslExchange> {
  if ('exchange' in options) return options.exchange(broker)
  if (options.mechanism === 'OAUTHBEARER' && 'token' in options) {
    const token = await options.token()
    return oauthExchange(typeof token === 'string' ? { value: token } : token)
  }
  const { mechanism, username, password, isDelegationToken } = options as PasswordLogin
  const login = {
    username: await reveal(username),
    password: await reveal(password),
    isDelegationToken: isDelegationToken ?? false,
  }
  const hash = SCRAM_HASHES[mechanism]
  if (hash) return scramExchange(hash, login)
  if (mechanism === 'PLAIN') return plainExchange(login)
  throw new TypeError(
    `unknown SASL mechanism ${mechanism}: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and OAUTHBEARER ` +
      'are built in, any other needs an exchange',
  )
}

const reveal = async (secret: Secret): Promise<string> =>
  typeof secret === 'string' ? secret : await secret()

/** RFC 4616. */
function plainExchange({ username, password }: { username: string; password: string }) {
  const message = Buffer.from(`\0${username}\0${password}`)
  return (challenge: Buffer | undefined) => (challenge === undefined ? message : undefined)
}

/** RFC 7628. */
function oauthExchange({ value, extensions = {} }: OAuthToken): SaslExchange {
  const more = Object.entries(extensions).map(([key, text]) => `${key}=${text}\u0001`)
  const message = Buffer.from(`n,,\u0001auth=Bearer ${value}\u0001${more.join('')}\u0001`)
  return (challenge) => {
    if (challenge === undefined) return message
    return challenge.length > 0 ? GIVE_UP : undefined
  }
}
