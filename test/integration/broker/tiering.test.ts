/** Tiered topics (KIP-405) with an archive in a directory, as a client sees them; ottla only. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Broker } from '@ottla/broker'
import { Kafka } from '@ottla/client'
import { startBroker } from '@ottla/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readAll } from '../support/read-all.ts'
import { waitFor } from '../support/topics.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'ottla-tiering-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const archiveDir = () => join(root, 'archive')

const LOOPBACK = { listeners: 'PLAINTEXT://127.0.0.1:0' }

const settings = (): Record<string, string> => ({
  'remote.log.storage.system.enable': 'true',
  'archive.url': pathToFileURL(archiveDir()).href,
  'rlmm.config.remote.log.metadata.topic.num.partitions': '2',
  'remote.log.manager.task.interval.ms': '50',
  'log.retention.check.interval.ms': '50',
  'tail.cache.bytes.max': '0',
})

/** Segments of a megabyte leave the disk as soon as the archive has them. */
const TIERED = {
  'retention.ms': -1,
  'remote.storage.enable': 'true',
  'segment.bytes': 1_048_576,
  'local.retention.bytes': 1,
  'file.delete.delay.ms': 0,
}

/** Special offsets, as ListOffsets numbers them. */
const AT = { localStart: -4, tiered: -5, pending: -6 } as const

async function offsetAt(kafka: Kafka, topic: string, at: number | 'earliest' | 'latest') {
  const [found] = await kafka.admin.listOffsets([{ topic, partition: 0, at }])
  return Number(found?.offset)
}

const textOf = (i: number): string => `${i} ${'x'.repeat(1000)}`

/** One record to a batch, with a timestamp of its own. */
async function produce(kafka: Kafka, topic: string, from: number, to: number): Promise<void> {
  await using producer = kafka.producer()
  for (let i = from; i < to; i += 10) {
    const records = Array.from({ length: Math.min(10, to - i) }, (_, j) => ({
      value: textOf(i + j),
      timestamp: 1_600_000_000_000 + (i + j) * 1000,
    }))
    await producer.send(topic, records)
  }
}

/** All but the newest segment are in the archive alone. */
async function untilTiered(kafka: Kafka, topic: string, atLeast: number): Promise<void> {
  await waitFor(`${topic} leaves the disk`, async () => {
    const [tiered, local] = [
      await offsetAt(kafka, topic, AT.tiered),
      await offsetAt(kafka, topic, AT.localStart),
    ]
    return local >= atLeast && local === tiered + 1
  })
}

async function expectAll(kafka: Kafka, topic: string, count: number): Promise<void> {
  const records = await readAll(kafka, topic, count)
  expect(records.map(({ value }) => String(value))).toEqual(
    Array.from({ length: count }, (_, i) => textOf(i)),
  )
}

const archived = (topic: string): string[] => {
  const directory = readdirSync(archiveDir()).find((name) => name.startsWith(`${topic}-0-`))
  return directory === undefined ? [] : readdirSync(join(archiveDir(), directory))
}

const archivedLogs = (topic: string): string[] =>
  archived(topic)
    .filter((name) => name.endsWith('.log'))
    .sort()

