/** What every ottla error carries beside its message. */
export interface ErrorDetails {
  /** Stable name of the kind of error; the only thing to branch on. */
  readonly code: string
  /** One sentence that says how to mend it, where we know. */
  readonly hint?: string | undefined
  readonly cause?: unknown
}

/** Root of all errors thrown by ottla packages. `code` survives copies of the package. */
export class OttlaError extends Error {
  readonly code: string
  readonly hint: string | undefined

  constructor(message: string, details: ErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = new.target.name
    this.code = details.code
    this.hint = details.hint
  }
}

/** A setting has a value that cannot be used; the message names setting, value and constraint. */
export class ConfigError extends OttlaError {
  readonly key: string
  readonly value: unknown

  constructor(key: string, value: unknown, message: string, hint?: string) {
    super(message, { code: 'CONFIG_INVALID', hint })
    this.key = key
    this.value = value
  }
}

/** The object was closed before or during the call. */
export class ClosedError extends OttlaError {
  constructor(what: string) {
    super(`${what} is closed`, { code: 'CLOSED' })
  }
}

/** The caller's `AbortSignal` ended the operation. `cause` is the signal's reason. */
export class AbortError extends OttlaError {
  constructor(cause?: unknown) {
    super('The operation was aborted', { code: 'ABORTED', cause })
    this.name = 'AbortError'
  }
}

/** The message of any thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The `code` of a Node.js or ottla error, or undefined. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
