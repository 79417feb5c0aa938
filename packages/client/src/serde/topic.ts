import { type AnySerde, type SchemaOptions, type Serde, serdeOf } from './serde.ts'
import type { SchemaInput, SchemaOutput, StandardSchema } from './standard-schema.ts'

/** A topic with the types of its keys and values; see {@link defineTopic}. */
export interface Topic<
  Name extends string = string,
  KeyIn = unknown,
  ValueIn = unknown,
  KeyOut = KeyIn,
  ValueOut = ValueIn,
> {
  readonly name: Name
  readonly key: Serde<KeyIn, KeyOut>
  readonly value: Serde<ValueIn, ValueOut>
}

// biome-ignore lint/suspicious/noExplicitAny: stands for topics of every type
export type AnyTopic = Topic<string, any, any, any, any>

/** What may stand for a serde: one, or a schema of any Standard Schema library (then JSON). */
export type SerdeSource = AnySerde | StandardSchema

type BytesIn = Uint8Array | string | null | undefined
type InOf<S> = S extends StandardSchema
  ? SchemaInput<S>
  : S extends Serde<infer I, infer _>
    ? I
    : BytesIn
type OutOf<S> = S extends StandardSchema
  ? SchemaOutput<S>
  : S extends Serde<infer _, infer O>
    ? O
    : Buffer | null

export interface TopicDefinition<K, V> extends SchemaOptions {
  readonly key?: K
  readonly value?: V
}

/**
 * Names a topic and the types of its keys and values, for producers and consumers alike. What is
 * left out is bytes.
 *
 *   const Orders = defineTopic('orders', { key: string(), value: z.object({ total: z.number() }) })
 */
export function defineTopic<
  const Name extends string,
  K extends SerdeSource | undefined = undefined,
  V extends SerdeSource | undefined = undefined,
>(
  name: Name,
  definition: TopicDefinition<K, V> = {},
): Topic<Name, InOf<K>, InOf<V>, OutOf<K>, OutOf<V>> {
  return {
    name,
    key: serdeOf(definition.key, definition),
    value: serdeOf(definition.value, definition),
  }
}

/** A topic by name has bytes as keys and values. */
export const topicOf = (topic: string | AnyTopic): AnyTopic =>
  typeof topic === 'string' ? defineTopic(topic) : topic
