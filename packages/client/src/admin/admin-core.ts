/** What all admin calls share: deadlines, retries, and errors that name what they are about. */
import { apis, type ErrorName, errorCode } from '@ottla/protocol'
import type { Cluster } from '../cluster/cluster.ts'
import { retry } from '../cluster/retry.ts'
import { KafkaError } from '../errors.ts'

export interface AdminOptions {
  /** How long the call may take, retries included. Default: the client's `apiTimeoutMs`. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal | undefined
}

export interface ValidateOptions extends AdminOptions {
  /** Checks the request without carrying it out. */
  readonly validateOnly?: boolean
}

/**
 * What became of one of several things asked for: an error of one does not keep the answers of the
 * others from the caller.
 */
export type ItemResult<T> = T & {
  /** None when it was done. */
  readonly error: KafkaError | undefined
}

/** The answer for one of several things asked for. */
interface ItemAnswer {
  readonly errorCode: number
  readonly errorMessage?: string | null
}

export class AdminCore {
  protected readonly cluster: Cluster

  constructor(cluster: Cluster) {
    this.cluster = cluster
  }

  /** Retries what can be retried, until the deadline. */
  protected call<T>(what: string, options: AdminOptions, attempt: () => Promise<T>): Promise<T> {
    const timeoutMs = options.timeoutMs ?? this.cluster.context.apiTimeoutMs
    return retry(
      this.cluster.context,
      {
        what,
        timeoutMs,
        signal: options.signal,
        onRetry: (error) => this.refreshAfter(error),
        isRetriable: isRetriableForAdmin,
      },
      attempt,
    )
  }

  /** The controller or a leader has moved: look again before the next attempt. */
  private async refreshAfter(error: unknown): Promise<void> {
    const isMoved = error instanceof KafkaError && error.code === 'NOT_CONTROLLER'
    if (isMoved || !(error instanceof KafkaError)) {
      await this.cluster.refreshTopics([]).catch(() => {
        // The attempt that follows meets the same trouble and reports it.
      })
    }
  }

  protected check(code: number, what: string, detail?: string | null): void {
    if (code !== 0) throw new KafkaError(code, what, detail)
  }

  /** Throws the first error among several results. */
  protected checkAll<T extends ItemAnswer>(results: readonly T[], what: (item: T) => string): void {
    for (const item of results) this.check(item.errorCode, what(item), item.errorMessage)
  }

  /** An item with what the broker said of it. */
  protected result<T extends object>(item: T, what: string, answer: ItemAnswer): ItemResult<T> {
    const { errorCode: code, errorMessage } = answer
    return { ...item, error: code === 0 ? undefined : new KafkaError(code, what, errorMessage) }
  }

  /** Metadata of exactly these topics, without creating any. */
  protected async requestMetadata(names: readonly string[] | undefined) {
    const topics = names ? names.map((name) => ({ name })) : null
    const body = { topics, allowAutoTopicCreation: false }
    const response = await this.cluster.request('any', apis.metadata, body)
    this.cluster.metadata.update(response, names === undefined)
    return response
  }
}

/** Errors that Kafka calls retriable, but that are the answer when an admin asks. */
const ANSWERS: readonly ErrorName[] = ['UNKNOWN_TOPIC_OR_PARTITION', 'UNKNOWN_TOPIC_ID']

function isRetriableForAdmin(error: unknown): boolean {
  if (error instanceof KafkaError) return error.isRetriable && !ANSWERS.includes(error.code)
  if (typeof error !== 'object' || error === null || !('code' in error)) return false
  return error.code === 'CONNECTION' || error.code === 'REQUEST_TIMEOUT'
}

/** True for the given Kafka error. */
export const isError = (error: unknown, name: ErrorName): boolean =>
  error instanceof KafkaError && error.errorCode === errorCode(name)
