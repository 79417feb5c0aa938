/** What the serdes share: where the schema they write with comes from, and how they read others. */
import { BoundedCache } from '../registry/bounded-cache.ts'
import type {
  RegisteredSchema,
  SchemaDefinition,
  SchemaReference,
  SchemaType,
} from '../registry/schema.ts'
import type { SchemaRegistryClient } from '../registry/schema-registry-client.ts'
import { SchemaRegistryError } from '../registry/schema-registry-error.ts'
import { readHeader, schemaIdOf } from './wire-format.ts'

export interface RegistrySerdeOptions {
  /** Name of the topic; not needed for `subjectName: 'record'` or an id. */
  readonly topic?: string | undefined
  readonly part?: 'key' | 'value' | undefined
  readonly references?: readonly SchemaReference[] | undefined
  /**
   * The subject: `topic` (default) is `<topic>-key` or `<topic>-value`, `record` the full name of
   * the record, `topic-record` both with a dash. Confluent's `key.` and
   * `value.subject.name.strategy`.
   */
  readonly subjectName?: 'topic' | 'record' | 'topic-record' | undefined
  /**
   * The schema that is written with. `register` (default): `schema`, registered if it is not yet
   * (`auto.register.schemas`). `lookup`: `schema`, which must be there. `latest`: the newest
   * version of the subject (`use.latest.version`). An id: that one (`use.schema.id`).
   */
  readonly write?: 'register' | 'lookup' | 'latest' | { readonly id: number } | undefined
}

interface WriterSource {
  readonly schemaType: SchemaType
  /** The schema in the options. */
  readonly schema: string | undefined
  /** The full name of its record. */
  readonly recordName: (schema: string) => string
}

/** The schema to write with; rejects with a SchemaRegistryError, or a TypeError about options. */
export async function writerSchema(
  registry: SchemaRegistryClient,
  options: RegistrySerdeOptions,
  source: WriterSource,
): Promise<RegisteredSchema> {
  const { write = 'register' } = options
  const found = await findWriter(registry, options, source)
  if (found.schemaType === source.schemaType) return found
  const by = typeof write === 'object' ? `id ${write.id}` : subjectOf(options, source)
  throw new TypeError(`the schema of ${by} is ${found.schemaType}, not ${source.schemaType}`)
}

async function findWriter(
  registry: SchemaRegistryClient,
  options: RegistrySerdeOptions,
  source: WriterSource,
): Promise<RegisteredSchema> {
  const { write = 'register', references = [] } = options
  if (typeof write === 'object') return registry.schemaById(write.id)
  const subject = subjectOf(options, source)
  if (write === 'latest') return registry.latest(subject)
  const { schema, schemaType } = source
  if (schema === undefined) {
    throw new TypeError(`write: '${write}' needs the option schema; 'latest' and an id do not`)
  }
  const definition: SchemaDefinition = { schema, schemaType, references }
  const id =
    write === 'register'
      ? await registry.register(subject, definition)
      : await registry.lookup(subject, definition)
  return { ...definition, id }
}

function subjectOf(options: RegistrySerdeOptions, { schema, recordName }: WriterSource): string {
  const { topic, part = 'value', subjectName = 'topic' } = options
  if (topic === undefined && subjectName !== 'record') {
    throw new TypeError(`subjectName '${subjectName}' needs the option topic`)
  }
  if (subjectName === 'topic') return `${topic}-${part}`
  if (schema === undefined) {
    throw new TypeError(`subjectName '${subjectName}' needs the option schema, for the name in it`)
  }
  return subjectName === 'record' ? recordName(schema) : `${topic}-${recordName(schema)}`
}

/** Readers of this many schemas are kept by each serde. */
const READERS_MAX = 1_000

type Loaded<R> = { readonly reader: R } | { readonly fault: unknown }

/**
 * What reads bytes of each schema id, made when the first bytes with the id come along. An id that
 * cannot be read fails the records that carry it, not the loop; a registry that does not answer, or
 * refuses the credentials, ends the loop.
 */
export class ReadersById<R> {
  private readonly loaded = new BoundedCache<number, Loaded<R>>(READERS_MAX)
  private readonly pending = new Map<number, Promise<void>>()
  private readonly make: (id: number) => Promise<R>

  constructor(make: (id: number) => Promise<R>) {
    this.make = make
  }

  add(id: number, reader: R): void {
    this.loaded.set(id, { reader })
  }

  /** See `Serde.prepare`. What could not be read is tried again with the next batch. */
  prepare(bytes: Buffer | null): Promise<void> | undefined {
    const id = bytes === null ? undefined : schemaIdOf(bytes)
    if (id === undefined) return undefined
    const loaded = this.loaded.get(id)
    if (loaded && 'reader' in loaded) return undefined
    let pending = this.pending.get(id)
    if (!pending) {
      pending = this.load(id).finally(() => this.pending.delete(id))
      this.pending.set(id, pending)
    }
    return pending
  }

  private async load(id: number): Promise<void> {
    try {
      this.loaded.set(id, { reader: await this.make(id) })
    } catch (fault) {
      if (fault instanceof SchemaRegistryError && !fault.isMissing) throw fault
      this.loaded.set(id, { fault })
    }
  }

  /** What reads these bytes; throws when nothing does. */
  readerOf(bytes: Buffer | null): R {
    const id = readHeader(bytes)
    const loaded = this.loaded.get(id)
    if (!loaded) {
      throw new TypeError(`the schema of id ${id} was not fetched: await prepare(bytes) first`)
    }
    if ('reader' in loaded) return loaded.reader
    throw loaded.fault
  }
}
