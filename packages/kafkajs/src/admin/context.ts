/** What all admin calls share. */
import type { KafkaCluster } from '../cluster/kafka-cluster.ts'
import { KafkaJSNonRetriableError } from '../errors.ts'
import { withRetry } from '../retry.ts'
import type { Logger } from '../types/logging.ts'

export interface AdminContext {
  readonly cluster: KafkaCluster
  readonly logger: Logger
}

export function refuse(message: string): never {
  throw new KafkaJSNonRetriableError(message)
}

/**
 * Tries again after the errors that kafkajs tries again after, which are few; any other is passed
 * on as it is.
 */
export function onController<T>(
  { cluster, logger }: AdminContext,
  what: string,
  options: { readonly retryOn?: readonly string[] },
  work: (controller: number) => Promise<T>,
): Promise<T> {
  const { retryOn = [] } = options
  const mayRetry = (error: Error) =>
    ['NOT_CONTROLLER', ...retryOn].includes((error as { type?: string }).type ?? '')
  return withRetry(
    cluster.retry,
    async () => {
      await cluster.refreshMetadata()
      return work(cluster.controller())
    },
    (error) => {
      if (!mayRetry(error)) return true
      logger.warn(`Could not ${what}`, { error: error.message })
      return false
    },
  )
}

export function checkUnique(what: string, topics: readonly { topic: string }[]): void {
  if (topics.some(({ topic }) => typeof topic !== 'string')) {
    refuse(`Invalid ${what} array, the topic names have to be a valid string`)
  }
  if (new Set(topics.map(({ topic }) => topic)).size < topics.length) {
    refuse(`Invalid ${what} array, it cannot have multiple entries for the same topic`)
  }
}
