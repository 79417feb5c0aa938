/** One line per event: constant text, variables as fields. */
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'
export type LogFields = Readonly<Record<string, unknown>>

export interface Logger {
  trace(message: string, fields?: LogFields): void
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  child(fields: LogFields): Logger
  isEnabled(level: LogLevel): boolean
}

/** As much of a logger as clients call: `console` is one. */
export type ClientLogger = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>

export const LOG_LEVELS: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error', 'silent']

export interface LoggerOptions {
  readonly level?: LogLevel
  /** Receives each finished line, without the line feed. */
  readonly write: (line: string) => void
  /** Wall clock in milliseconds, for the `time` field. */
  readonly now: () => number
  readonly fields?: LogFields
}

/**
 * A logger that writes one JSON object per line. Errors in fields become their message and code.
 */
export function createLogger(options: LoggerOptions): Logger {
  const threshold = LOG_LEVELS.indexOf(options.level ?? 'info')
  const bound = options.fields ?? {}
  const isEnabled = (level: LogLevel) => LOG_LEVELS.indexOf(level) >= threshold
  const log = (level: LogLevel) => (message: string, fields?: LogFields) => {
    if (!isEnabled(level)) return
    const time = new Date(options.now()).toISOString()
    options.write(JSON.stringify({ time, level, message, ...bound, ...fields }, plain))
  }
  return {
    trace: log('trace'),
    debug: log('debug'),
    info: log('info'),
    warn: log('warn'),
    error: log('error'),
    isEnabled,
    child: (fields) => createLogger({ ...options, fields: { ...bound, ...fields } }),
  }
}

function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (!(value instanceof Error)) return value
  const { message, stack } = value
  return { message, ...('code' in value ? { code: value.code } : {}), stack }
}

/** Drops everything. */
export const silentLogger: Logger = createLogger({
  level: 'silent',
  write: () => {},
  now: () => 0,
})
