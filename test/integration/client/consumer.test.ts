import {
  type CompressionName,
  type ConsumerOptions,
  Kafka,
  RecordExpiredError,
} from '@ottla/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { runMember } from '../support/members.ts'
import { readAll } from '../support/read-all.ts'
import { createTopic, uniqueName, waitFor } from '../support/topics.ts'

let broker: TestBroker
let kafka: Kafka

beforeAll(async () => {
  broker = await startTestBroker()
  kafka = new Kafka({ brokers: broker.bootstrap })
}, 90_000)
afterAll(async () => {
  await kafka.close()
  await broker.stop()
})

async function fill(topic: string, count: number, partition?: number): Promise<void> {
  await using producer = kafka.producer()
  const records = Array.from({ length: count }, (_, i) => ({
    key: `k${i}`,
    value: String(i),
    ...(partition === undefined ? {} : { partition }),
  }))
  await producer.send(topic, records)
}

describe('memory that is used again', () => {
  const COUNT = 3_000
  const contentOf = (n: number) => Buffer.from(`${n}:`.repeat(200))

  /** Three partitions in each response, many responses, and buffers that go round. */
  async function fillLarge(topic: string, compression: CompressionName): Promise<void> {
    await using producer = kafka.producer({ compression })
    await producer.send(
      topic,
      Array.from({ length: COUNT }, (_, n) => ({ value: contentOf(n), partition: n % 3 })),
    )
  }

  const codecs: CompressionName[] = ['none', 'lz4', 'zstd']
  test.each(codecs)('gives every record whole, and none twice or mixed up: %s', async (codec) => {
    const topic = await createTopic(kafka, 3)
    await fillLarge(topic, codec)
    await using consumer = kafka.consumer({
      from: 'earliest',
      reuseMemory: true,
      maxPartitionFetchBytes: 32 * 1024,
    })
    const seen = new Set<number>()
    let hasSought = false
    for await (const batch of consumer.subscribe(topic)) {
      for (const record of batch) {
        const value = record.value as Buffer
        const n = Number.parseInt(value.toString('latin1', 0, 12), 10)
        expect(value.equals(contentOf(n))).toBe(true)
        expect(n % 3).toBe(batch.partition)
        seen.add(n)
      }
      // What was fetched ahead is dropped, and fetched again into other memory.
      if (!hasSought && seen.size > COUNT / 2) {
        hasSought = true
        consumer.seek(batch, batch.firstOffset)
      }
      if (seen.size === COUNT) break
    }
    expect(hasSought).toBe(true)
  })

  test.each(codecs)('a record that was kept throws, its detached copy stays: %s', async (codec) => {
    const topic = await createTopic(kafka)
    await using producer = kafka.producer({ compression: codec })
    await producer.send(topic, { value: '0' })
    await using consumer = kafka.consumer({ from: 'earliest', reuseMemory: true })
    const loop = consumer.subscribe(topic)[Symbol.asyncIterator]()
    const { value: batch } = await loop.next()
    const [record] = batch
    const copy = record.detach()
    await fill(topic, 1)
    const { value: second } = await loop.next()
    expect([...second].map(({ value }) => String(value))).toEqual(['0'])
    expect(() => record.value).toThrow(RecordExpiredError)
    expect(() => record.headers).toThrow(RecordExpiredError)
    expect(() => [...batch]).toThrow(RecordExpiredError)
    expect(record.offset).toBe(0n)
    expect(String(copy.value)).toBe('0')
    await loop.return?.()
  })
})

