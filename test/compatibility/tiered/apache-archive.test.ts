/**
 * Apache Kafka's own tiered storage (LocalTieredStorage, from its tests) on the archive that ottla
 * wrote, and ottla on the one that Apache Kafka wrote: the same directory goes from one to the
 * other and back, and every record is read that only the archive has.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Kafka } from '@ottla/client'
import { beforeAll, expect, test } from 'vitest'
import { ottla } from '../../integration/cli/run-ottla.ts'
import { readAll } from '../../integration/support/read-all.ts'
import { startOttlaProcess } from '../../support/ottla-process.ts'
import { startApacheBroker } from '../support/apache-broker.ts'
import { ensureLocalTieredStorage } from '../support/apache-jars.ts'
import { waitUntil } from '../support/judged-broker.ts'
import { INSTALL_TIMEOUT_MS } from '../support/peers.ts'
import { apacheTieredStorage, TIERED_STORAGE } from './tiered-settings.ts'

beforeAll(() => ensureLocalTieredStorage(), INSTALL_TIMEOUT_MS)

const OFFSETS_PARTITIONS = { 'offsets.topic.num.partitions': '2' }

const apacheSettings = async (archive: string) => ({
  ...(await apacheTieredStorage(archive)),
  ...OFFSETS_PARTITIONS,
})

const ottlaSettings = (archive: string) => ({
  ...TIERED_STORAGE,
  ...OFFSETS_PARTITIONS,
  'archive.url': pathToFileURL(join(archive, 'kafka-tiered-storage')).href,
  'tail.cache.bytes.max': '0',
})

const TIERED = {
  'remote.storage.enable': 'true',
  'segment.bytes': 1_048_576,
  'local.retention.bytes': 1,
  'file.delete.delay.ms': 0,
}

async function produce(kafka: Kafka, from: number, to: number): Promise<void> {
  await using producer = kafka.producer()
  for (let i = from; i < to; i += 50) {
    const records = Array.from({ length: 50 }, (_, j) => ({
      value: `${i + j} ${'x'.repeat(1000)}`,
    }))
    await producer.send('logs', records)
  }
}

async function offsetAt(kafka: Kafka, at: number): Promise<number> {
  const [found] = await kafka.admin.listOffsets([{ topic: 'logs', partition: 0, at }])
  return Number(found?.offset)
}

/** Apache Kafka refuses reads of its archive until it has read its metadata topic. */
const untilArchiveAnswers = (kafka: Kafka) =>
  waitUntil('the archive answers', () =>
    readAll(kafka, 'logs', 1).then(
      () => true,
      () => false,
    ),
  )

async function expectAll(kafka: Kafka, count: number): Promise<void> {
  await untilArchiveAnswers(kafka)
  const records = await readAll(kafka, 'logs', count)
  expect(records.map(({ value }) => Number(String(value).split(' ')[0]))).toEqual(
    Array.from({ length: count }, (_, i) => i),
  )
}

const untilLocalStart = (kafka: Kafka, atLeast: number) =>
  waitUntil(`offsets below ${atLeast} leave the disk`, async () => {
    return (await offsetAt(kafka, -4)) >= atLeast
  })

test('an archive goes from ottla to Apache Kafka and back', { timeout: 300_000 }, async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'ottla-tiered-'))
  const archive = join(dataDir, 'archive')
  const logDir = join(dataDir, 'data')
  try {
    // Apache Kafka formats the directory and makes the topic.
    {
      await using apache = await startApacheBroker({
        dataDir,
        heap: '512m',
        overrides: await apacheSettings(archive),
      })
      await using kafka = new Kafka({ brokers: apache.bootstrap })
      await kafka.admin.createTopics([{ topic: 'logs', partitions: 1, configs: TIERED }])
      await produce(kafka, 0, 4000)
      await untilLocalStart(kafka, 2000)
      await expectAll(kafka, 4000)
    }
    {
      await using broker = await startOttlaProcess({
        dataDir: logDir,
        settings: ottlaSettings(archive),
      })
      await using kafka = new Kafka({ brokers: broker.bootstrap })
      await expectAll(kafka, 4000)
      const found = await ottla(['archive', 'verify', '-b', broker.bootstrap, '-o', 'json'])
      expect(JSON.parse(found.out)).toMatchObject({ findings: [] })
      await produce(kafka, 4000, 8000)
      await untilLocalStart(kafka, 6000)
      await expectAll(kafka, 8000)
    }
    {
      await using apache = await startApacheBroker({
        dataDir,
        heap: '512m',
        overrides: await apacheSettings(archive),
      })
      await using kafka = new Kafka({ brokers: apache.bootstrap })
      expect(await offsetAt(kafka, -2)).toBe(0)
      expect(await offsetAt(kafka, -4)).toBeGreaterThanOrEqual(6000)
      await expectAll(kafka, 8000)
      // What ottla archived, Apache Kafka deletes.
      const shrink = [{ name: 'retention.bytes', value: 1_500_000 }]
      await kafka.admin.incrementalAlterConfigs([{ type: 'topic', name: 'logs', configs: shrink }])
      await waitUntil('the log shrinks', async () => (await offsetAt(kafka, -2)) >= 5000)
    }
    {
      await using broker = await startOttlaProcess({
        dataDir: logDir,
        settings: ottlaSettings(archive),
      })
      await using kafka = new Kafka({ brokers: broker.bootstrap })
      expect(await offsetAt(kafka, -2)).toBeGreaterThanOrEqual(5000)
      await waitUntil('the archive agrees with its metadata', async () => {
        const found = await ottla(['archive', 'verify', '-b', broker.bootstrap, '-o', 'json'])
        return (JSON.parse(found.out) as { findings: unknown[] }).findings.length === 0
      })
      await kafka.admin.deleteTopics(['logs'])
      await waitUntil('nothing is left', async () => {
        const found = await ottla(['archive', 'verify', '-b', broker.bootstrap, '-o', 'json'])
        return (JSON.parse(found.out) as { objects: number }).objects === 0
      })
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true })
  }
})
