/**
 * Proves to a broker who the client is, and again before the session ends (KIP-368).
 *
 *   SaslHandshake(mechanism) -> SaslAuthenticate(bytes) -> ... -> session lifetime
 *
 * A broker ends the connection of a client that goes on beyond its session's lifetime. Somewhere
 * between 85 and 95 % of it, as in the Java client, the conversation is held once more on the same
 * connection; what is asked meanwhile waits.
 */
import { type ClientLogger, type Clock, messageOf, type Random } from '@ottla/base'
import { apis, errorCode } from '@ottla/protocol'
import type { ApiVersions } from '../api-versions.ts'
import type { ClientConnection, Exchange } from '../connection.ts'
import { AuthenticationError } from '../connection-errors.ts'
import { exchangeOf, type SaslBroker, type SaslOptions } from './mechanisms.ts'

export interface AuthenticationContext {
  readonly versions: ApiVersions
  readonly timeoutMs: number
  readonly clock: Clock
  readonly random: Random
  readonly logger: ClientLogger
}

const ROUNDS_MAX = 10
const EARLIEST = 0.85
const SPREAD = 0.1

export async function authenticate(
  connection: ClientConnection,
  options: SaslOptions,
  context: AuthenticationContext,
): Promise<void> {
  const { address } = connection
  const lifetimeMs = await connection.exclusively((exchange) =>
    converse({ exchange, broker: address }, options, context),
  )
  if (lifetimeMs <= 0) return
  const { clock, random, logger } = context
  const delayMs = lifetimeMs * (EARLIEST + (SPREAD * random.integer(1001)) / 1000)
  const timer = clock.setTimer(delayMs, () => {
    authenticate(connection, options, context).catch((error: unknown) => {
      logger.warn('authentication could not be renewed', {
        broker: connection.broker,
        reason: messageOf(error),
      })
      connection.close(error as Error)
    })
  })
  connection.onClosed(() => timer.cancel())
}

/** Resolves with the milliseconds that the session may last; 0 when for ever. */
async function converse(
  { exchange, broker }: { readonly exchange: Exchange; readonly broker: SaslBroker },
  options: SaslOptions,
  { versions, timeoutMs }: AuthenticationContext,
): Promise<number> {
  const { mechanism } = options
  const handshake = await exchange(
    apis.saslHandshake,
    versions.pick(apis.saslHandshake),
    { mechanism },
    { timeoutMs },
  )
  if (handshake.errorCode === errorCode('UNSUPPORTED_SASL_MECHANISM')) {
    const known = handshake.mechanisms.join(', ')
    throw new AuthenticationError(`The broker does not offer ${mechanism}, but ${known}`)
  }
  if (handshake.errorCode !== 0) throw refused(mechanism, handshake.errorCode, null)
  const version = versions.pick(apis.saslAuthenticate)
  const next = await exchangeOf(options, broker)
  let message = await next(undefined)
  for (let round = 0; round < ROUNDS_MAX && message !== undefined; round++) {
    const body = { authBytes: message }
    const answer = await exchange(apis.saslAuthenticate, version, body, { timeoutMs })
    if (answer.errorCode !== 0) throw refused(mechanism, answer.errorCode, answer.errorMessage)
    message = await next(Buffer.from(answer.authBytes))
    if (message === undefined) return answer.sessionLifetimeMs
  }
  throw new AuthenticationError(`The conversation of ${mechanism} does not come to an end`)
}

function refused(mechanism: string, code: number, message: string | null): AuthenticationError {
  const isLogin = code === errorCode('SASL_AUTHENTICATION_FAILED')
  const reason = message ?? (isLogin ? 'the login is wrong' : `error ${code}`)
  return new AuthenticationError(`The broker refused the login with ${mechanism}: ${reason}`)
}
