/** Turns "could not connect" into what is wrong with the address and how to mend it. */
import { messageOf, OttlaError } from '@ottla/base'
import { type Found, identifyServer } from './identify-server.ts'

const PROBE_TIMEOUT_MS = 2_000

export class UnreachableError extends OttlaError {
  constructor(message: string, details: { hint: string; cause?: unknown }) {
    super(message, { code: 'CONNECTION_FAILED', ...details })
  }
}

export interface HostAndPort {
  readonly host: string
  readonly port: number
}

/** `host:port`, `[::1]:9092`, `kafka://host` as its parts. */
export function splitAddress(text: string): HostAndPort {
  const bare = text.trim().replace(/^[a-z]+:\/\//i, '')
  const match = /^(?:\[([^\]]+)\]|([^:/]+))(?::(\d+))?/.exec(bare)
  return { host: match?.[1] ?? match?.[2] ?? bare, port: Number(match?.[3] ?? 9092) }
}

/** The error to report after `error` kept a client from reaching any of `brokers`. */
export async function unreachable(
  error: unknown,
  brokers: string,
  isTls: boolean,
): Promise<OttlaError> {
  // A broker that answers with an error of Kafka's has been reached.
  if (error instanceof OttlaError && 'errorCode' in error) return error
  const { host, port } = splitAddress(brokers.split(',')[0] as string)
  const found = await identifyServer(host, port, PROBE_TIMEOUT_MS)
  const { message, mend } = describeFailure(found, `${host}:${port}`, { port, isTls, error })
  const others = brokers.includes(',')
    ? ' The other brokers of the list did not answer either.'
    : ''
  const cause = error instanceof Error && messageOf(error.cause ?? error)
  return new UnreachableError(message + others, {
    hint: mend,
    ...(cause ? { cause: new Error(cause) } : {}),
  })
}

interface Attempt {
  readonly port: number
  readonly isTls: boolean
  readonly error: unknown
}

export function describeFailure(
  found: Found,
  address: string,
  attempt: Attempt,
): { message: string; mend: string } {
  switch (found.kind) {
    case 'refused':
      return {
        message: `Nothing listens at ${address}.`,
        mend: `Start a broker: ottla start${attempt.port === 9092 ? '' : ` --port ${attempt.port}`}; or name another with -b host:port.`,
      }
    case 'unresolved':
      return {
        message: `The name in ${address} cannot be resolved.`,
        mend: 'Check the spelling; in a container, whether both are on one network.',
      }
    case 'unreachable':
      return {
        message: `${address} cannot be reached.`,
        mend: 'Check the address, and firewalls between here and there.',
      }
    case 'http':
      return {
        message: `${address} is an HTTP server (it answered "${found.line}").`,
        mend: 'The Kafka port is usually 9092.',
      }
    case 'tls':
      return { message: `${address} speaks TLS.`, mend: 'Add --tls (and --tls-ca FILE).' }
    case 'silent':
      return {
        message: `${address} accepts connections but does not answer.`,
        mend: attempt.isTls ? 'Is it a Kafka port?' : 'If it wants TLS, add --tls.',
      }
    case 'closed':
      return {
        message: `${address} closed the connection.`,
        mend: 'It may want TLS (--tls) or a login, or it is shutting down.',
      }
    case 'kafka':
      return attempt.isTls
        ? { message: `${address} is a broker without TLS.`, mend: 'Leave out --tls.' }
        : {
            message: `${address} answers, but the connection failed: ${messageOf(attempt.error)}`,
            mend: `ottla doctor -b ${address} checks it step by step.`,
          }
    case 'other':
      return {
        message: `${address} is no Kafka broker (its first bytes are ${found.bytes}).`,
        mend: 'The Kafka port is usually 9092.',
      }
  }
}
