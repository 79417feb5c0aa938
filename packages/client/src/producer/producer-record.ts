import type { AnyTopic, Topic } from '../serde/topic.ts'
import type { HeadersInput } from './record-headers.ts'

interface RecordOptions {
  readonly headers?: HeadersInput | undefined
  /** Chosen from the key when left out. */
  readonly partition?: number | undefined
  /** When the event happened; now when left out. */
  readonly timestamp?: number | bigint | Date | undefined
}

type Part<Name extends string, T> = undefined extends T
  ? { readonly [K in Name]?: T }
  : { readonly [K in Name]: T }

/** A record to send; key and value may be left out where their type allows it. */
export type ProducerRecord<K, V> = RecordOptions & Part<'key', K> & Part<'value', V>

/** A record of a topic that is named by a string. */
export type BytesRecord = ProducerRecord<
  Uint8Array | string | null | undefined,
  Uint8Array | string | null | undefined
>

export type RecordFor<T extends string | AnyTopic> =
  T extends Topic<string, infer K, infer V, infer _KO, infer _VO>
    ? ProducerRecord<K, V>
    : BytesRecord
