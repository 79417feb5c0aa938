/** `ottla start`: a broker in the foreground until Ctrl-C or SIGTERM. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { createLogger, LOG_LEVELS, type LogLevel, messageOf } from '@ottla/base'
import { Broker, parseProperties } from '@ottla/broker'
import { type Command, Option } from 'commander'
import { ExitCode, UsageError } from '../cli-error.ts'

interface StartOptions {
  readonly port?: string
  readonly host: string
  readonly data: string
  readonly config?: string
  readonly set: Record<string, string>
  readonly logLevel: LogLevel
}

export function defineStart(command: Command): void {
  command
    .option('--port <number>', 'port on --host; 0 takes a free one (default: 9092)')
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--data <directory>', 'directory of everything the broker keeps', '.ottla')
    .option('--config <file>', 'a Kafka properties file, such as server.properties')
    .option('--set <name=value>', 'one Kafka setting; can be repeated', collectSetting, {})
    .addOption(
      new Option('--log-level <level>', 'least level of the log lines on stderr')
        .choices(LOG_LEVELS)
        .default('info'),
    )
    .action(start)
}

function collectSetting(text: string, settings: Record<string, string>): Record<string, string> {
  const cut = text.indexOf('=')
  if (cut <= 0) {
    throw new UsageError(`--set ${text} is not of the form name=value`, '--set num.partitions=4')
  }
  return { ...settings, [text.slice(0, cut).trim()]: text.slice(cut + 1).trim() }
}

/** Settings of the file, then of --set, then of --port and --host: the later wins. */
function settingsOf(options: StartOptions): Record<string, string> {
  const settings: Record<string, string> = {}
  if (options.config !== undefined) {
    let text: string
    try {
      text = readFileSync(options.config, 'utf8')
    } catch (error) {
      throw new UsageError(`Cannot read ${options.config}: ${messageOf(error)}`)
    }
    Object.assign(settings, Object.fromEntries(parseProperties(text)))
  }
  Object.assign(settings, options.set)
  const { port, host } = options
  if (port !== undefined && !/^\d{1,5}$/.test(port)) {
    throw new UsageError(`--port ${port} is not a port`, 'Use a number from 0 to 65535.')
  }
  if (port !== undefined || host !== '127.0.0.1' || settings['listeners'] === undefined) {
    settings['listeners'] = `PLAINTEXT://${host}:${port ?? '9092'}`
  }
  return settings
}

async function start(options: StartOptions): Promise<void> {
  const logger = createLogger({
    level: options.logLevel,
    write: (line) => process.stderr.write(`${line}\n`),
    now: () => Date.now(),
  })
  const dataDir = resolve(options.data)
  const broker = await Broker.start({
    dataDir,
    settings: settingsOf(options),
    logger,
    onFatal: () => process.exit(ExitCode.FAILED),
  })
  const elapsedMs = Math.round(performance.now())
  const policy =
    broker.config.get('flush.policy') === 'os'
      ? 'acks before the disk: a power cut loses records'
      : 'acks after fdatasync'
  process.stdout.write(
    `ottla ready on ${broker.address} in ${elapsedMs} ms (data ${dataDir}, ${policy})\n`,
  )
  if (broker.metricsPort !== undefined) {
    logger.info('metrics', { url: `http://127.0.0.1:${broker.metricsPort}/metrics` })
  }
  await stopped(broker)
}

/** Resolves when a signal came and the broker has stopped; a second signal does not wait. */
function stopped(broker: Broker): Promise<void> {
  return new Promise((resolve, reject) => {
    let isStopping = false
    const stop = () => {
      if (isStopping) process.exit(ExitCode.INTERRUPTED)
      isStopping = true
      broker.stop().then(resolve, reject)
    }
    process.on('SIGINT', stop)
    process.on('SIGTERM', stop)
  })
}
