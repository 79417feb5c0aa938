/** Protobuf, written with one schema and read with ours, whichever the writer had. */
import type { Serde } from '@ottla/client'
import type { SchemaDefinition } from '../registry/schema.ts'
import type { SchemaRegistryClient } from '../registry/schema-registry-client.ts'
import { protobufMessage, protobufName, skipIndexes } from './protobuf-schema.ts'
import { fromMessage, type LongForm, toMessage } from './protobuf-values.ts'
import { type RegistrySerdeOptions, writerSchema } from './registry-serde.ts'
import { HEADER_SIZE, readHeader, writeHeader } from './wire-format.ts'

export interface ProtobufOptions extends RegistrySerdeOptions {
  /**
   * Text of the `.proto` file: values are read with it, and written with it unless `write` says
   * otherwise. Left out, it is the schema that is written with. Other files that it imports are
   * `references`; Google's own (`google/protobuf/...`) need none.
   */
  readonly schema?: string | undefined
  /** Name of the message, with or without its package. Default: the first one of the file. */
  readonly message?: string | undefined
  /**
   * What a 64-bit integer is. `number` (default) throws beyond 2^53 instead of losing digits;
   * `bigint` takes all of them. Both are taken when written.
   */
  readonly long?: LongForm | undefined
}

/**
 * A serde for Protobuf with the schema registry; the wire format is that of Confluent's, with the
 * message's place in its file. Fields have their names in camelCase, enums are names, bytes are
 * Buffers, a map is an object, 64-bit keys of it in decimals. What is not set has its default, or
 * is left out where Protobuf tells the difference. A value that does not fit its field is refused.
 *
 *   const value = await protobuf<Order>(registry, { topic: 'orders', schema: orderProto })
 *
 * Rejects with a SchemaRegistryError, and with a TypeError when options or schemas do not fit
 * together.
 */
export async function protobuf<T extends object>(
  registry: SchemaRegistryClient,
  options: ProtobufOptions,
): Promise<Serde<T>> {
  const { schema, references = [], message, long = 'number' } = options
  const recordName = (text: string) => protobufName(text, message)
  const writer = await writerSchema(registry, options, {
    schemaType: 'PROTOBUF',
    schema,
    recordName,
  })
  const messageIn = async (definition: SchemaDefinition, wanted = message) =>
    protobufMessage(definition, await registry.resolveReferences(definition), wanted)
  const own = await messageIn({
    schema: schema ?? writer.schema,
    schemaType: 'PROTOBUF',
    references: schema === undefined ? writer.references : references,
  })
  const isOwn = schema === undefined || schema === writer.schema
  const written = isOwn ? own : await messageIn(writer, own.name)
  const start = Buffer.alloc(HEADER_SIZE + written.indexes.length)
  writeHeader(start, writer.id)
  written.indexes.copy(start, HEADER_SIZE)
  return {
    serialize: (value) => {
      const { type } = written
      return Buffer.concat([start, type.encode(toMessage(type, value)).finish()])
    },
    deserialize: (bytes) => {
      readHeader(bytes)
      const payload = (bytes as Buffer).subarray(skipIndexes(bytes as Buffer, HEADER_SIZE))
      return fromMessage(own.type, own.type.decode(payload), long) as T
    },
  }
}
