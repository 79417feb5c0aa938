/** `ottla produce`: one record from the command line, or many from lines. */
import { readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { messageOf, OttlaError } from '@ottla/base'
import type { BytesRecord, CompressionName, HeaderValue, Kafka } from '@ottla/client'
import { type Command, Option } from 'commander'
import { ExitCode, UsageError } from '../cli-error.ts'
import { addConnectionOptions, type ConnectionOptions, withKafka } from '../connection.ts'
import { unknownTopic } from '../known-topics.ts'
import { ProduceReport } from '../records/produce-report.ts'
import { readLines } from '../records/read-lines.ts'
import { recordFromJson } from '../records/record-json.ts'
import { interruption, terminal } from '../terminal.ts'
import { parseDuration } from '../text/quantity.ts'

interface ProduceOptions extends ConnectionOptions {
  readonly key?: string
  readonly value?: string
  readonly null?: boolean
  readonly valueFile?: string
  readonly header: Record<string, HeaderValue[]>
  readonly partition?: string
  readonly timestamp?: string
  readonly file?: string
  readonly input: 'lines' | 'jsonl'
  readonly keySeparator?: string
  readonly emptyNull?: boolean
  readonly keepPlace?: boolean
  readonly compression: CompressionName
  readonly acks: 'all' | '1' | '0'
}

/** Requests a person's pipe may have open; more only takes memory. */
const SENDS_IN_FLIGHT_MAX = 8
const RECORD_BYTES_MAX = 64 * 1024 * 1024

export function defineProduce(command: Command): void {
  addConnectionOptions(command)
    .argument('<topic>', 'topic to send to')
    .description(
      'Sends one record (-v, --null, --value-file), or a record for each line of stdin or a file.',
    )
    .option('-k, --key <text>', 'key of the record, or of every line')
    .option('-v, --value <text>', 'value of one record')
    .option('--null', 'one record without a value (a tombstone)')
    .option('--value-file <path>', 'a whole file, of any bytes, as the value of one record')
    .option('-H, --header <name=value>', 'a header; can be repeated', collectHeader, {})
    .option('-p, --partition <number>', "partition (default: by the key's hash)")
    .option('--timestamp <time>', 'milliseconds since 1970, or a date (default: now)')
    .option('-f, --file <path>', 'read lines from a file instead of stdin')
    .addOption(
      new Option(
        '-i, --input <form>',
        'what a line is: a value, or JSON as consume -o jsonl writes',
      )
        .choices(['lines', 'jsonl'])
        .default('lines'),
    )
    .option('--key-separator <text>', 'a line is key, separator, value')
    .option('--empty-null', 'an empty key or value in a line is null')
    .option('--keep-place', 'with jsonl: keep partitions and timestamps of the lines')
    .addOption(
      new Option('--compression <codec>', 'compress record batches')
        .choices(['none', 'gzip', 'snappy', 'lz4', 'zstd'])
        .default('none'),
    )
    .addOption(
      new Option('--acks <acks>', 'who must have the records')
        .choices(['all', '1', '0'])
        .default('all'),
    )
    .action(produce)
}

function collectHeader(
  text: string,
  before: Record<string, HeaderValue[]>,
): Record<string, HeaderValue[]> {
  const cut = text.indexOf('=')
  if (cut <= 0) throw new UsageError(`--header ${text} is not name=value`, '-H source=web')
  const name = text.slice(0, cut)
  return { ...before, [name]: [...(before[name] ?? []), text.slice(cut + 1)] }
}

async function produce(topic: string, options: ProduceOptions): Promise<void> {
  const single = singleRecord(options)
  const signal = interruption()
  const out = terminal()
  await withKafka(options, async (kafka) => {
    await checkTopic(kafka, topic)
    const report = new ProduceReport(topic, out, options.output)
    await using producer = kafka.producer({
      compression: options.compression,
      acks: options.acks === 'all' ? 'all' : options.acks === '1' ? 1 : 0,
      maxRequestSize: RECORD_BYTES_MAX,
      deliveryTimeoutMs: kafkaDeadline(options),
      linger: single ? 0 : 5,
    })
    try {
      if (single) await report.sent(single, await producer.send(topic, [single]))
      else await sendLines(topic, options, { report, producer, signal })
    } catch (error) {
      throw explainSend(error, topic)
    } finally {
      await report.finish()
    }
  })
  if (signal.aborted) process.exitCode = ExitCode.INTERRUPTED
}

const kafkaDeadline = (options: ConnectionOptions): number =>
  Math.max(1_000, parseDuration(options.timeout, '--timeout'))

/** The one record of -v, --null or --value-file; undefined when lines are to be read. */
function singleRecord(options: ProduceOptions): BytesRecord | undefined {
  const given = [options.value, options.null, options.valueFile].filter((o) => o !== undefined)
  const shared = sharedParts(options)
  if (given.length > 1) {
    throw new UsageError('-v, --null and --value-file exclude each other', 'Give one of them.')
  }
  if (given.length === 0) return undefined
  if (options.file !== undefined) throw new UsageError('--file goes with lines, not with one value')
  return { ...shared, key: options.key ?? null, value: singleValue(options) }
}

function singleValue(options: ProduceOptions): string | Uint8Array | null {
  if (options.null) return null
  if (options.valueFile === undefined) return options.value ?? null
  try {
    return readFileSync(options.valueFile)
  } catch (error) {
    throw new UsageError(`Cannot read ${options.valueFile}: ${messageOf(error)}`)
  }
}

function sharedParts(
  options: ProduceOptions,
): Pick<BytesRecord, 'headers' | 'partition' | 'timestamp'> {
  const { partition, timestamp } = options
  if (partition !== undefined && !/^\d+$/.test(partition)) {
    throw new UsageError(`--partition ${partition} is not a number`)
  }
  const ms =
    timestamp === undefined || /^\d+$/.test(timestamp) ? Number(timestamp) : Date.parse(timestamp)
  if (timestamp !== undefined && Number.isNaN(ms)) {
    throw new UsageError(`--timestamp ${timestamp} is not a time`, '2026-11-22T12:00:00Z')
  }
  return {
    headers: options.header,
    partition: partition === undefined ? undefined : Number(partition),
    timestamp: timestamp === undefined ? undefined : ms,
  }
}

/** Says when the topic will spring into being, or that it will not. */
async function checkTopic(kafka: Kafka, topic: string): Promise<void> {
  const all = await kafka.admin.listTopics({ includeInternal: true })
  if (all.some(({ name }) => name === topic)) return
  const names = all.map(({ name }) => name)
  const problem = unknownTopic(topic, names)
  const { brokers } = await kafka.admin.describeCluster()
  const broker = { type: 'broker' as const, name: String(brokers[0]?.id ?? 0) }
  const setting = 'auto.create.topics.enable'
  let isAutomatic: boolean
  try {
    const [found] = await kafka.admin.describeConfigs([{ ...broker, names: [setting] }])
    isAutomatic = found?.configs[0]?.value !== 'false'
  } catch {
    // Not every user may read the brokers' settings; sending will show what the cluster does.
    isAutomatic = true
  }
  if (!isAutomatic) throw problem
  const doubt = problem.message.replace(/^.*exist\.\s*/, '')
  terminal().note(
    `ottla: creating topic ${topic}, as ${setting} allows.${doubt ? ` ${doubt}` : ''}`,
  )
}

interface LineJob {
  readonly report: ProduceReport
  readonly producer: ReturnType<Kafka['producer']>
  readonly signal: AbortSignal
}

async function sendLines(topic: string, options: ProduceOptions, job: LineJob): Promise<void> {
  const { report, producer, signal } = job
  const parse = lineParser(options)
  const input = options.file === undefined ? terminal().stdin : await openFile(options.file)
  const onAbort = () => input.destroy()
  signal.addEventListener('abort', onAbort, { once: true })
  const inFlight = new Set<Promise<void>>()
  let failure: unknown
  let lineNumber = 0
  // Reports come in the order of the lines, also when a later request is answered first.
  let reported = Promise.resolve()
  try {
    for await (const lines of readLines(input)) {
      const records = lines.map((line) => parse(line, ++lineNumber))
      const places = producer.send(topic, records)
      const before = reported
      const sent = Promise.all([places, before])
        .then(([stored]) => report.sentMany(records, stored))
        .catch((error: unknown) => {
          failure ??= error
        })
        .finally(() => inFlight.delete(sent))
      reported = sent
      inFlight.add(sent)
      if (inFlight.size >= SENDS_IN_FLIGHT_MAX) await Promise.race(inFlight)
      if (failure !== undefined) break
    }
  } catch (error) {
    // Destroying the input is how an interruption ends the loop.
    if (!signal.aborted) failure ??= error
  }
  await Promise.all(inFlight)
  signal.removeEventListener('abort', onAbort)
  if (failure !== undefined) throw failure
}

async function openFile(path: string): Promise<Readable> {
  try {
    const file = await open(path)
    return file.createReadStream()
  } catch (error) {
    throw new UsageError(`Cannot read ${path}: ${messageOf(error)}`)
  }
}

type LineParser = (line: Buffer, lineNumber: number) => BytesRecord

function lineParser(options: ProduceOptions): LineParser {
  const shared = sharedParts(options)
  if (options.input === 'jsonl') {
    const keepPlace = options.keepPlace === true
    return (line, lineNumber) => {
      const { record } = recordFromJson(line.toString('utf8'), lineNumber, { keepPlace })
      const headers = { ...options.header, ...record.headers }
      const key = record.key ?? options.key ?? null
      return {
        ...record,
        key,
        headers,
        partition: record.partition ?? shared.partition,
        timestamp: record.timestamp ?? shared.timestamp,
      }
    }
  }
  const separator =
    options.keySeparator === undefined ? undefined : Buffer.from(options.keySeparator)
  if (separator?.length === 0) throw new UsageError('--key-separator is empty')
  const orNull = (bytes: Buffer) => (options.emptyNull && bytes.length === 0 ? null : bytes)
  return (line, lineNumber) => {
    if (!separator) return { ...shared, key: options.key ?? null, value: orNull(line) }
    const cut = line.indexOf(separator)
    if (cut < 0) {
      throw new UsageError(
        `Line ${lineNumber} has no key separator "${options.keySeparator}"`,
        'Every line must be key, separator, value.',
      )
    }
    const key = orNull(line.subarray(0, cut))
    return { ...shared, key, value: orNull(line.subarray(cut + separator.length)) }
  }
}

function explainSend(error: unknown, topic: string): unknown {
  if (error instanceof RangeError) return new UsageError(error.message)
  if (!(error instanceof OttlaError)) return error
  if (error.code !== 'MESSAGE_TOO_LARGE' && error.code !== 'RECORD_TOO_LARGE') return error
  return new OttlaError(`A record is larger than ${topic} takes`, {
    code: error.code,
    hint: `Raise the limit: ottla topic alter ${topic} -c max.message.bytes=4MB`,
    cause: error,
  })
}
