/**
 * `ottla consume`: reads records, with a group or without.
 *
 * With a group, what was printed is what is committed: also after -n and Ctrl-C, which stop in the
 * middle of a batch.
 */
import type { Consumer, ConsumerBatch, Kafka, Subscription, TopicPartition } from '@ottla/client'
import type { Command } from 'commander'
import { ExitCode, UsageError } from '../cli-error.ts'
import { addConnectionOptions, type ConnectionOptions, withKafka } from '../connection.ts'
import { knownTopics } from '../known-topics.ts'
import { type RecordText, recordText } from '../records/record-writer.ts'
import { resolvePlace } from '../records/resolve-place.ts'
import { interruption, terminal } from '../terminal.ts'
import { parseLogPlace } from '../text/log-place.ts'
import { parseCount } from '../text/quantity.ts'

interface ConsumeOptions extends ConnectionOptions {
  readonly from?: string
  readonly count?: string
  readonly group?: string
  readonly partition: readonly string[]
  readonly exit?: boolean
  readonly format?: string
  readonly committedOnly?: boolean
}

/** How often a consumer with -e looks whether it has reached the end, while nothing comes. */
const END_CHECK_MS = 50

export function defineConsume(command: Command): void {
  addConnectionOptions(command)
    .argument('<topics...>', 'topics to read')
    .description(
      'Reads records: from the start, or as a member of a group from where the group stands.\n' +
        'On a terminal shows where each record stands; into a pipe writes values, a line each.',
    )
    .option(
      '--from <place>',
      'start, end, an offset, -10 (last ten), @10m (ago) or @2026-11-22T12:00',
    )
    .option('-n, --count <number>', 'stop after so many records')
    .option('-g, --group <group>', 'read as a member of this group and commit')
    .option('-p, --partition <number>', 'only this partition; can be repeated', gather, [])
    .option('-e, --exit', 'stop at the end of the log as it is at the start')
    .option('-f, --format <text>', 'such as "%t[%p] @%o %k %v\\n"; %d date, %h headers, %v{hex}')
    .option('--committed-only', 'hide records of open and aborted transactions')
    .action(consume)
}

const gather = (text: string, before: readonly string[]): string[] => [...before, text]

async function consume(topics: string[], options: ConsumeOptions): Promise<void> {
  const out = terminal()
  const show = recordText(out, options.output, options.format)
  const count =
    options.count === undefined ? Number.POSITIVE_INFINITY : parseCount(options.count, '--count')
  checkOptions(options)
  const signal = interruption()
  await withKafka(options, async (kafka) => {
    const partitions = await chosenPartitions(kafka, topics, options)
    const reader = new RecordReader({ kafka, show, options, partitions })
    await reader.run(topics, { count, signal })
  })
  if (signal.aborted) process.exitCode = ExitCode.INTERRUPTED
}

function checkOptions(options: ConsumeOptions): void {
  if (options.group === undefined) return
  if (options.partition.length > 0) {
    throw new UsageError(
      '-p and -g exclude each other',
      'A group decides who reads which partition.',
    )
  }
  if (options.from === undefined) return
  const place = parseLogPlace(options.from, '--from', Date.now())
  if (place.kind === 'offset' || place.kind === 'last') {
    throw new UsageError(
      `--from ${options.from} does not go with -g`,
      `Move the group first: ottla group reset ${options.group} --to ${options.from} --yes`,
    )
  }
}

async function chosenPartitions(
  kafka: Kafka,
  topics: readonly string[],
  options: ConsumeOptions,
): Promise<TopicPartition[]> {
  const found = await knownTopics(kafka, topics)
  const wanted = options.partition.map((text) => parseCount(text, '--partition'))
  return found.flatMap(({ name, partitions }) => {
    for (const partition of wanted) {
      if (partition < partitions.length) continue
      throw new UsageError(`${name} has partitions 0 to ${partitions.length - 1}, not ${partition}`)
    }
    return partitions
      .filter(({ partition }) => wanted.length === 0 || wanted.includes(partition))
      .map(({ partition }) => ({ topic: name, partition }))
  })
}

