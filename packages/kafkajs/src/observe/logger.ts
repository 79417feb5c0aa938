/** kafkajs's loggers: levels as numbers, namespaces, and a function that writes. */
import { type ClientLogger, type LogFields, realClock } from '@ottla/base'
import { logLevel } from '../constants.ts'
import type { LogEntry, Logger, logCreator } from '../types/logging.ts'

type Level = 'INFO' | 'ERROR' | 'WARN' | 'DEBUG'

const isLevel = (name: string): name is keyof typeof logLevel => Object.hasOwn(logLevel, name)

/** The environment has the last word, as it has in kafkajs. */
function effectiveLevel(level: logLevel): logLevel {
  const fromEnvironment = (process.env['KAFKAJS_LOG_LEVEL'] ?? '').toUpperCase()
  return isLevel(fromEnvironment) ? logLevel[fromEnvironment] : level
}

export function createLogger(options: { level?: logLevel; logCreator: logCreator }): Logger {
  let level = effectiveLevel(options.level ?? logLevel.INFO)
  const write = options.logCreator(level)
  const inNamespace = (namespace: string | undefined, own: logLevel | undefined): Logger => {
    const log =
      (label: Level) =>
      (message: string, extra: object = {}) => {
        if (logLevel[label] > (own ?? level)) return
        const timestamp = new Date(realClock.now()).toISOString()
        const entry = { timestamp, logger: 'kafkajs', message, ...extra }
        write({ namespace: namespace as string, level: logLevel[label], label, log: entry })
      }
    return {
      info: log('INFO'),
      error: log('ERROR'),
      warn: log('WARN'),
      debug: log('DEBUG'),
      namespace: (name, nameLevel) =>
        inNamespace(name, nameLevel === undefined ? undefined : effectiveLevel(nameLevel)),
      setLogLevel: (next) => {
        level = next
      },
    }
  }
  return inNamespace(undefined, undefined)
}

/** Writes one line of JSON to the console. */
export const consoleLogCreator: logCreator = () => (entry: LogEntry) => {
  const { namespace, level, label, log } = entry
  const message = namespace ? `[${namespace}] ${log.message}` : log.message
  const line = JSON.stringify({ level: label, ...log, message })
  if (level === logLevel.INFO) console.info(line)
  else if (level === logLevel.ERROR) console.error(line)
  else if (level === logLevel.WARN) console.warn(line)
  else if (level === logLevel.DEBUG) console.log(line)
}

/** What the engine has to say, through the application's logger. */
export function engineLogger(logger: Logger): ClientLogger {
  const log = (write: (message: string, extra?: object) => void) => {
    return (message: string, fields: LogFields = {}) => write(message, plain(fields))
  }
  return {
    debug: log(logger.debug),
    // The engine's news, such as a joined group, are told by the shim in kafkajs's words.
    info: log(logger.debug),
    warn: log(logger.warn),
    error: log(logger.error),
  }
}

function plain(fields: LogFields): LogFields {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [
      key,
      value instanceof Error ? value.message : value,
    ]),
  )
}
