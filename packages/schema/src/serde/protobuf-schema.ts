/** Protobuf schemas: their text parsed with what it imports, and where a message is in it. */
import { messageOf } from '@ottla/base'
import protobuf from 'protobufjs'
import type { SchemaDefinition } from '../registry/schema.ts'
import type { ResolvedReference } from '../registry/schema-registry-client.ts'

export interface ProtobufMessage {
  readonly type: protobuf.Type
  /** With its package. */
  readonly name: string
  /** What is written before it: its place among the messages of the schema, as Confluent has it. */
  readonly indexes: Buffer
}

const WELL_KNOWN = /^google\/protobuf\/\w+\.proto$/

/**
 * The message that a schema is used for: `wanted` with or without its package, or the first one.
 * Throws a TypeError when the schema cannot be read or has no such message.
 */
export function protobufMessage(
  { schemaType, schema }: SchemaDefinition,
  references: readonly ResolvedReference[],
  wanted: string | undefined,
): ProtobufMessage {
  if (schemaType !== 'PROTOBUF') throw new TypeError(`the schema is ${schemaType}, not PROTOBUF`)
  const root = new protobuf.Root()
  const imports = new Set<string>()
  for (const { name, schema: text } of references) {
    for (const one of parsed(text, root, name).imports ?? []) imports.add(one)
  }
  for (const one of parsed(schema, root, 'the schema').imports ?? []) imports.add(one)
  for (const { name } of references) imports.delete(name)
  addWellKnown(root, imports)
  const place = placeOf(schema, wanted)
  const name = place.path.join('.')
  try {
    root.resolveAll()
    return { type: root.lookupType(name), name, indexes: encodeIndexes(place.indexes) }
  } catch (cause) {
    const what = 'what the schema imports must be among its references'
    throw new TypeError(`${messageOf(cause)}: ${what}`, { cause })
  }
}

/** Full name of the message, for the strategies that name subjects after it. */
export const protobufName = (schema: string, wanted: string | undefined): string =>
  placeOf(schema, wanted).path.join('.')

function parsed(text: string, root: protobuf.Root, what: string): protobuf.IParserResult {
  try {
    return protobuf.parse(text, root)
  } catch (cause) {
    throw new TypeError(`${what} cannot be parsed: ${messageOf(cause)}`, { cause })
  }
}

/** Google's own files need no reference. */
function addWellKnown(root: protobuf.Root, imports: Iterable<string>): void {
  for (const file of imports) {
    const common = WELL_KNOWN.test(file) ? protobuf.common.get(file) : null
    if (common?.nested) root.addJSON(common.nested)
  }
}

interface Place {
  readonly path: readonly string[]
  readonly indexes: readonly number[]
}

/** Found in the schema alone: what it imports may be of the same package. */
function placeOf(schema: string, wanted: string | undefined): Place {
  const root = new protobuf.Root()
  const { package: name } = parsed(schema, root, 'the schema')
  const home = (name ? root.lookup(name) : root) as protobuf.NamespaceBase
  const prefix = name ? name.split('.') : []
  const places = [...messagesIn(home, { path: prefix, indexes: [] })]
  const found =
    wanted === undefined
      ? places[0]
      : places.find(({ path }) =>
          [path.join('.'), path.slice(prefix.length).join('.')].includes(wanted),
        )
  if (found) return found
  const names = places.map(({ path }) => path.join('.')).join(', ') || 'none'
  throw new TypeError(`the schema has no message ${wanted ?? ''}; its messages are: ${names}`)
}

function* messagesIn(home: protobuf.NamespaceBase, at: Place): Iterable<Place> {
  const types = home.nestedArray.filter((one) => one instanceof protobuf.Type)
  for (const [i, type] of types.entries()) {
    const place = { path: [...at.path, type.name], indexes: [...at.indexes, i] }
    yield place
    yield* messagesIn(type, place)
  }
}

/** Zigzag varints: how many, then each; the first message of all is a single 0. */
function encodeIndexes(indexes: readonly number[]): Buffer {
  const writer = protobuf.Writer.create()
  if (indexes.length === 1 && indexes[0] === 0) writer.sint32(0)
  else for (const value of [indexes.length, ...indexes]) writer.sint32(value)
  return Buffer.from(writer.finish())
}

const INDEXES_MAX = 100

/** Where the payload begins that indexes at `position` come before. */
export function skipIndexes(bytes: Buffer, position: number): number {
  const reader = protobuf.Reader.create(bytes)
  reader.pos = position
  const count = reader.sint32()
  if (count < 0 || count > INDEXES_MAX) {
    throw new TypeError(`${count} message indexes: it was not written as Protobuf with a registry`)
  }
  for (let i = 0; i < count; i++) reader.sint32()
  return reader.pos
}
