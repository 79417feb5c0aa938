/** Trying again as kafkajs does it: a number of times, with growing pauses. */
import { delay, realClock, realRandom } from '@ottla/base'
import { toKafkaJSError } from './engine-errors.ts'
import { KafkaJSNonRetriableError, KafkaJSNumberOfRetriesExceeded } from './errors.ts'
import type { RetryOptions } from './types/config.ts'

export type ResolvedRetry = Required<Omit<RetryOptions, 'restartOnFailure'>> &
  Pick<RetryOptions, 'restartOnFailure'>

export const RETRY_DEFAULTS: ResolvedRetry = {
  maxRetryTime: 30_000,
  initialRetryTime: 300,
  factor: 0.2,
  multiplier: 2,
  retries: 5,
}

export const resolveRetry = (...given: readonly (RetryOptions | undefined)[]): ResolvedRetry =>
  Object.assign({}, RETRY_DEFAULTS, ...given)

/** What all pauses take together; the engine tries again until then. */
export function retryBudgetMs(retry: ResolvedRetry): number {
  let pauseMs = retry.initialRetryTime
  let budgetMs = 0
  for (let i = 0; i < Math.min(retry.retries, 1000); i++) {
    budgetMs += pauseMs
    pauseMs = Math.min(pauseMs * retry.multiplier, retry.maxRetryTime)
  }
  return Math.min(budgetMs, 2 ** 31 - 1)
}

const PROGRAMMING_ERRORS = ['RangeError', 'ReferenceError', 'SyntaxError', 'TypeError']

/** As kafkajs judges: whatever does not say that it must not be tried again is. */
export const mayRetry = (error: Error): boolean =>
  (error as { retriable?: boolean }).retriable !== false && !PROGRAMMING_ERRORS.includes(error.name)

/** The pause before retry number `count`, from 0. */
export function pauseOf(retry: ResolvedRetry, count: number): number {
  const grown = retry.initialRetryTime * retry.multiplier ** count
  const jitter = 1 + retry.factor * ((2 * realRandom.integer(1001)) / 1000 - 1)
  return Math.min(Math.ceil(grown * jitter), retry.maxRetryTime)
}

/** `isFinal` names errors that are passed on as they are, at once. */
export async function withRetry<T>(
  retry: ResolvedRetry,
  work: () => Promise<T>,
  isFinal: (error: Error) => boolean = () => false,
): Promise<T> {
  for (let retryCount = 0; ; retryCount++) {
    try {
      return await work()
    } catch (thrown) {
      const error = toKafkaJSError(thrown)
      if (isFinal(error)) throw error
      const { cause } = error
      if (!mayRetry(error)) throw new KafkaJSNonRetriableError(error, { cause: cause ?? error })
      const retryTime = pauseOf(retry, retryCount)
      if (retryCount >= retry.retries) {
        throw new KafkaJSNumberOfRetriesExceeded(error, { retryCount, retryTime })
      }
      await delay(realClock, retryTime)
    }
  }
}
