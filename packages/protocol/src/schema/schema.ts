/**
 * Protocol messages as tables. A table lists the fields of one message in wire order with Kafka's
 * version notation ('0+', '3-5', '7'); everything else derives from it: the TypeScript types below,
 * the compiled readers and writers (emit-reader.ts, emit-writer.ts), the interpreter, the reference
 * page, and the comparison with Apache Kafka's own definitions.
 */
import type { Uuid } from '@ottla/base'
import type { RecordBytes } from '../wire/record-bytes.ts'

export type VersionRange = `${number}` | `${number}-${number}` | `${number}+`

export type ScalarType =
  | 'bool'
  | 'int8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'roundedInt64'
  | 'float64'
  | 'uuid'
  | 'string'
  | 'bytes'
  | 'records'

export interface FieldOptions {
  /** Versions in which null is allowed. */
  readonly nullable?: VersionRange
  /** Number of the tagged field; the field then lies in the tagged section of its struct. */
  readonly tag?: number
  /** Versions in which the field is tagged, when that differs from its versions. */
  readonly tagged?: VersionRange
  readonly default?: number | string | boolean | null
  /** 'none' keeps the old encoding in flexible versions (client id of the request header). */
  readonly flexible?: 'none'
}

/** One row. `Value` is what readers return; `Optional` rows may be left out when writing. */
export interface Field<Value, Optional extends boolean = boolean> extends FieldOptions {
  readonly kind: 'scalar' | 'array' | 'struct'
  readonly versions: VersionRange
  readonly scalar?: ScalarType
  /** Element of an array of scalars. */
  readonly element?: ScalarType
  /** Fields of a struct, or of the elements of an array of structs. */
  readonly fields?: Fields
  readonly __value?: Value
  readonly __optional?: Optional
}

// biome-ignore lint/suspicious/noExplicitAny: a table holds rows of every type
export type Fields = Readonly<Record<string, Field<any, any>>>

type Simplify<T> = { [K in keyof T]: T[K] }
type ValueOf<F> = F extends Field<infer V, boolean> ? V : never
type InputOf<V> = V extends RecordBytes | Uint8Array | string | number | boolean | null
  ? V
  : V extends readonly (infer E)[]
    ? readonly InputOf<E>[]
    : V extends { readonly __fields?: infer F extends Fields }
      ? FieldsInput<F>
      : V
type RequiredKeys<F extends Fields> = {
  [K in keyof F]: F[K] extends Field<unknown, infer O> ? (O extends true ? never : K) : never
}[keyof F]

/** What a reader returns: every field of the table, whatever the version. */
export type FieldsValue<F extends Fields> = { [K in keyof F]: ValueOf<F[K]> } & {
  readonly __fields?: F
}
/** What a writer takes: fields with a default, or of some versions only, may be left out. */
export type FieldsInput<F extends Fields> = Simplify<
  { readonly [K in RequiredKeys<F>]: InputOf<ValueOf<F[K]>> } & {
    readonly [K in Exclude<keyof F, RequiredKeys<F>>]?: InputOf<ValueOf<F[K]>> | undefined
  }
>

type OptionalRow<R extends VersionRange, O> = R extends '0+'
  ? O extends { readonly default: unknown }
    ? true
    : false
  : true
type Nullable<T, O> = O extends { readonly nullable: VersionRange } ? T | null : T

const scalar =
  <T>(type: ScalarType) =>
  <R extends VersionRange, const O extends FieldOptions = Record<never, never>>(
    versions: R,
    options?: O,
  ): Field<Nullable<T, O>, OptionalRow<R, O>> => ({
    kind: 'scalar',
    scalar: type,
    versions,
    ...options,
  })

export const bool = scalar<boolean>('bool')
export const int8 = scalar<number>('int8')
export const int16 = scalar<number>('int16')
export const uint16 = scalar<number>('uint16')
export const int32 = scalar<number>('int32')
export const uint32 = scalar<number>('uint32')
/** A checked number: see wire/reader.ts for values beyond 2^53. */
export const int64 = scalar<number>('int64')
/** An int64 that is only compared, such as a hash: beyond 2^53 the nearest number. */
export const roundedInt64 = scalar<number>('roundedInt64')
export const float64 = scalar<number>('float64')
export const uuid = scalar<Uuid>('uuid')
export const string = scalar<string>('string')
export const bytes = scalar<Buffer>('bytes')
/** Record batches as bytes: a view of the frame when read, views to pass through when written. */
export const records = scalar<RecordBytes>('records')

type ElementValue = {
  bool: boolean
  uuid: Uuid
  string: string
  bytes: Buffer
  records: RecordBytes
}
type ScalarValue<S extends ScalarType> = S extends keyof ElementValue ? ElementValue[S] : number

export function array<
  R extends VersionRange,
  const E extends ScalarType | Fields,
  const O extends FieldOptions = Record<never, never>,
>(
  versions: R,
  element: E,
  options?: O,
): Field<
  Nullable<
    E extends ScalarType ? ScalarValue<E>[] : E extends Fields ? FieldsValue<E>[] : never,
    O
  >,
  OptionalRow<R, O>
> {
  return typeof element === 'string'
    ? { kind: 'array', element, versions, ...options }
    : { kind: 'array', fields: element, versions, ...options }
}

export function struct<
  R extends VersionRange,
  const F extends Fields,
  const O extends FieldOptions = Record<never, never>,
>(versions: R, fields: F, options?: O): Field<Nullable<FieldsValue<F>, O>, OptionalRow<R, O>> {
  return { kind: 'struct', fields, versions, ...options }
}

export interface MessageSpec<F extends Fields> {
  readonly name: string
  readonly apiKey?: number
  /** All versions of the message. */
  readonly versions: VersionRange
  /** First version with compact encodings and tagged sections. */
  readonly flexible: VersionRange | 'none'
  /** The newest version is not final in Apache Kafka and not advertised by default. */
  readonly unstable?: boolean
  readonly listeners?: readonly ('broker' | 'controller')[]
  readonly fields: F
}

export interface Message<F extends Fields = Fields> extends MessageSpec<F> {
  readonly lowest: number
  readonly highest: number
}

export function message<const F extends Fields>(spec: MessageSpec<F>): Message<F> {
  const [lowest, highest] = rangeOf(spec.versions)
  return { ...spec, lowest, highest }
}

/** The decoded value of a message. */
export type Infer<M extends { readonly fields: Fields }> = FieldsValue<M['fields']>
/** What has to be given to write a message. */
export type InferInput<M extends { readonly fields: Fields }> = FieldsInput<M['fields']>

/** First and last version of a range; an open range ends at 32767. */
export function rangeOf(range: VersionRange | 'none'): readonly [number, number] {
  if (range === 'none') return [32767, -1]
  if (range.endsWith('+')) return [Number(range.slice(0, -1)), 32767]
  const [first, last] = range.split('-')
  return [Number(first), Number(last ?? first)]
}

export function inRange(range: VersionRange | 'none', version: number): boolean {
  const [first, last] = rangeOf(range)
  return version >= first && version <= last
}

export const isFlexible = (message: Message, version: number): boolean =>
  inRange(message.flexible, version)

/** True when the field lies in the tagged section of its struct in this version. */
export const isTagged = (field: Field<unknown>, version: number): boolean =>
  field.tag !== undefined && inRange(field.tagged ?? field.versions, version)

export const isNullable = (field: Field<unknown>, version: number): boolean =>
  field.nullable !== undefined && inRange(field.nullable, version)
