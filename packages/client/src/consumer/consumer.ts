/** The consumer as its users see it. */
import { ClosedError } from '@ottla/base'
import { errorCode } from '@ottla/protocol'
import type { Cluster } from '../cluster/cluster.ts'
import { retry } from '../cluster/retry.ts'
import { KafkaError } from '../errors.ts'
import type { TopicPartition } from '../group/assignor.ts'
import type { GroupMetadata } from '../group/group-coordination.ts'
import { type AnyTopic, topicOf } from '../serde/topic.ts'
import { ConsumerEngine } from './consumer-engine.ts'
import {
  type ConsumerOptions,
  type ResolvedConsumerOptions,
  resolveConsumerOptions,
} from './consumer-options.ts'
import { ConsumerRun } from './consumer-run.ts'
import { checkOffset, listOffsetsOnce, OFFSET_SPEC } from './list-offsets.ts'
import type { PartitionState } from './partition-state.ts'
import {
  type AnyRecord,
  type RunHandler,
  type RunOptions,
  resolveRunOptions,
} from './run-options.ts'
import { type Subscribable, SubscribedTopics } from './subscribed-topics.ts'
import { type ConsumedRecord, Subscription } from './subscription.ts'

export interface IterationOptions {
  /** Ends the loop, in good order and without an error. */
  readonly signal?: AbortSignal | undefined
}

/** A partition to read without a group's help. */
export interface ManualAssignment<T extends string | AnyTopic = string | AnyTopic> {
  readonly topic: T
  readonly partition: number
  /** Where to begin; the committed offset, then `from`, when left out. */
  readonly offset?: number | bigint
}

export interface PartitionPosition {
  readonly topic: string
  readonly partition: number
  /** The next offset the loop will be given; undefined while it is being looked up. */
  readonly position: bigint | undefined
  readonly committed: bigint | undefined
  /** Records behind the position; undefined until the first fetch. */
  readonly lag: bigint | undefined
  readonly isPaused: boolean
}

export class Consumer {
  private readonly cluster: Cluster
  private readonly options: ResolvedConsumerOptions
  private engine: ConsumerEngine | undefined
  /** Ends a run that is under way, and waits for its handlers. */
  private ending: (() => Promise<void>) | undefined
  private isClosed = false
  private readonly onClosed: () => void

  constructor(cluster: Cluster, options: ConsumerOptions = {}, onClosed = () => {}) {
    this.cluster = cluster
    this.onClosed = onClosed
    this.options = resolveConsumerOptions(options)
  }

  /**
   * Reads topics: as a member of the group, or, without a group, all of their partitions. Begins
   * when it is iterated.
   */
  subscribe<const S extends Subscribable>(
    topics: S | readonly S[],
    options: IterationOptions = {},
  ): Subscription<ConsumedRecord<S>> {
    const list = listOf(topics)
    return new Subscription<ConsumedRecord<S>>({
      signal: options.signal,
      stop: (engine) => this.stop(engine),
      start: () => this.startSubscribed(list, options.signal),
    })
  }

  /**
   * Calls the handler with each record, several at a time if `concurrency` says so. A record counts
   * as processed when the handler returns; offsets are committed in order, up to the first record
   * that is not. Resolves when the signal fires or the consumer is closed, rejects with what
   * a handler threw for the last time.
   */
  async run<const S extends Subscribable>(
    topics: S | readonly S[],
    handler: RunHandler<ConsumedRecord<S>>,
    options: RunOptions<ConsumedRecord<S>> = {},
  ): Promise<void> {
    const list = listOf(topics)
    const stop = new AbortController()
    const onAbort = () => stop.abort()
    const { group } = this.options
    const resolved = resolveRunOptions(options, { group, signal: stop.signal })
    if (options.signal?.aborted) return
    const engine = await this.startSubscribed(list, options.signal)
    options.signal?.addEventListener('abort', onAbort, { once: true })
    const running = new ConsumerRun(
      this.cluster.context,
      engine,
      handler as RunHandler<AnyRecord>,
      resolved,
    ).run()
    this.ending = async () => {
      stop.abort()
      await running.catch(() => {
        // Whoever awaits `run` is told.
      })
    }
    try {
      await running
    } finally {
      this.ending = undefined
      options.signal?.removeEventListener('abort', onAbort)
      await this.stop(engine)
    }
  }

  private async startSubscribed(
    list: readonly Subscribable[],
    signal: AbortSignal | undefined,
  ): Promise<ConsumerEngine> {
    const subscribed = new SubscribedTopics(this.cluster, list)
    const engine = this.start(subscribed, true)
    if (this.options.group !== undefined) return engine
    try {
      await subscribed.refreshPatterns()
      engine.addPartitions(await this.allPartitions(subscribed.names(), signal))
    } catch (error) {
      await this.stop(engine)
      throw error
    }
    return engine
  }

  /** Reads exactly these partitions; no group decides, though one may keep the offsets. */
  assign<T extends string | AnyTopic>(
    partitions: readonly ManualAssignment<T>[],
    options: IterationOptions = {},
  ): Subscription<ConsumedRecord<T>> {
    return new Subscription<ConsumedRecord<T>>({
      signal: options.signal,
      stop: (engine) => this.stop(engine),
      start: async () => {
        const topics = partitions.map(({ topic }) => topic)
        const engine = this.start(new SubscribedTopics(this.cluster, topics), false)
        const names = [...new Set(topics.map((topic) => topicOf(topic).name))]
        await this.allPartitions(names, options.signal)
        engine.addPartitions(
          partitions.map(({ topic, ...rest }) => ({ ...rest, topic: topicOf(topic).name })),
        )
        return engine
      },
    })
  }

