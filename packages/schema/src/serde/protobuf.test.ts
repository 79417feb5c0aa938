import { expect, test } from 'vitest'
import { SchemaRegistryClient } from '../registry/schema-registry-client.ts'
import { TestRegistry } from '../testing/test-registry.ts'
import { type ProtobufOptions, protobuf } from './protobuf.ts'

const ORDER = `syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
enum Size { SMALL = 0; LARGE = 1; }
message Order {
  string id = 1;
  int64 total_cents = 2;
  optional string note = 3;
  repeated double lines = 4;
  Size size = 5;
  bytes raw = 6;
  map<string, int32> tags = 7;
  google.protobuf.Timestamp at = 8;
  Line first = 9;
  oneof payment { string card = 10; uint64 cash = 11; }
  map<int64, Line> by_number = 12;
  message Line { sint32 count = 1; message Part { fixed32 weight = 1; } }
  message Other { float share = 1; }
}
message Note { string text = 1; }
`

const EMPTY = {
  id: '',
  totalCents: 0,
  lines: [],
  size: 'SMALL',
  raw: Buffer.alloc(0),
  tags: {},
  byNumber: {},
}

async function withRegistry(
  work: (client: SchemaRegistryClient, registry: TestRegistry) => Promise<void>,
) {
  await using registry = await TestRegistry.start()
  await work(new SchemaRegistryClient({ urls: registry.url, retries: 0 }), registry)
}

const orders: ProtobufOptions = { topic: 'orders', schema: ORDER }

test('lies as Confluent writes it, with the place of the message before it', () =>
  withRegistry(async (client) => {
    const serde = await protobuf<object>(client, orders)
    const bytes = serde.serialize({ id: 'o1', totalCents: 3 }) as Buffer
    expect(bytes.toString('hex')).toBe('00000000010' + '0' + '0a026f31' + '1003')
    const places: [string, string][] = [
      ['shop.Order', '00'],
      ['Order.Line', '040000'],
      ['Order.Line.Part', '06000000'],
      ['Order.Other', '040002'],
      ['Note', '0202'],
    ]
    for (const [message, place] of places) {
      const other = await protobuf<object>(client, { ...orders, message })
      expect((other.serialize({}) as Buffer).toString('hex')).toBe(`0000000001${place}`)
      expect(other.deserialize(other.serialize({}) as Buffer)).toBeTypeOf('object')
    }
    await expect(protobuf(client, { ...orders, message: 'Cart' })).rejects.toThrow(
      'has no message Cart; its messages are: shop.Order, shop.Order.Line',
    )
  }))

test('keeps every kind of field', () =>
  withRegistry(async (client) => {
    const serde = await protobuf<object>(client, orders)
    const order = {
      id: 'grüße',
      totalCents: -(2 ** 52),
      note: '',
      lines: [0.5, -1e300],
      size: 'LARGE',
      raw: Buffer.from([0, 255]),
      tags: { a: -1, b: 2 },
      at: { seconds: 1_700_000_000, nanos: 5 },
      first: { count: -7 },
      cash: 5,
      byNumber: { '-9007199254740993': { count: 1 } },
    }
    expect(serde.deserialize(serde.serialize(order) as Buffer)).toEqual(order)
    expect(serde.deserialize(serde.serialize({}) as Buffer)).toEqual(EMPTY)
  }))

test('has bigints on demand, and throws instead of losing digits', () =>
  withRegistry(async (client) => {
    const serde = await protobuf<object>(client, orders)
    const exact = await protobuf<object>(client, { ...orders, long: 'bigint' })
    const large = { totalCents: -(2n ** 63n), cash: 2n ** 64n - 1n }
    const bytes = serde.serialize(large) as Buffer
    expect(exact.deserialize(bytes)).toEqual({ ...EMPTY, ...large })
    expect(() => serde.deserialize(bytes)).toThrow("long: 'bigint'")
  }))

test.each<[object, string]>([
  [{ id: 1 }, 'Order.id must be a string'],
  [{ totalCents: 'x' }, 'Order.totalCents must be a int64'],
  [{ totalCents: 2 ** 60 }, 'a bigint beyond 2^53'],
  [{ cash: -1 }, 'Order.cash must be a uint64'],
  [{ size: 'HUGE' }, 'one of Size: SMALL, LARGE'],
  [{ lines: 1 }, 'Order.lines must be an array'],
  [{ lines: [1, '2'] }, 'Order.lines[1] must be a number'],
  [{ raw: 'x' }, 'Order.raw must be a Buffer'],
  [{ tags: { a: 2 ** 31 } }, 'Order.tags.a must be a int32'],
  [{ first: { count: 1.5 } }, 'Order.first.count must be a sint32'],
  [{ total_cents: 1 }, 'has no field total_cents; names are in camelCase'],
  [{ card: 'x', cash: 1 }, 'only one of card and cash'],
])('refuses %j', (value, message) =>
  withRegistry(async (client) => {
    const serde = await protobuf<object>(client, orders)
    expect(() => serde.serialize(value)).toThrow(message)
  }),
)

test('reads what a newer schema wrote, and writes the latest', () =>
  withRegistry(async (client) => {
    const newer = ORDER.replace('string id = 1;', 'string id = 1; string shop = 20;').replace(
      'LARGE = 1;',
      'LARGE = 1; HUGE = 2;',
    )
    const serde = await protobuf<object>(client, orders)
    const next = await protobuf<object>(client, { ...orders, schema: newer })
    const bytes = next.serialize({ id: 'o1', shop: 's', size: 'HUGE' }) as Buffer
    expect(serde.deserialize(bytes)).toEqual({ ...EMPTY, id: 'o1', size: 2 })
    const latest = await protobuf<object>(client, { ...orders, write: 'latest' })
    expect((latest.serialize({ id: 'o1', shop: 's' }) as Buffer).readInt32BE(1)).toBe(2)
  }))

test('knows the files that it imports', () =>
  withRegistry(async (client, registry) => {
    await protobuf(client, { ...orders, subjectName: 'record' })
    const schema =
      'syntax = "proto3"; package shop; import "order.proto"; message Cart { Order order = 1; }'
    const references = [{ name: 'order.proto', subject: 'shop.Order', version: 1 }]
    const serde = await protobuf<object>(client, { topic: 'carts', schema, references })
    const bytes = serde.serialize({ order: { id: 'o1' } }) as Buffer
    expect(bytes.subarray(5, 6)).toEqual(Buffer.from([0]))
    expect(serde.deserialize(bytes)).toEqual({ order: { ...EMPTY, id: 'o1' } })
    const missing = protobuf(client, { topic: 'carts', schema })
    await expect(missing).rejects.toThrow('must be among its references')
    await expect(protobuf(client, { ...orders, schema: 'message {' })).rejects.toThrow('parsed')
    expect(registry.lines).toContain('POST /subjects/shop.Order/versions')
  }))
