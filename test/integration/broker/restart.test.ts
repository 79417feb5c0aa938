/** What is there after a stop, a kill and a start; ottla only, since these look at its own ways. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Broker } from '@ottla/broker'
import { Kafka } from '@ottla/client'
import { apis } from '@ottla/protocol'
import { startBroker } from '@ottla/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { readAll } from '../support/read-all.ts'

const directories: string[] = []

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'ottla-restart-'))
  directories.push(path)
  return path
}

afterEach(() => {
  for (const path of directories.splice(0)) rmSync(path, { recursive: true, force: true })
})

const LOOPBACK = { listeners: 'PLAINTEXT://127.0.0.1:0' }

describe('a broker that comes back', () => {
  it('has topics, records, settings and committed offsets as before', async () => {
    await using broker = await startBroker()
    await using kafka = new Kafka({ brokers: broker.address })
    await kafka.admin.createTopics([
      { topic: 'kept', partitions: 3, configs: { 'retention.ms': 123_456_789 } },
    ])
    await using producer = kafka.producer()
    await producer.send(
      'kept',
      Array.from({ length: 300 }, (_, i) => ({ partition: i % 3, value: `v${i}` })),
    )
    await kafka.admin.alterGroupOffsets('g', [{ topic: 'kept', partition: 1, offset: 42n }])
    const before = await kafka.admin.describeTopics(['kept'])
    await broker.restart()
    expect(await kafka.admin.describeTopics(['kept'])).toEqual(before)
    expect(await readAll(kafka, 'kept', 300)).toHaveLength(300)
    expect(await kafka.admin.listGroupOffsets('g')).toMatchObject([
      { topic: 'kept', partition: 1, offset: 42n },
    ])
    const [described] = await kafka.admin.describeConfigs([{ type: 'topic', name: 'kept' }])
    expect(described?.configs.find((c) => c.name === 'retention.ms')?.value).toBe('123456789')
    const sizes = await kafka.request(apis.describeLogDirs, { topics: null })
    const topic = sizes.results[0]?.topics.find((t) => t.name === 'kept')
    expect(topic?.partitions.map((p) => p.partitionSize > 0)).toEqual([true, true, true])
  })

  it('goes on with the sequence of an idempotent producer', async () => {
    await using broker = await startBroker()
    await using kafka = new Kafka({ brokers: broker.address })
    await kafka.admin.createTopics([{ topic: 'sequence', partitions: 1 }])
    await using producer = kafka.producer({ linger: 0 })
    for (let i = 0; i < 5; i++) {
      await producer.send('sequence', { value: `v${i}` })
      await broker.restart()
    }
    const values = (await readAll(kafka, 'sequence', 5)).map((record) => String(record.value))
    expect(values).toEqual(['v0', 'v1', 'v2', 'v3', 'v4'])
  })

  it('gives no producer id twice', async () => {
    await using broker = await startBroker()
    await using kafka = new Kafka({ brokers: broker.address })
    const ids = new Set<number>()
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 3; i++) {
        const { producerId } = await kafka.request(apis.initProducerId, {
          transactionalId: null,
          transactionTimeoutMs: 0,
        })
        ids.add(producerId)
      }
      await broker.restart()
    }
    expect(ids.size).toBe(9)
  })

  it('starts at once with many partitions and opens none of them', async () => {
    const dataDir = directory()
    const first = await Broker.start({ dataDir, settings: LOOPBACK })
    const kafka = new Kafka({ brokers: first.address })
    await kafka.admin.createTopics([{ topic: 'wide', partitions: 1000 }])
    await kafka.close()
    await first.stop()
    const startMs = performance.now()
    const second = await Broker.start({ dataDir, settings: LOOPBACK })
    expect(performance.now() - startMs).toBeLessThan(5000)
    const files = readdirSync(`/proc/${process.pid}/fd`).length
    expect(files).toBeLessThan(200)
    await second.stop()
  })
})

describe('a directory', () => {
  it('is never used by two brokers', async () => {
    const dataDir = directory()
    const first = await Broker.start({ dataDir, settings: LOOPBACK })
    await expect(Broker.start({ dataDir, settings: LOOPBACK })).rejects.toMatchObject({
      code: 'DIRECTORY_LOCKED',
    })
    await first.stop()
    const second = await Broker.start({ dataDir, settings: LOOPBACK })
    await second.stop()
  })

  it('loses a deleted topic, also when one of its name is made again', async () => {
    const dataDir = directory()
    const settings = { ...LOOPBACK, 'log.segment.delete.delay.ms': 0 }
    const broker = await Broker.start({ dataDir, settings })
    await using kafka = new Kafka({ brokers: broker.address })
    await kafka.admin.createTopics([{ topic: 'gone', partitions: 1 }])
    await using producer = kafka.producer()
    await producer.send('gone', { value: 'old' })
    await kafka.admin.alterGroupOffsets('g', [{ topic: 'gone', partition: 0, offset: 1n }])
    await kafka.admin.deleteTopics(['gone'])
    expect(existsSync(join(broker.logDir, 'gone-0'))).toBe(false)
    expect(await kafka.admin.listGroupOffsets('g')).toEqual([])
    await kafka.admin.createTopics([{ topic: 'gone', partitions: 1 }])
    const [end] = await kafka.admin.listOffsets([{ topic: 'gone', partition: 0, at: 'latest' }])
    expect(end?.offset).toBe(0n)
    await broker.stop()
  })
})

describe('health and metrics', () => {
  it('are there on a port of their own', async () => {
    const broker = await Broker.start({
      dataDir: directory(),
      settings: { ...LOOPBACK, 'metrics.port': 0 },
    })
    const base = `http://127.0.0.1:${broker.metricsPort}`
    expect(await (await fetch(`${base}/healthz`)).text()).toBe('ok\n')
    const kafka = new Kafka({ brokers: broker.address })
    await kafka.admin.listTopics()
    const page = await (await fetch(`${base}/metrics`)).text()
    expect(page).toMatch(/^ottla_requests_total\{api="Metadata"\} [1-9]/m)
    expect(page).toMatch(/^ottla_cleanings_total 0$/m)
    expect((await fetch(`${base}/other`)).status).toBe(404)
    await kafka.close()
    await broker.stop()
  })

  it('answer on every listener with the address that was dialled', async () => {
    const broker = await Broker.start({
      dataDir: directory(),
      settings: {
        listeners: 'PLAINTEXT://127.0.0.1:0,OTHER://127.0.0.2:0',
        'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,OTHER:PLAINTEXT',
      },
    })
    const kafka = new Kafka({ brokers: broker.address })
    const cluster = await kafka.admin.describeCluster()
    expect(cluster.brokers[0]).toMatchObject({ host: '127.0.0.1', port: broker.port })
    await kafka.close()
    await broker.stop()
  })
})
