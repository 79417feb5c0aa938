/** Connections over streams that the application opens: through a proxy of HTTP, in these tests. */
import { createServer, request as httpRequest } from 'node:http'
import { type AddressInfo, connect as connectTcp } from 'node:net'
import type { Duplex } from 'node:stream'
import { Kafka, type OpenSocket } from '@ottla/client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { readAll } from '../support/read-all.ts'
import { createTopic } from '../support/topics.ts'

let broker: TestBroker
let proxyPort = 0
/** Addresses that were asked for, and the tunnels that are open. */
const asked: string[] = []
const tunnels = new Set<Duplex>()

/** Answers CONNECT, as the proxies at the edge of companies do. */
const proxy = createServer()
proxy.on('connect', (request, client) => {
  const [host = '', port = ''] = (request.url ?? '').split(':')
  asked.push(request.url ?? '')
  const upstream = connectTcp(Number(port), host, () => {
    client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
    client.pipe(upstream)
    upstream.pipe(client)
  })
  tunnels.add(client)
  for (const socket of [client, upstream]) {
    socket.on('error', () => undefined)
    socket.on('close', () => {
      tunnels.delete(client)
      client.destroy()
      upstream.destroy()
    })
  }
})

beforeAll(async () => {
  broker = await startTestBroker()
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  proxyPort = (proxy.address() as AddressInfo).port
}, 90_000)
afterAll(async () => {
  for (const tunnel of tunnels) tunnel.destroy()
  await new Promise((resolve) => proxy.close(resolve))
  await broker.stop()
})

const throughProxy: OpenSocket = ({ host, port }, signal) =>
  new Promise((resolve, reject) => {
    const path = `${host}:${port}`
    const request = httpRequest({
      host: '127.0.0.1',
      port: proxyPort,
      method: 'CONNECT',
      path,
      signal,
    })
    request.once('connect', (_response, socket) => resolve(socket))
    request.once('error', reject)
    request.end()
  })

test('everything goes through the proxy, and comes again after its tunnels are cut', async () => {
  await using kafka = new Kafka({ brokers: broker.bootstrap, openSocket: throughProxy })
  const topic = await createTopic(kafka)
  await using producer = kafka.producer({ compression: 'gzip' })
  const values = Array.from({ length: 300 }, (_, i) => `${i} ${'x'.repeat(5_000)}`)
  await producer.send(
    topic,
    values.map((value) => ({ value })),
  )
  expect(tunnels.size).toBeGreaterThan(0)
  expect(new Set(asked)).toEqual(new Set([broker.bootstrap]))
  for (const tunnel of tunnels) tunnel.destroy()
  await producer.send(topic, { value: 'last' })
  const read = await readAll(kafka, topic, values.length + 1)
  expect(read.map(({ value }) => String(value))).toEqual([...values, 'last'])
})

test('closing the client closes what was opened', async () => {
  const opened: Duplex[] = []
  const kafka = new Kafka({
    brokers: broker.bootstrap,
    openSocket: async (to, signal) => {
      const socket = await throughProxy(to, signal)
      opened.push(socket)
      return socket
    },
  })
  await kafka.admin.listTopics()
  await kafka.close()
  expect(opened.length).toBeGreaterThan(0)
  expect(opened.every((socket) => socket.destroyed)).toBe(true)
})

test('what cannot be opened is tried again until the deadline, and the reason told', async () => {
  let tries = 0
  const kafka = new Kafka({
    brokers: broker.bootstrap,
    apiTimeoutMs: 500,
    openSocket: () => {
      tries++
      throw new Error('the proxy wants a password')
    },
  })
  await expect(kafka.admin.listTopics()).rejects.toThrow('the proxy wants a password')
  expect(tries).toBeGreaterThan(1)
  await kafka.close()
})

test('what does not open in time is given up, and destroyed when it comes after all', async () => {
  let late: Duplex | undefined
  const signals: AbortSignal[] = []
  const kafka = new Kafka({
    brokers: broker.bootstrap,
    ...{ apiTimeoutMs: 400, connectTimeoutMs: 100 },
    openSocket: async (to, signal) => {
      signals.push(signal)
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      late = await throughProxy(to, new AbortController().signal)
      return late
    },
  })
  await expect(kafka.admin.listTopics()).rejects.toThrow('was not opened in 100 ms')
  await kafka.close()
  expect(signals.every(({ aborted }) => aborted)).toBe(true)
  await expect.poll(() => late?.destroyed).toBe(true)
})
