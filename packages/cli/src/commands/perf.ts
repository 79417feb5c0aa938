/** `ottla perf produce|consume|latency`: how fast a cluster is from here. */
import { randomBytes } from 'node:crypto'
import type { CompressionName, Kafka } from '@ottla/client'
import { type Command, Option } from 'commander'
import { ExitCode, UsageError } from '../cli-error.ts'
import { addConnectionOptions, type ConnectionOptions, withKafka } from '../connection.ts'
import { knownTopics } from '../known-topics.ts'
import { consumeLoad } from '../perf/consume-load.ts'
import { latencyLoad } from '../perf/latency-load.ts'
import { type PerfSummary, printSummary } from '../perf/perf-report.ts'
import { produceLoad } from '../perf/produce-load.ts'
import { interruption, terminal } from '../terminal.ts'
import { parseCount, parseDuration, parseSize } from '../text/quantity.ts'

interface LoadOptions extends ConnectionOptions {
  readonly count: string
  readonly size: string
  readonly rate: string
  readonly partitions: string
  readonly compression: CompressionName
  readonly acks: 'all' | '1' | '0'
  readonly batchSize: string
  readonly linger: string
}

interface ConsumeOptions extends ConnectionOptions {
  readonly count?: string
}

const TEMPORARY = 'topic to use (default: a temporary one)'

export function definePerf(command: Command): void {
  addLoadOptions(command.command('produce [topic]').summary('records and bytes a second in'), {
    count: '1000000',
    rate: '0',
    linger: '5ms',
  })
    .description(`Sends records as fast as it goes, or at a rate. [topic] is the ${TEMPORARY}.`)
    .action((topic: string | undefined, options: LoadOptions) => produce(topic, options))
  addConnectionOptions(command.command('consume <topic>').summary('records and bytes a second out'))
    .description('Reads a topic from its start as fast as it goes.')
    .option('-n, --count <number>', 'stop after so many records (default: all there are)')
    .action(consume)
  addLoadOptions(command.command('latency [topic]').summary('from send to receipt, at a rate'), {
    count: '1000',
    rate: '200',
    linger: '0',
  })
    .description(
      `Sends records at a rate and measures until a consumer has each. [topic] is the ${TEMPORARY}.`,
    )
    .action((topic: string | undefined, options: LoadOptions) => latency(topic, options))
}

function addLoadOptions(
  command: Command,
  defaults: { count: string; rate: string; linger: string },
): Command {
  return addConnectionOptions(command)
    .option('-n, --count <number>', 'records to send', defaults.count)
    .option('-s, --size <bytes>', 'size of a value', '100')
    .option('--rate <number>', 'records a second; 0 for no limit', defaults.rate)
    .option('-p, --partitions <count>', 'partitions of the temporary topic', '1')
    .addOption(
      new Option('--compression <codec>', 'compress record batches')
        .choices(['none', 'gzip', 'snappy', 'lz4', 'zstd'])
        .default('none'),
    )
    .addOption(
      new Option('--acks <acks>', 'who must have them').choices(['all', '1', '0']).default('all'),
    )
    .option('--batch-size <bytes>', 'send a batch when it has so many bytes', '16KB')
    .option('--linger <duration>', 'how long a smaller batch waits', defaults.linger)
}

function loadOf(options: LoadOptions) {
  const size = parseSize(options.size, '--size')
  const count = parseCount(options.count, '--count')
  if (count < 1) throw new UsageError('--count must be at least 1')
  return {
    count,
    size,
    rate: parseCount(options.rate, '--rate'),
    producer: {
      compression: options.compression,
      acks:
        options.acks === 'all'
          ? ('all' as const)
          : options.acks === '1'
            ? (1 as const)
            : (0 as const),
      batchSize: parseSize(options.batchSize, '--batch-size'),
      linger: parseDuration(options.linger, '--linger'),
      maxRequestSize: Math.max(1_048_576, size + 4_096),
    },
  }
}

async function produce(topic: string | undefined, options: LoadOptions): Promise<void> {
  const load = loadOf(options)
  await measure(options, (kafka, signal) =>
    onTopic(kafka, topic, options, (name) =>
      produceLoad(kafka, name, { ...load, signal, out: terminal() }),
    ),
  )
}

async function latency(topic: string | undefined, options: LoadOptions): Promise<void> {
  const load = loadOf(options)
  const timeoutMs = parseDuration(options.timeout, '--timeout')
  await measure(options, (kafka, signal) =>
    onTopic(kafka, topic, options, (name) =>
      latencyLoad(kafka, name, { ...load, timeoutMs, signal, out: terminal() }),
    ),
  )
}

async function consume(topic: string, options: ConsumeOptions): Promise<void> {
  const count = options.count === undefined ? undefined : parseCount(options.count, '--count')
  await measure(options, async (kafka, signal) => {
    const [found] = await knownTopics(kafka, [topic])
    const partitions = (found?.partitions ?? []).map(({ partition }) => ({ topic, partition }))
    return consumeLoad(kafka, partitions, { count, signal, out: terminal() })
  })
}

/** Ctrl-C ends a measurement early; what was measured by then is reported. */
async function measure(
  options: ConnectionOptions,
  run: (kafka: Kafka, signal: AbortSignal) => Promise<PerfSummary>,
): Promise<void> {
  const signal = interruption()
  const summary = await withKafka(options, (kafka) => run(kafka, signal))
  await printSummary(terminal(), options.output, summary)
  if (signal.aborted) process.exitCode = ExitCode.INTERRUPTED
}

async function onTopic(
  kafka: Kafka,
  topic: string | undefined,
  options: LoadOptions,
  run: (name: string) => Promise<PerfSummary>,
): Promise<PerfSummary> {
  if (topic !== undefined) {
    await knownTopics(kafka, [topic])
    return run(topic)
  }
  const name = `ottla-perf-${randomBytes(4).toString('hex')}`
  const partitions = parseCount(options.partitions, '--partitions')
  await kafka.admin.createTopics([{ topic: name, partitions }])
  try {
    return await run(name)
  } finally {
    await kafka.admin.deleteTopics([name])
  }
}
