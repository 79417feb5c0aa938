import { randomBytes } from 'node:crypto'
import { defineTopic, json, Kafka, type StandardSchema, string } from '@ottla/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { readAll } from '../support/read-all.ts'
import { codecsIn } from '../support/stored-batches.ts'
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

const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

describe('producer', () => {
  test('stores a record and says where', async () => {
    const topic = await createTopic(kafka)
    await using producer = kafka.producer()
    const first = await producer.send(topic, { key: 'k', value: 'one', headers: { a: 'b' } })
    expect(first).toMatchObject({ topic, partition: 0, offset: 0n })
    const second = await producer.send(topic, { value: Buffer.from([0, 255]), timestamp: 1234 })
    expect(second.offset).toBe(1n)
    const [one, two] = await readAll(kafka, topic, 2)
    expect(one).toMatchObject({ key: Buffer.from('k'), value: Buffer.from('one'), offset: 0n })
    expect(one?.headers).toEqual([{ key: 'a', value: Buffer.from('b') }])
    expect(two).toMatchObject({ key: null, value: Buffer.from([0, 255]), timestamp: 1234n })
  })

  test('tells of each record of a call where it went', async () => {
    const topic = await createTopic(kafka, 3)
    await using producer = kafka.producer()
    const records = Array.from({ length: 300 }, (_, i) => ({ key: `k${i % 7}`, value: `v${i}` }))
    const sent = await producer.send(topic, records)
    expect(sent.count).toBe(300)
    const stored = await readAll(kafka, topic, 300)
    for (let i = 0; i < 300; i += 13) {
      const { partition, offset } = sent.at(i)
      const found = stored.find((r) => r.partition === partition && r.offset === offset)
      expect(found?.value?.toString()).toBe(`v${i}`)
    }
  })

  test.each(CODECS)('compresses with %s', async (c) => {
    const topic = await createTopic(kafka)
    await using producer = kafka.producer({ compression: c })
    const values = Array.from({ length: 500 }, (_, i) => `value ${i} ${'x'.repeat(i % 50)}`)
    await producer.send(
      topic,
      values.map((value) => ({ value })),
    )
    const stored = await readAll(kafka, topic, 500)
    expect(stored.map((r) => r.value?.toString())).toEqual(values)
  })

  test('compresses as each call asks, in order', async () => {
    const topic = await createTopic(kafka)
    await using producer = kafka.producer({ compression: 'zstd', linger: 50 })
    const asked = ['gzip', 'gzip', undefined, 'none', 'lz4', undefined, 'snappy', 'gzip'] as const
    const sends = asked.map((compression, i) =>
      producer.send(topic, { value: `v${i}`, partition: 0 }, { compression }),
    )
    await Promise.all(sends)
    const stored = await readAll(kafka, topic, asked.length)
    expect(stored.map(({ value }) => String(value))).toEqual(asked.map((_, i) => `v${i}`))
    expect(await codecsIn(kafka, topic)).toEqual([
      ...['gzip', 'zstd', 'none', 'lz4', 'zstd', 'snappy', 'gzip'],
    ])
  })

  test('refuses a codec that there is none of', async () => {
    await using producer = kafka.producer()
    const options = { compression: 'rar' as 'gzip' }
    await expect(producer.send('t', { value: 'v' }, options)).rejects.toThrow('not rar')
  })

  test('keeps the order of many records and batches in flight', async () => {
    const topic = await createTopic(kafka)
    await using producer = kafka.producer({ batchSize: 200, linger: 0 })
    const sends: Promise<unknown>[] = []
    for (let i = 0; i < 2_000; i++) {
      sends.push(producer.send(topic, { value: String(i) }))
      if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    await Promise.all(sends)
    const stored = await readAll(kafka, topic, 2_000)
    expect(stored.map((r) => Number(r.value))).toEqual(Array.from({ length: 2_000 }, (_, i) => i))
  })

  test('enqueue takes records without promises, and flush waits for them', async () => {
    const topic = await createTopic(kafka)
    await using producer = kafka.producer({ bufferMemory: 200_000 })
    let waits = 0
    for (let i = 0; i < 5_000; i++) {
      if (!producer.enqueue(topic, { value: `${i} ${'x'.repeat(100)}` })) {
        waits++
        await producer.ready
      }
    }
    await producer.flush()
    expect(waits).toBeGreaterThan(1)
    expect(await readAll(kafka, topic, 5_000)).toHaveLength(5_000)
  })

  test.each(CODECS)('cuts batches that the topic finds too large, with %s', async (compression) => {
    const topic = await createTopic(kafka, 1, { 'max.message.bytes': 5_000 })
    await using producer = kafka.producer({ batchSize: 60_000, linger: 50, compression })
    const noise = () => randomBytes(300).toString('base64')
    const values = Array.from({ length: 200 }, (_, i) => `${i} ${noise()}`)
    const sent = await producer.send(
      topic,
      values.map((value) => ({ value })),
    )
    expect(sent.at(199).offset).toBe(199n)
    const more = await producer.send(topic, { value: 'after' })
    expect(more.offset).toBe(200n)
    const stored = await readAll(kafka, topic, 201)
    expect(stored.map((r) => r.value?.toString())).toEqual([...values, 'after'])
    expect(new Set(await codecsIn(kafka, topic))).toEqual(new Set([compression]))
  })

  test('a record that is too large by itself fails, and the next is stored', async () => {
    const topic = await createTopic(kafka, 1, { 'max.message.bytes': 5_000 })
    await using producer = kafka.producer({ linger: 0 })
    await expect(producer.send(topic, { value: 'x'.repeat(10_000) })).rejects.toMatchObject({
      code: 'MESSAGE_TOO_LARGE',
    })
    expect((await producer.send(topic, { value: 'small' })).offset).toBe(0n)
    await expect(producer.send(topic, { value: 'x'.repeat(2_000_000) })).rejects.toMatchObject({
      code: 'RECORD_TOO_LARGE',
    })
  })

  test('acks 0 and 1 work without idempotence', async () => {
    const topic = await createTopic(kafka)
    for (const acks of [0, 1] as const) {
      await using producer = kafka.producer({ acks })
      const { offset } = await producer.send(topic, { value: `acks ${acks}` })
      expect(offset).toBe(acks === 0 ? -1n : 1n)
    }
    expect(await readAll(kafka, topic, 2)).toHaveLength(2)
  })

  test('an aborted send rejects', async () => {
    await using producer = kafka.producer()
    const signal = AbortSignal.abort()
    const sent = producer.send('whatever', { value: 'x' }, { signal })
    await expect(sent).rejects.toMatchObject({ code: 'ABORTED' })
  })
})

describe('typed topics', () => {
  const order: StandardSchema<{ total: number }> = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value) =>
        typeof value === 'object' && value !== null && 'total' in value
          ? { value: value as { total: number } }
          : { issues: [{ message: 'total is missing', path: ['total'] }] },
    },
  }

  test('check values on the way in and parse them on the way out', async () => {
    const name = await createTopic(kafka)
    const orders = defineTopic(name, { key: string(), value: order })
    await using producer = kafka.producer()
    await producer.send(orders, { key: 'a', value: { total: 3 } })
    const wrong = producer.send(orders, { key: 'a', value: {} as { total: number } })
    await expect(wrong).rejects.toMatchObject({ code: 'SERIALIZATION' })
    await using consumer = kafka.consumer({ from: 'earliest' })
    for await (const record of consumer.subscribe(orders).records()) {
      expect(record.key.length + record.value.total).toBe(4)
      break
    }
  })

  test('a poison record fails when it is looked at, not before', async () => {
    const name = await createTopic(kafka)
    await using producer = kafka.producer()
    await producer.send(name, { value: 'not json' })
    await using consumer = kafka.consumer({ from: 'earliest' })
    const typed = defineTopic(name, { value: json<{ a: number }>() })
    for await (const record of consumer.subscribe(typed).records()) {
      expect(record.valueBytes?.toString()).toBe('not json')
      expect(() => record.value).toThrow(/partition 0, offset 0/)
      break
    }
  })
})
