/**
 * An archive in S3: a server that others wrote, and everything that goes wrong on the way to it.
 */
import { SeededRandom } from '@ottla/base'
import { openStore, type S3Settings } from '@ottla/broker'
import { Kafka } from '@ottla/client'
import { MemoryFileSystem } from '@ottla/storage'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ottla } from '../../integration/cli/run-ottla.ts'
import { readAll } from '../../integration/support/read-all.ts'
import { startOttlaProcess } from '../../support/ottla-process.ts'
import { waitUntil } from '../support/judged-broker.ts'
import { INSTALL_TIMEOUT_MS } from '../support/peers.ts'
import { type FaultKind, type FaultProxy, startFaultProxy } from './fault-proxy.ts'
import { type S3Server, startS3Server } from './s3-server.ts'

let server: S3Server
let proxy: FaultProxy
beforeAll(async () => {
  server = await startS3Server()
  proxy = await startFaultProxy(server.url)
}, INSTALL_TIMEOUT_MS)
afterAll(async () => {
  await proxy[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})
beforeEach(() => {
  proxy.decide = () => undefined
})

const credentials = () => ({
  'archive.s3.region': 'us-east-1',
  'archive.s3.path.style.access': 'true',
  'archive.s3.access.key.id': server.accessKeyId,
  'archive.s3.secret.access.key': server.secretAccessKey,
})

const s3Settings = (): S3Settings => ({
  endpoint: proxy.url,
  region: 'us-east-1',
  isPathStyle: true,
  accessKeyId: server.accessKeyId,
  secretAccessKey: server.secretAccessKey,
  requestTimeoutMs: 1000,
})

const open = (bucket: string, settings = s3Settings()) =>
  openStore(`s3://${bucket}/some/prefix`, {
    fileSystem: new MemoryFileSystem(),
    random: new SeededRandom(1),
    s3: settings,
  })

/** Content in chunks, as a segment comes from its file. */
const contentOf = (bytes: Buffer) => ({
  size: bytes.length,
  async *chunks() {
    for (let at = 0; at < bytes.length; at += 300_000) yield bytes.subarray(at, at + 300_000)
  },
})

describe('the store', () => {
  test('keeps, lists, gives back and deletes', async () => {
    const store = await open(await server.makeBucket())
    const bytes = Buffer.from(new SeededRandom(2).bytes(2_500_000))
    await store.put('t-0-x/log', contentOf(bytes))
    await store.put('t-0-x/empty', contentOf(Buffer.alloc(0)))
    expect((await store.get('t-0-x/log', 0)).equals(bytes)).toBe(true)
    expect(await store.get('t-0-x/log', 1_000_000, 1_000_010)).toEqual(
      bytes.subarray(1_000_000, 1_000_010),
    )
    expect(await store.get('t-0-x/empty', 0)).toEqual(Buffer.alloc(0))
    const listed: unknown[] = []
    for await (const object of store.list('t-0-')) listed.push(object)
    expect(listed).toEqual(
      expect.arrayContaining([
        { key: 't-0-x/log', size: 2_500_000 },
        { key: 't-0-x/empty', size: 0 },
      ]),
    )
    await store.delete('t-0-x/log')
    await store.delete('t-0-x/log')
    await expect(store.get('t-0-x/log', 0)).rejects.toMatchObject({ code: 'OBJECT_MISSING' })
    await expect(store.get('t-0-x/log', 5, 10)).rejects.toMatchObject({ code: 'OBJECT_MISSING' })
    await store.close()
  })

  test('lists more than one page', { timeout: 120_000 }, async () => {
    const store = await open(await server.makeBucket())
    const names = Array.from({ length: 1_100 }, (_, i) => `t-0-x/${String(i).padStart(5, '0')}`)
    for (let i = 0; i < names.length; i += 50) {
      const some = names.slice(i, i + 50)
      await Promise.all(some.map((name) => store.put(name, contentOf(Buffer.from('x')))))
    }
    const listed: string[] = []
    for await (const { key } of store.list('')) listed.push(key)
    expect(listed.sort()).toEqual(names)
    await store.close()
  })

  test('a bucket that is not there, or wrong credentials, are told when it is opened', async () => {
    await expect(open('no-such-bucket-here')).rejects.toThrow(/cannot be opened/)
    const bucket = await server.makeBucket()
    const wrong = { ...s3Settings(), secretAccessKey: 'not the secret' }
    await expect(open(bucket, wrong)).rejects.toThrow(/cannot be opened/)
  })

  test.each(['503', 'lost', 'half', 'silent'] as const)(
    'one request that ends with "%s" is got over',
    { timeout: 30_000 },
    async (kind: FaultKind) => {
      const store = await open(await server.makeBucket())
      const before = proxy.done[kind]
      const once = (method: string) => {
        let left = 1
        proxy.decide = (asked) => (asked === method && left-- > 0 ? kind : undefined)
      }
      const bytes = Buffer.from(new SeededRandom(3).bytes(50_000))
      once('PUT')
      await store.put('t-0-x/log', contentOf(bytes))
      once('GET')
      expect((await store.get('t-0-x/log', 0)).equals(bytes)).toBe(true)
      once('DELETE')
      await store.delete('t-0-x/log')
      expect(proxy.done[kind]).toBe(before + 3)
      await store.close()
    },
  )

  test.each(['503', 'lost', 'half', 'silent'] as const)(
    'a large upload that ends with "%s" fails or is whole',
    { timeout: 30_000 },
    async (kind) => {
      const store = await open(await server.makeBucket())
      const bytes = Buffer.from(new SeededRandom(4).bytes(3_000_000))
      proxy.decide = (method) => (method === 'PUT' ? kind : undefined)
      const failure = await store
        .put('t-0-x/log', contentOf(bytes))
        .catch((error: unknown) => error)
      expect(failure).toMatchObject({ code: 'STORE_FAILED' })
      proxy.decide = () => undefined
      for await (const { size } of store.list('')) expect(size).toBe(bytes.length)
      await store.put('t-0-x/log', contentOf(bytes))
      expect((await store.get('t-0-x/log', 0)).equals(bytes)).toBe(true)
      await store.close()
    },
  )
})

describe('the broker', () => {
  test('archives into S3 and reads from it, through faults and kills', {
    timeout: 240_000,
  }, async () => {
    const bucket = await server.makeBucket()
    const random = new SeededRandom(5)
    const settings = {
      'remote.log.storage.system.enable': 'true',
      'archive.url': `s3://${bucket}/logs`,
      'archive.s3.endpoint': proxy.url,
      'archive.s3.request.timeout.ms': '1000',
      ...credentials(),
      'rlmm.config.remote.log.metadata.topic.num.partitions': '2',
      'remote.log.manager.task.interval.ms': '100',
      'log.retention.check.interval.ms': '100',
      'tail.cache.bytes.max': '0',
    }
    proxy.decide = () =>
      random.chance(0.1) ? random.pick(['503', 'lost', 'half'] as const) : undefined
    let broker = await startOttlaProcess({ settings })
    const { dataDir, port } = broker
    const total = 12_000
    let sent = 0
    {
      await using kafka = new Kafka({ brokers: broker.bootstrap })
      const configs = {
        'remote.storage.enable': 'true',
        'segment.bytes': 1_048_576,
        'local.retention.bytes': 1,
        'file.delete.delay.ms': 0,
      }
      await kafka.admin.createTopics([{ topic: 'logs', partitions: 1, configs }])
      await using producer = kafka.producer()
      while (sent < total) {
        const records = Array.from({ length: 100 }, () => ({
          value: `${sent++} ${'x'.repeat(1000)}`,
        }))
        await producer.send('logs', records)
        if (sent % 3000 !== 0) continue
        await broker.kill9()
        broker = await startOttlaProcess({ dataDir, port, settings })
      }
    }
    await using kafka = new Kafka({ brokers: broker.bootstrap })
    const offsetAt = async (at: number) => {
      const [found] = await kafka.admin.listOffsets([{ topic: 'logs', partition: 0, at }])
      return Number(found?.offset)
    }
    await waitUntil('the log leaves the disk', async () => (await offsetAt(-4)) > 10_000, 120_000)
    const records = await readAll(kafka, 'logs', total)
    expect(records.map(({ value }) => Number(String(value).split(' ')[0]))).toEqual(
      Array.from({ length: total }, (_, i) => i),
    )
    proxy.decide = () => undefined
    await waitUntil('nothing is unfinished', async () => {
      const result = await verify(broker.bootstrap)
      return result.findings.length === 0
    })
    await kafka.admin.deleteTopics(['logs'])
    await waitUntil(
      'the bucket is empty',
      async () => (await verify(broker.bootstrap)).objects === 0,
    )
    await broker.stop()
  })
})

async function verify(bootstrap: string): Promise<{ objects: number; findings: unknown[] }> {
  const env = {
    AWS_ACCESS_KEY_ID: server.accessKeyId,
    AWS_SECRET_ACCESS_KEY: server.secretAccessKey,
  }
  const run = await ottla(['archive', 'verify', '-b', bootstrap, '-o', 'json'], { env })
  return JSON.parse(run.out) as { objects: number; findings: unknown[] }
}
