/** How keys and values become bytes and come back. */
import { ValidationError } from '../errors.ts'
import { isStandardSchema, type StandardSchema } from './standard-schema.ts'

/** What can be stored: bytes, text (as UTF-8), or null. */
export type Encoded = Uint8Array | string | null

/**
 * Turns values into bytes and back. `In` is what producers give, `Out` what consumers get; they
 * differ when a schema transforms.
 */
export interface Serde<In, Out = In> {
  serialize(value: In): Encoded
  /** The buffer is a view of the fetched batch: keep a copy, not the view, when it must last. */
  deserialize(bytes: Buffer | null): Out
  /**
   * Called with the bytes of each record of a batch before a loop is given it: fetches what
   * `deserialize` will need, for instance a schema. Undefined when all is there, else a promise of
   * when it is; the same one for the same thing. A rejection ends the loop, and the batch is read
   * again. For bytes that can never be read, let `deserialize` throw instead, so that the loop can
   * pass over the record. A serde without it costs nothing.
   */
  prepare?(bytes: Buffer | null): Promise<void> | undefined
}

// biome-ignore lint/suspicious/noExplicitAny: stands for every pair of types
export type AnySerde = Serde<any, any>

const present = (bytes: Buffer | null, what: string): Buffer => {
  if (bytes === null) throw new TypeError(`null where ${what} was expected; use nullable(...)`)
  return bytes
}

/** Bytes as they are, null included: what a topic without serdes gives. */
export function bytes(): Serde<Uint8Array | string | null | undefined, Buffer | null> {
  return BYTES
}
const BYTES: Serde<Uint8Array | string | null | undefined, Buffer | null> = {
  serialize: (value) => value ?? null,
  deserialize: (value) => value,
}

/** Text in UTF-8. */
export function string(): Serde<string> {
  return STRING
}
const STRING: Serde<string> = {
  serialize: (value) => value,
  deserialize: (value) => present(value, 'text').toString('utf8'),
}

/** A 32-bit integer, four bytes big-endian as Kafka's IntegerSerializer writes it. */
export function int32(): Serde<number> {
  return {
    serialize: (value) => {
      const out = Buffer.allocUnsafe(4)
      out.writeInt32BE(value)
      return out
    },
    deserialize: (value) => present(value, 'an int32').readInt32BE(0),
  }
}

/** A 64-bit integer, eight bytes big-endian as Kafka's LongSerializer writes it. */
export function int64(): Serde<bigint> {
  return {
    serialize: (value) => {
      const out = Buffer.allocUnsafe(8)
      out.writeBigInt64BE(value)
      return out
    },
    deserialize: (value) => present(value, 'an int64').readBigInt64BE(0),
  }
}

/** A double, eight bytes big-endian as Kafka's DoubleSerializer writes it. */
export function float64(): Serde<number> {
  return {
    serialize: (value) => {
      const out = Buffer.allocUnsafe(8)
      out.writeDoubleBE(value)
      return out
    },
    deserialize: (value) => present(value, 'a double').readDoubleBE(0),
  }
}

/** JSON in UTF-8; the type is the caller's word, see `json(schema)` for a checked one. */
export function json<T>(): Serde<T>
/** JSON in UTF-8, checked against a schema when written and, unless trusted, when read. */
export function json<In, Out>(
  schema: StandardSchema<In, Out>,
  options?: SchemaOptions,
): Serde<In, Out>
export function json(schema?: StandardSchema, options: SchemaOptions = {}): AnySerde {
  if (!schema) return JSON_SERDE
  return {
    serialize: (value) => {
      validate(schema, value)
      return JSON.stringify(value)
    },
    deserialize: (value) => {
      const parsed: unknown = JSON_SERDE.deserialize(value)
      return options.onConsume === 'trust' ? parsed : validate(schema, parsed)
    },
  }
}
const JSON_SERDE: AnySerde = {
  serialize: (value) => JSON.stringify(value),
  deserialize: (value) => JSON.parse(present(value, 'JSON').toString('utf8')),
}

export interface SchemaOptions {
  /** `parse` (default) checks and transforms what is read; `trust` takes it as it is. */
  readonly onConsume?: 'parse' | 'trust'
}

/** Adds null to a serde: for tombstones, and for keys that may be missing. */
export function nullable<In, Out>(serde: Serde<In, Out>): Serde<In | null, Out | null> {
  return {
    serialize: (value) => (value === null ? null : serde.serialize(value)),
    deserialize: (value) => (value === null ? null : serde.deserialize(value)),
    ...(serde.prepare && {
      prepare: (value: Buffer | null) => (value === null ? undefined : serde.prepare?.(value)),
    }),
  }
}

function validate(schema: StandardSchema, value: unknown): unknown {
  const result = schema['~standard'].validate(value)
  if (result instanceof Promise) {
    throw new ValidationError('the schema validates asynchronously, which is not supported', [])
  }
  if (!result.issues) return result.value
  const [first] = result.issues
  const path = (first?.path ?? []).map((step) => String(typeof step === 'object' ? step.key : step))
  const place = path.length > 0 ? ` at ${path.join('.')}` : ''
  throw new ValidationError(`${first?.message ?? 'refused by the schema'}${place}`, result.issues)
}

/** A serde as it is; a schema becomes checked JSON; nothing becomes bytes. */
export function serdeOf(
  source: AnySerde | StandardSchema | undefined,
  options: SchemaOptions,
): AnySerde {
  if (source === undefined) return BYTES
  return isStandardSchema(source) ? json(source, options) : source
}
