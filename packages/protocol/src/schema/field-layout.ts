/**
 * What reader, writer and interpreter must agree on for one field in one version: which encoding,
 * which default, how small its encoding can be.
 */
import { ZERO_UUID } from '@ottla/base'
import {
  type Field,
  type Fields,
  inRange,
  isNullable,
  isTagged,
  type ScalarType,
} from './schema.ts'

/** Name of the reader and writer method of a scalar; the two classes use the same names. */
export function primitiveName(
  scalar: ScalarType,
  flexible: boolean,
  nullable: boolean,
): PrimitiveName {
  if (scalar !== 'string' && scalar !== 'bytes' && scalar !== 'records') return scalar
  const kind = scalar === 'string' ? 'String' : 'Bytes'
  if (flexible) return nullable ? `compactNullable${kind}` : `compact${kind}`
  if (nullable) return `nullable${kind}`
  return scalar === 'string' ? 'string' : 'bytes'
}

/**
 * Least value of the byte in front of a nullable struct that is there. Null is -1; in a tagged
 * section Apache Kafka writes 0 for it, and does where a table of its own forgot the default.
 */
export const presenceMin = (field: Field<unknown>, version: number): number =>
  isTagged(field, version) ? 1 : 0

export type PrimitiveName =
  | Exclude<ScalarType, 'records'>
  | `nullable${'String' | 'Bytes'}`
  | `compact${'String' | 'Bytes'}`
  | `compactNullable${'String' | 'Bytes'}`

/** Least bytes of one element or field, to refuse impossible array lengths before allocating. */
export function sizeMinOf(field: Field<unknown>, version: number, flexible: boolean): number {
  if (!inRange(field.versions, version) || isTagged(field, version)) return 0
  const compact = flexible && field.flexible !== 'none'
  if (field.kind === 'scalar') return scalarSizeMin(field.scalar as ScalarType, compact)
  if (field.kind === 'array') return compact ? 1 : 4
  if (isNullable(field, version)) return 1
  return fieldsSizeMin(field.fields as Fields, version, flexible)
}

export function fieldsSizeMin(fields: Fields, version: number, flexible: boolean): number {
  let size = flexible ? 1 : 0
  for (const field of Object.values(fields)) size += sizeMinOf(field, version, flexible)
  return size
}

export function elementSizeMin(field: Field<unknown>, version: number, flexible: boolean): number {
  return field.element
    ? scalarSizeMin(field.element, flexible)
    : Math.max(1, fieldsSizeMin(field.fields as Fields, version, flexible))
}

function scalarSizeMin(scalar: ScalarType, compact: boolean): number {
  switch (scalar) {
    case 'bool':
    case 'int8':
      return 1
    case 'int16':
    case 'uint16':
      return 2
    case 'int32':
    case 'uint32':
      return 4
    case 'int64':
    case 'roundedInt64':
    case 'float64':
      return 8
    case 'uuid':
      return 16
    case 'string':
      return compact ? 1 : 2
    case 'bytes':
    case 'records':
      return compact ? 1 : 4
  }
}

/** Value of a field that is not on the wire. Arrays and structs are made anew each time. */
export function defaultOf(field: Field<unknown>): unknown {
  if (field.default !== undefined) return field.default
  if (field.kind === 'array') return []
  if (field.kind === 'struct') return defaultsOf(field.fields as Fields)
  return scalarDefault(field.scalar as ScalarType)
}

export function defaultsOf(fields: Fields): Record<string, unknown> {
  const value: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(fields)) value[name] = defaultOf(field)
  return value
}

export const EMPTY_BYTES: Buffer = Buffer.alloc(0)

function scalarDefault(scalar: ScalarType): unknown {
  if (scalar === 'bool') return false
  if (scalar === 'string') return ''
  if (scalar === 'uuid') return ZERO_UUID
  if (scalar === 'bytes' || scalar === 'records') return EMPTY_BYTES
  return 0
}

/**
 * True when a value equals the default of its field; missing counts as default. Where the default
 * of an array is null, the empty one is a value: it empties what a metadata record changes.
 */
export function isDefault(field: Field<unknown>, value: unknown): boolean {
  if (value === undefined) return true
  if (field.default !== undefined) return value === field.default
  if (value === null) return false
  if (field.kind === 'array') return (value as unknown[]).length === 0
  if (field.kind === 'struct') return isDefaultStruct(field.fields as Fields, value)
  if (Buffer.isBuffer(value)) return value.length === 0
  return value === scalarDefault(field.scalar as ScalarType)
}

function isDefaultStruct(fields: Fields, value: unknown): boolean {
  const record = value as Record<string, unknown>
  return Object.entries(fields).every(([name, field]) => isDefault(field, record[name]))
}

/** Tagged fields of a struct in ascending order of their tags. */
export function taggedFields(fields: Fields, version: number): [string, Field<unknown>][] {
  return Object.entries(fields)
    .filter(([, field]) => inRange(field.versions, version) && isTagged(field, version))
    .sort((a, b) => (a[1].tag as number) - (b[1].tag as number))
}

/** Fields outside the tagged section, in wire order. */
export function plainFields(fields: Fields, version: number): [string, Field<unknown>][] {
  return Object.entries(fields).filter(
    ([, field]) => inRange(field.versions, version) && !isTagged(field, version),
  )
}