interface ReaderParts {
  readonly kafka: Kafka
  readonly show: RecordText
  readonly options: ConsumeOptions
  readonly partitions: readonly TopicPartition[]
}

class RecordReader {
  private readonly parts: ReaderParts
  private readonly consumer: Consumer
  /** Log end offsets at the start, by `topic:partition`; undefined unless -e. */
  private ends: Map<string, bigint> | undefined
  private readonly atEnd = new AbortController()
  private printed = 0

  constructor(parts: ReaderParts) {
    this.parts = parts
    const { group, committedOnly, from } = parts.options
    const place = parseLogPlace(from ?? 'start', '--from', Date.now())
    this.consumer = parts.kafka.consumer({
      ...(group === undefined ? {} : { group }),
      from: place.kind === 'time' ? place.ms : place.kind === 'end' ? 'latest' : 'earliest',
      isolationLevel: committedOnly ? 'read_committed' : 'read_uncommitted',
    })
  }

  async run(
    topics: readonly string[],
    until: { count: number; signal: AbortSignal },
  ): Promise<void> {
    if (until.count === 0) return
    const signal = AbortSignal.any([until.signal, this.atEnd.signal])
    const subscription = await this.subscribe(topics, signal)
    const timer = setInterval(() => this.checkEnd(), END_CHECK_MS)
    try {
      for await (const batch of subscription) {
        const isComplete = await this.print(batch, until)
        if (!isComplete) break
        this.checkEnd()
      }
    } finally {
      clearInterval(timer)
      await this.consumer.close()
    }
  }

  private async subscribe(
    topics: readonly string[],
    signal: AbortSignal,
  ): Promise<Subscription<never>> {
    const { kafka, options, partitions } = this.parts
    const place = parseLogPlace(options.from ?? 'start', '--from', Date.now())
    const placed = await resolvePlace(kafka, partitions, place)
    if (options.exit) {
      this.ends = new Map(placed.map((p) => [`${p.topic}:${p.partition}`, p.logEndOffset]))
    }
    const subscription =
      options.group === undefined
        ? this.consumer.assign(placed, { signal })
        : this.consumer.subscribe([...topics], { signal })
    return subscription as unknown as Subscription<never>
  }

  /** Prints a batch; false when it stopped before its end. */
  private async print(
    batch: ConsumerBatch,
    { count, signal }: { count: number; signal: AbortSignal },
  ): Promise<boolean> {
    const out = terminal()
    const { show } = this.parts
    let pending: Uint8Array[] = []
    let size = 0
    let next: bigint | undefined
    let hasStopped = false
    for (const record of batch) {
      if (this.printed >= count || signal.aborted) {
        hasStopped = true
        break
      }
      const text = show(record)
      const bytes = typeof text === 'string' ? Buffer.from(text) : text
      pending.push(bytes)
      size += bytes.length
      next = record.offset + 1n
      this.printed++
      if (size < 65_536) continue
      await out.write(Buffer.concat(pending))
      pending = []
      size = 0
    }
    if (size > 0) await out.write(Buffer.concat(pending))
    if (!hasStopped && this.printed < count && !signal.aborted) return true
    if (next !== undefined && this.parts.options.group !== undefined) {
      await this.consumer.commit([{ topic: batch.topic, partition: batch.partition, offset: next }])
    }
    return false
  }

  /** With -e: everything up to the ends has been given to the loop, and printed. */
  private checkEnd(): void {
    const { ends } = this
    if (!ends) return
    const held = this.consumer.assignment
    const isAtEnd = held.every(({ topic, partition, position }) => {
      const end = ends.get(`${topic}:${partition}`)
      return end === undefined || (position !== undefined && position >= end)
    })
    if (held.length > 0 && isAtEnd) this.atEnd.abort()
  }
}
