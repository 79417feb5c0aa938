/** Options of `Consumer.run`. */
import type { BackoffRange } from '../cluster/client-context.ts'
import type { Producer } from '../producer/producer.ts'
import type { ConsumerRecord } from './consumer-record.ts'

// biome-ignore lint/suspicious/noExplicitAny: stands for records of every type
export type AnyRecord = ConsumerRecord<string, any, any>

export interface RunContext {
  /**
   * Fires when the run is to end or the partition has gone to another member. A handler that throws
   * after it leaves its record unprocessed, to be read again.
   */
  readonly signal: AbortSignal
  /** 1 the first time this record is tried. */
  readonly attempt: number
}

export type RunHandler<R> = (record: R, context: RunContext) => Promise<void> | void

export interface RunOptions<R> {
  /** Handlers at work at the same time. Default 1. */
  readonly concurrency?: number
  /**
   * What is processed in order: the records of a `partition`, one after the other, or those of the
   * same `key`, so that one partition can keep several handlers busy. Records without a key have no
   * order then. Default `partition`.
   */
  readonly order?: 'partition' | 'key'
  /**
   * How often a record whose handler threw is tried again, after a pause. What cannot be
   * deserialized is not tried again. Default 0.
   */
  readonly retries?: number
  /** Milliseconds before the first of them, doubled with each. Default 100. */
  readonly retryBackoffMs?: number
  /** Longest pause in milliseconds. Default 1000. */
  readonly retryBackoffMaxMs?: number
  /**
   * What becomes of a record that failed for the last time: the run ends with the handler's error
   * (`stop`), or goes on behind it (`skip`). Default `stop`.
   */
  readonly onFailure?: 'stop' | 'skip'
  /**
   * Sends a record that failed for the last time here, bytes and headers as they were, with headers
   * `__dlq.errors.*` that say why; then the run goes on. It ends with an error when the record
   * cannot be stored there.
   */
  readonly deadLetters?: {
    readonly producer: Producer
    readonly topic: string | ((record: R) => string)
  }
  /** Told of a record that was skipped or sent to the dead letters. */
  readonly onGivenUp?: (record: R, error: unknown) => void
  /** Ends the run once the handlers at work have ended. */
  readonly signal?: AbortSignal | undefined
}

export interface ResolvedRunOptions
  extends Pick<RunOptions<AnyRecord>, 'deadLetters' | 'onGivenUp'> {
  readonly concurrency: number
  readonly order: 'partition' | 'key'
  readonly retries: number
  readonly retryBackoff: BackoffRange
  readonly onFailure: 'stop' | 'skip'
  readonly signal: AbortSignal
  readonly group: string | undefined
}

/** Throws a TypeError or RangeError that names the option when one makes no sense. */
export function resolveRunOptions<R extends AnyRecord>(
  options: RunOptions<R>,
  whole: { readonly group: string | undefined; readonly signal: AbortSignal },
): ResolvedRunOptions {
  const { deadLetters, onGivenUp } = options as RunOptions<AnyRecord>
  const minMs = options.retryBackoffMs ?? 100
  const maxMs = options.retryBackoffMaxMs ?? Math.max(1_000, minMs)
  const { concurrency = 1, order = 'partition', retries = 0, onFailure = 'stop' } = options
  if (!(concurrency >= 1)) throw new RangeError('concurrency must be at least 1')
  if (!(retries >= 0)) throw new RangeError('retries must be at least 0')
  if (!(minMs >= 0 && maxMs >= minMs)) {
    throw new RangeError('retryBackoffMs must not be above retryBackoffMaxMs')
  }
  if (order !== 'partition' && order !== 'key') {
    throw new TypeError(`order must be 'partition' or 'key', not ${String(order)}`)
  }
  if (onFailure !== 'stop' && onFailure !== 'skip') {
    throw new TypeError(`onFailure must be 'stop' or 'skip', not ${String(onFailure)}`)
  }
  return {
    ...{ concurrency, order, retries, retryBackoff: { minMs, maxMs }, onFailure, ...whole },
    ...(deadLetters && { deadLetters }),
    ...(onGivenUp && { onGivenUp }),
  }
}
