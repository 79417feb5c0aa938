/**
 * From the start of the process to the first acknowledged record, and idle memory: on a fresh
 * directory, on one with 1,000 partitions, and on one with 10,000 after a clean stop and after
 * kill -9.
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
import { type ResultRow, rowOf, saveResults, spreadOf } from '../support/results.ts'

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '7' } },
  args: process.argv.slice(2),
})
const ROUNDS = Number(values.rounds)
/** A broker that has settled: its memory is read after this long without work. */
const IDLE_MS = 3000
const TOPICS = 10

interface Case {
  readonly name: string
  readonly partitions: number
  readonly end: 'stop' | 'kill9'
  readonly msMax: number
  readonly megabytesMax?: number
}

const CASES: readonly Case[] = [
  { name: 'fresh directory', partitions: 0, end: 'stop', msMax: 250, megabytesMax: 100 },
  { name: '1000 partitions', partitions: 1000, end: 'stop', msMax: 400, megabytesMax: 100 },
  { name: '10,000 partitions', partitions: 10_000, end: 'stop', msMax: 2000 },
  { name: '10,000 partitions, after kill -9', partitions: 10_000, end: 'kill9', msMax: 5000 },
]

interface Figures {
  readonly ms: number[]
  readonly megabytes: number[]
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Starts, sends one record, rests, and ends the way the next start is to find things. */
async function startAndSend(dataDir: string, end: Case['end'], figures: Figures): Promise<void> {
  const startMs = performance.now()
  const broker = await startOttlaProcess({ dataDir })
  try {
    await using kafka = new Kafka({ brokers: broker.bootstrap })
    const producer = kafka.producer({ linger: 0 })
    await producer.send('topic-0', { value: 'first' })
    figures.ms.push(performance.now() - startMs)
    await wait(IDLE_MS)
    figures.megabytes.push(residentBytes(broker.pid) / 1e6)
  } finally {
    await broker[end]()
  }
}

/** A directory with records in every partition. */
async function prepared(count: number, end: Case['end']): Promise<string> {
  const dataDir = mkdtempSync(join(tmpdir(), 'ottla-start-'))
  if (count === 0) return dataDir
  const broker = await startOttlaProcess({ dataDir })
  await using kafka = new Kafka({ brokers: broker.bootstrap })
  await using producer = kafka.producer()
  const partitions = Array.from({ length: count / TOPICS }, (_, partition) => partition)
  for (let i = 0; i < TOPICS; i++) {
    const topic = `topic-${i}`
    await kafka.admin.createTopics([{ topic, partitions: partitions.length }])
    const value = 'x'.repeat(100)
    await producer.send(
      topic,
      partitions.map((partition) => ({ partition, value })),
    )
  }
  await broker[end]()
  return dataDir
}

async function measured({ name, partitions, end }: Case): Promise<Figures> {
  const figures: Figures = { ms: [], megabytes: [] }
  let dataDir = await prepared(partitions, end)
  try {
    // One more round than counted, first.
    for (let round = 0; round <= ROUNDS; round++) {
      await startAndSend(dataDir, end, figures)
      const [ms, megabytes] = [figures.ms.at(-1) as number, figures.megabytes.at(-1) as number]
      const text = `${ms.toFixed(0)} ms, idle ${megabytes.toFixed(0)} MB`
      process.stdout.write(`${name} round ${round}: ${text}\n`)
      if (partitions > 0) continue
      rmSync(dataDir, { recursive: true, force: true })
      dataDir = await prepared(0, end)
    }
  } finally {
    rmSync(dataDir, { recursive: true, force: true })
  }
  return { ms: figures.ms.slice(1), megabytes: figures.megabytes.slice(1) }
}

const rows: ResultRow[] = []
const idle: number[] = []
for (const one of CASES) {
  const { ms, megabytes } = await measured(one)
  const start = `process start to first acknowledged record, ${one.name}`
  rows.push(rowOf({ name: start, unit: 'ms', better: 'less', bar: one.msMax }, ms))
  const memory = { name: `idle memory, ${one.name}`, unit: 'MB', better: 'less' } as const
  const bar = one.megabytesMax
  rows.push(rowOf(bar === undefined ? memory : { ...memory, bar }, megabytes))
  idle.push(spreadOf(megabytes).median)
}
const [freshMegabytes, , manyMegabytes] = idle as [number, number, number]
const perPartition = ((manyMegabytes - freshMegabytes) * 1000) / 10_000
rows.push(
  rowOf({ name: 'memory per idle partition, of 10,000', unit: 'kB', better: 'less' }, [
    perPartition,
  ]),
)
saveResults('start', rows, { rounds: ROUNDS, idleMs: IDLE_MS })
