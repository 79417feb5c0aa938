/**
 * Trying again until a deadline, never a number of times: exponential backoff with jitter as in
 * KIP-580, so that clients that lost the same broker do not come back in step.
 */
import { AbortError, delay, type Random } from '@ottla/base'
import { isRetriableError, KafkaError, TimeoutError } from '../errors.ts'
import type { BackoffRange, ClientContext } from './client-context.ts'

const JITTER = 0.2
/** A transaction that is being ended takes a few milliseconds more: the Java client waits 20. */
const ENDING_BACKOFF: BackoffRange = { minMs: 20, maxMs: 100 }

/** Delay before attempt `attempt` (the first retry is attempt 0). */
export function backoffMs(range: BackoffRange, attempt: number, random: Random): number {
  const base = Math.min(range.maxMs, range.minMs * 2 ** Math.min(attempt, 20))
  const jitter = 1 - JITTER + (2 * JITTER * random.integer(1001)) / 1000
  return Math.min(range.maxMs, base * jitter)
}

/** Delay after an error; short while a transaction is being ended, since that is soon over. */
export function backoffAfter(context: ClientContext, error: unknown, attempt: number): number {
  const isEnding = error instanceof KafkaError && error.code === 'CONCURRENT_TRANSACTIONS'
  return backoffMs(isEnding ? ENDING_BACKOFF : context.retryBackoff, attempt, context.random)
}

export interface RetryOptions {
  /** For the error when the deadline passes: `createTopics`. */
  readonly what: string
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
  /** Called before each retry, to refresh what the error says is stale. */
  readonly onRetry?: (error: unknown) => void | Promise<void>
  /** Replaces the usual judgement of which errors to retry. */
  readonly isRetriable?: (error: unknown) => boolean
}

/** Runs `attempt` until it succeeds, fails for good, or the time is up. */
export async function retry<T>(
  context: ClientContext,
  options: RetryOptions,
  attempt: (remainingMs: number) => Promise<T>,
): Promise<T> {
  const { clock } = context
  const dueMs = clock.monotonicMs() + options.timeoutMs
  const isRetriable = options.isRetriable ?? isRetriableError
  let last: unknown
  for (let count = 0; ; count++) {
    if (options.signal?.aborted) throw new AbortError(options.signal.reason)
    const remainingMs = dueMs - clock.monotonicMs()
    try {
      return await abortable(
        withTimeout(
          context,
          attempt(Math.max(1, remainingMs)),
          remainingMs,
          () => new TimeoutError(options.what, options.timeoutMs, last),
        ),
        options.signal,
      )
    } catch (error) {
      if (!isRetriable(error)) throw error
      last = error
      const pauseMs = backoffAfter(context, error, count)
      if (clock.monotonicMs() + pauseMs >= dueMs) {
        if (error instanceof KafkaError) throw error
        throw new TimeoutError(options.what, options.timeoutMs, error)
      }
      await abortable(delay(clock, pauseMs), options.signal)
      await options.onRetry?.(error)
    }
  }
}

/** Rejects with what `onTimeout` returns when the promise has not settled in time. */
export function withTimeout<T>(
  context: ClientContext,
  promise: Promise<T>,
  remainingMs: number,
  onTimeout: () => Error,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = context.clock.setTimer(Math.max(1, remainingMs), () => reject(onTimeout()))
    promise.finally(() => timer.cancel()).then(resolve, reject)
  })
}

/** Settles with the promise, or rejects with an AbortError when the signal fires first. */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(new AbortError(signal.reason))
    if (signal.aborted) {
      onAbort()
      promise.catch(() => {
        // Whoever aborted has been told; what the operation would have said is of no use to them.
      })
      return
    }
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
