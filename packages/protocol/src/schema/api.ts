import { assert } from '@ottla/base'
import type { Fields, FieldsInput, FieldsValue, Message } from './schema.ts'

/** A request and its response. */
export interface Api<Q extends Fields = Fields, S extends Fields = Fields> {
  readonly key: number
  /** Name as in Kafka's ApiKeys, in camel case: `Fetch`, `JoinGroup`. */
  readonly name: string
  readonly request: Message<Q>
  readonly response: Message<S>
  readonly lowest: number
  readonly highest: number
}

export type RequestOf<A> = A extends Api<infer Q, Fields> ? FieldsValue<Q> : never
export type RequestInputOf<A> = A extends Api<infer Q, Fields> ? FieldsInput<Q> : never
export type ResponseOf<A> = A extends Api<Fields, infer S> ? FieldsValue<S> : never
export type ResponseInputOf<A> = A extends Api<Fields, infer S> ? FieldsInput<S> : never

export function api<Q extends Fields, S extends Fields>(
  request: Message<Q>,
  response: Message<S>,
): Api<Q, S> {
  assert(request.apiKey !== undefined, `${request.name} has no api key`)
  return {
    key: request.apiKey,
    name: request.name.replace(/Request$/, ''),
    request,
    response,
    lowest: request.lowest,
    highest: request.highest,
  }
}
