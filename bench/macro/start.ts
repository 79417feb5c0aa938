/**
 * From the start of the process to the first acknowledged record, and idle memory: on a fresh
 * directory and on one with 1,000 partitions.
 *
 *   npm run bench -- start [--rounds N]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Kafka } from '@ottla/client'
import { startOttlaProcess } from '../../test/support/ottla-process.ts'
import { residentBytes } from '../support/process-usage.ts'
import { rowOf, saveResults } from '../support/results.ts'

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '7' } },
  args: process.argv.slice(2),
})
const ROUNDS = Number(values.rounds)
const PARTITIONS = 1000
/** A broker that has settled: its memory is read after this long without work. */
const IDLE_MS = 3000

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/**
 * Milliseconds until the first record is acknowledged, and memory when nothing happens any more.
 */
async function startAndSend(
  dataDir: string,
  topic: string,
): Promise<{ ms: number; bytes: number }> {
  const startMs = performance.now()
  await using broker = await startOttlaProcess({ dataDir })
  await using kafka = new Kafka({ brokers: broker.bootstrap })
  const producer = kafka.producer({ linger: 0 })
  await producer.send(topic, { value: 'first' })
  const ms = performance.now() - startMs
  await wait(IDLE_MS)
  return { ms, bytes: residentBytes(broker.pid) }
}

async function fresh(): Promise<{ ms: number; bytes: number }> {
  const dataDir = mkdtempSync(join(tmpdir(), 'ottla-start-'))
  try {
    return await startAndSend(dataDir, 'first')
  } finally {
    rmSync(dataDir, { recursive: true, force: true })
  }
}

async function prepared(): Promise<string> {
  const dataDir = mkdtempSync(join(tmpdir(), 'ottla-start-'))
  await using broker = await startOttlaProcess({ dataDir })
  await using kafka = new Kafka({ brokers: broker.bootstrap })
  const topics = Array.from({ length: 10 }, (_, i) => ({
    topic: `topic-${i}`,
    partitions: PARTITIONS / 10,
  }))
  await kafka.admin.createTopics(topics)
  await using producer = kafka.producer()
  const partitions = Array.from({ length: PARTITIONS / 10 }, (_, partition) => partition)
  for (const { topic } of topics) {
    await producer.send(
      topic,
      partitions.map((partition) => ({ partition, value: 'x'.repeat(100) })),
    )
  }
  return dataDir
}

const figures = { freshMs: [] as number[], freshBytes: [] as number[], fullMs: [] as number[] }
const fullBytes: number[] = []
const dataDir = await prepared()
try {
  for (let round = 0; round <= ROUNDS; round++) {
    const first = await fresh()
    const full = await startAndSend(dataDir, 'topic-0')
    process.stdout.write(
      `round ${round}: fresh ${first.ms.toFixed(0)} ms, ${PARTITIONS} partitions ` +
        `${full.ms.toFixed(0)} ms, idle ${(first.bytes / 1e6).toFixed(0)} MB and ` +
        `${(full.bytes / 1e6).toFixed(0)} MB\n`,
    )
    if (round === 0) continue
    figures.freshMs.push(first.ms)
    figures.freshBytes.push(first.bytes / 1e6)
    figures.fullMs.push(full.ms)
    fullBytes.push(full.bytes / 1e6)
  }
} finally {
  rmSync(dataDir, { recursive: true, force: true })
}

const what = 'process start to first acknowledged record'
saveResults(
  'start',
  [
    rowOf(
      { name: `${what}, fresh directory`, unit: 'ms', better: 'less', bar: 250 },
      figures.freshMs,
    ),
    rowOf(
      { name: `${what}, ${PARTITIONS} partitions`, unit: 'ms', better: 'less', bar: 400 },
      figures.fullMs,
    ),
    rowOf(
      { name: 'idle memory, fresh directory', unit: 'MB', better: 'less', bar: 100 },
      figures.freshBytes,
    ),
    rowOf(
      { name: `idle memory, ${PARTITIONS} partitions`, unit: 'MB', better: 'less', bar: 100 },
      fullBytes,
    ),
  ],
  { rounds: ROUNDS, idleMs: IDLE_MS },
)
