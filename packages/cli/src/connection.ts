/** Options that every command with a cluster has, and the way to it. */
import { readFileSync } from 'node:fs'
import { createLogger, messageOf, OttlaError } from '@ottla/base'
import type { Kafka, KafkaOptions } from '@ottla/client'
import { type Command, Option } from 'commander'
import { UsageError } from './cli-error.ts'
import { terminal } from './terminal.ts'
import { parseDuration } from './text/quantity.ts'

export type OutputFormat = 'table' | 'json' | 'jsonl'

export interface ConnectionOptions {
  readonly brokers?: string
  readonly tls?: boolean
  readonly tlsCa?: string
  readonly timeout: string
  readonly output: OutputFormat
  readonly verbose?: boolean
}

export const DEFAULT_BROKERS = '127.0.0.1:9092'

/** Where the brokers may be named, the first that is set wins. */
const BROKER_VARIABLES = [
  'OTTLA_BROKERS',
  'KAFKA_URL',
  'KAFKA_BROKERS',
  'KAFKA_BOOTSTRAP_SERVERS',
  'ConnectionStrings__kafka',
]

export function addConnectionOptions(command: Command): Command {
  return command
    .option('-b, --brokers <list>', `host:port, … (default: $OTTLA_BROKERS or ${DEFAULT_BROKERS})`)
    .addOption(
      new Option('-o, --output <format>', 'what to print')
        .choices(['table', 'json', 'jsonl'])
        .default('table'),
    )
    .option('--tls', 'speak TLS')
    .option('--tls-ca <file>', 'certificate authority to trust, in PEM')
    .option('--timeout <duration>', 'give up after this long', '15s')
    .option('--verbose', 'log what the client does to stderr')
}

export function brokersOf(
  options: Pick<ConnectionOptions, 'brokers'>,
  env: Readonly<Record<string, string | undefined>>,
): string {
  if (options.brokers) return options.brokers
  for (const name of BROKER_VARIABLES) {
    const value = env[name]?.trim()
    if (value) return value.replace(/\?.*$/, '')
  }
  return DEFAULT_BROKERS
}

/** Runs `use` with a client that is known to reach a broker, and closes the client after it. */
export async function withKafka<T>(
  options: ConnectionOptions,
  use: (kafka: Kafka) => Promise<T>,
): Promise<T> {
  const { Kafka } = await import('@ottla/client')
  const kafka = new Kafka(kafkaOptionsOf(options))
  try {
    await reach(kafka, options)
    return await use(kafka)
  } finally {
    await kafka.close()
  }
}

/**
 * Asks for metadata once. Commands retry until their deadline, which is right while a cluster
 * changes and wrong for an address where nothing is: that is said at once, with what was found.
 */
async function reach(kafka: Kafka, options: ConnectionOptions): Promise<void> {
  const { apis } = await import('@ottla/protocol')
  const { connectTimeoutMs } = kafkaOptionsOf(options)
  try {
    await kafka.request(apis.metadata, { topics: [] }, { timeoutMs: connectTimeoutMs ?? 10_000 })
  } catch (error) {
    const { unreachable } = await import('./doctor/unreachable.ts')
    throw await unreachable(error, brokersOf(options, terminal().env), options.tls === true)
  }
}

export function kafkaOptionsOf(options: ConnectionOptions): KafkaOptions {
  const timeoutMs = parseDuration(options.timeout, '--timeout')
  const brokers = checkBrokers(brokersOf(options, terminal().env))
  const shared: KafkaOptions = {
    brokers,
    clientId: 'ottla-cli',
    tls: tlsOf(options),
    apiTimeoutMs: timeoutMs,
    requestTimeoutMs: Math.max(1_000, timeoutMs),
    connectTimeoutMs: Math.min(10_000, Math.max(500, timeoutMs)),
  }
  return options.verbose ? { ...shared, logger: stderrLogger() } : shared
}

function checkBrokers(text: string): string[] {
  const list = text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
  for (const item of list) {
    const port = /:(\d+)\/?$/.exec(item)?.[1]
    const isAddress = /^([a-z]+:\/\/)?(\[[^\]]+\]|[^:/\s]+)(:\d+)?\/?$/i.test(item)
    if (isAddress && (port === undefined || Number(port) <= 65_535)) continue
    throw new UsageError(`${item} is not a broker address`, `-b ${DEFAULT_BROKERS}`)
  }
  if (list.length === 0) throw new UsageError('--brokers is empty', `-b ${DEFAULT_BROKERS}`)
  return list
}

function tlsOf(options: ConnectionOptions): NonNullable<KafkaOptions['tls']> {
  if (options.tlsCa === undefined) return options.tls === true
  try {
    return { ca: readFileSync(options.tlsCa) }
  } catch (error) {
    throw new UsageError(`Cannot read ${options.tlsCa}: ${messageOf(error)}`)
  }
}

function stderrLogger() {
  return createLogger({
    level: 'debug',
    write: (line) => process.stderr.write(`${line}\n`),
    now: () => Date.now(),
  })
}

export const isOttlaError = (error: unknown, code: string): error is OttlaError =>
  error instanceof OttlaError && error.code === code
