/** Options of producers and of `Kafka` that say where records go, how small and how soon. */
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import { Kafka } from '@ottla/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { readAll } from '../support/read-all.ts'
import { createTopic } from '../support/topics.ts'

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

describe('partitions', () => {
  test('are chosen by a partitioner, and by the default where it returns -1', async () => {
    const topic = await createTopic(kafka, 4)
    await using usual = kafka.producer()
    const { partition: ofKey } = await usual.send(topic, { key: 'k', value: 'x' })
    await using producer = kafka.producer({
      partitioner: ({ value, partitionCount }) => {
        expect(partitionCount).toBe(4)
        return value === 'default' ? -1 : Number(value)
      },
    })
    const values = ['3', '0', 'default', '2']
    const sent = await producer.send(
      topic,
      values.map((value) => ({ key: 'k', value })),
    )
    expect(values.map((_, i) => sent.at(i).partition)).toEqual([3, 0, ofKey, 2])
  })

  test.each([
    ['of a record', { partition: 4 }, undefined],
    ['of a partitioner', {}, (value: unknown) => (value === 'last' ? 7 : 0)],
    ['that is no number', {}, (value: unknown) => (value === 'last' ? Number.NaN : 0)],
  ])('that do not exist, %s, fail the whole call', async (_, last, choose) => {
    const topic = await createTopic(kafka, 4)
    const partitioner = choose && (({ value }: { value: unknown }) => choose(value))
    await using producer = kafka.producer(partitioner ? { partitioner } : {})
    const call = producer.send(topic, [
      { value: 'first', partition: 0 },
      { value: 'last', ...last },
    ])
    await expect(call).rejects.toThrow(`${topic} has partitions 0 to 3, not`)
    await producer.send(topic, { value: 'later', partition: 0 })
    const stored = await readAll(kafka, topic, 1)
    expect(stored.map(({ value }) => String(value))).toEqual(['later'])
  })

  test('are not chosen by key with ignoreKeys', async () => {
    const topic = await createTopic(kafka, 8)
    await using producer = kafka.producer({ ignoreKeys: true })
    const records = Array.from({ length: 40 }, (_, i) => ({ key: `${i}`, value: 'x' }))
    const sent = await producer.send(topic, records)
    // One batch of one partition, as without keys.
    expect(new Set(records.map((_, i) => sent.at(i).partition)).size).toBe(1)
  })
})

test.each(['gzip', 'zstd'] as const)('a higher level of %s is smaller', async (compression) => {
  const words = Array.from({ length: 400 }, () => randomBytes(3).toString('hex'))
  const text = Array.from({ length: 20_000 }, (_, i) => words[(i * i) % 397]).join(' ')
  const sizes: number[] = []
  for (const compressionLevel of [1, 9]) {
    const topic = await createTopic(kafka)
    await using producer = kafka.producer({ compression, compressionLevel })
    await producer.send(topic, { value: text })
    const [stored] = await readAll(kafka, topic, 1)
    expect(String(stored?.value)).toBe(text)
    const dirs = await kafka.admin.describeLogDirs()
    const logs = dirs.flatMap(({ partitions }) => partitions)
    sizes.push(Number(logs.find((log) => log.topic === topic)?.size))
  }
  expect(sizes[1]).toBeGreaterThan(0)
  expect(sizes[1]).toBeLessThan(sizes[0] as number)
})

test('levels that a codec does not have are refused', () => {
  expect(() => kafka.producer({ compression: 'gzip', compressionLevel: 10 })).toThrow(RangeError)
  expect(() => kafka.producer({ compression: 'lz4', compressionLevel: 9 })).toThrow(TypeError)
  expect(() => kafka.producer({ compression: 'zstd', compressionLevel: -1 })).not.toThrow()
})

describe('pauses', () => {
  /** How often a broker is called that hangs up at once, until the call is given up. */
  async function calls(pauseMs: number): Promise<number> {
    let count = 0
    const server = createServer((socket) => {
      count++
      socket.destroy()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : 0
    await using own = new Kafka({
      ...{ brokers: `127.0.0.1:${port}`, apiTimeoutMs: 2_000 },
      ...{ retryBackoffMs: 1, retryBackoffMaxMs: 1 },
      ...{ reconnectBackoffMs: pauseMs, reconnectBackoffMaxMs: pauseMs },
    })
    await expect(own.admin.listTopics()).rejects.toThrow()
    server.close()
    return count
  }

  test('between connections are as long as they were said to be', async () => {
    expect(await calls(700)).toBeLessThanOrEqual(5)
    expect(await calls(10)).toBeGreaterThan(8)
  })

  test('that make no sense are refused', () => {
    const brokers = 'localhost:1'
    const wrong = { retryBackoffMs: 500, retryBackoffMaxMs: 100 }
    expect(() => new Kafka({ brokers, ...wrong })).toThrow('retryBackoffMs')
    expect(() => new Kafka({ brokers, reconnectBackoffMs: -1 })).toThrow('reconnectBackoffMs')
  })
})
