/**
 * Plain values to Protobuf messages and back. Protobuf's JavaScript library takes anything and
 * makes a 0 of what it does not understand; here what does not fit its field is refused.
 */
import protobuf from 'protobufjs'

export type LongForm = 'number' | 'bigint'

interface LongLike {
  readonly low: number
  readonly high: number
  readonly unsigned: boolean
}

const INTEGERS: Readonly<Record<string, readonly [min: bigint, max: bigint]>> = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  sint32: [-(2n ** 31n), 2n ** 31n - 1n],
  sfixed32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  fixed32: [0n, 2n ** 32n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  sint64: [-(2n ** 63n), 2n ** 63n - 1n],
  sfixed64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
  fixed64: [0n, 2n ** 64n - 1n],
}
const is64 = (type: string): boolean => type.endsWith('64')

const refuse = (at: string, wanted: string): never => {
  throw new TypeError(`${at} must be ${wanted}`)
}

// ---- writing -----------------------------------------------------------------------------------

/** A message to be encoded; fields that are undefined or null are left out. */
export function toMessage(type: protobuf.Type, value: unknown, at = type.name): protobuf.Message {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    return refuse(at, 'an object')
  }
  const fields: Record<string, unknown> = {}
  const chosen = new Map<protobuf.OneOf, string>()
  for (const [name, one] of Object.entries(value)) {
    if (one === undefined || one === null) continue
    const field = type.fields[name]
    if (!field) throw new TypeError(`${at} has no field ${name}; names are in camelCase`)
    const other = field.partOf && chosen.get(field.partOf)
    if (other) throw new TypeError(`${at} can have only one of ${other} and ${name}`)
    if (field.partOf) chosen.set(field.partOf, name)
    fields[name] = toField(field, one, `${at}.${name}`)
  }
  return type.create(fields)
}

function toField(field: protobuf.Field, value: unknown, at: string): unknown {
  if (field instanceof protobuf.MapField) return toMap(field, value, at)
  if (!field.repeated) return toSingle(field, value, at)
  if (!Array.isArray(value)) return refuse(at, 'an array')
  return value.map((one, i) => toSingle(field, one, `${at}[${i}]`))
}

function toMap(field: protobuf.MapField, value: unknown, at: string): unknown {
  if (value === null || typeof value !== 'object') return refuse(at, 'an object')
  if (field.keyType === 'bool') throw new TypeError(`${at}: maps by bool cannot be written`)
  const entries = Object.entries(value).map(([key, one]) => {
    if (field.keyType !== 'string') toInteger(field.keyType, BigInt(key), `key ${key} of ${at}`)
    return [key, toSingle(field, one, `${at}.${key}`)]
  })
  return Object.fromEntries(entries)
}

function toSingle({ type, resolvedType }: protobuf.FieldBase, value: unknown, at: string): unknown {
  if (resolvedType instanceof protobuf.Type) return toMessage(resolvedType, value, at)
  if (resolvedType instanceof protobuf.Enum) return toEnum(resolvedType, value, at)
  if (type in INTEGERS) return toInteger(type, value, at)
  switch (type) {
    case 'float':
    case 'double':
      return typeof value === 'number' ? value : refuse(at, 'a number')
    case 'bool':
      return typeof value === 'boolean' ? value : refuse(at, 'a boolean')
    case 'string':
      return typeof value === 'string' ? value : refuse(at, 'a string')
    default:
      return value instanceof Uint8Array ? value : refuse(at, 'a Buffer')
  }
}

function toEnum({ name, values }: protobuf.Enum, value: unknown, at: string): number {
  if (typeof value === 'number' && Number.isInteger(value)) return value
  const number = typeof value === 'string' ? values[value] : undefined
  return number ?? refuse(at, `one of ${name}: ${Object.keys(values).join(', ')}`)
}

function toInteger(type: string, value: unknown, at: string): unknown {
  const [min, max] = INTEGERS[type] as readonly [bigint, bigint]
  const isInteger = typeof value === 'bigint' || Number.isSafeInteger(value)
  const exact = isInteger ? BigInt(value as number | bigint) : undefined
  if (exact === undefined || exact < min || exact > max) {
    return refuse(at, `a ${type}: an integer from ${min} to ${max}, a bigint beyond 2^53`)
  }
  if (!is64(type)) return Number(exact)
  const bits = BigInt.asUintN(64, exact)
  const [low, high] = [Number(bits & 0xffff_ffffn) | 0, Number(bits >> 32n) | 0]
  return { low, high, unsigned: min === 0n } satisfies LongLike
}

// ---- reading -----------------------------------------------------------------------------------

/** A plain object; fields that can be missing and are missing are left out. */
export function fromMessage(
  type: protobuf.Type,
  message: object,
  long: LongForm,
): Record<string, unknown> {
  const value: Record<string, unknown> = {}
  const set = message as Record<string, unknown>
  for (const field of type.fieldsArray) {
    const { name } = field
    const isSet = Object.hasOwn(set, name)
    if (field instanceof protobuf.MapField) value[name] = fromMap(field, set[name] ?? {}, long)
    else if (field.repeated) {
      const all = isSet ? (set[name] as unknown[]) : []
      value[name] = all.map((one) => fromSingle(field, one, long))
    } else if (isSet) value[name] = fromSingle(field, set[name], long)
    else if (!mayBeMissing(field)) value[name] = fromSingle(field, field.typeDefault, long)
  }
  return value
}

const mayBeMissing = (field: protobuf.Field): boolean =>
  field.resolvedType instanceof protobuf.Type || field.partOf !== null || field.hasPresence

function fromMap(field: protobuf.MapField, map: object, long: LongForm): Record<string, unknown> {
  const entries = Object.entries(map).map(([key, one]) => {
    const isHash = is64(field.keyType)
    const isUnsigned = INTEGERS[field.keyType]?.[0] === 0n
    const known = isHash ? exactOf(protobuf.util.longFromHash(key, isUnsigned) as LongLike) : key
    return [String(known), fromSingle(field, one, long)]
  })
  return Object.fromEntries(entries)
}

function fromSingle({ resolvedType, type }: protobuf.FieldBase, value: unknown, long: LongForm) {
  if (resolvedType instanceof protobuf.Type) {
    return fromMessage(resolvedType, value as object, long)
  }
  // A number that has no name is one of a newer schema.
  if (resolvedType instanceof protobuf.Enum)
    return resolvedType.valuesById[value as number] ?? value
  if (type === 'bytes') return Buffer.from(value as Uint8Array)
  return type in INTEGERS && is64(type) ? fromLong(value as LongLike | number, long) : value
}

function fromLong(value: LongLike | number, long: LongForm): number | bigint {
  const exact = typeof value === 'number' ? BigInt(value) : exactOf(value)
  if (long === 'bigint') return exact
  const number = Number(exact)
  if (Number.isSafeInteger(number)) return number
  throw new TypeError(`${exact} is beyond 2^53; read it with long: 'bigint'`)
}

function exactOf({ low, high, unsigned }: LongLike): bigint {
  const bits = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)
  return unsigned ? bits : BigInt.asIntN(64, bits)
}
