/**
 * Confluent's serializers for Python write what ottla's serdes write, and each reads the other: with
 * a registry of the tests' own, and with Apicurio Registry, whose answers nobody here has written.
 */
import { join } from 'node:path'
import type { Serde } from '@ottla/client'
import { avro, jsonSchema, protobuf, SchemaRegistryClient } from '@ottla/schema'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TestRegistry } from '../../../packages/schema/src/testing/test-registry.ts'
import { type SchemaRegistry, startApicurio } from '../support/apicurio.ts'
import { ensureConfluentSchemas, INSTALL_TIMEOUT_MS } from '../support/peers.ts'
import { outputOf } from '../support/run-program.ts'

const PROGRAM = join(import.meta.dirname, '..', 'peers', 'confluent_schemas.py')

interface Order {
  readonly id: string
  readonly total: number
  readonly note: string | null
  readonly lines: readonly number[]
  readonly size: string
}

const ORDERS: readonly Order[] = [
  { id: 'o1', total: -3, note: null, lines: [], size: 'SMALL' },
  { id: 'grüße', total: 2 ** 52, note: 'x'.repeat(300), lines: [0.5, -1e300], size: 'LARGE' },
]

const AVRO = JSON.stringify({
  type: 'record',
  name: 'Order',
  namespace: 'shop',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'total', type: 'long' },
    { name: 'note', type: ['null', 'string'] },
    { name: 'lines', type: { type: 'array', items: 'double' } },
    { name: 'size', type: { type: 'enum', name: 'Size', symbols: ['SMALL', 'LARGE'] } },
  ],
})

const JSON_SCHEMA = JSON.stringify({
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'Order',
  type: 'object',
  properties: { id: { type: 'string' }, total: { type: 'integer' } },
  required: ['id', 'total'],
})

/** Name, kind and label of each field, in the order of their numbers. */
const PROTOBUF_FIELDS = [
  ['id', 'string', ''],
  ['total', 'int64', ''],
  ['note', 'string', 'optional'],
  ['lines', 'double', 'repeated'],
  ['size', 'enum', ''],
] as const

const PROTOBUF = `syntax = "proto3";
package shop;
enum Size { SMALL = 0; LARGE = 1; }
message Before {}
message Order {
${PROTOBUF_FIELDS.map(
  ([name, kind, label], i) => `  ${label} ${kind === 'enum' ? 'Size' : kind} ${name} = ${i + 1};`,
).join('\n')}
}
`

/** A registry does not let a subject go from one format to another. */
const topicOf = (format: string) => `orders-${format}`

let python: string
beforeAll(async () => {
  python = await ensureConfluentSchemas()
}, INSTALL_TIMEOUT_MS)

async function judge(
  url: string,
  format: 'avro' | 'json' | 'protobuf',
  schema: string,
  bytes: Buffer[],
) {
  const topic = topicOf(format)
  const encoded = bytes.map((data) => data.toString('base64'))
  const input = JSON.stringify({ url, topic, format, schema, values: ORDERS, bytes: encoded })
  const said = JSON.parse(await outputOf(python, [PROGRAM], { input })) as {
    written: string[]
    read: unknown[]
  }
  return { read: said.read, written: said.written.map((text) => Buffer.from(text, 'base64')) }
}

async function read(serde: Serde<Order>, bytes: Buffer): Promise<Order> {
  await serde.prepare?.(bytes)
  return serde.deserialize(bytes)
}

const REGISTRIES: Readonly<Record<string, () => Promise<SchemaRegistry>>> = {
  'a registry in memory': () => TestRegistry.start(),
  'Apicurio Registry': startApicurio,
}

describe.each(Object.entries(REGISTRIES))('confluent-kafka for Python and %s', (_name, start) => {
  let registry: SchemaRegistry
  beforeAll(async () => {
    registry = await start()
  }, INSTALL_TIMEOUT_MS)
  afterAll(() => registry?.[Symbol.asyncDispose]())

  test('writes the same Avro, and each reads the other', async () => {
    const client = new SchemaRegistryClient({ urls: registry.url })
    const serde = await avro<Order>(client, { topic: topicOf('avro'), schema: AVRO })
    const bytes = ORDERS.map((order) => serde.serialize(order) as Buffer)
    const said = await judge(registry.url, 'avro', AVRO, bytes)
    expect(said.written).toEqual(bytes)
    expect(said.read).toEqual(ORDERS)
    expect(await Promise.all(said.written.map((data) => read(serde, data)))).toEqual(ORDERS)
  })

  test('puts JSON behind the same header, and each reads the other', async () => {
    const client = new SchemaRegistryClient({ urls: registry.url })
    const serde = await jsonSchema<Order>(client, { topic: topicOf('json'), schema: JSON_SCHEMA })
    const bytes = ORDERS.map((order) => serde.serialize(order) as Buffer)
    const said = await judge(registry.url, 'json', JSON_SCHEMA, bytes)
    const headers = (all: Buffer[]) => all.map((data) => data.subarray(0, 5))
    expect(headers(said.written)).toEqual(headers(bytes))
    expect(said.read).toEqual(ORDERS)
    expect(await Promise.all(said.written.map((data) => read(serde, data)))).toEqual(ORDERS)
  })

  test('writes the same Protobuf, and each reads the other', async () => {
    const client = new SchemaRegistryClient({ urls: registry.url })
    const serde = await protobuf<Order>(client, {
      topic: topicOf('protobuf'),
      schema: PROTOBUF,
      message: 'Order',
    })
    const bytes = ORDERS.map((order) => serde.serialize(order) as Buffer)
    const said = await judge(registry.url, 'protobuf', JSON.stringify(PROTOBUF_FIELDS), bytes)
    // It registers a compiled form of the schema, under an id of its own.
    const withoutId = (all: Buffer[]) => all.map((data) => data.subarray(5))
    expect(withoutId(said.written)).toEqual(withoutId(bytes))
    // What is not set is left out there and here; JSON has 64-bit integers as text.
    const expected = ORDERS.map(({ note, ...order }) =>
      note === null ? order : { ...order, note },
    )
    expect(said.read).toEqual(expected.map((one) => ({ ...one, total: String(one.total) })))
    expect(await Promise.all(said.written.map((data) => read(serde, data)))).toEqual(expected)
  })
})
