/**
 * The log cleaner beside Apache Kafka's: the same keyed records to a compacted topic of both, then
 * one cleaning of each. Time from the word to the checkpoint that says it is done, the broker's CPU
 * for it, its memory, and how long a producer waits meanwhile.
 *
 *   npm run bench -- cleaner [--rounds N] [--megabytes N] [--keys N]
 *
 * The keys of `--keys 5000000` do not fit the cleaner's memory for keys, so that it needs several
 * passes. With `--rounds 1` there is no round to warm up, and the result is kept by its size.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { SeededRandom } from '@ottla/base'
import { Kafka } from '@ottla/client'
import { startApacheBroker } from '../../test/compatibility/support/apache-broker.ts'
import { APACHE_BROKER_VERSION } from '../../test/compatibility/support/apache-jars.ts'
import { startOttlaProcess } from '../../test/support/ottla-process.ts'
import {
  cpuSeconds,
  forgetResidentBytesMax,
  residentBytes,
  residentBytesMax,
} from '../support/process-usage.ts'
import { type ResultRow, rowOf, saveResults } from '../support/results.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    megabytes: { type: 'string', default: '500' },
    keys: { type: 'string', default: '100000' },
  },
  args: process.argv.slice(2),
})
const ROUNDS = Number(values.rounds)
const BYTES = Number(values.megabytes) * 1e6
const KEYS = Number(values.keys)
const VALUE = Buffer.alloc(100, 'v')
/** Thousands of records on their way while a topic is filled. */
const SENDS_MAX = 20
const DONE_TIMEOUT_MS = 60_000 + (BYTES / 1e6) * 500
const BEFORE_MS = 10_000
const SETTINGS = { 'log.cleaner.backoff.ms': '100' }

interface Subject {
  readonly bootstrap: string
  readonly pid: number
  readonly logDir: string
}

interface Figures {
  readonly megabytesPerSecond: number
  readonly cpuPerGigabyte: number
  /** Of single records with acks=all while the cleaner works and before it did. */
  readonly p99During: number
  readonly p99Before: number
  /** Resident memory at its highest while the cleaner works, above what it was before. */
  readonly memoryAdded: number
}

async function fill(kafka: Kafka, topic: string): Promise<void> {
  const random = new SeededRandom(1)
  await using producer = kafka.producer({ linger: 5, batchSize: 131_072 })
  const records = Math.round(BYTES / 120)
  let sending: Promise<unknown>[] = []
  for (let i = 0; i < records; i += 1000) {
    const batch = Array.from({ length: 1000 }, () => ({
      key: `key-${random.integer(KEYS)}`,
      value: VALUE,
    }))
    sending.push(producer.send(topic, batch))
    if (sending.length < SENDS_MAX) continue
    await Promise.all(sending)
    sending = []
  }
  await Promise.all(sending)
}

const segmentsOf = (subject: Subject, topic: string) =>
  readdirSync(join(subject.logDir, `${topic}-0`))
    .filter((name) => name.endsWith('.log'))
    .sort()

function cleanedTo(subject: Subject, topic: string): number {
  const file = join(subject.logDir, 'cleaner-offset-checkpoint')
  if (!existsSync(file)) return -1
  const found = new RegExp(`^${topic} 0 (\\d+)$`, 'm').exec(readFileSync(file, 'utf8'))
  return found ? Number(found[1]) : -1
}

/** Milliseconds that single records wait, until told to stop. */
async function watchLatency(kafka: Kafka, isOver: () => boolean): Promise<number> {
  await using producer = kafka.producer({ linger: 0 })
  const waits: number[] = []
  while (!isOver()) {
    const start = performance.now()
    await producer.send('beside', [{ value: VALUE }])
    waits.push(performance.now() - start)
    await pause(2)
  }
  waits.sort((a, b) => a - b)
  return waits[Math.floor(waits.length * 0.99)] ?? Number.NaN
}

