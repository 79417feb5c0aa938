import type { Serde } from '@ottla/client'
import { describe, expect, test } from 'vitest'
import { SchemaRegistryClient } from '../registry/schema-registry-client.ts'
import { TestRegistry } from '../testing/test-registry.ts'
import { avro } from './avro.ts'
import { jsonSchema } from './json-schema.ts'

interface Order {
  readonly id: string
  readonly total: number
}

const ORDER = {
  type: 'record',
  name: 'Order',
  namespace: 'shop',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'total', type: 'long' },
  ],
}
const withField = (field: object) => ({ ...ORDER, fields: [...ORDER.fields, field] })

async function start() {
  const registry = await TestRegistry.start()
  return { registry, client: new SchemaRegistryClient({ urls: registry.url, retries: 0 }) }
}

/** What a consumer does. */
async function read<T>(serde: Serde<unknown, T>, encoded: unknown): Promise<T> {
  const bytes = encoded as Buffer | null
  await serde.prepare?.(bytes)
  return serde.deserialize(bytes)
}

describe('avro', () => {
  test('lies as Confluent writes it', async () => {
    const { registry, client } = await start()
    await using _ = registry
    const serde = await avro<Order>(client, { topic: 'orders', schema: ORDER })
    const bytes = serde.serialize({ id: 'o1', total: -3 })
    expect(bytes).toEqual(Buffer.from([0, 0, 0, 0, 1, 4, 0x6f, 0x31, 5]))
    expect(await read(serde, bytes)).toEqual({ id: 'o1', total: -3 })
    expect(registry.lines).toEqual(['POST /subjects/orders-value/versions'])
  })

  test('reads what another schema wrote', async () => {
    const { registry, client } = await start()
    await using _ = registry
    const old = await avro<Order>(client, { topic: 'orders', schema: ORDER })
    const schema = withField({ name: 'note', type: 'string', default: 'none' })
    const serde = await avro<Order & { note: string }>(client, { topic: 'orders', schema })
    const bytes = old.serialize({ id: 'o1', total: 3 }) as Buffer
    expect(() => serde.deserialize(bytes)).toThrow('await prepare')
    expect(await read(serde, bytes)).toEqual({ id: 'o1', total: 3, note: 'none' })
    expect(serde.prepare?.(bytes)).toBeUndefined()
    const newer = serde.serialize({ id: 'o2', total: 4, note: 'x' })
    expect(await read(old, newer)).toEqual({ id: 'o2', total: 4 })
  })

  test('holds values of any size, and refuses what does not fit', async () => {
    const { registry, client } = await start()
    await using _ = registry
    const serde = await avro<Order>(client, { topic: 'orders', schema: ORDER })
    for (const size of [10, 4_090, 100_000]) {
      const order = { id: 'x'.repeat(size), total: size }
      expect(await read(serde, serde.serialize(order))).toEqual(order)
    }
    expect(() => serde.serialize({ id: 'o1', total: 'x' as never })).toThrow('x')
    expect(() => serde.serialize({ id: 'o1', total: 2 ** 60 })).toThrow()
  })

  test('has bigints on demand', async () => {
    const { registry, client } = await start()
    await using _ = registry
    const options = { topic: 'orders', schema: ORDER, long: 'bigint' } as const
    const serde = await avro<{ id: string; total: bigint }>(client, options)
    const order = { id: 'o1', total: -(2n ** 62n) - 1n }
    expect(await read(serde, serde.serialize(order))).toEqual(order)
    expect(() => serde.serialize({ id: 'o1', total: 2n ** 63n })).toThrow()
  })

  test('knows the types that it refers to', async () => {
    const { registry, client } = await start()
    await using _ = registry
    await avro(client, { topic: 'orders', schema: ORDER })
    const schema = { type: 'array', items: 'shop.Order' }
    const references = [{ name: 'shop.Order', subject: 'orders-value', version: 1 }]
    const serde = await avro<Order[]>(client, { topic: 'carts', schema, references })
    const cart = [{ id: 'o1', total: 1 }]
    expect(await read(serde, serde.serialize(cart))).toEqual(cart)
  })

  test('fails the record, not the loop, where bytes cannot be read', async () => {
    const { registry, client } = await start()
    await using _ = registry
    const serde = await avro<Order>(client, { topic: 'orders', schema: ORDER })
    await expect(read(serde, null)).rejects.toThrow('nullable')
    await expect(read(serde, Buffer.from('{"a":1}'))).rejects.toThrow('with a schema registry')
    const unknown = Buffer.from([0, 0, 0, 0, 99, 1])
    await serde.prepare?.(unknown)
    expect(() => serde.deserialize(unknown)).toThrow('Schema 99 not found')
    const other = await avro<string>(client, { topic: 'names', part: 'key', schema: '"string"' })
    const name = other.serialize('x') as Buffer
    await serde.prepare?.(name)
    expect(() => serde.deserialize(name)).toThrow('string, the schema of id 2')
  })

  test('ends the loop when the registry does not answer, and goes on after', async () => {
    const { registry, client } = await start()
    await using _ = registry
    const serde = await avro<Order>(client, { topic: 'orders', schema: ORDER })
    const bytes = serde.serialize({ id: 'o1', total: 3 }) as Buffer
    const reader = await avro<Order>(new SchemaRegistryClient({ urls: registry.url, retries: 0 }), {
      topic: 'orders',
      schema: withField({ name: 'note', type: 'string', default: 'none' }),
    })
    for (const status of [503, 401]) {
      registry.faults.push([status, {}])
      const first = reader.prepare?.(bytes)
      expect(reader.prepare?.(bytes)).toBe(first)
      await expect(first).rejects.toThrow(String(status))
    }
    expect(await read(reader, bytes)).toEqual({ id: 'o1', total: 3, note: 'none' })
  })
})

