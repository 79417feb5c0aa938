/**
 * An application with kafkajs and @kafkajs/confluent-schema-registry, with the package in kafkajs's
 * place; and what it writes read with a topic of ottla's own, as when it moves over in parts.
 */
import { Kafka as Client, defineTopic } from '@ottla/client'
import { Kafka, logLevel } from '@ottla/kafkajs'
import { avro, SchemaRegistryClient } from '@ottla/schema'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestBroker, type TestBroker } from '../../integration/support/broker.ts'
import { uniqueName, waitFor } from '../../integration/support/topics.ts'
import { type SchemaRegistry, startApicurio } from '../support/apicurio.ts'
import { ensureRegistryClient, INSTALL_TIMEOUT_MS } from '../support/peers.ts'

/** As much of the library as the application uses. */
interface Library {
  readonly SchemaRegistry: new (options: {
    host: string
  }) => {
    register(
      schema: { type: string; schema: string },
      options: { subject: string },
    ): Promise<{ id: number }>
    encode(id: number, value: unknown): Promise<Buffer>
    decode(bytes: Buffer): Promise<unknown>
  }
}

interface Order {
  readonly id: string
  readonly total: number
}

const SCHEMA = JSON.stringify({
  ...{ type: 'record', name: 'Order', namespace: 'shop' },
  fields: [
    { name: 'id', type: 'string' },
    { name: 'total', type: 'long' },
  ],
})

let registry: SchemaRegistry
let broker: TestBroker
let library: Library

beforeAll(async () => {
  library = (await ensureRegistryClient()) as Library
  registry = await startApicurio()
  broker = await startTestBroker({ 'group.initial.rebalance.delay.ms': '0' })
}, INSTALL_TIMEOUT_MS)
afterAll(async () => {
  await broker?.stop()
  await registry?.[Symbol.asyncDispose]()
})

test('encodes and decodes through the package, and ottla reads and writes the same', async () => {
  const topic = uniqueName('orders')
  const kafka = new Kafka({ brokers: [broker.bootstrap], logLevel: logLevel.NOTHING })
  const schemas = new library.SchemaRegistry({ host: registry.url })
  const { id } = await schemas.register(
    { type: 'AVRO', schema: SCHEMA },
    { subject: `${topic}-value` },
  )
  const producer = kafka.producer()
  await producer.connect()
  const value = await schemas.encode(id, { id: 'o1', total: 9 })
  await producer.send({ topic, messages: [{ key: 'o1', value }] })
  await producer.disconnect()

  const client = new SchemaRegistryClient({ urls: registry.url })
  const Orders = defineTopic(topic, {
    value: await avro<Order>(client, { topic, schema: SCHEMA, write: 'lookup' }),
  })
  await using own = new Client({ brokers: broker.bootstrap })
  await using ownProducer = own.producer()
  await ownProducer.send(Orders, { key: Buffer.from('o1'), value: { id: 'o2', total: -3 } })
  await using ownConsumer = own.consumer({ from: 'earliest' })
  const read: unknown[] = []
  for await (const record of ownConsumer.subscribe(Orders).records()) {
    if (read.push(record.value) === 2) break
  }

  const decoded: unknown[] = []
  const consumer = kafka.consumer({ groupId: uniqueName('group'), maxWaitTimeInMs: 100 })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ message }) => {
      decoded.push({ ...((await schemas.decode(message.value as Buffer)) as Order) })
    },
  })
  await waitFor('both orders', () => decoded.length === 2)
  await consumer.disconnect()
  const byId = (a: unknown, b: unknown) => ((a as Order).id < (b as Order).id ? -1 : 1)
  const orders = [
    { id: 'o1', total: 9 },
    { id: 'o2', total: -3 },
  ]
  expect(read.sort(byId)).toEqual(orders)
  expect(decoded.sort(byId)).toEqual(orders)
})
