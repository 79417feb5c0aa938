/** Our tables and error codes beside the definitions inside Apache Kafka's jars, field by field. */
import { apis, ERROR_CODES, rangeOf } from '@ottla/protocol'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { everyMessage } from '../../../packages/protocol/src/schema/every-message.ts'
import { plainFields, taggedFields } from '../../../packages/protocol/src/schema/field-layout.ts'
import {
  type Field,
  type Fields,
  isNullable,
  type Message,
  type VersionRange,
} from '../../../packages/protocol/src/schema/schema.ts'
import {
  camelCase,
  defaultValue,
  type JsonField,
  type JsonMessage,
  parseDefinition,
  versionsOf,
} from '../../../tools/protocol-tables.ts'
import { Judge } from './judge.ts'

let judge: Judge
let definitions: JsonMessage[]

beforeAll(async () => {
  judge = await Judge.start()
  const texts = await judge.ask<string[]>({ op: 'definitions' })
  definitions = texts.map(parseDefinition).filter((definition) => definition !== undefined)
})
afterAll(() => judge?.[Symbol.asyncDispose]())

/** One row as plain facts, the same shape from either side. */
type Row = Record<string, unknown>

function theirRow(field: JsonField, structs: ReadonlyMap<string, JsonField>): Row {
  const type = field.type.replace(/^\[\]/, '')
  const own = field.fields && field.fields.length > 0 ? field.fields : structs.get(type)?.fields
  return {
    type: own ? field.type.replace(type, 'struct') : field.type,
    versions: versionsOf(field),
    nullable: field.nullableVersions,
    tag: field.tag,
    tagged: field.tag === undefined ? undefined : field.taggedVersions,
    default: defaultValue(field),
    flexible: field.flexibleVersions,
    fields: own?.map((inner) => [camelCase(inner.name), theirRow(inner, structs)]),
  }
}

/** How we read an int64 is ours. */
const scalarOf = ({ scalar, element }: Field<unknown>) =>
  scalar === 'roundedInt64' ? 'int64' : (scalar ?? element)

function ourRow(field: Field<unknown>): Row {
  const type = field.fields ? 'struct' : scalarOf(field)
  return {
    type: field.kind === 'array' ? `[]${type}` : type,
    versions: field.versions,
    nullable: field.nullable,
    tag: field.tag,
    tagged: field.tag === undefined ? undefined : (field.tagged ?? field.versions),
    default: field.default,
    flexible: field.flexible,
    fields: field.fields && ourRows(field.fields),
  }
}

const ourRows = (fields: Fields) =>
  Object.entries(fields).map(([name, field]) => [name, ourRow(field)])

const ourTable = (message: Message) => ({
  apiKey: message.apiKey,
  versions: message.versions,
  flexible: message.flexible,
  unstable: message.unstable ?? false,
  listeners: message.listeners,
  fields: ourRows(message.fields),
})

function theirTable(definition: JsonMessage) {
  const structs = new Map((definition.commonStructs ?? []).map((s) => [s.name, s]))
  return {
    apiKey: definition.apiKey,
    versions: definition.validVersions,
    flexible: definition.flexibleVersions,
    unstable: definition.latestVersionUnstable ?? false,
    listeners: definition.listeners,
    fields: definition.fields.map((f) => [camelCase(f.name), theirRow(f, structs)]),
  }
}

test('every message of the jars is in our tables, and none besides', () => {
  const theirs = definitions.map((definition) => definition.name)
  expect(everyMessage.map((message) => message.name).sort()).toEqual([...new Set(theirs)].sort())
})

test('every table states the same facts', () => {
  const ours = new Map(everyMessage.map((message) => [message.name, message]))
  for (const definition of definitions) {
    const message = ours.get(definition.name) as Message
    expect(ourTable(message), definition.name).toEqual(theirTable(definition))
  }
})

test('every API is listed under its key', () => {
  const theirs = definitions.filter((definition) => definition.type === 'request')
  const ours = Object.values(apis).map((api) => [api.key, `${api.name}Request`])
  const byKey = (a: unknown[], b: unknown[]) => Number(a[0]) - Number(b[0])
  expect(ours.sort(byKey)).toEqual(theirs.map((d) => [d.apiKey, d.name]).sort(byKey))
})

interface TheirError {
  readonly name: string
  readonly code: number
  readonly retriable: boolean
  readonly refresh: boolean
}

test('every error code has its name, and is retriable where Java says so', async () => {
  const theirs = await judge.ask<TheirError[]>({ op: 'errors' })
  const kind = (e: TheirError) => (e.refresh ? 'refresh' : e.retriable ? 'retriable' : 'fatal')
  const rows = theirs.map((error) => [error.name, [error.code, kind(error)]] as const)
  expect(ERROR_CODES).toEqual(Object.fromEntries(rows))
})

/** A definition of another release as fields of ours. */
function fieldsOf(fields: readonly JsonField[], structs: ReadonlyMap<string, JsonField>): Fields {
  const rows = fields.map((field) => {
    const type = field.type.replace(/^\[\]/, '')
    const inner = field.fields && field.fields.length > 0 ? field.fields : structs.get(type)?.fields
    const isArray = field.type.startsWith('[]')
    const row = {
      kind: isArray ? 'array' : inner ? 'struct' : 'scalar',
      versions: versionsOf(field),
      nullable: field.nullableVersions,
      tag: field.tag,
      tagged: field.taggedVersions,
      scalar: isArray || inner ? undefined : type,
      element: isArray && !inner ? type : undefined,
      fields: inner && fieldsOf(inner, structs),
    }
    return [camelCase(field.name), row] as const
  })
  return Object.fromEntries(rows) as unknown as Fields
}

/**
 * What of a table is visible on the wire in one version: no names, which may change. The older of
 * two layouts allows for further tagged fields, which may come to a version that is out already.
 */
function layoutOf(fields: Fields, version: number, isOlder: boolean): unknown {
  const tagged = taggedFields(fields, version).map(([, field]) => [field.tag, ...row(field)])
  function row(field: Field<unknown>) {
    const inner = field.fields && layoutOf(field.fields, version, isOlder)
    return [field.kind, scalarOf(field), isNullable(field, version), inner]
  }
  return {
    plain: plainFields(fields, version).map(([, field]) => row(field)),
    tagged: isOlder ? expect.arrayContaining(tagged) : tagged,
  }
}

test('every version of the previous release looks on the wire as it did', async () => {
  await using previous = await Judge.start('previous')
  const texts = await previous.ask<string[]>({ op: 'definitions' })
  const definitions = texts.map(parseDefinition).filter((definition) => definition !== undefined)
  expect(definitions.length).toBeGreaterThan(250)
  const ours = new Map(everyMessage.map((message) => [message.name, message]))
  for (const definition of definitions) {
    const message = ours.get(definition.name) as Message
    const [lowest, highest] = rangeOf(definition.validVersions as VersionRange)
    const last = definition.latestVersionUnstable ? highest - 1 : highest
    expect(message.highest, definition.name).toBeGreaterThanOrEqual(last)
    const structs = new Map((definition.commonStructs ?? []).map((s) => [s.name, s]))
    const fields = fieldsOf(definition.fields, structs)
    for (let version = lowest; version <= last; version++) {
      const where = `${definition.name} v${version}`
      const older = layoutOf(fields, version, true)
      expect(layoutOf(message.fields, version, false), where).toEqual(older)
    }
  }
})
