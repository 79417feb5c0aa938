/**
 * What all admin calls share: deadlines, retries, and errors that name what they are about.
 *
 * A call about several things asks about all of them at once (`each`). Those that fail in a way
 * that may pass are asked about again, alone: what has been done is not done twice, so that a
 * second attempt never fails because the first one succeeded. In the end the caller either gets all
 * values or the first error, or, with `perItem`, what became of each.
 */
import { messageOf } from '@ottla/base'
import { apis, type ErrorName, errorCode } from '@ottla/protocol'
import type { Cluster } from '../cluster/cluster.ts'
import { retry } from '../cluster/retry.ts'
import { KafkaError } from '../errors.ts'
import type { TopicPartition } from '../group/assignor.ts'
import {
  type ItemAnswer,
  type ItemOptions,
  type ItemOutcome,
  type ItemResult,
  inOrder,
  isItemError,
  type Outcomes,
  partitionName,
  type Results,
} from './item-results.ts'

export interface AdminOptions {
  /** How long the call may take, retries included. Default: the client's `apiTimeoutMs`. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal | undefined
}

export interface ValidateOptions extends AdminOptions {
  /** Checks the request without carrying it out. */
  readonly validateOnly?: boolean
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

  /** Asks about each of several things: `ask` resolves with an outcome for each, in order. */
  protected async each<Item, Key extends object, Value extends Key, Options extends ItemOptions>(
    what: string,
    items: readonly Item[],
    options: Options,
    ask: (items: readonly Item[]) => Promise<readonly ItemOutcome<Key, Value>[]>,
  ): Promise<Outcomes<Options, Key, Value>> {
    const outcomes = new Map<Item, ItemOutcome<Key, Value>>()
    let open = items
    const attempt = async () => {
      const answers = await ask(open)
      for (const [index, item] of open.entries()) {
        outcomes.set(item, answers[index] as ItemOutcome<Key, Value>)
      }
      open = open.filter((item) => isRetriableForAdmin(outcomes.get(item)?.error))
      const [first] = open
      if (first !== undefined) throw outcomes.get(first)?.error
    }
    if (items.length > 0) {
      await this.call(what, options, attempt).catch((error: unknown) => {
        if (!options.perItem || outcomes.size < new Set(items).size || !isItemError(error))
          throw error
      })
    }
    const all = items.map((item) => outcomes.get(item) as ItemOutcome<Key, Value>)
    return this.settle(all, options)
  }

  /** As `each`, when which things there are is known only by asking. */
  protected async listEach<Key extends object, Value extends Key, Options extends ItemOptions>(
    what: string,
    options: Options,
    ask: () => Promise<readonly ItemOutcome<Key, Value>[]>,
  ): Promise<Outcomes<Options, Key, Value>> {
    let outcomes: readonly ItemOutcome<Key, Value>[] | undefined
    const attempt = async () => {
      outcomes = await ask()
      const failed = outcomes.find(({ error }) => isRetriableForAdmin(error))
      if (failed) throw failed.error
    }
    await this.call(what, options, attempt).catch((error: unknown) => {
      if (!options.perItem || !outcomes || !isItemError(error)) throw error
    })
    return this.settle<Key, Value, Options>(outcomes ?? [], options)
  }

  /** As `each`, for what is asked one by one, of a coordinator of its own. */
  protected async eachAlone<Key extends object, Value extends Key, Options extends ItemOptions>(
    keys: readonly Key[],
    options: Options,
    ask: (key: Key) => Promise<Value>,
  ): Promise<Outcomes<Options, Key, Value>> {
    const outcomeOf = async (key: Key): Promise<ItemOutcome<Key, Value>> => {
      try {
        return { ...(await ask(key)), error: undefined }
      } catch (error) {
        if (isItemError(error)) return { ...key, error }
        throw error
      }
    }
    const outcomes: ItemOutcome<Key, Value>[] = await Promise.all(keys.map(outcomeOf))
    return this.settle<Key, Value, Options>(outcomes, options)
  }

