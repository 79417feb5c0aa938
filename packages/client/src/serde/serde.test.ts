import { describe, expect, expectTypeOf, test } from 'vitest'
import type { ConsumerRecord } from '../consumer/consumer-record.ts'
import type { ConsumedRecord } from '../consumer/subscription.ts'
import { ValidationError } from '../errors.ts'
import type { ProducerRecord, RecordFor } from '../producer/producer-record.ts'
import { bytes, float64, int32, int64, json, nullable, type Serde, string } from './serde.ts'
import type { StandardSchema } from './standard-schema.ts'
import { defineTopic } from './topic.ts'

/** Accepts numbers in text, gives numbers. */
const numeric: StandardSchema<string, number> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) =>
      Number.isNaN(Number(value))
        ? { issues: [{ message: 'not a number', path: ['a', { key: 'b' }] }] }
        : { value: Number(value) },
  },
}

function roundTrip<I, O>(serde: Serde<I, O>, value: I): O {
  const encoded = serde.serialize(value)
  return serde.deserialize(encoded === null ? null : Buffer.from(encoded as string))
}

describe('serdes', () => {
  test('give back what they were given', () => {
    expect(roundTrip(string(), 'grüße')).toBe('grüße')
    expect(roundTrip(int32(), -5)).toBe(-5)
    expect(roundTrip(int64(), -(2n ** 62n))).toBe(-(2n ** 62n))
    expect(roundTrip(float64(), 0.1)).toBe(0.1)
    expect(roundTrip(json<{ a: number[] }>(), { a: [1] })).toEqual({ a: [1] })
    expect(roundTrip(bytes(), null)).toBeNull()
    expect(roundTrip(nullable(string()), null)).toBeNull()
    expect(roundTrip(nullable(string()), 'x')).toBe('x')
  })

  test('integers lie as the Java serializers write them', () => {
    expect(int32().serialize(258)).toEqual(Buffer.from([0, 0, 1, 2]))
    expect(int64().serialize(1n)).toEqual(Buffer.from([0, 0, 0, 0, 0, 0, 0, 1]))
  })

  test('null where none is expected says what to do', () => {
    expect(() => string().deserialize(null)).toThrow('nullable')
  })

  test('a schema checks what goes in, and checks and transforms what comes out', () => {
    const serde = json(numeric)
    expect(roundTrip(serde, '12')).toBe(12)
    expect(() => serde.serialize('x')).toThrow(ValidationError)
    expect(() => serde.deserialize(Buffer.from('"x"'))).toThrow('not a number at a.b')
    expect(json(numeric, { onConsume: 'trust' }).deserialize(Buffer.from('"x"'))).toBe('x')
  })
})

describe('types of a topic', () => {
  const orders = defineTopic('orders', { key: string(), value: numeric })
  const raw = defineTopic('raw')

  test('reach the records that are sent', () => {
    expectTypeOf<RecordFor<typeof orders>>().toEqualTypeOf<ProducerRecord<string, string>>()
    expectTypeOf<RecordFor<typeof orders>>().toHaveProperty('key')
    // @ts-expect-error the value must be text
    const wrong: RecordFor<typeof orders> = { key: 'k', value: 5 }
    // @ts-expect-error the key must not be missing
    const missing: RecordFor<typeof orders> = { value: '5' }
    const bare: RecordFor<typeof raw> = {}
    expect([wrong, missing, bare]).toHaveLength(3)
  })

  test('reach the records that are read', () => {
    type Orders = ConsumedRecord<typeof orders>
    expectTypeOf<Orders>().toEqualTypeOf<ConsumerRecord<'orders', string, number>>()
    expectTypeOf<ConsumedRecord<'plain'>['value']>().toEqualTypeOf<Buffer | null>()
    type Both = ConsumedRecord<typeof orders | typeof raw>
    const narrowed = (record: Both) => (record.topic === 'orders' ? record.value + 1 : 0)
    expectTypeOf(narrowed).returns.toBeNumber()
  })
})
