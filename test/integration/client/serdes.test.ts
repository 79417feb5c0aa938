/** Serdes that fetch what they read with, and serdes of one's own, through a broker. */
import { randomBytes } from 'node:crypto'
import { defineTopic, json, Kafka, nullable, type Serde, string } from '@ottla/client'
import { avro, jsonSchema, SchemaRegistryClient } from '@ottla/schema'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encrypted } from '../../../docs/examples/encrypted-values.ts'
import { TestRegistry } from '../../../packages/schema/src/testing/test-registry.ts'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { createTopic, uniqueName } from '../support/topics.ts'

interface Order {
  readonly id: string
  readonly total: number
}

const fields = [
  { name: 'id', type: 'string' },
  { name: 'total', type: 'long' },
]
/** What is read has another schema than what is written, so that it has to be fetched. */
const WRITTEN = { type: 'record', name: 'Order', fields }
const READ = { ...WRITTEN, fields: fields.toReversed() }

let broker: TestBroker
let kafka: Kafka
let registry: TestRegistry

beforeAll(async () => {
  broker = await startTestBroker()
  kafka = new Kafka({ brokers: broker.bootstrap })
  registry = await TestRegistry.start()
}, 90_000)
afterAll(async () => {
  await kafka.close()
  await broker.stop()
  await registry[Symbol.asyncDispose]()
})

const newClient = () => new SchemaRegistryClient({ urls: registry.url, retries: 0 })

async function ordersTopic(name: string, schema: object) {
  return defineTopic(name, {
    key: await jsonSchema<string>(newClient(), {
      topic: name,
      part: 'key',
      schema: { type: 'string' },
    }),
    value: nullable(await avro<Order>(newClient(), { topic: name, schema })),
  })
}

async function readOne(topic: Awaited<ReturnType<typeof ordersTopic>>, group?: string) {
  await using consumer = kafka.consumer({ ...(group && { group }), from: 'earliest' })
  for await (const record of consumer.subscribe(topic).records()) return [record.key, record.value]
  return undefined
}

describe('a serde with a registry', () => {
  test('has the schema of every record before the loop is given it', async () => {
    const name = await createTopic(kafka)
    const written = await ordersTopic(name, WRITTEN)
    const orders = Array.from({ length: 100 }, (_, i) => ({ id: `o${i}`, total: i }))
    await using producer = kafka.producer()
    await producer.send(written, [
      ...orders.map((value) => ({ key: value.id, value })),
      { key: 'gone', value: null },
    ])
    const before = registry.requests.length
    const topic = await ordersTopic(name, READ)
    await using consumer = kafka.consumer({ from: 'earliest' })
    const got: unknown[] = []
    for await (const record of consumer.subscribe(topic).records()) {
      got.push(record.value)
      if (record.value === null) break
      expect(record.key).toBe(record.value.id)
    }
    expect(got).toEqual([...orders, null])
    const lookups = registry.lines.slice(before).filter((line) => line.startsWith('GET'))
    expect(lookups).toHaveLength(1)
  })

  test('ends the loop when the registry is down, and nothing is passed over', async () => {
    const name = await createTopic(kafka)
    const group = uniqueName('group')
    await using producer = kafka.producer()
    await producer.send(await ordersTopic(name, WRITTEN), {
      key: 'o1',
      value: { id: 'o1', total: 1 },
    })
    const topic = await ordersTopic(name, READ)
    registry.faults.push([503, { error_code: 50301, message: 'not now' }])
    await expect(readOne(topic, group)).rejects.toThrow('not now')
    expect(await readOne(topic, group)).toEqual(['o1', { id: 'o1', total: 1 }])
  })

  test('prepares for share consumers too', async () => {
    const name = await createTopic(kafka)
    const group = uniqueName('share')
    const configs = [{ name: 'share.auto.offset.reset', value: 'earliest' }]
    await kafka.admin.incrementalAlterConfigs([{ type: 'group', name: group, configs }])
    await using producer = kafka.producer()
    await producer.send(await ordersTopic(name, WRITTEN), {
      key: 'o1',
      value: { id: 'o1', total: 1 },
    })
    const topic = await ordersTopic(name, READ)
    await using consumer = kafka.shareConsumer({ group })
    for await (const record of consumer.subscribe(topic).records()) {
      expect(record.value).toEqual({ id: 'o1', total: 1 })
      break
    }
  })

  test('does not hold up a loop that is aborted', async () => {
    const name = await createTopic(kafka)
    const waiting: Serde<string> = {
      serialize: (value) => value,
      deserialize: () => 'never',
      prepare: () => new Promise(() => {}),
    }
    const topic = defineTopic(name, { key: string(), value: waiting })
    await using producer = kafka.producer()
    await producer.send(topic, { key: 'k', value: 'v' })
    await using consumer = kafka.consumer({ from: 'earliest' })
    const signal = AbortSignal.timeout(2_000)
    let count = 0
    for await (const _ of consumer.subscribe(topic, { signal })) count++
    expect(count).toBe(0)
  })
})

describe('a serde of one’s own', () => {
  const key = randomBytes(32)

  test('encrypts values', async () => {
    const name = await createTopic(kafka)
    const value = encrypted(nullable(json<Order>()), key, name)
    const topic = defineTopic(name, { key: string(), value })
    await using producer = kafka.producer()
    await producer.send(topic, { key: 'o1', value: { id: 'secret', total: 9 } })
    await using consumer = kafka.consumer({ from: 'earliest' })
    for await (const record of consumer.subscribe(topic).records()) {
      expect(record.value).toEqual({ id: 'secret', total: 9 })
      expect(record.valueBytes?.includes('secret')).toBe(false)
      break
    }
  })

  test('refuses what was changed, moved or never encrypted', () => {
    const serde = encrypted(string(), key, 'a')
    const bytes = serde.serialize('secret') as Buffer
    expect(serde.deserialize(bytes)).toBe('secret')
    expect(() => encrypted(string(), key, 'b').deserialize(bytes)).toThrow()
    expect(() => encrypted(string(), randomBytes(32), 'a').deserialize(bytes)).toThrow()
    bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) ^ 1
    expect(() => serde.deserialize(bytes)).toThrow()
    expect(() => serde.deserialize(Buffer.from('plain'))).toThrow('not encrypted')
  })
})
