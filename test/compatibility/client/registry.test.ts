/** The registry client and its serdes with Apicurio Registry, which speaks Confluent's REST API. */
import { defineTopic, Kafka } from '@ottla/client'
import { avro, protobuf, SchemaRegistryClient } from '@ottla/schema'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestBroker, type TestBroker } from '../../integration/support/broker.ts'
import { createTopic, uniqueName } from '../../integration/support/topics.ts'
import { type SchemaRegistry, startApicurio } from '../support/apicurio.ts'
import { INSTALL_TIMEOUT_MS } from '../support/peers.ts'

let broker: TestBroker
let registry: SchemaRegistry
let client: SchemaRegistryClient
let kafka: Kafka

beforeAll(async () => {
  registry = await startApicurio()
  broker = await startTestBroker()
  client = new SchemaRegistryClient({ urls: registry.url })
  kafka = new Kafka({ brokers: broker.bootstrap })
}, INSTALL_TIMEOUT_MS)
afterAll(async () => {
  await kafka?.close()
  await broker?.stop()
  await registry?.[Symbol.asyncDispose]()
})

const orderOf = (fields: object[]) =>
  JSON.stringify({ type: 'record', name: 'Order', namespace: 'shop', fields })
const V1 = orderOf([{ name: 'id', type: 'string' }])
const V2 = orderOf([
  { name: 'id', type: 'string' },
  { name: 'total', type: 'long', default: 7 },
])
const asAvro = (schema: string) => ({ schema, schemaType: 'AVRO', references: [] }) as const

test('schemas are registered, found by id, version and text, and compared', async () => {
  const subject = uniqueName('subject')
  await expect(client.latest(subject)).rejects.toMatchObject({
    code: 'SUBJECT_NOT_FOUND',
    errorCode: 40401,
  })
  const first = await client.register(subject, asAvro(V1))
  await expect(client.lookup(subject, asAvro(V2))).rejects.toMatchObject({
    code: 'SCHEMA_NOT_FOUND',
  })
  expect(await client.checkCompatibility(subject, asAvro(V2))).toMatchObject({ isCompatible: true })
  const second = await client.register(subject, asAvro(V2))
  expect(second).not.toBe(first)
  expect(await client.register(subject, asAvro(V1))).toBe(first)
  expect(await client.lookup(subject, asAvro(V2))).toBe(second)
  expect(await client.latest(subject)).toMatchObject({ subject, version: 2, id: second })
  expect((await client.version(subject, 1)).id).toBe(first)
  expect(JSON.parse((await client.schemaById(second)).schema)).toEqual(JSON.parse(V2))
  await expect(client.schemaById(999_999)).rejects.toMatchObject({ code: 'SCHEMA_NOT_FOUND' })
})

test('records written with an older schema are read with a newer one', async () => {
  const name = await createTopic(kafka)
  const value = async (schema: string) =>
    defineTopic(name, {
      value: await avro<{ id: string; total?: number }>(client, { topic: name, schema }),
    })
  await using producer = kafka.producer()
  await producer.send(await value(V1), { value: { id: 'old' } })
  const newer = await value(V2)
  await producer.send(newer, { value: { id: 'new', total: 2 } })
  await using consumer = kafka.consumer({ from: 'earliest' })
  const seen: unknown[] = []
  for await (const record of consumer.subscribe(newer).records()) {
    if (seen.push(record.value) === 2) break
  }
  expect(seen).toEqual([
    { id: 'old', total: 7 },
    { id: 'new', total: 2 },
  ])
})

test('schemas that refer to others are registered and read', async () => {
  const [money, topic] = [uniqueName('money'), await createTopic(kafka)]
  await client.register(money, {
    schema: 'syntax = "proto3";\npackage shop;\nmessage Money { int64 cents = 1; }',
    schemaType: 'PROTOBUF',
    references: [],
  })
  const schema =
    'syntax = "proto3";\npackage shop;\nimport "money.proto";\n' +
    'message Order { string id = 1; Money total = 2; }'
  const references = [{ name: 'money.proto', subject: money, version: 1 }]
  const serde = await protobuf<{ id: string; total: { cents: number } }>(client, {
    ...{ topic, schema, references, message: 'Order' },
  })
  const orders = defineTopic(topic, { value: serde })
  await using producer = kafka.producer()
  await producer.send(orders, { value: { id: 'o1', total: { cents: 900 } } })
  await using consumer = kafka.consumer({ from: 'earliest' })
  for await (const record of consumer.subscribe(orders).records()) {
    expect(record.value).toEqual({ id: 'o1', total: { cents: 900 } })
    break
  }
})