describe('a tiered topic', () => {
  it('is read from the archive where the disk has it no more, also after a restart', async () => {
    await using broker = await startBroker({ settings: settings() })
    await using kafka = new Kafka({ brokers: broker.address })
    await kafka.admin.createTopics([{ topic: 'logs', partitions: 1, configs: TIERED }])
    expect(await offsetAt(kafka, 'logs', AT.tiered)).toBe(-1)
    expect(await offsetAt(kafka, 'logs', AT.pending)).toBe(-1)
    await produce(kafka, 'logs', 0, 10)
    expect(await offsetAt(kafka, 'logs', AT.pending)).toBe(0)
    await produce(kafka, 'logs', 10, 5000)
    await untilTiered(kafka, 'logs', 3000)
    expect(await offsetAt(kafka, 'logs', 'earliest')).toBe(0)
    const tiered = await offsetAt(kafka, 'logs', AT.tiered)
    expect(await offsetAt(kafka, 'logs', AT.pending)).toBe(tiered + 1)
    await expectAll(kafka, 'logs', 5000)
    await broker.restart()
    expect(await offsetAt(kafka, 'logs', 'earliest')).toBe(0)
    expect(await offsetAt(kafka, 'logs', AT.tiered)).toBe(tiered)
    await expectAll(kafka, 'logs', 5000)
  })

  it('finds offsets by time in the archive and behind it', async () => {
    await using broker = await startBroker({ settings: settings() })
    await using kafka = new Kafka({ brokers: broker.address })
    await kafka.admin.createTopics([{ topic: 'times', partitions: 1, configs: TIERED }])
    await produce(kafka, 'times', 0, 3000)
    await untilTiered(kafka, 'times', 1500)
    for (const i of [0, 1, 777, 1499, 2999]) {
      expect(await offsetAt(kafka, 'times', 1_600_000_000_000 + i * 1000)).toBe(i)
      expect(await offsetAt(kafka, 'times', 1_600_000_000_000 + i * 1000 - 999)).toBe(i)
    }
    expect(await offsetAt(kafka, 'times', 1_600_000_000_000 + 3000 * 1000)).toBe(-1)
  })

  it('loses in the archive what DeleteRecords and retention take away', async () => {
    await using broker = await startBroker({ settings: settings() })
    await using kafka = new Kafka({ brokers: broker.address })
    await kafka.admin.createTopics([{ topic: 'cut', partitions: 1, configs: TIERED }])
    await produce(kafka, 'cut', 0, 5000)
    await untilTiered(kafka, 'cut', 3000)
    const before = archived('cut').length
    await kafka.admin.deleteRecords([{ topic: 'cut', partition: 0, before: 2500n }])
    expect(await offsetAt(kafka, 'cut', 'earliest')).toBe(2500)
    await waitFor('the archive shrinks', () => archived('cut').length <= before - 10)
    const kept = await readAll(kafka, 'cut', 2500)
    expect(String(kept[0]?.value)).toBe(textOf(2500))
    await kafka.admin.incrementalAlterConfigs([
      {
        type: 'topic',
        name: 'cut',
        configs: [{ name: 'retention.bytes', value: 1_500_000 }],
      },
    ])
    await waitFor('the log shrinks', async () => (await offsetAt(kafka, 'cut', 'earliest')) > 3000)
    const start = await offsetAt(kafka, 'cut', 'earliest')
    const left = await readAll(kafka, 'cut', 5000 - start)
    expect(left.map(({ value }) => String(value))[0]).toBe(textOf(start))
  })

  it('keeps in the archive what local retention takes, and lets go what retention.ms does', async () => {
    await using broker = await startBroker({ settings: settings() })
    await using kafka = new Kafka({ brokers: broker.address })
    const { 'local.retention.bytes': _, ...rest } = TIERED
    const configs = { ...rest, 'retention.ms': -1, 'local.retention.ms': 1 }
    await kafka.admin.createTopics([{ topic: 'old', partitions: 1, configs }])
    await produce(kafka, 'old', 0, 4000)
    await untilTiered(kafka, 'old', 3000)
    expect(await offsetAt(kafka, 'old', 'earliest')).toBe(0)
    await expectAll(kafka, 'old', 4000)
    const [logs, tiered] = [archivedLogs('old'), await offsetAt(kafka, 'old', AT.tiered)]
    // Whole segments go, those whose newest record is older than record 2,500.
    const retentionMs = Date.now() - (1_600_000_000_000 + 2500 * 1000)
    const change = [{ name: 'retention.ms', value: retentionMs }]
    await kafka.admin.incrementalAlterConfigs([{ type: 'topic', name: 'old', configs: change }])
    await waitFor('the log shrinks', async () => (await offsetAt(kafka, 'old', 'earliest')) > 1000)
    const start = await offsetAt(kafka, 'old', 'earliest')
    expect(start).toBeLessThanOrEqual(2500)
    await waitFor('the archive begins where the log does', () => {
      return Number.parseInt(archivedLogs('old')[0] ?? '', 10) === start
    })
    const kept = archivedLogs('old')
    expect(kept).toEqual(logs.slice(-kept.length))
    expect(await offsetAt(kafka, 'old', AT.tiered)).toBe(tiered)
    expect(await offsetAt(kafka, 'old', 1_600_000_000_000)).toBe(start)
    const left = await readAll(kafka, 'old', 4000 - start)
    expect(left.map(({ value }) => String(value))).toEqual(
      Array.from({ length: 4000 - start }, (_, i) => textOf(start + i)),
    )
  })

  it('takes its archive along when it is deleted, while somebody reads', async () => {
    await using broker = await startBroker({ settings: settings() })
    await using kafka = new Kafka({ brokers: broker.address })
    await kafka.admin.createTopics([{ topic: 'gone', partitions: 1, configs: TIERED }])
    await produce(kafka, 'gone', 0, 4000)
    await untilTiered(kafka, 'gone', 2000)
    const signal = AbortSignal.timeout(15_000)
    await using consumer = kafka.consumer({ from: 'earliest' })
    for await (const batch of consumer.subscribe('gone', { signal })) {
      expect([...batch].length).toBeGreaterThan(0)
      await kafka.admin.deleteTopics(['gone'])
      break
    }
    await waitFor('the archive is empty', () => archived('gone').length === 0)
    // A topic of the same name is another one.
    await kafka.admin.createTopics([{ topic: 'gone', partitions: 1, configs: TIERED }])
    await produce(kafka, 'gone', 0, 10)
    await expectAll(kafka, 'gone', 10)
  })

  it('keeps what is on disk when its tier is turned off', async () => {
    await using broker = await startBroker({ settings: settings() })
    await using kafka = new Kafka({ brokers: broker.address })
    await kafka.admin.createTopics([{ topic: 'off', partitions: 1, configs: TIERED }])
    await produce(kafka, 'off', 0, 3000)
    await untilTiered(kafka, 'off', 1500)
    const alter = (configs: { name: string; value: boolean }[]) =>
      kafka.admin.incrementalAlterConfigs([{ type: 'topic', name: 'off', configs }])
    const off = { name: 'remote.storage.enable', value: false }
    await expect(alter([off])).rejects.toThrow(
      /invalid to disable remote storage without deleting remote data/,
    )
    const local = await offsetAt(kafka, 'off', AT.localStart)
    await alter([off, { name: 'remote.log.delete.on.disable', value: true }])
    await waitFor('the archive is empty', () => archived('off').length === 0)
    expect(await offsetAt(kafka, 'off', 'earliest')).toBe(local)
    const left = await readAll(kafka, 'off', 3000 - local)
    expect(String(left[0]?.value)).toBe(textOf(local))
  })
})

describe('settings of tiered topics', () => {
  it('are refused where tiered storage is off', async () => {
    await using broker = await startBroker()
    await using kafka = new Kafka({ brokers: broker.address })
    await expect(
      kafka.admin.createTopics([{ topic: 't', partitions: 1, configs: TIERED }]),
    ).rejects.toThrow(/Tiered Storage functionality is disabled/)
  })

  it('a broker does not start without the archive its topics are in', async () => {
    const dataDir = join(root, 'data')
    {
      await using broker = await Broker.start({ dataDir, settings: { ...LOOPBACK, ...settings() } })
      await using kafka = new Kafka({ brokers: broker.address })
      await kafka.admin.createTopics([{ topic: 't', partitions: 1, configs: TIERED }])
    }
    const off = Broker.start({ dataDir, settings: LOOPBACK })
    await expect(off).rejects.toThrow(/Topic t is tiered/)
    const nowhere = { ...LOOPBACK, 'remote.log.storage.system.enable': 'true' }
    await expect(Broker.start({ dataDir, settings: nowhere })).rejects.toThrow(/archive\.url/)
    await using again = await Broker.start({ dataDir, settings: { ...LOOPBACK, ...settings() } })
    expect(again.port).toBeGreaterThan(0)
  })
})