async function measure(subject: Subject, topic: string): Promise<Figures> {
  await using kafka = new Kafka({ brokers: subject.bootstrap })
  const configs = {
    'cleanup.policy': 'compact',
    'segment.bytes': 64 * 1024 * 1024,
    'min.cleanable.dirty.ratio': 1,
  }
  await kafka.admin.createTopics([{ topic, partitions: 1, configs }])
  await fill(kafka, topic)
  const started = performance.now()
  const p99Before = await watchLatency(kafka, () => performance.now() - started > BEFORE_MS)
  const target = Number(segmentsOf(subject, topic).at(-1)?.slice(0, 20))
  forgetResidentBytesMax(subject.pid)
  const memoryBefore = residentBytes(subject.pid)
  const cpuBefore = cpuSeconds(subject.pid)
  const startMs = performance.now()
  const ratio = [{ name: 'min.cleanable.dirty.ratio', value: '0' }]
  await kafka.admin.incrementalAlterConfigs([{ type: 'topic', name: topic, configs: ratio }])
  let isOver = false
  const latency = watchLatency(kafka, () => isOver)
  while (cleanedTo(subject, topic) < target) {
    if (performance.now() - startMs > DONE_TIMEOUT_MS) throw new Error('the cleaner takes too long')
    await pause(10)
  }
  const seconds = (performance.now() - startMs) / 1000
  const cpu = cpuSeconds(subject.pid) - cpuBefore
  const memoryAdded = residentBytesMax(subject.pid) - memoryBefore
  isOver = true
  return {
    megabytesPerSecond: BYTES / 1e6 / seconds,
    cpuPerGigabyte: (cpu / BYTES) * 1e9,
    p99During: await latency,
    p99Before,
    memoryAdded,
  }
}

await using ottlaProcess = await startOttlaProcess({ settings: SETTINGS })
await using apacheProcess = await startApacheBroker({ heap: '1g', overrides: SETTINGS })
const subjects = {
  ottla: { ...ottlaProcess, logDir: join(ottlaProcess.dataDir, 'log') },
  apache: { ...apacheProcess, logDir: join(apacheProcess.dataDir, 'data') },
}
for (const { bootstrap } of Object.values(subjects)) {
  await using kafka = new Kafka({ brokers: bootstrap })
  await kafka.admin.createTopics([{ topic: 'beside', partitions: 1 }])
}
const figures = { ottla: [] as Figures[], apache: [] as Figures[] }
for (let round = ROUNDS === 1 ? 1 : 0; round <= ROUNDS; round++) {
  for (const side of ['ottla', 'apache'] as const) {
    const result = await measure(subjects[side], `cleaned-${round}`)
    process.stdout.write(
      `${side} round ${round}: ${result.megabytesPerSecond.toFixed(1)} MB/s, ` +
        `${result.cpuPerGigabyte.toFixed(1)} CPU s/GB, p99 ${result.p99Before.toFixed(1)} -> ` +
        `${result.p99During.toFixed(1)} ms, ${(result.memoryAdded / 1e6).toFixed(0)} MB more\n`,
    )
    if (round > 0) figures[side].push(result)
  }
}
const row = (
  name: string,
  unit: string,
  better: 'more' | 'less',
  value: (f: Figures) => number,
): ResultRow =>
  rowOf({ name: `cleaner: ${name}`, unit, better, bar: 1 }, figures.ottla.map(value), {
    name: `Apache Kafka ${APACHE_BROKER_VERSION}`,
    values: figures.apache.map(value),
  })
saveResults(
  BYTES < 1e9 ? 'cleaner' : 'cleaner-large',
  [
    row('throughput', 'MB/s', 'more', (f) => f.megabytesPerSecond),
    row('broker CPU per GB', 's', 'less', (f) => f.cpuPerGigabyte),
    row('p99 of a producer meanwhile', 'ms', 'less', (f) => f.p99During),
    // Apache Kafka reserves the memory for its keys when it starts.
    rowOf(
      { name: 'cleaner: memory it takes at its most', unit: 'MB', better: 'less' },
      figures.ottla.map((f) => f.memoryAdded / 1e6),
    ),
    rowOf(
      { name: 'cleaner: p99 meanwhile over p99 before', unit: 'times', better: 'less', bar: 3 },
      figures.ottla.map((f) => f.p99During / f.p99Before),
    ),
  ],
  { rounds: ROUNDS, bytesPerRun: BYTES, keys: KEYS, valueBytes: VALUE.length },
)
