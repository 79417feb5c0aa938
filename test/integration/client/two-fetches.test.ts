/**
 * Up to two fetches on their way to one broker: a partition that is sought or resumed does not wait
 * for one that waits at the broker, a long way is used twice, and each record still comes once and
 * in its order.
 */
import { SeededRandom } from '@ottla/base'
import { Kafka } from '@ottla/client'
import { apis } from '@ottla/protocol'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WireProxy } from '../../support/wire-proxy.ts'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { createTopic, uniqueName, waitFor } from '../support/topics.ts'

/** A fetch that has nothing waits longer at the broker than any test takes. */
const FETCH_WAIT_MS = 60_000
const SOON_MS = 20_000
const VALUE = 'x'.repeat(1_000)
let proxy: WireProxy
let broker: TestBroker
let kafka: Kafka

beforeAll(async () => {
  proxy = await WireProxy.start()
  broker = await startTestBroker({ 'advertised.listeners': `PLAINTEXT://${proxy.address}` })
  proxy.target = Number(broker.bootstrap.split(':')[1])
  // Frames are seen from the first connection on.
  proxy.onRequest = () => undefined
  kafka = new Kafka({ brokers: proxy.address })
}, 90_000)
afterAll(async () => {
  await kafka.close()
  await broker.stop()
  await proxy.stop()
})

async function fill(topic: string, partition: number, count: number): Promise<void> {
  await using producer = kafka.producer({ batchSize: 5_000 })
  await producer.send(
    topic,
    Array.from({ length: count }, () => ({ value: VALUE, partition })),
  )
}

/** Fetches of one client that have no answer yet, now and at most. */
function watchFetches(clientId: string) {
  const seen = { onTheirWay: 0, most: 0, sent: 0 }
  const isFetch = (request: { apiKey: number; clientId: string }) =>
    request.apiKey === apis.fetch.key && request.clientId === clientId
  proxy.onRequest = (request) => {
    if (!isFetch(request)) return undefined
    seen.sent++
    seen.most = Math.max(seen.most, ++seen.onTheirWay)
    return undefined
  }
  proxy.onResponse = (request) => {
    if (isFetch(request)) seen.onTheirWay--
  }
  return seen
}

/** Reads in the background and notes offsets by partition, in the order in which they come. */
function read(own: Kafka, topic: string, options = {}) {
  const consumer = own.consumer({ from: 'earliest', ...options })
  const offsets = new Map<number, bigint[]>()
  const done = (async () => {
    for await (const batch of consumer.subscribe(topic)) {
      const list = offsets.get(batch.partition) ?? []
      for (const { offset } of batch) list.push(offset)
      offsets.set(batch.partition, list)
    }
  })()
  const of = (partition: number) => offsets.get(partition) ?? []
  const stop = async () => {
    await consumer.close()
    await done
  }
  return { consumer, of, stop }
}

describe('while a fetch waits at the broker', () => {
  test('a partition that is sought does not wait with it', async () => {
    const topic = await createTopic(kafka, 3)
    await fill(topic, 1, 1)
    const clientId = uniqueName('seeking')
    const fetches = watchFetches(clientId)
    await using own = new Kafka({ brokers: proxy.address, clientId })
    const reader = read(own, topic, { fetchMaxWaitMs: FETCH_WAIT_MS })
    await waitFor('the record', () => reader.of(1).length === 1, SOON_MS)
    for (let times = 2; times <= 6; times++) {
      await waitFor('a fetch that waits', () => fetches.onTheirWay > 0, SOON_MS)
      reader.consumer.seek({ topic, partition: 1 }, 0n)
      await waitFor('the record again', () => reader.of(1).length === times, SOON_MS)
    }
    expect(fetches.most).toBe(2)
    await reader.stop()
  })

  test('a partition that is resumed does not wait with it, and records come to both', async () => {
    const topic = await createTopic(kafka, 2)
    const clientId = uniqueName('resuming')
    const fetches = watchFetches(clientId)
    await using own = new Kafka({ brokers: proxy.address, clientId })
    const reader = read(own, topic, { fetchMaxWaitMs: FETCH_WAIT_MS })
    await waitFor('the first fetch', () => fetches.onTheirWay === 1, SOON_MS)
    reader.consumer.pause([{ topic, partition: 1 }])
    // Ends the fetch for both; the next one is for the other alone.
    await fill(topic, 0, 1)
    await waitFor('the next fetch', () => reader.of(0).length === 1 && fetches.sent === 2, SOON_MS)
    await fill(topic, 1, 3)
    reader.consumer.resume()
    await waitFor('the resumed', () => reader.of(1).length === 3, SOON_MS)
    await fill(topic, 0, 1)
    await waitFor('the other', () => reader.of(0).length === 2, SOON_MS)
    await fill(topic, 1, 1)
    await waitFor('the resumed again', () => reader.of(1).length === 4, SOON_MS)
    expect(reader.of(0)).toEqual([0n, 1n])
    expect(reader.of(1)).toEqual([0n, 1n, 2n, 3n])
    await reader.stop()
  })
})

