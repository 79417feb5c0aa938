/** JSON in UTF-8, checked against a JSON Schema when written and, unless trusted, when read. */
import type { Serde } from '@ottla/client'
import { Ajv as Draft7, type ErrorObject, type ValidateFunction } from 'ajv'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { SchemaDefinition } from '../registry/schema.ts'
import type { SchemaRegistryClient } from '../registry/schema-registry-client.ts'
import { type RegistrySerdeOptions, writerSchema } from './registry-serde.ts'
import { HEADER_SIZE, readHeader, writeHeader } from './wire-format.ts'

export interface JsonSchemaOptions extends RegistrySerdeOptions {
  /**
   * Drafts 6 and 7, 2019-09 and 2020-12; 7 when `$schema` is left out. Values are checked against
   * it when read, and written with it unless `write` says otherwise.
   */
  readonly schema?: string | object | undefined
  /** `parse` (default) checks what is read; `trust` takes it as it is. */
  readonly onConsume?: 'parse' | 'trust' | undefined
}

/**
 * A serde for JSON Schema with the schema registry; the wire format is that of Confluent's.
 * `format` is not checked, as the standard leaves it. The record name of the subject strategies is
 * `title`. Rejects with a SchemaRegistryError, and with a TypeError when options do not fit
 * together.
 */
export async function jsonSchema<T>(
  registry: SchemaRegistryClient,
  options: JsonSchemaOptions,
): Promise<Serde<T>> {
  const { schema, references = [], onConsume } = options
  const text = schema === undefined || typeof schema === 'string' ? schema : JSON.stringify(schema)
  const source = { schemaType: 'JSON', schema: text, recordName: titleOf } as const
  const writer = await writerSchema(registry, options, source)
  const mayWrite = await validator(registry, writer)
  const isOwn = text === undefined || text === writer.schema
  const own: SchemaDefinition = { schema: text ?? writer.schema, schemaType: 'JSON', references }
  const mayRead = isOwn ? mayWrite : await validator(registry, own)
  return {
    serialize: (value) => {
      check(mayWrite, value)
      const json = JSON.stringify(value)
      const bytes = Buffer.allocUnsafe(HEADER_SIZE + Buffer.byteLength(json))
      writeHeader(bytes, writer.id)
      bytes.write(json, HEADER_SIZE)
      return bytes
    },
    deserialize: (bytes) => {
      readHeader(bytes)
      const value: unknown = JSON.parse((bytes as Buffer).toString('utf8', HEADER_SIZE))
      if (onConsume !== 'trust') check(mayRead, value)
      return value as T
    },
  }
}

async function validator(
  registry: SchemaRegistryClient,
  definition: SchemaDefinition,
): Promise<ValidateFunction> {
  const schema = JSON.parse(definition.schema) as boolean | { $schema?: string }
  const ajv = ajvFor(typeof schema === 'object' ? schema.$schema : undefined)
  for (const { name, schema: text } of await registry.resolveReferences(definition)) {
    ajv.addSchema(JSON.parse(text) as object, name)
  }
  return ajv.compile(schema)
}

function ajvFor(draft = 'draft-07'): Draft7 {
  // Unknown keywords are comments by the standard, and registries hold many.
  const options = { strict: false, validateFormats: false, validateSchema: false } as const
  if (/2020-12/.test(draft)) return new Ajv2020(options)
  if (/2019-09/.test(draft)) return new Ajv2019(options)
  if (/draft-0[67]/.test(draft)) return new Draft7(options)
  throw new TypeError(`$schema is ${draft}; draft-06, draft-07, 2019-09 and 2020-12 are read`)
}

function titleOf(text: string): string {
  const { title } = JSON.parse(text) as { title?: string }
  if (title === undefined) throw new TypeError('the schema has no title to name its subject after')
  return title
}

function check(validate: ValidateFunction, value: unknown): void {
  if (validate(value)) return
  const [first] = validate.errors as ErrorObject[]
  throw new TypeError(`${first?.message ?? 'refused by the schema'}${placeOf(first)}`)
}

const placeOf = (error: ErrorObject | undefined): string =>
  error?.instancePath ? ` at ${error.instancePath}` : ''
