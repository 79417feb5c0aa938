/**
 * A tiered topic loses records to DeleteRecords, to retention by time and by size, and goes: where
 * it begins, what is told of its archive and what is read afterwards is the same with Apache Kafka.
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Kafka } from '@ottla/client'
import { beforeAll, expect, test } from 'vitest'
import { readAll } from '../../integration/support/read-all.ts'
import { startOttlaProcess } from '../../support/ottla-process.ts'
import { startApacheBroker } from '../support/apache-broker.ts'
import { ensureLocalTieredStorage } from '../support/apache-jars.ts'
import { waitUntil } from '../support/judged-broker.ts'
import { INSTALL_TIMEOUT_MS } from '../support/peers.ts'
import { apacheTieredStorage, TIERED_STORAGE } from './tiered-settings.ts'

beforeAll(() => ensureLocalTieredStorage(), INSTALL_TIMEOUT_MS)

/** A thousand records to a segment, each a second younger than the one before. */
const TIERED = {
  'remote.storage.enable': 'true',
  'segment.bytes': 1_048_576,
  'local.retention.bytes': 1,
  'retention.ms': -1,
  'file.delete.delay.ms': 0,
}
const COUNT = 5000
const START_MS = 1_600_000_000_000
const timeOf = (i: number) => START_MS + i * 1000
const EARLIEST = -2
const LOCAL = -4
const SPECIAL = [-1, EARLIEST, LOCAL, -5, -6]

async function produce(kafka: Kafka): Promise<void> {
  await using producer = kafka.producer()
  for (let i = 0; i < COUNT; i += 50) {
    const records = Array.from({ length: 50 }, (_, j) => ({
      value: `${String(i + j).padStart(8)} ${'x'.repeat(1000)}`,
      timestamp: timeOf(i + j),
    }))
    await producer.send('logs', records)
  }
}

async function offsetAt(kafka: Kafka, at: number): Promise<number> {
  const [found] = await kafka.admin.listOffsets([{ topic: 'logs', partition: 0, at }])
  return Number(found?.offset)
}

/** What the topic is told to be, once `place` has come to be at `offset`. */
async function standing(kafka: Kafka, place: number, offset: number) {
  await waitUntil(`offset ${offset} for ${place}`, async () => {
    return (await offsetAt(kafka, place)) === offset
  })
  const special: Record<string, number> = {}
  for (const at of SPECIAL) special[at] = await offsetAt(kafka, at)
  const byTime: number[] = []
  for (const i of [0, 500, 1999, 2500, 4700]) byTime.push(await offsetAt(kafka, timeOf(i)))
  const start = special[EARLIEST] ?? 0
  const read = await readAll(kafka, 'logs', COUNT - start)
  const texts = read.map(({ value }) => Number(String(value).slice(0, 8)))
  expect(texts).toEqual(Array.from({ length: COUNT - start }, (_, i) => start + i))
  return { special, byTime }
}

async function alter(kafka: Kafka, name: string, value: number): Promise<void> {
  const configs = [{ name, value }]
  await kafka.admin.incrementalAlterConfigs([{ type: 'topic', name: 'logs', configs }])
}

async function life(bootstrap: string, directory: string) {
  await using kafka = new Kafka({ brokers: bootstrap })
  const steps: Record<string, unknown> = {}
  const files = () => filesBelow(directory).filter((path) => path.includes('logs-0'))
  const archived = () => files().filter((path) => path.endsWith('.log')).length
  await kafka.admin.createTopics([{ topic: 'logs', partitions: 1, configs: TIERED }])
  await produce(kafka)
  steps['archive alone'] = await standing(kafka, LOCAL, 4000)
  expect(archived()).toBe(4)
  await kafka.admin.deleteRecords([{ topic: 'logs', partition: 0, before: 1510n }])
  steps['DeleteRecords in the archive'] = await standing(kafka, EARLIEST, 1510)
  await waitUntil('the first segment leaves the archive', () => archived() === 3)
  // The records until 2,499 are too old; whole segments go.
  await alter(kafka, 'retention.ms', Date.now() - timeOf(2500))
  steps['retention.ms'] = await standing(kafka, EARLIEST, 2000)
  await waitUntil('the second segment leaves the archive', () => archived() === 2)
  await alter(kafka, 'retention.bytes', 1_990_000)
  steps['retention.bytes'] = await standing(kafka, EARLIEST, 3000)
  await waitUntil('the third segment leaves the archive', () => archived() === 1)
  await kafka.admin.deleteRecords([{ topic: 'logs', partition: 0, before: 4510n }])
  steps['DeleteRecords on disk'] = await standing(kafka, EARLIEST, 4510)
  await waitUntil('nothing is archived', () => files().length === 0)
  return steps
}

/** A tiered topic that goes leaves nothing of itself in the archive. */
async function end(bootstrap: string, directory: string): Promise<void> {
  await using kafka = new Kafka({ brokers: bootstrap })
  await kafka.admin.createTopics([{ topic: 'gone', partitions: 1, configs: TIERED }])
  await using producer = kafka.producer()
  for (let i = 0; i < 30; i++) await producer.send('gone', [{ value: Buffer.alloc(100_000, i) }])
  const files = () => filesBelow(directory).filter((path) => path.includes('gone-0'))
  await waitUntil('two segments are archived', () => {
    return files().filter((path) => path.endsWith('.log')).length === 2
  })
  await kafka.admin.deleteTopics(['gone'])
  await waitUntil('nothing of the topic is left', () => files().length === 0)
}

function filesBelow(directory: string): string[] {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' })
  return names.filter((name) =>
    statSync(join(directory, name), { throwIfNoEntry: false })?.isFile(),
  )
}

test('what expires in a tiered topic is gone for both', { timeout: 240_000 }, async () => {
  const root = mkdtempSync(join(tmpdir(), 'ottla-expiry-'))
  const [ours, theirs] = [join(root, 'ottla'), join(root, 'apache')]
  try {
    await using ottla = await startOttlaProcess({
      settings: { ...TIERED_STORAGE, 'archive.url': pathToFileURL(ours).href },
    })
    await using apache = await startApacheBroker({
      heap: '512m',
      overrides: await apacheTieredStorage(theirs),
    })
    const judged = await life(apache.bootstrap, theirs)
    expect(await life(ottla.bootstrap, ours)).toEqual(judged)
    await end(apache.bootstrap, theirs)
    await end(ottla.bootstrap, ours)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
})