describe('reading', () => {
  test('goes on after the committed offset', async () => {
    const topic = await createTopic(kafka)
    const group = uniqueName('group')
    await fill(topic, 10)
    for (const expected of [0, 4]) {
      await using consumer = kafka.consumer({ group, from: 'earliest' })
      let got = 0
      for await (const record of consumer.subscribe(topic).records()) {
        if (got === 0) expect(Number(record.value)).toBe(expected)
        // The fifth record is in hand when the loop ends, so four count as processed.
        if (++got === 5) break
      }
    }
    const [committed] = await kafka.admin.listGroupOffsets(group)
    expect(committed).toMatchObject({ topic, partition: 0, offset: 8n })
  })

  test('a signal ends a loop over records behind the one in hand, which is committed', async () => {
    const topic = await createTopic(kafka)
    const group = uniqueName('group')
    await fill(topic, 10)
    await using consumer = kafka.consumer({ group, from: 'earliest' })
    const stop = new AbortController()
    let got = 0
    for await (const _ of consumer.subscribe(topic, { signal: stop.signal }).records()) {
      if (++got === 3) stop.abort()
    }
    expect(got).toBe(3)
    expect(await kafka.admin.listGroupOffsets(group)).toMatchObject([{ offset: 3n }])
  })

  test('closing ends a loop over records too, and commits those behind it', async () => {
    const topic = await createTopic(kafka)
    const group = uniqueName('group')
    await fill(topic, 10)
    const consumer = kafka.consumer({ group, from: 'earliest' })
    let got = 0
    let closed: Promise<void> | undefined
    for await (const _ of consumer.subscribe(topic).records()) {
      if (++got === 3) closed = consumer.close()
    }
    await closed
    expect(got).toBe(3)
    // The third was still in hand.
    expect(await kafka.admin.listGroupOffsets(group)).toMatchObject([{ offset: 2n }])
  })

  test('an error in the loop commits nothing of the batch', async () => {
    const topic = await createTopic(kafka)
    const group = uniqueName('group')
    await fill(topic, 10)
    await using consumer = kafka.consumer({ group, from: 'earliest' })
    const failing = async () => {
      for await (const _ of consumer.subscribe(topic)) throw new Error('handler failed')
    }
    await expect(failing()).rejects.toThrow('handler failed')
    const offsets = await kafka.admin.listGroupOffsets(group)
    expect(offsets.map(({ offset }) => offset).filter((offset) => offset > 0n)).toEqual([])
  })

  test('explicit commits without automatic ones', async () => {
    const topic = await createTopic(kafka)
    const group = uniqueName('group')
    await fill(topic, 10)
    await using consumer = kafka.consumer({ group, from: 'earliest', autoCommit: false })
    for await (const batch of consumer.subscribe(topic)) {
      await consumer.commit([{ topic, partition: 0, offset: 3n, metadata: 'note' }])
      expect(batch.count).toBe(10)
      break
    }
    const [committed] = await kafka.admin.listGroupOffsets(group)
    expect(committed).toMatchObject({ offset: 3n, metadata: 'note' })
  })

  test('from latest, earliest and a time', async () => {
    const topic = await createTopic(kafka)
    await using producer = kafka.producer()
    for (const timestamp of [1_000, 2_000, 3_000]) {
      await producer.send(topic, { value: String(timestamp), timestamp })
    }
    const values = async (from: ConsumerOptions['from'], count: number) =>
      (await readAll(kafka, topic, count, { from: from as never })).map((r) => String(r.value))
    expect(await values('earliest', 3)).toEqual(['1000', '2000', '3000'])
    expect(await values(1_500, 2)).toEqual(['2000', '3000'])
    const latest = runMember(kafka, topic, { from: 'latest' })
    await waitFor('position', () => latest.consumer.assignment[0]?.position === 3n)
    await producer.send(topic, { value: 'new' })
    await waitFor('the new record', () => latest.seen.length === 1)
    expect(latest.seen[0]?.value).toBe('new')
    await latest.stop()
  })

  test("from 'none' ends with an error when nothing was committed", async () => {
    const topic = await createTopic(kafka)
    const member = runMember(kafka, topic, { group: uniqueName('group'), from: 'none' })
    await expect(member.done).rejects.toMatchObject({ code: 'NO_OFFSET' })
  })

  test('seek, pause, resume and lag', async () => {
    const topic = await createTopic(kafka, 2)
    await fill(topic, 50, 0)
    await fill(topic, 50, 1)
    await using consumer = kafka.consumer({ from: 'earliest', maxPollRecords: 10 })
    const seen = { 0: 0, 1: 0 }
    let isSought = false
    for await (const batch of consumer.subscribe(topic)) {
      seen[batch.partition as 0 | 1] += batch.count
      if (!isSought && seen[0] === 50) {
        consumer.pause([{ topic, partition: 1 }])
        consumer.seek({ topic, partition: 0 }, 40n)
        isSought = true
      }
      if (seen[0] === 60) {
        const lags = await consumer.lag()
        expect(lags.find((l) => l.partition === 0)?.lag).toBe(0n)
        consumer.resume()
      }
      if (isSought && seen[0] === 60 && seen[1] === 50) break
    }
    expect(seen).toEqual({ 0: 60, 1: 50 })
  })

  test('an offset that has left the log starts over', async () => {
    const topic = await createTopic(kafka)
    await fill(topic, 20)
    await kafka.admin.deleteRecords([{ topic, partition: 0, before: 15 }])
    await using consumer = kafka.consumer({ from: 'earliest' })
    for await (const batch of consumer.assign([{ topic, partition: 0, offset: 2 }])) {
      expect(batch.firstOffset).toBe(15n)
      break
    }
  })

  test('assign reads chosen partitions from chosen offsets', async () => {
    const topic = await createTopic(kafka, 3)
    for (const partition of [0, 1, 2]) await fill(topic, 10, partition)
    await using consumer = kafka.consumer()
    const got: string[] = []
    const wanted = [
      { topic, partition: 1, offset: 8 },
      { topic, partition: 2, offset: 9n },
    ]
    for await (const batch of consumer.assign(wanted)) {
      for (const record of batch) got.push(`${record.partition}:${record.offset}`)
      if (got.length === 3) break
    }
    expect(got.sort()).toEqual(['1:8', '1:9', '2:9'])
  })

  test('a signal ends the loop without an error', async () => {
    const topic = await createTopic(kafka)
    const signal = AbortSignal.timeout(300)
    await using consumer = kafka.consumer({ group: uniqueName('group') })
    for await (const _ of consumer.subscribe(topic, { signal })) expect.unreachable()
    expect(signal.aborted).toBe(true)
  })

  test('many topics through one fetch session', async () => {
    const topics = await Promise.all(Array.from({ length: 8 }, () => createTopic(kafka, 2)))
    for (const topic of topics) await fill(topic, 30)
    await using consumer = kafka.consumer({ from: 'earliest', maxPollRecords: 7 })
    let count = 0
    for await (const batch of consumer.subscribe(topics)) {
      count += batch.count
      if (count === 240) break
    }
    expect(count).toBe(240)
  })
})