  protected settle<Key extends object, Value extends Key, Options extends ItemOptions>(
    outcomes: readonly ItemOutcome<Key, Value>[],
    options: Options,
  ): Outcomes<Options, Key, Value> {
    if (options.perItem) return outcomes as Outcomes<Options, Key, Value>
    const values = outcomes.map((outcome) => {
      if (outcome.error) throw outcome.error
      const { error: _none, ...value } = outcome
      return value
    })
    return values as unknown as Outcomes<Options, Key, Value>
  }

  /** As `each`, for what resolves with nothing when all is done. */
  protected async eachDone<Item, Key extends object, Options extends ItemOptions>(
    what: string,
    items: readonly Item[],
    options: Options,
    ask: (items: readonly Item[]) => Promise<readonly ItemResult<Key>[]>,
  ): Promise<Results<Options, Key>> {
    type Ask = (list: readonly Item[]) => Promise<readonly ItemOutcome<Key, Key>[]>
    const results = await this.each<Item, Key, Key, Options>(what, items, options, ask as Ask)
    return (options.perItem ? results : undefined) as Results<Options, Key>
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

  /** What is known of an item, or its error. */
  protected outcome<Key extends object, Value extends Key, Answer extends ItemAnswer = ItemAnswer>(
    key: Key,
    what: string,
    answer: Answer | ItemAnswer,
    toValue: (answer: Answer) => Value,
  ): ItemOutcome<Key, Value> {
    const { errorCode: code, errorMessage } = answer
    if (code !== 0) return { ...key, error: new KafkaError(code, what, errorMessage) }
    return { ...toValue(answer as Answer), error: undefined }
  }

  /**
   * Asks the leaders about their partitions. What metadata refuses is an answer too, and with
   * `perItem` a leader that cannot be reached is one for its partitions.
   */
  protected async askLeaders<Item extends TopicPartition, Answer extends TopicPartition>(
    items: readonly Item[],
    options: ItemOptions,
    ask: (leader: number, items: readonly Item[]) => Promise<readonly Answer[]>,
  ): Promise<[Item, Answer | ItemAnswer][]> {
    const { topics } = await this.requestMetadata([...new Set(items.map(({ topic }) => topic))])
    const refused: (TopicPartition & ItemAnswer)[] = []
    const byLeader = new Map<number, Item[]>()
    for (const item of items) {
      const topic = topics.find(({ name }) => name === item.topic)
      const found = topic?.partitions.find((p) => p.partitionIndex === item.partition)
      const { leaderId = -1 } = found ?? {}
      if (leaderId >= 0 && this.cluster.metadata.node(leaderId)) {
        byLeader.set(leaderId, [...(byLeader.get(leaderId) ?? []), item])
        continue
      }
      const why = found ? 'LEADER_NOT_AVAILABLE' : 'UNKNOWN_TOPIC_OR_PARTITION'
      const code = topic?.errorCode || errorCode(why)
      refused.push({ topic: item.topic, partition: item.partition, errorCode: code })
    }
    const answers = await Promise.all(
      [...byLeader].map(async ([leader, list]) =>
        this.orRefused(list, options, () => ask(leader, list)),
      ),
    )
    return inOrder(items, [...refused, ...answers.flat()], partitionName, partitionName)
  }

  /** With `perItem`, a broker that cannot be reached is an answer for each item it has. */
  protected async orRefused<Item extends object, Answer>(
    items: readonly Item[],
    options: ItemOptions,
    ask: () => Promise<readonly Answer[]>,
  ): Promise<readonly (Answer | (Item & ItemAnswer))[]> {
    try {
      return await ask()
    } catch (error) {
      if (!options.perItem || !isRetriableForAdmin(error)) throw error
      const code = error instanceof KafkaError ? error.errorCode : errorCode('NETWORK_EXCEPTION')
      return items.map((item) => ({ ...item, errorCode: code, errorMessage: messageOf(error) }))
    }
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

export function isRetriableForAdmin(error: unknown): boolean {
  if (error instanceof KafkaError) return error.isRetriable && !ANSWERS.includes(error.code)
  if (typeof error !== 'object' || error === null || !('code' in error)) return false
  return error.code === 'CONNECTION' || error.code === 'REQUEST_TIMEOUT'
}

/** True for the given Kafka error. */
export const isError = (error: unknown, name: ErrorName): boolean =>
  error instanceof KafkaError && error.errorCode === errorCode(name)
