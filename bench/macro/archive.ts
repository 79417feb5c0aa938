/**
 * Reads from the archive beside reads from the disk: one topic whose segments are local, and one of
 * the same records that only the archive has, in a directory on the same disk. Both are read from
 * their beginning by the same consumer; the broker is started again in between, so that neither has
 * anything in its own memory.
 *
 *   npm run bench -- archive [--rounds N] [--megabytes N]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { SeededRandom } from '@ottla/base'
import { Kafka } from '@ottla/client'
import { type OttlaProcess, startOttlaProcess } from '../../test/support/ottla-process.ts'
import { cpuSeconds } from '../support/process-usage.ts'
import { type ResultRow, rowOf, saveResults } from '../support/results.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    megabytes: { type: 'string', default: '500' },
  },
  args: process.argv.slice(2),
})
const ROUNDS = Number(values.rounds)
const BYTES = Number(values.megabytes) * 1e6
const RECORD_BYTES = 1000
const SEGMENT_BYTES = 64 * 1024 * 1024
const DONE_TIMEOUT_MS = 300_000

async function fill(kafka: Kafka, topic: string): Promise<number> {
  const random = new SeededRandom(1)
  await using producer = kafka.producer({ linger: 5, batchSize: 131_072 })
  const count = Math.round(BYTES / RECORD_BYTES)
  for (let i = 0; i < count; i += 1000) {
    const size = Math.min(1000, count - i)
    await producer.send(
      topic,
      Array.from({ length: size }, () => ({ value: Buffer.from(random.bytes(RECORD_BYTES)) })),
    )
  }
  return count
}

async function offsetAt(kafka: Kafka, topic: string, at: number): Promise<number> {
  const [found] = await kafka.admin.listOffsets([{ topic, partition: 0, at }])
  return Number(found?.offset)
}

interface Figures {
  readonly megabytesPerSecond: number
  readonly cpuPerGigabyte: number
}

async function read(broker: OttlaProcess, topic: string, count: number): Promise<Figures> {
  await using kafka = new Kafka({ brokers: broker.bootstrap })
  const cpuBefore = cpuSeconds(broker.pid)
  const startMs = performance.now()
  let left = count
  await using consumer = kafka.consumer({ from: 'earliest' })
  for await (const batch of consumer.assign([{ topic, partition: 0, offset: 0n }])) {
    for (const _ of batch) left--
    if (left <= 0) break
  }
  const seconds = (performance.now() - startMs) / 1000
  const bytes = count * RECORD_BYTES
  const cpu = cpuSeconds(broker.pid) - cpuBefore
  return { megabytesPerSecond: bytes / 1e6 / seconds, cpuPerGigabyte: (cpu / bytes) * 1e9 }
}

const root = mkdtempSync(join(tmpdir(), 'ottla-bench-archive-'))
const options = {
  dataDir: join(root, 'data'),
  settings: {
    'remote.log.storage.system.enable': 'true',
    'archive.url': pathToFileURL(join(root, 'archive')).href,
    'remote.log.manager.task.interval.ms': '500',
    'log.retention.check.interval.ms': '500',
  },
}
try {
  let broker = await startOttlaProcess(options)
  let count = 0
  let archived = 0
  {
    await using kafka = new Kafka({ brokers: broker.bootstrap })
    const local = { 'segment.bytes': SEGMENT_BYTES }
    const tiered = {
      ...local,
      'remote.storage.enable': 'true',
      'local.retention.bytes': 1,
      'file.delete.delay.ms': 0,
    }
    await kafka.admin.createTopics([
      { topic: 'local', partitions: 1, configs: local },
      { topic: 'tiered', partitions: 1, configs: tiered },
    ])
    count = await fill(kafka, 'local')
    await fill(kafka, 'tiered')
    const startMs = performance.now()
    // All but the segment that is still being written.
    while (archived < count * 0.8 || (await offsetAt(kafka, 'tiered', -4)) !== archived + 1) {
      if (performance.now() - startMs > DONE_TIMEOUT_MS) throw new Error('nothing leaves the disk')
      await pause(200)
      archived = await offsetAt(kafka, 'tiered', -5)
    }
  }
  const figures: Record<'local' | 'tiered', Figures[]> = {
    local: [],
    tiered: [],
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const topic of ['local', 'tiered'] as const) {
      await broker.stop()
      broker = await startOttlaProcess(options)
      figures[topic].push(await read(broker, topic, archived))
    }
  }
  await broker.stop()
  const row = (
    name: string,
    unit: string,
    better: 'more' | 'less',
    value: (f: Figures) => number,
  ): ResultRow =>
    rowOf({ name: `archive: ${name}`, unit, better, bar: 0.5 }, figures.tiered.map(value), {
      name: 'the same from the local log',
      values: figures.local.map(value),
    })
  saveResults(
    'archive',
    [
      row('read from the beginning', 'MB/s', 'more', (f) => f.megabytesPerSecond),
      row('broker CPU per GB', 's', 'less', (f) => f.cpuPerGigabyte),
    ],
    { rounds: ROUNDS, bytesPerRun: archived * RECORD_BYTES, segmentBytes: SEGMENT_BYTES },
  )
} finally {
  rmSync(root, { recursive: true, force: true })
}
