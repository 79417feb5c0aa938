/**
 * Reads and writes messages by walking their tables: half as fast as the compiled functions, and
 * independent of the emitters, so it is their oracle in tests, their stand-in where code generation
 * is forbidden, and the one that finds the path of a field when bytes turn out malformed.
 */
import { AssertionError, assert, messageOf } from '@ottla/base'
import { MalformedMessageError } from '../wire/malformed-message-error.ts'
import type { Reader } from '../wire/reader.ts'
import type { Writer } from '../wire/writer.ts'
import {
  defaultOf,
  defaultsOf,
  elementSizeMin,
  isDefault,
  plainFields,
  presenceMin,
  primitiveName,
  taggedFields,
} from './field-layout.ts'
import {
  type Field,
  type Fields,
  isFlexible,
  isNullable,
  type Message,
  type ScalarType,
} from './schema.ts'

interface Context {
  readonly version: number
  readonly flexible: boolean
  /** Names and indexes of the field being read, outermost first. */
  readonly path: (string | number)[]
}

/** Reads a message; a MalformedMessageError names message, version and path of the field. */
export function interpretRead(message: Message, version: number, reader: Reader): unknown {
  const context: Context = { version, flexible: isFlexible(message, version), path: [] }
  try {
    return readFields(message.fields, context, reader)
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error
    const reason = error.message.replace(/ \(byte \d+\)$/, '')
    throw new MalformedMessageError(reason, error.position, {
      api: `${message.name} v${version}`,
      path: formatPath(context.path),
    })
  }
}

function formatPath(path: readonly (string | number)[]): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`))
    .join('')
    .slice(1)
}

function readFields(fields: Fields, context: Context, reader: Reader): Record<string, unknown> {
  const value = defaultsOf(fields)
  for (const [name, field] of plainFields(fields, context.version)) {
    context.path.push(name)
    value[name] = readField(field, context, reader)
    context.path.pop()
  }
  if (context.flexible) readTags(fields, context, reader, value)
  return value
}

function readTags(
  fields: Fields,
  context: Context,
  reader: Reader,
  value: Record<string, unknown>,
): void {
  const known = new Map(
    taggedFields(fields, context.version).map((entry) => [entry[1].tag, entry] as const),
  )
  const count = reader.tagCount()
  let tag = -1
  for (let i = 0; i < count; i++) {
    tag = reader.tag(tag)
    const end = reader.tagEnd()
    const entry = known.get(tag)
    if (!entry) {
      reader.position = end
      continue
    }
    context.path.push(entry[0])
    value[entry[0]] = readField(entry[1], context, reader)
    reader.endTag(end)
    context.path.pop()
  }
}

function readField(field: Field<unknown>, context: Context, reader: Reader): unknown {
  const nullable = isNullable(field, context.version)
  if (field.kind === 'array') return readArray(field, context, reader)
  if (field.kind === 'struct') {
    if (nullable && reader.int8() < presenceMin(field, context.version)) return null
    return readFields(field.fields as Fields, context, reader)
  }
  const flexible = context.flexible && field.flexible !== 'none'
  return reader[primitiveName(field.scalar as ScalarType, flexible, nullable)]()
}

function readArray(field: Field<unknown>, context: Context, reader: Reader): unknown {
  const sizeMin = elementSizeMin(field, context.version, context.flexible)
  const length = context.flexible ? reader.compactArrayLength(sizeMin) : reader.arrayLength(sizeMin)
  if (length < 0) {
    return isNullable(field, context.version) ? null : reader.fail('null array')
  }
  const list: unknown[] = []
  for (let i = 0; i < length; i++) {
    context.path.push(i)
    list.push(
      field.element
        ? reader[primitiveName(field.element, context.flexible, false)]()
        : readFields(field.fields as Fields, context, reader),
    )
    context.path.pop()
  }
  return list
}

/**
 * Writes a message; members that are missing are written as their defaults. A value that its field
 * cannot hold ends in an AssertionError with the path of the field.
 */
export function interpretWrite(
  message: Message,
  version: number,
  writer: Writer,
  value: unknown,
): void {
  const context: Context = { version, flexible: isFlexible(message, version), path: [] }
  try {
    writeFields(message.fields, context, writer, value as Record<string, unknown>)
  } catch (error) {
    const place = `${message.name} v${version} at ${formatPath(context.path) || 'its start'}`
    throw new AssertionError(`cannot write ${place}: ${messageOf(error)}`)
  }
}

function writeFields(
  fields: Fields,
  context: Context,
  writer: Writer,
  value: Record<string, unknown>,
): void {
  for (const [name, field] of plainFields(fields, context.version)) {
    const member = value[name]
    context.path.push(name)
    writeField(field, context, writer, member === undefined ? defaultOf(field) : member)
    context.path.pop()
  }
  if (!context.flexible) return
  const present = taggedFields(fields, context.version).filter(
    ([name, field]) => !isDefault(field, value[name]),
  )
  writer.unsignedVarint(present.length)
  for (const [name, field] of present) {
    context.path.push(name)
    writer.tagged(field.tag as number, (nested: Writer) =>
      writeField(field, context, nested, value[name]),
    )
    context.path.pop()
  }
}

function writeField(field: Field<unknown>, context: Context, writer: Writer, value: unknown): void {
  const nullable = isNullable(field, context.version)
  if (field.kind === 'array') writeArray(field, context, writer, value as unknown[] | null)
  else if (field.kind === 'struct') {
    if (nullable) writer.int8(value === null ? -1 : 1)
    if (nullable && value === null) return
    writeFields(field.fields as Fields, context, writer, value as Record<string, unknown>)
  } else {
    const flexible = context.flexible && field.flexible !== 'none'
    writeScalar(primitiveName(field.scalar as ScalarType, flexible, nullable), writer, value)
  }
}

function writeArray(
  field: Field<unknown>,
  context: Context,
  writer: Writer,
  value: readonly unknown[] | null,
): void {
  assert(value === null || Array.isArray(value), `${typeof value} is not an array`)
  assert(value !== null || isNullable(field, context.version), 'the array cannot be null')
  const length = value === null ? -1 : value.length
  if (context.flexible) writer.unsignedVarint(length + 1)
  else writer.int32(length)
  for (const [i, element] of (value ?? []).entries()) {
    context.path.push(i)
    if (field.element) {
      writeScalar(primitiveName(field.element, context.flexible, false), writer, element)
    } else writeFields(field.fields as Fields, context, writer, element as Record<string, unknown>)
    context.path.pop()
  }
}

type Primitive = ReturnType<typeof primitiveName>

function writeScalar(name: Primitive, writer: Writer, value: unknown): void {
  const write = writer[name] as (this: Writer, value: unknown) => void
  write.call(writer, value)
}
