/**
 * Random values for the messages of the tables, for the tests that compare interpreter, compiled
 * code and Apache Kafka. Fields of other versions keep their defaults, so that what was read can be
 * compared with what was written.
 */
import { type Random, ZERO_UUID } from '@ottla/base'
import { defaultOf } from './field-layout.ts'
import {
  type Field,
  type Fields,
  inRange,
  isNullable,
  type Message,
  type ScalarType,
} from './schema.ts'

const TEXTS = ['', 'a', 'topic-1', 'größe', '主题', '🙂', 'x'.repeat(130), 'null']

const chance = (random: Random, oneIn: number): boolean => random.integer(oneIn) === 0

/** A value of the message in this version, with every field of the table present. */
export function randomMessage(message: Message, version: number, random: Random): unknown {
  return randomFields(message.fields, version, random)
}

function randomFields(fields: Fields, version: number, random: Random): Record<string, unknown> {
  const value: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(fields)) {
    value[name] = randomField(field, version, random)
  }
  return value
}

function randomField(field: Field<unknown>, version: number, random: Random): unknown {
  // One in four keeps its default: tagged fields vanish from the wire then.
  if (!inRange(field.versions, version) || chance(random, 4)) return allowedDefault(field, version)
  if (isNullable(field, version) && chance(random, 4)) return null
  if (field.kind === 'struct') return randomFields(field.fields as Fields, version, random)
  if (field.kind === 'scalar') return randomScalar(field.scalar as ScalarType, random)
  return Array.from({ length: random.integer(4) }, () =>
    field.element
      ? randomScalar(field.element, random)
      : randomFields(field.fields as Fields, version, random),
  )
}

/** A default of null is no value where the field is not nullable. */
function allowedDefault(field: Field<unknown>, version: number): unknown {
  const value = defaultOf(field)
  if (value !== null || !inRange(field.versions, version)) return value
  if (isNullable(field, version)) return null
  return defaultOf({ ...field, default: undefined } as unknown as Field<unknown>)
}

function randomInteger(random: Random, bits: number, signed: boolean): number {
  const range = 2 ** bits
  const low = signed ? -range / 2 : 0
  const edges = [low, low + range - 1, 0, 1, signed ? -1 : 2]
  if (chance(random, 3)) return edges[random.integer(edges.length)] as number
  return low + random.integer(range)
}

function randomInt64(random: Random): number {
  const edges = [0, -1, 1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2 ** 63, -(2 ** 63)]
  if (chance(random, 3)) return edges[random.integer(edges.length)] as number
  return (random.integer(2) * 2 - 1) * (random.integer(2 ** 21) * 2 ** 32 + random.integer(2 ** 32))
}

function randomScalar(scalar: ScalarType, random: Random): unknown {
  switch (scalar) {
    case 'bool':
      return random.integer(2) === 1
    case 'int8':
    case 'int16':
    case 'int32':
      return randomInteger(random, Number(scalar.slice(3)), true)
    case 'uint16':
    case 'uint32':
      return randomInteger(random, Number(scalar.slice(4)), false)
    case 'int64':
    case 'roundedInt64':
      return plusZero(randomInt64(random))
    case 'float64':
      return plusZero((random.integer(2 ** 20) - 2 ** 19) / 64)
    case 'uuid':
      return chance(random, 4) ? ZERO_UUID : Buffer.from(random.bytes(16)).toString('base64url')
    case 'string':
      return TEXTS[random.integer(TEXTS.length)]
    case 'bytes':
    case 'records':
      return Buffer.from(random.bytes(random.integer(chance(random, 8) ? 700 : 40)))
  }
}

const plusZero = (value: number): number => (value === 0 ? 0 : value)
