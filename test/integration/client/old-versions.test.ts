/**
 * The client against a broker that speaks no more than Kafka 2.1 did: a proxy lowers what the
 * broker says it speaks, so every request goes out in an old version.
 */
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { Kafka } from '@ottla/client'
import { FrameSplitter } from '@ottla/network'
import { apis, correlationIdOf, decodeResponse, encodeResponse } from '@ottla/protocol'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { readAll } from '../support/read-all.ts'
import { createTopic, uniqueName, waitFor } from '../support/topics.ts'

/** Newest version of each API in Kafka 2.1, by api key; others did not exist. */
const KAFKA_2_1: Readonly<Record<number, number>> = {
  0: 7,
  1: 10,
  2: 4,
  3: 7,
  8: 6,
  9: 5,
  10: 2,
  11: 3,
  12: 2,
  13: 2,
  14: 2,
  15: 2,
  16: 2,
  18: 2,
  19: 3,
  20: 3,
  21: 1,
  22: 1,
  23: 2,
  32: 2,
  33: 1,
  35: 1,
  37: 1,
  42: 1,
}
const API_VERSIONS_ASKED = 3

/** The client's first request on a connection is ApiVersions; only that answer is changed. */
function proxyTo(target: () => number): Promise<{ server: Server; port: number }> {
  const server = createServer((client) => {
    const broker = createConnection({ port: target(), host: '127.0.0.1' })
    let isFirst = true
    const splitter = new FrameSplitter()
    const close = () => {
      client.destroy()
      broker.destroy()
    }
    for (const socket of [client, broker]) socket.on('error', close).on('close', close)
    client.on('data', (chunk) => broker.write(chunk))
    broker.on('data', (chunk) =>
      splitter.push(chunk, (frame) => {
        if (isFirst) answerAsOld(client, frame)
        else passOn(client, frame)
        isFirst = false
      }),
    )
  })
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve({ server, port: typeof address === 'object' && address ? address.port : 0 })
    })
  })
}

function answerAsOld(client: Socket, frame: Buffer): void {
  const response = decodeResponse(apis.apiVersions, API_VERSIONS_ASKED, frame)
  const apiKeys = response.apiKeys
    .filter(({ apiKey }) => KAFKA_2_1[apiKey] !== undefined)
    .map((range) => ({ ...range, maxVersion: KAFKA_2_1[range.apiKey] ?? 0 }))
  const old = { errorCode: 0, apiKeys, throttleTimeMs: 0 }
  const chunks = encodeResponse(apis.apiVersions, API_VERSIONS_ASKED, correlationIdOf(frame), old)
  for (const chunk of chunks) client.write(chunk)
}

function passOn(client: Socket, frame: Buffer): void {
  const size = Buffer.alloc(4)
  size.writeInt32BE(frame.length)
  client.write(size)
  client.write(frame)
}

let broker: TestBroker
let server: Server
let kafka: Kafka
let target = 0

beforeAll(async () => {
  const proxy = await proxyTo(() => target)
  server = proxy.server
  const address = `PLAINTEXT://127.0.0.1:${proxy.port}`
  broker = await startTestBroker({ 'advertised.listeners': address })
  target = Number(broker.bootstrap.split(':')[1])
  kafka = new Kafka({ brokers: `127.0.0.1:${proxy.port}` })
}, 90_000)
afterAll(async () => {
  await kafka.close()
  await broker.stop()
  server.close()
})

test('topics, settings and offsets', async () => {
  const topic = await createTopic(kafka, 2, { 'retention.ms': 1_000_000 })
  const [described] = await kafka.admin.describeTopics([topic])
  expect(described?.partitions).toHaveLength(2)
  const resource = { type: 'topic' as const, name: topic }
  const [found] = await kafka.admin.describeConfigs([{ ...resource, names: ['retention.ms'] }])
  expect(found?.configs[0]?.value).toBe('1000000')
  await kafka.admin.createPartitions([{ topic, partitions: 3 }])
  const change = kafka.admin.incrementalAlterConfigs([{ ...resource, configs: [] }])
  await expect(change).rejects.toMatchObject({ code: 'UNSUPPORTED_VERSION' })
  const dirs = await kafka.admin.describeLogDirs()
  expect(dirs[0]?.partitions.length).toBeGreaterThan(0)
  await kafka.admin.deleteTopics([topic])
})

test('an idempotent producer, compressed, and a reader', async () => {
  const topic = await createTopic(kafka)
  await using producer = kafka.producer({ compression: 'gzip' })
  await producer.send(
    topic,
    Array.from({ length: 100 }, (_, i) => ({ value: String(i) })),
  )
  expect((await producer.send(topic, { value: 'last' })).offset).toBe(100n)
  expect(await readAll(kafka, topic, 101)).toHaveLength(101)
  const [end] = await kafka.admin.listOffsets([{ topic, partition: 0, at: 'latest' }])
  expect(end?.offset).toBe(101n)
})

test('a group of two, its offsets and its end', async () => {
  const topic = await createTopic(kafka, 4)
  const group = uniqueName('old')
  await using producer = kafka.producer()
  await producer.send(
    topic,
    Array.from({ length: 40 }, (_, i) => ({ value: String(i), partition: i % 4 })),
  )
  const abort = new AbortController()
  const consumers = [1, 2].map(() =>
    kafka.consumer({ group, from: 'earliest', heartbeatIntervalMs: 200 }),
  )
  let seen = 0
  const loops = consumers.map(async (consumer) => {
    for await (const batch of consumer.subscribe(topic, { signal: abort.signal })) {
      seen += batch.count
    }
  })
  await waitFor('two each', () => consumers.every((c) => c.assignment.length === 2))
  await waitFor('all records', () => seen >= 40)
  const [described] = await kafka.admin.describeGroups([group])
  expect(described).toMatchObject({ state: 'Stable', assignor: 'range' })
  abort.abort()
  await Promise.all(loops)
  const lag = await kafka.admin.lag(group)
  expect(lag.map((l) => l.lag)).toEqual([0n, 0n, 0n, 0n])
  await kafka.admin.deleteGroups([group])
  expect((await kafka.admin.listGroups()).some((g) => g.group === group)).toBe(false)
})
