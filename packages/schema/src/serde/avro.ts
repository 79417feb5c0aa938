/**
 * Avro, written with one schema and read with whatever schema the writer had, resolved to ours.
 */
import { messageOf } from '@ottla/base'
import type { Serde } from '@ottla/client'
import avsc, { type Type } from 'avsc'
import type { SchemaDefinition } from '../registry/schema.ts'
import type { SchemaRegistryClient } from '../registry/schema-registry-client.ts'
import { LONG_AS_BIGINT } from './avro-bigint.ts'
import { ReadersById, type RegistrySerdeOptions, writerSchema } from './registry-serde.ts'
import { HEADER_SIZE, writeHeader } from './wire-format.ts'

type LogicalTypes = avsc.ForSchemaOptions['logicalTypes']

export interface AvroOptions extends RegistrySerdeOptions {
  /**
   * What values look like: they are read into it, and written with it unless `write` says
   * otherwise. Left out, it is the schema that is written with.
   */
  readonly schema?: string | object | undefined
  /**
   * What a `long` is. `number` (default) throws beyond 2^53 instead of losing digits; `bigint`
   * takes all of them.
   */
  readonly long?: 'number' | 'bigint' | undefined
  /** Classes for logical types, by name, as avsc has them; others are read as what lies below. */
  readonly logicalTypes?: LogicalTypes | undefined
}

/**
 * A serde for Avro with the schema registry; the wire format is that of Confluent's. Fetches or
 * registers the schema that it writes with, so that writing needs no wait after that.
 *
 *   const value = await avro<Order>(registry, { topic: 'orders', schema: orderSchema })
 *
 * Values are as avsc takes them: bytes are Buffers, a union is the plain value where its branches
 * can be told apart, else `{ branch: value }`. Rejects with a SchemaRegistryError, and with a
 * TypeError when options or schemas do not fit together.
 */
export async function avro<T>(
  registry: SchemaRegistryClient,
  options: AvroOptions,
): Promise<Serde<T>> {
  const { schema, references = [] } = options
  const text = schema === undefined || typeof schema === 'string' ? schema : JSON.stringify(schema)
  const source = { schemaType: 'AVRO', schema: text, recordName: avroName } as const
  const writer = await writerSchema(registry, options, source)
  const parse = (definition: SchemaDefinition) => parseAvro(registry, definition, options)
  const writerType = await parse(writer)
  const own: SchemaDefinition = { schema: text ?? writer.schema, schemaType: 'AVRO', references }
  const isOwn = own.schema === writer.schema
  const ownType = isOwn ? writerType : await parse(own)
  const resolver = async (id: number) =>
    resolverOf(ownType, await parse(await registry.schemaById(id)), id)
  const readers = new ReadersById<avsc.Resolver | undefined>(resolver)
  if (isOwn) readers.add(writer.id, undefined)
  return {
    serialize: (value) => encode(writerType, writer.id, value),
    deserialize: (bytes) => {
      const resolver = readers.readerOf(bytes)
      return ownType.fromBuffer((bytes as Buffer).subarray(HEADER_SIZE), resolver) as T
    },
    prepare: (bytes) => readers.prepare(bytes),
  }
}

async function parseAvro(
  registry: SchemaRegistryClient,
  definition: SchemaDefinition,
  { long, logicalTypes }: AvroOptions,
): Promise<Type> {
  if (definition.schemaType !== 'AVRO') {
    throw new TypeError(`the schema is ${definition.schemaType}, not AVRO`)
  }
  const known: Record<string, Type> = long === 'bigint' ? { long: LONG_AS_BIGINT } : {}
  // Each schema adds its names to `known`, so what it refers to is parsed before it.
  const parse = (text: string) =>
    avsc.Type.forSchema(parseText(text), {
      registry: known,
      ...(logicalTypes && { logicalTypes }),
    })
  for (const { schema } of await registry.resolveReferences(definition)) parse(schema)
  const type = parse(definition.schema)
  if (type.typeName === 'bytes') {
    throw new TypeError('bare bytes lie differently in Java and elsewhere; wrap them in a record')
  }
  return type
}

function resolverOf(own: Type, written: Type, id: number): avsc.Resolver {
  try {
    return own.createResolver(written)
  } catch (cause) {
    const [from, to] = [written, own].map(({ name, typeName }) => name ?? typeName)
    const what = `${from}, the schema of id ${id}, cannot be read as ${to}`
    throw new TypeError(`${what}: ${messageOf(cause)}`, { cause })
  }
}

/** The name of a primitive type may stand without quotes. */
const parseText = (text: string) =>
  (/^\s*[[{"]/.test(text) ? JSON.parse(text) : text.trim()) as avsc.Schema

/** Full name of a record, for the strategies that need it; primitives have the name of the type. */
function avroName(text: string): string {
  const schema = parseText(text) as string | { name?: string; namespace?: string; type?: string }
  if (typeof schema === 'string') return schema
  const { name, namespace, type } = schema
  if (name === undefined) return String(type)
  return name.includes('.') || !namespace ? name : `${namespace}.${name}`
}

/** Values are written here first, since their size is not known before. */
let scratch = Buffer.allocUnsafe(4_096)

function encode(type: Type, id: number, value: unknown): Buffer {
  let end = type.encode(value, scratch, HEADER_SIZE)
  if (end < 0) {
    // Minus what was missing.
    scratch = Buffer.allocUnsafe(2 * (scratch.length - end))
    end = type.encode(value, scratch, HEADER_SIZE)
  }
  writeHeader(scratch, id)
  return Buffer.from(scratch.subarray(0, end))
}