describe.each(['range', 'roundrobin', 'cooperative-sticky'] as const)('group with %s', (name) => {
  test('shares partitions, hands them over, loses and repeats nothing', async () => {
    const topic = await createTopic(kafka, 6)
    const group = uniqueName('group')
    const options = { group, assignors: [name], heartbeatIntervalMs: 200 }
    const members = [runMember(kafka, topic, options)]
    await using producer = kafka.producer()
    const send = (from: number) =>
      producer.send(
        topic,
        Array.from({ length: 60 }, (_, i) => ({ value: String(from + i), partition: i % 6 })),
      )
    await send(0)
    const total = () => members.reduce((sum, { seen }) => sum + seen.length, 0)
    await waitFor('the first sixty', () => total() === 60)
    members.push(runMember(kafka, topic, options), runMember(kafka, topic, options))
    const held = () => members.map(({ consumer }) => consumer.assignment.length)
    await waitFor('two partitions each', () => held().every((n) => n === 2))
    await send(60)
    await waitFor('another sixty', () => total() === 120)
    await members[1]?.stop()
    await waitFor('three partitions each', () => held().join() === '3,0,3')
    await send(120)
    await waitFor('the last sixty', () => total() === 180)
    const values = members.flatMap(({ seen }) => seen.map(({ value }) => Number(value)))
    expect(values.sort((a, b) => a - b)).toEqual(Array.from({ length: 180 }, (_, i) => i))
    for (const member of members) await member.stop()
  }, 60_000)
})

