/** Random requests from the tables of the protocol and the values of domain.ts. */
import type { SeededRandom } from '@ottla/base'
import type { Api, Field, Fields } from '@ottla/protocol'
import { defaultOf } from '../../packages/protocol/src/schema/field-layout.ts'
import { randomMessage } from '../../packages/protocol/src/schema/random-value.ts'
import { inRange, isNullable, type ScalarType } from '../../packages/protocol/src/schema/schema.ts'
import { DEFAULTED, UNKNOWN_ID, VALUES } from './domain.ts'
import { REFERENCE_TYPES, Reference } from './reference.ts'

const ELEMENTS_MAX = 3

/** A body whose leaves are values, or references that each broker resolves for itself. */
export function randomBody(api: Api, version: number, random: SeededRandom): unknown {
  // Takes the fields that have no meaning listed from the generator of the codec's tests.
  const filler = randomMessage(api.request, version, random) as Record<string, unknown>
  return fields(api.request.name, api.request.fields, version, random, filler)
}

/** `path` names the message and the array inside which the fields are. */
function fields(
  path: string,
  table: Fields,
  version: number,
  random: SeededRandom,
  filler: Record<string, unknown>,
): Record<string, unknown> {
  const value: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(table)) {
    if (!inRange(field.versions, version) || DEFAULTED.has(name)) continue
    value[name] = fieldValue(path, name, field, version, random, filler[name])
  }
  return value
}

function fieldValue(
  path: string,
  name: string,
  field: Field<unknown>,
  version: number,
  random: SeededRandom,
  filler: unknown,
): unknown {
  const scalar = field.kind === 'scalar' ? field.scalar : field.element
  const pool = scalar && poolOf(path, name, scalar)
  const mayBeNull = isNullable(field, version)
  const pick = (): unknown => {
    for (let tries = 0; pool && tries < 20; tries++) {
      const value = pool[random.integer(pool.length)]
      if (value !== null || mayBeNull) return value
    }
    return filler
  }
  if (field.kind === 'scalar') {
    const usual =
      filler === undefined || (filler === null && !mayBeNull) ? defaultOf(field) : filler
    return pool ? pick() : usual
  }
  const inner = (source: unknown) =>
    fields(
      `${messageOf(path)}.${name}`,
      field.fields as Fields,
      version,
      random,
      (source ?? {}) as never,
    )
  if (field.kind === 'struct') {
    return filler === null && mayBeNull ? null : inner(filler)
  }
  if (mayBeNull && random.chance(0.2)) return null
  const length = 1 + random.integer(ELEMENTS_MAX)
  const { element } = field
  if (element) {
    const scalars = Array.from({ length }, (_, i) =>
      pool ? pick() : fillerAt(filler, i, ELEMENT[element]),
    )
    return [...new Set(scalars)]
  }
  return distinct(Array.from({ length }, (_, i) => inner(fillerAt(filler, i, {}))))
}

/** What tells the elements of an array from each other: no client names a thing twice. */
const IDENTITIES = [
  ...['name', 'topic', 'topicName', 'topicId', 'partition', 'partitionIndex', 'index'],
  ...['partitionId', 'groupId', 'transactionalId', 'resourceName', 'memberId'],
]

function distinct(entries: readonly Record<string, unknown>[]): Record<string, unknown>[] {
  const seen = new Set<string>()
  return entries.filter((entry) => {
    const names = IDENTITIES.filter((name) => name in entry)
    const keys = names.map((name) => `${name} ${JSON.stringify(entry[name])}`)
    if (keys.some((key) => seen.has(key))) return false
    for (const key of keys) seen.add(key)
    return true
  })
}

/** The values for a field that are of its type; a name may stand for fields of several types. */
function poolOf(path: string, name: string, scalar: ScalarType): unknown[] | undefined {
  const values = VALUES[`${path}.${name}`] ?? VALUES[`${messageOf(path)}.${name}`] ?? VALUES[name]
  const fitting = values?.filter((value) => value === null || typeOf(value, scalar))
  return fitting?.some((value) => value !== null) ? fitting : undefined
}

const messageOf = (path: string): string => path.split('.')[0] as string

function typeOf(value: unknown, scalar: ScalarType): boolean {
  if (value instanceof Reference) return REFERENCE_TYPES[value.kind] === scalar
  if (Buffer.isBuffer(value)) return scalar === 'bytes' || scalar === 'records'
  if (typeof value === 'string') {
    return scalar === 'string' || (scalar === 'uuid' && /^A{20,}MA$|^A{22}$/.test(value))
  }
  if (typeof value === 'boolean') return scalar === 'bool'
  return scalar.includes('int') && (scalar !== 'int8' || (value as number) < 128)
}

const fillerAt = (filler: unknown, i: number, otherwise: unknown): unknown =>
  Array.isArray(filler) && filler.length > 0 ? filler[i % filler.length] : otherwise

/** An element where the filler has none. */
const ELEMENT: Readonly<Record<ScalarType, unknown>> = {
  bool: false,
  int8: 0,
  int16: 0,
  uint16: 0,
  int32: 0,
  uint32: 0,
  int64: 0,
  roundedInt64: 0,
  float64: 0,
  uuid: UNKNOWN_ID,
  string: '',
  bytes: Buffer.alloc(0),
  records: Buffer.alloc(0),
}