  private start(topics: SubscribedTopics, isSubscription: boolean): ConsumerEngine {
    if (this.isClosed) throw new ClosedError('The consumer')
    if (this.engine) throw new TypeError('this consumer is being iterated already')
    this.engine = new ConsumerEngine(this.cluster, this.options, topics, isSubscription)
    return this.engine
  }

  private async stop(engine: ConsumerEngine): Promise<void> {
    // Listeners that are told of partitions on the way out may still commit.
    await engine.close()
    if (this.engine === engine) this.engine = undefined
  }

  private async allPartitions(
    names: readonly string[],
    signal: AbortSignal | undefined,
  ): Promise<TopicPartition[]> {
    const timeoutMs = this.cluster.context.apiTimeoutMs
    const topics = await Promise.all(
      names.map((name) => this.cluster.topic(name, { timeoutMs, signal })),
    )
    return topics.flatMap(({ name, partitions }) =>
      partitions.map(({ index }) => ({ topic: name, partition: index })),
    )
  }

  // ---- while iterating --------------------------------------------------------------------------

  private running(): ConsumerEngine {
    if (!this.engine) throw new TypeError('the consumer is not being iterated')
    return this.engine
  }

  private statesOf(partitions: readonly TopicPartition[] | undefined): PartitionState[] {
    const engine = this.running()
    if (!partitions) return [...engine.states.values()]
    return partitions.map(({ topic, partition }) => engine.stateOf(topic, partition))
  }

  /** The partitions this consumer holds, with positions and lag as of the last fetch. */
  get assignment(): PartitionPosition[] {
    const states = [...(this.engine?.states.values() ?? [])]
    const isCommitted = this.options.isolationLevel === 'read_committed'
    return states.map((state) => {
      const { name: topic, partition, position, committed, isPaused } = state
      const end = isCommitted ? state.lastStableOffset : state.highWatermark
      const lag =
        end < 0 || position === undefined ? undefined : BigInt(Math.max(0, end - position))
      return {
        topic,
        partition,
        position: position === undefined ? undefined : BigInt(position),
        committed: committed === undefined ? undefined : BigInt(committed),
        lag,
        isPaused,
      }
    })
  }

  /** Goes on from another place: an offset, `earliest`, `latest`, or a time. */
  seek(target: TopicPartition, to: bigint | 'earliest' | 'latest' | Date): void {
    const engine = this.running()
    const state = engine.stateOf(target.topic, target.partition)
    if (typeof to === 'bigint') state.seek(Number(to), -1)
    else state.reset(to)
    engine.wake()
  }

  /** Gives nothing of these partitions (of all, without an argument) until `resume`. */
  pause(partitions?: readonly TopicPartition[]): void {
    for (const state of this.statesOf(partitions)) state.isPaused = true
  }

  resume(partitions?: readonly TopicPartition[]): void {
    for (const state of this.statesOf(partitions)) state.isPaused = false
    this.running().wake()
  }

  /** The next offset the loop will be given. */
  position(target: TopicPartition): bigint | undefined {
    const { position } = this.running().stateOf(target.topic, target.partition)
    return position === undefined ? undefined : BigInt(position)
  }

  /**
   * Commits what has been processed, or the given offsets; an offset is that of the next record to
   * read.
   */
  async commit(
    offsets?: readonly (TopicPartition & { offset: number | bigint; metadata?: string })[],
  ): Promise<void> {
    const engine = this.running()
    if (!offsets) return engine.commit()
    return engine.commit(offsets.map((o) => ({ ...o, offset: Number(o.offset), leaderEpoch: -1 })))
  }

  /**
   * Who this consumer is in its group now, for `Transaction.commitOffsets` (KIP-447). Throws a
   * CommitFailedError while it is no member.
   */
  get groupMetadata(): GroupMetadata {
    if (this.options.autoCommit) {
      throw new TypeError('offsets in transactions need a consumer with autoCommit: false')
    }
    return this.running().groupMetadata()
  }

  /** Records between the position and the end of each held partition, asked for now. */
  async lag(): Promise<(TopicPartition & { lag: bigint })[]> {
    const states = this.statesOf(undefined).filter((state) => state.position !== undefined)
    const options = { what: 'lag', timeoutMs: this.cluster.context.apiTimeoutMs }
    const isolationLevel = this.options.isolationLevel === 'read_committed' ? 1 : 0
    const questions = states.map(({ name: topic, partition }) => ({
      topic,
      partition,
      timestamp: OFFSET_SPEC.latest,
    }))
    const answers = await retry(this.cluster.context, options, async () =>
      (await listOffsetsOnce(this.cluster, questions, { isolationLevel })).map(checkOffset),
    )
    return states.map((state) => {
      const { name: topic, partition, position = 0 } = state
      const end = answers.find((a) => a.topic === topic && a.partition === partition)
      if (!end) throw new KafkaError(errorCode('UNKNOWN_TOPIC_OR_PARTITION'), `lag of ${topic}`)
      return { topic, partition, lag: BigInt(Math.max(0, end.offset - position)) }
    })
  }

  /** Ends the loop, commits what it has processed, and leaves the group. */
  async close(): Promise<void> {
    this.isClosed = true
    if (this.ending) await this.ending()
    const { engine } = this
    if (engine) await this.stop(engine)
    this.onClosed()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function listOf<S extends Subscribable>(topics: S | readonly S[]): readonly Subscribable[] {
  const list = (Array.isArray(topics) ? topics : [topics]) as readonly Subscribable[]
  if (list.length === 0) throw new TypeError('name at least one topic')
  return list
}
