/**
 * What users of other JavaScript clients suffer from, each as a test that this client does not have
 * it. docs/internals/client-pains.md lists all of them with the tests that stand elsewhere.
 */
import { type Clock, realClock } from '@ottla/base'
import { Kafka } from '@ottla/client'
import { apis } from '@ottla/protocol'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WireProxy } from '../../support/wire-proxy.ts'
import { isApache, startTestBroker, type TestBroker } from '../support/broker.ts'
import { runMember } from '../support/members.ts'
import { createTopic, uniqueName, waitFor } from '../support/topics.ts'

const WAIT_MS = 60_000
let proxy: WireProxy
let broker: TestBroker
let kafka: Kafka

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

beforeAll(async () => {
  proxy = await WireProxy.start()
  broker = await startTestBroker({
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${proxy.port}`,
    'group.min.session.timeout.ms': '1000',
    'group.consumer.min.heartbeat.interval.ms': '50',
    'group.consumer.heartbeat.interval.ms': '200',
    'group.consumer.min.session.timeout.ms': '1000',
    'group.consumer.session.timeout.ms': '3000',
  })
  proxy.target = Number(broker.bootstrap.split(':')[1])
  // Frames are counted from the first connection on.
  proxy.onRequest = () => undefined
  kafka = new Kafka({ brokers: proxy.address })
}, 90_000)
afterAll(async () => {
  await kafka.close()
  await broker.stop()
  await proxy.stop()
})

async function fill(topic: string, count: number, value: string, partition = 0): Promise<void> {
  await using producer = kafka.producer()
  const records = Array.from({ length: count }, (_, i) => ({ value: `${i} ${value}`, partition }))
  await producer.send(topic, records)
}

describe.each(['classic', 'consumer'] as const)('a slow handler in a %s group', (groupProtocol) => {
  test('keeps its membership for longer than the session', async () => {
    const topic = await createTopic(kafka)
    const group = uniqueName('group')
    await fill(topic, 1, 'slow')
    await using consumer = kafka.consumer({
      ...{ group, groupProtocol, from: 'earliest' },
      sessionTimeoutMs: 3_000,
      heartbeatIntervalMs: 200,
    })
    for await (const batch of consumer.subscribe(topic)) {
      const before = (await kafka.admin.describeGroups([group]))[0]
      await pause(5_000)
      await batch.commit()
      const after = (await kafka.admin.describeGroups([group]))[0]
      expect(after?.members.map((m) => m.memberId)).toEqual(before?.members.map((m) => m.memberId))
      break
    }
    const [offset] = await kafka.admin.listGroupOffsets(group)
    expect(offset?.offset).toBe(1n)
  })

  test('goes on through the rebalances of others, and finished work is not done again', async () => {
    const topic = await createTopic(kafka, 2)
    const group = uniqueName('group')
    for (const partition of [0, 1]) await fill(topic, 60, `p${partition}`, partition)
    const options = { group, groupProtocol, heartbeatIntervalMs: 100, maxPollRecords: 1 }
    const done = new Map<string, number>()
    const abort = new AbortController()
    const work = async () => {
      await using consumer = kafka.consumer({ ...options, from: 'earliest' })
      for await (const batch of consumer.subscribe(topic, { signal: abort.signal })) {
        for (const { value } of batch) {
          await pause(10)
          done.set(String(value), (done.get(String(value)) ?? 0) + 1)
        }
      }
    }
    const worker = work()
    await waitFor('work', () => done.size > 5, WAIT_MS)
    for (let i = 0; i < 3; i++) {
      const guest = runMember(kafka, topic, options)
      await waitFor('the guest', () => guest.consumer.assignment.length === 1, WAIT_MS)
      await guest.stop()
      for (const { value } of guest.seen) done.set(value, (done.get(value) ?? 0) + 1)
    }
    await waitFor('all of it', () => done.size === 120, WAIT_MS)
    abort.abort()
    await worker
    expect([...done].filter(([, times]) => times > 1)).toEqual([])
  })
})

test('a loop that never comes back leaves the group, and its commit says why', async () => {
  const topic = await createTopic(kafka)
  const group = uniqueName('group')
  await fill(topic, 1, 'slow')
  await using consumer = kafka.consumer({
    ...{ group, from: 'earliest', maxPollIntervalMs: 500 },
    sessionTimeoutMs: 3_000,
    heartbeatIntervalMs: 100,
  })
  for await (const batch of consumer.subscribe(topic)) {
    await waitFor(
      'an empty group',
      async () => (await kafka.admin.describeGroups([group]))[0]?.members.length === 0,
      WAIT_MS,
    )
    await expect(batch.commit()).rejects.toMatchObject({
      code: 'COMMIT_FAILED',
      hint: expect.stringContaining('maxPollIntervalMs'),
    })
    break
  }
})

test('a single awaited send waits for no clock', async () => {
  const topic = await createTopic(kafka)
  let waited = 0
  // Deadlines of requests are far off; nothing short ever comes.
  const clock: Clock = {
    ...realClock,
    setTimer: (delayMs, callback) => {
      if (delayMs >= 1_000) return realClock.setTimer(delayMs, callback)
      waited++
      return { cancel: () => undefined }
    },
  }
  await using own = new Kafka({ brokers: proxy.address, clock, metricsPush: false })
  await using producer = own.producer({ linger: 0 })
  await producer.send(topic, { value: 'first' })
  waited = 0
  for (let i = 0; i < 20; i++) await producer.send(topic, { value: `alone ${i}` })
  expect(waited).toBe(0)
})

test('a batch is as large as the fetch and maxPollRecords allow', async () => {
  const topic = await createTopic(kafka)
  await using producer = kafka.producer({ linger: 0 })
  const fifty = Array.from({ length: 50 }, () => ({ value: 'x' }))
  for (let i = 0; i < 40; i++) await producer.send(topic, fifty)
  await using consumer = kafka.consumer({ from: 'earliest', maxPollRecords: 2_000 })
  for await (const batch of consumer.subscribe(topic)) {
    expect(batch.count).toBeGreaterThan(500)
    break
  }
})

test('a full partition does not keep the others waiting', async () => {
  const topic = await createTopic(kafka, 3)
  await using producer = kafka.producer({ linger: 0 })
  const hundred = Array.from({ length: 100 }, () => ({ value: 'x'.repeat(100), partition: 0 }))
  // Each is a batch of its own, and all of them come with the first fetch.
  for (let i = 0; i < 60; i++) await producer.send(topic, hundred)
  for (const partition of [1, 2]) await fill(topic, 1, 'short', partition)
  await using consumer = kafka.consumer({ from: 'earliest', maxPollRecords: 100 })
  let full = 0
  const others = new Set<number>()
  for await (const batch of consumer.subscribe(topic)) {
    if (batch.partition === 0) full++
    else others.add(batch.partition)
    await pause(20)
    if (others.size === 2) break
  }
  expect(full).toBeLessThan(20)
})

test('what is fetched ahead of a slow loop stays within its limit', async () => {
  const topic = await createTopic(kafka)
  const limit = 1_000_000
  for (let i = 0; i < 10; i++) await fill(topic, 900, 'x'.repeat(1_000))
  let received = 0
  const clientId = uniqueName('slow')
  proxy.onResponse = (request, bytes) => {
    if (request.clientId === clientId && request.apiKey === apis.fetch.key) received += bytes
  }
  await using own = new Kafka({ brokers: proxy.address, clientId })
  await using consumer = own.consumer({
    ...{ from: 'earliest', maxPollRecords: 10, fetchMaxWaitMs: 50 },
    maxPartitionFetchBytes: limit,
  })
  for await (const _ of consumer.subscribe(topic)) {
    // Several times the time in which all of it could have come.
    await pause(1_500)
    break
  }
  proxy.onResponse = undefined
  expect(received).toBeGreaterThan(0)
  expect(received).toBeLessThan(4 * limit)
})

test('a client with nothing to do does next to nothing', async () => {
  const topic = await createTopic(kafka, 2)
  let timers = 0
  let shortest = Number.POSITIVE_INFINITY
  const clock: Clock = {
    ...realClock,
    setTimer: (delayMs, callback) => {
      timers++
      shortest = Math.min(shortest, delayMs)
      return realClock.setTimer(delayMs, callback)
    },
  }
  await using own = new Kafka({ brokers: proxy.address, clock })
  await using producer = own.producer()
  await producer.send(topic, { value: 'once' })
  const abort = new AbortController()
  await using consumer = own.consumer({ group: uniqueName('idle'), from: 'earliest' })
  let seen = 0
  const done = (async () => {
    for await (const batch of consumer.subscribe(topic, { signal: abort.signal })) {
      seen += batch.count
    }
  })()
  await waitFor('the record', () => seen === 1, WAIT_MS)
  await pause(1_000)
  timers = 0
  shortest = Number.POSITIVE_INFINITY
  await pause(3_000)
  abort.abort()
  await done
  // A fetch every half second, a heartbeat every three, and a look around once a second.
  expect(timers).toBeLessThan(60)
  expect(shortest).toBeGreaterThan(100)
})

// Which broker it is that nothing is heard of makes no difference.
test.skipIf(isApache)(
  'closes in time when brokers have gone silent, or are gone',
  async () => {
    const closing = async (fail: (own: WireProxy) => void) => {
      await using way = await WireProxy.start()
      const listeners = `PLAINTEXT://${way.address}`
      await using behind = await startTestBroker({ 'advertised.listeners': listeners })
      way.target = Number(behind.bootstrap.split(':')[1])
      const own = new Kafka({ brokers: way.address })
      const topic = await createTopic(own)
      await own.producer().send(topic, { value: 'x' })
      const consumer = own.consumer({ group: uniqueName('group'), from: 'earliest' })
      let seen = 0
      const done = (async () => {
        for await (const batch of consumer.subscribe(topic)) seen += batch.count
      })()
      await waitFor('the record', () => seen === 1, WAIT_MS)
      fail(way)
      const startedMs = performance.now()
      await own.close()
      await done
      return performance.now() - startedMs
    }
    const tookMs = await Promise.all([
      closing((way) => {
        way.isStalled = true
      }),
      closing((way) => {
        way.target = 1
        way.cutAll()
      }),
    ])
    expect(Math.max(...tookMs)).toBeLessThan(20_000)
  },
  120_000,
)

test('an aborted record stays hidden when its marker is in a later answer', async () => {
  const topic = await createTopic(kafka)
  await using producer = kafka.producer({ transactionalId: uniqueName('tx'), linger: 0 })
  const failure = new Error('no')
  const aborted = producer.transaction(async (tx) => {
    for (let i = 0; i < 20; i++) await tx.send(topic, { value: `aborted ${'x'.repeat(1_000)}` })
    throw failure
  })
  await expect(aborted).rejects.toBe(failure)
  await producer.transaction((tx) => tx.send(topic, { value: 'committed' }))
  let fetches = 0
  const clientId = uniqueName('small')
  proxy.onResponse = (request, bytes) => {
    const isFetch = request.clientId === clientId && request.apiKey === apis.fetch.key
    if (isFetch && bytes > 1_000) fetches++
  }
  await using own = new Kafka({ brokers: proxy.address, clientId })
  await using consumer = own.consumer({
    ...{ from: 'earliest', isolationLevel: 'read_committed' },
    maxPartitionFetchBytes: 3_000,
  })
  for await (const batch of consumer.subscribe(topic)) {
    expect([...batch].map(({ value }) => String(value))).toEqual(['committed'])
    break
  }
  proxy.onResponse = undefined
  expect(fetches).toBeGreaterThan(3)
})

test('a record that was damaged on its way is refused, and where it lies is told', async () => {
  const topic = await createTopic(kafka)
  await fill(topic, 1, 'sound')
  const clientId = uniqueName('damaged')
  proxy.damage = (request, frame) => {
    const at = frame.indexOf('sound')
    if (request.clientId === clientId && at >= 0) frame.write('S', at)
  }
  await using own = new Kafka({ brokers: proxy.address, clientId })
  await using consumer = own.consumer({ from: 'earliest' })
  const read = async () => {
    for await (const _ of consumer.subscribe(topic)) expect.unreachable()
  }
  await expect(read()).rejects.toMatchObject({ code: 'CORRUPT_RECORD', topic, partition: 0 })
  proxy.damage = undefined
})