describe('membership', () => {
  test('a static member comes back to its partitions without a rebalance', async () => {
    const topic = await createTopic(kafka, 2)
    const group = uniqueName('group')
    const options = { group, groupInstanceId: 'one', heartbeatIntervalMs: 200 }
    const first = runMember(kafka, topic, options)
    await waitFor('partitions', () => first.consumer.assignment.length === 2)
    const before = (await kafka.admin.describeGroups([group]))[0]
    await first.stop()
    const second = runMember(kafka, topic, options)
    await waitFor('partitions again', () => second.consumer.assignment.length === 2)
    const after = (await kafka.admin.describeGroups([group]))[0]
    expect(before?.members[0]?.groupInstanceId).toBe('one')
    expect(after?.members).toHaveLength(1)
    await second.stop()
  })

  test('a second static member with the same id fences the first', async () => {
    const topic = await createTopic(kafka, 2)
    const group = uniqueName('group')
    const options = { group, groupInstanceId: 'same', heartbeatIntervalMs: 200 }
    const first = runMember(kafka, topic, options)
    await waitFor('partitions', () => first.consumer.assignment.length === 2)
    const second = runMember(kafka, topic, options)
    await expect(first.done).rejects.toMatchObject({ code: 'FENCED' })
    await waitFor('partitions', () => second.consumer.assignment.length === 2)
    await second.stop()
  })

  test('a pattern finds topics that are created later', async () => {
    const name = uniqueName('pattern')
    const own = new Kafka({ brokers: broker.bootstrap, metadataMaxAgeMs: 300 })
    await using consumer = own.consumer({ group: uniqueName('group'), from: 'earliest' })
    await using producer = kafka.producer()
    await producer.send(`${name}-a`, { value: 'a' })
    const seen: string[] = []
    for await (const batch of consumer.subscribe(new RegExp(`^${name}-`))) {
      for (const record of batch) seen.push(record.topic)
      if (seen.length === 1) await producer.send(`${name}-b`, { value: 'b' })
      if (seen.length === 2) break
    }
    expect(seen).toEqual([`${name}-a`, `${name}-b`])
    await own.close()
  })

  test('new partitions of a topic are picked up', async () => {
    const topic = await createTopic(kafka, 1)
    const own = new Kafka({ brokers: broker.bootstrap, metadataMaxAgeMs: 300 })
    await using consumer = own.consumer({ group: uniqueName('group'), from: 'earliest' })
    const abort = new AbortController()
    const done = (async () => {
      for await (const _ of consumer.subscribe(topic, { signal: abort.signal }));
    })()
    await waitFor('one partition', () => consumer.assignment.length === 1)
    await kafka.admin.createPartitions([{ topic, partitions: 3 }])
    await waitFor('three partitions', () => consumer.assignment.length === 3)
    abort.abort()
    await done
    await own.close()
  })

  test('without a group new partitions are read from their start', async () => {
    const topic = await createTopic(kafka, 1)
    const own = new Kafka({ brokers: broker.bootstrap, metadataMaxAgeMs: 300 })
    await using consumer = own.consumer({ from: 'latest' })
    const seen: string[] = []
    const abort = new AbortController()
    const done = (async () => {
      for await (const batch of consumer.subscribe(topic, { signal: abort.signal })) {
        for (const record of batch) seen.push(`${record.partition}:${record.value}`)
      }
    })()
    await waitFor('a position', () => consumer.assignment[0]?.position === 0n)
    await kafka.admin.createPartitions([{ topic, partitions: 2 }])
    await waitFor('two partitions', async () => {
      const [found] = await kafka.admin.describeTopics([topic])
      return found?.partitions[1]?.leader !== undefined && found.partitions[1].leader >= 0
    })
    const direct = new Kafka({ brokers: broker.bootstrap })
    await using fresh = direct.producer()
    await fresh.send(topic, { value: 'x', partition: 1 })
    await waitFor('the record', () => seen.length === 1)
    expect(seen).toEqual(['1:x'])
    abort.abort()
    await done
    await own.close()
    await direct.close()
  })

  test('ends at once, also while a join waits for a slow member', async () => {
    const topic = await createTopic(kafka, 2)
    const group = uniqueName('group')
    await fill(topic, 2, 0)
    const options = { group, from: 'earliest' as const, heartbeatIntervalMs: 200 }
    await using slow = kafka.consumer(options)
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const abort = new AbortController()
    let isBusy = false
    const slowDone = (async () => {
      for await (const _ of slow.subscribe(topic, { signal: abort.signal })) {
        isBusy = true
        await held
      }
    })()
    await waitFor('the slow member', () => isBusy)
    const startedMs = performance.now()
    const signal = AbortSignal.timeout(300)
    await using second = kafka.consumer(options)
    for await (const _ of second.subscribe(topic, { signal })) expect.unreachable()
    const other = new Kafka({ brokers: broker.bootstrap })
    const third = other.consumer(options)
    const thirdDone = (async () => {
      for await (const _ of third.subscribe(topic)) expect.unreachable()
    })()
    await new Promise((resolve) => setTimeout(resolve, 300))
    await other.close()
    await thirdDone
    expect(performance.now() - startedMs).toBeLessThan(4_000)
    release()
    await waitFor('the group to be the slow one alone', () => slow.assignment.length === 2)
    abort.abort()
    await slowDone
  })
})