test('when nothing is left to come, one fetch waits for all partitions', async () => {
  const topic = await createTopic(kafka, 3)
  for (const partition of [0, 1, 2]) await fill(topic, partition, 1)
  const clientId = uniqueName('resting')
  const fetches = watchFetches(clientId)
  await using own = new Kafka({ brokers: proxy.address, clientId })
  const reader = read(own, topic, { fetchMaxWaitMs: 300 })
  await waitFor('all', () => [0, 1, 2].every((p) => reader.of(p).length === 1), SOON_MS)
  reader.consumer.seek({ topic, partition: 1 }, 0n)
  await waitFor('the record again', () => reader.of(1).length === 2, SOON_MS)
  // Three in a row that had the broker to themselves from their beginning to their end.
  await waitFor(
    'a single one',
    async () => {
      fetches.most = fetches.onTheirWay
      const { sent } = fetches
      await waitFor('three fetches', () => fetches.sent >= sent + 3, SOON_MS)
      return fetches.most === 1
    },
    SOON_MS,
  )
  await reader.stop()
})

test('a long way is used by two at a time, never more', async () => {
  const topic = await createTopic(kafka, 4)
  for (const partition of [0, 1, 2, 3]) await fill(topic, partition, 200)
  const clientId = uniqueName('far')
  const fetches = watchFetches(clientId)
  proxy.delayMs = 20
  await using own = new Kafka({ brokers: proxy.address, clientId })
  const reader = read(own, topic, { maxPartitionFetchBytes: 20_000 })
  await waitFor('all', () => [0, 1, 2, 3].every((p) => reader.of(p).length === 200), SOON_MS)
  proxy.delayMs = 0
  expect(fetches.most).toBe(2)
  for (const partition of [0, 1, 2, 3]) {
    expect(reader.of(partition)).toEqual(Array.from({ length: 200 }, (_, i) => BigInt(i)))
  }
  await reader.stop()
})

test.each([1, 2, 3])(
  'seeking and pausing at random repeats, loses and reorders nothing, seed %i',
  async (seed) => {
    const PARTITIONS = 5
    const RECORDS = 150
    const MOVES = 300
    const random = new SeededRandom(seed)
    const topic = await createTopic(kafka, PARTITIONS)
    for (let partition = 0; partition < PARTITIONS; partition++) {
      await fill(topic, partition, RECORDS)
    }
    await using consumer = kafka.consumer({
      ...{ from: 'earliest', maxPartitionFetchBytes: 12_000, maxPollRecords: 5 },
      ...{ fetchMaxWaitMs: 10, reuseMemory: seed % 2 === 0 },
    })
    const next = new Array<bigint>(PARTITIONS).fill(0n)
    const isAtEnd = (partition: number) => next[partition] === BigInt(RECORDS)
    const seek = (partition: number) => {
      next[partition] = BigInt(random.integer(RECORDS))
      consumer.seek({ topic, partition }, next[partition])
    }
    let moves = 0
    for await (const batch of consumer.subscribe(topic)) {
      for (const { offset } of batch) {
        expect(offset).toBe(next[batch.partition])
        next[batch.partition] = offset + 1n
      }
      if (++moves < MOVES) {
        const partition = random.integer(PARTITIONS)
        const move = random.integer(8)
        if (move < 2) seek(partition)
        else if (move === 2) consumer.pause([{ topic, partition }])
        else if (move < 5) consumer.resume([{ topic, partition }])
      }
      // Something is always left to come, and in the end all of it.
      if (moves < MOVES && next.every((_, i) => isAtEnd(i))) seek(random.integer(PARTITIONS))
      const isStuck = consumer.assignment.every((p) => p.isPaused || isAtEnd(p.partition))
      if (moves >= MOVES || isStuck) consumer.resume()
      if (moves % 3 === 0) await new Promise((resolve) => setTimeout(resolve, random.integer(4)))
      if (moves >= MOVES && next.every((_, i) => isAtEnd(i))) break
    }
    expect(next).toEqual(new Array<bigint>(PARTITIONS).fill(BigInt(RECORDS)))
  },
  60_000,
)