describe('the schema that is written with', () => {
  test('is found under the subject of the strategy', async () => {
    const { registry, client } = await start()
    await using _ = registry
    const base = { topic: 'orders', schema: ORDER } as const
    await avro(client, { ...base, part: 'key' })
    await avro(client, { ...base, subjectName: 'record' })
    await avro(client, { ...base, subjectName: 'topic-record' })
    await jsonSchema(client, { schema: { title: 'Note' }, subjectName: 'record' })
    expect(registry.lines.map((line) => line.split('/')[2])).toEqual([
      'orders-key',
      'shop.Order',
      'orders-shop.Order',
      'Note',
    ])
    await expect(avro(client, { schema: ORDER })).rejects.toThrow('option topic')
    await expect(jsonSchema(client, { schema: {}, subjectName: 'record' })).rejects.toThrow('title')
  })

  test('is looked up, the latest, or that of an id', async () => {
    const { registry, client } = await start()
    await using _ = registry
    const topic = 'orders'
    const lookup = { topic, schema: ORDER, write: 'lookup' } as const
    await expect(avro(client, lookup)).rejects.toMatchObject({ code: 'SUBJECT_NOT_FOUND' })
    await avro(client, { topic, schema: ORDER })
    const note = { name: 'note', type: 'string', default: 'none' }
    await avro(client, { topic, schema: withField(note) })
    const idOf = async (serde: Promise<Serde<unknown>>, value: unknown) =>
      ((await serde).serialize(value) as Buffer).readInt32BE(1)
    const order = { id: 'o1', total: 1 }
    expect(await idOf(avro(client, lookup), order)).toBe(1)
    expect(await idOf(avro(client, { topic, write: 'latest' }), { ...order, note: 'x' })).toBe(2)
    expect(await idOf(avro(client, { write: { id: 1 } }), order)).toBe(1)
    await expect(avro(client, { topic })).rejects.toThrow('needs the option schema')
    await expect(jsonSchema(client, { write: { id: 1 } })).rejects.toThrow('is AVRO, not JSON')
  })
})

describe('jsonSchema', () => {
  const schema = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Order',
    type: 'object',
    properties: { id: { type: 'string' }, total: { type: 'integer' } },
    required: ['id'],
  }

  test('lies as Confluent writes it, checked both ways', async () => {
    const { registry, client } = await start()
    await using _ = registry
    const serde = await jsonSchema<Order>(client, { topic: 'orders', schema })
    const bytes = serde.serialize({ id: 'ü', total: 3 }) as Buffer
    expect(bytes).toEqual(Buffer.from('\0\0\0\0\u0001{"id":"ü","total":3}'))
    expect(await read(serde, bytes)).toEqual({ id: 'ü', total: 3 })
    expect(() => serde.serialize({ id: 'o1', total: 1.5 })).toThrow('must be integer at /total')
    const wrong = Buffer.from('\0\0\0\0\u0001{"total":1}')
    await expect(read(serde, wrong)).rejects.toThrow("required property 'id'")
    const trusting = await jsonSchema<Order>(client, {
      topic: 'orders',
      schema,
      onConsume: 'trust',
    })
    expect(await read(trusting, wrong)).toEqual({ total: 1 })
  })

  test('knows drafts and references', async () => {
    const { registry, client } = await start()
    await using _ = registry
    await jsonSchema(client, { topic: 'orders', schema })
    const references = [{ name: 'order.json', subject: 'orders-value', version: 1 }]
    for (const $schema of [
      'http://json-schema.org/draft-06/schema#',
      'https://json-schema.org/draft/2019-09/schema',
      'https://json-schema.org/draft/2020-12/schema',
    ]) {
      const carts = { $schema, type: 'array', items: { $ref: 'order.json' } }
      const options = { topic: 'carts', schema: carts, references }
      const serde = await jsonSchema<Order[]>(client, options)
      expect(() => serde.serialize([{ total: 1 } as never])).toThrow('at /0')
    }
    const old = { $schema: 'http://json-schema.org/draft-04/schema#' }
    await expect(jsonSchema(client, { topic: 'x', schema: old })).rejects.toThrow('draft-07')
  })
})
