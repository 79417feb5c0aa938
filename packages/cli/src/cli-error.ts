/**
 * Errors as a user of the command line meets them: what happened in one line, how to mend it in the
 * next, and an exit code a script can tell apart.
 */
import { messageOf, OttlaError } from '@ottla/base'

export const ExitCode = {
  DONE: 0,
  FAILED: 1,
  USAGE: 2,
  NOT_FOUND: 3,
  NOT_ALLOWED: 4,
  NO_CONNECTION: 5,
  TIMED_OUT: 6,
  INTERRUPTED: 130,
} as const

/** A command that was given something it cannot work with. */
export class UsageError extends OttlaError {
  constructor(message: string, hint?: string) {
    super(message, { code: 'USAGE', hint })
  }
}

/** Something named on the command line does not exist. */
export class NotFoundError extends OttlaError {
  constructor(message: string, hint?: string) {
    super(message, { code: 'NOT_FOUND', hint })
  }
}

const CODES: Readonly<Record<string, number>> = {
  USAGE: ExitCode.USAGE,
  CONFIG_INVALID: ExitCode.USAGE,
  NOT_FOUND: ExitCode.NOT_FOUND,
  INVALID_CONFIG: ExitCode.USAGE,
  INVALID_TOPIC_EXCEPTION: ExitCode.USAGE,
  INVALID_PARTITIONS: ExitCode.USAGE,
  INVALID_REPLICATION_FACTOR: ExitCode.USAGE,
  UNKNOWN_TOPIC_OR_PARTITION: ExitCode.NOT_FOUND,
  GROUP_ID_NOT_FOUND: ExitCode.NOT_FOUND,
  TOPIC_AUTHORIZATION_FAILED: ExitCode.NOT_ALLOWED,
  GROUP_AUTHORIZATION_FAILED: ExitCode.NOT_ALLOWED,
  CLUSTER_AUTHORIZATION_FAILED: ExitCode.NOT_ALLOWED,
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: ExitCode.NOT_ALLOWED,
  SASL_AUTHENTICATION_FAILED: ExitCode.NOT_ALLOWED,
  AUTHENTICATION_FAILED: ExitCode.NOT_ALLOWED,
  CONNECTION_FAILED: ExitCode.NO_CONNECTION,
  CONNECTION: ExitCode.NO_CONNECTION,
  REQUEST_TIMEOUT: ExitCode.TIMED_OUT,
  REQUEST_TIMED_OUT: ExitCode.TIMED_OUT,
  TIMEOUT: ExitCode.TIMED_OUT,
  DELIVERY_TIMEOUT: ExitCode.TIMED_OUT,
  ABORTED: ExitCode.INTERRUPTED,
}

export function exitCodeOf(error: unknown): number {
  return error instanceof OttlaError ? (CODES[error.code] ?? ExitCode.FAILED) : ExitCode.FAILED
}

/** Lines for stderr. A bug shows where it happened; an expected error does not. */
export function explain(error: unknown): string {
  // Whoever pressed Ctrl-C knows why it ended.
  if (error instanceof OttlaError && error.code === 'ABORTED') return ''
  if (!(error instanceof OttlaError)) {
    const stack = error instanceof Error ? error.stack : undefined
    return `ottla: ${stack ?? messageOf(error)}`
  }
  const lines = [`ottla: ${error.message}`]
  const why = error.cause === undefined ? '' : messageOf(error.cause)
  if (why !== '' && !error.message.includes(why)) lines.push(`  Why   ${why}`)
  if (error.hint) lines.push(`  Mend  ${error.hint}`)
  return lines.join('\n')
}
