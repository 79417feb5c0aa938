/** Results of calls about several things, each with its own error. */
import { KafkaError, TimeoutError } from '../errors.ts'
import type { TopicPartition } from '../group/assignor.ts'
import type { AdminOptions } from './admin-core.ts'

/** Options of calls about several things. */
export interface ItemOptions extends AdminOptions {
  /**
   * Resolves with a result for each thing asked for, in that order, each with its `error` or
   * without. Calls that ask every broker end with one for each broker that could not be asked or
   * refused. Otherwise the call throws the first error. Default false.
   */
  readonly perItem?: boolean
}

/** TimeoutError: nobody could be asked in time. */
export type ItemError = KafkaError | TimeoutError

/**
 * What became of one of several things asked for: an error of one does not keep the answers of the
 * others from the caller.
 */
export type ItemResult<T> = T & {
  /** None when it was done. */
  readonly error: ItemError | undefined
}

/** What is known of a thing, or of which thing nothing is, and why. */
export type ItemOutcome<Key, Value extends Key> =
  | (Value & { readonly error: undefined })
  | (Key & { readonly error: ItemError })

/** The values, or with `perItem` what became of each. */
export type Outcomes<Options, Key, Value extends Key> = Options extends { readonly perItem: true }
  ? ItemOutcome<Key, Value>[]
  : Value[]

/** A broker that coordinates groups or transactional ids: what is known when it does not answer. */
export interface CoordinatorId {
  readonly coordinator: number
}

/** Nothing, or with `perItem` what became of each. */
export type Results<Options, Key> = Options extends { readonly perItem: true }
  ? ItemResult<Key>[]
  : void

/** The answer for one of several things asked for. */
export interface ItemAnswer {
  readonly errorCode: number
  readonly errorMessage?: string | null
}

export const partitionName = ({ topic, partition }: TopicPartition): string =>
  `${topic}-${partition}`

export const isItemError = (error: unknown): error is ItemError =>
  error instanceof KafkaError || error instanceof TimeoutError

/** The answer about each item, found by name, since brokers answer in an order of their own. */
export function inOrder<Item, Answer>(
  items: readonly Item[],
  answers: readonly Answer[],
  keyOf: (item: Item) => string,
  keyOfAnswer: (answer: Answer) => string,
): [Item, Answer][] {
  const byKey = new Map(answers.map((answer) => [keyOfAnswer(answer), answer]))
  return items.map((item) => {
    const answer = byKey.get(keyOf(item))
    if (!answer) throw new TypeError(`The broker's answer leaves out ${keyOf(item)}`)
    return [item, answer]
  })
}
