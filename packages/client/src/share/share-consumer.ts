/** The share consumer as its users see it: one of many members that work on the same records. */
import { ClosedError } from '@ottla/base'
import type { Cluster } from '../cluster/cluster.ts'
import type { IterationOptions } from '../consumer/consumer.ts'
import { type Subscribable, SubscribedTopics } from '../consumer/subscribed-topics.ts'
import type { TopicPartition } from '../group/assignor.ts'
import type { ShareCommitResult } from './share-broker.ts'
import { ShareEngine } from './share-engine.ts'
import {
  type ResolvedShareOptions,
  resolveShareOptions,
  type ShareConsumerOptions,
} from './share-options.ts'
import { type ShareHandler, ShareRun, type ShareRunOptions } from './share-run.ts'
import { type SharedRecord, ShareSubscription } from './share-subscription.ts'

/**
 * A member of a share group (KIP-932, Kafka 4.1 and later): each record goes to one member, which
 * holds it for a while and says what became of it. Members may be more than partitions, and records
 * may be processed out of order.
 */
export class ShareConsumer {
  private readonly cluster: Cluster
  private readonly options: ResolvedShareOptions
  private readonly onClosed: () => void
  private engine: ShareEngine | undefined
  private isClosed = false

  constructor(cluster: Cluster, options: ShareConsumerOptions, onClosed = () => {}) {
    this.cluster = cluster
    this.options = resolveShareOptions(options)
    this.onClosed = onClosed
  }

  /** Reads topics as a member of the group. Begins when it is iterated. */
  subscribe<const S extends Subscribable>(
    topics: S | readonly S[],
    options: IterationOptions = {},
  ): ShareSubscription<SharedRecord<S>> {
    const list = listOf(topics)
    const isImplicit = this.options.acknowledgement === 'implicit'
    return new ShareSubscription<SharedRecord<S>>({
      signal: options.signal,
      isImplicit,
      stop: (engine) => this.stop(engine),
      start: async () => this.start(list, isImplicit),
    })
  }

  /**
   * Calls the handler with each record: accepted when it returns, given back when it throws, unless
   * the handler has said otherwise. Resolves when the signal fires or the consumer is closed.
   */
  async run<const S extends Subscribable>(
    topics: S | readonly S[],
    handler: ShareHandler<SharedRecord<S>>,
    options: ShareRunOptions<SharedRecord<S>> = {},
  ): Promise<void> {
    const engine = this.start(listOf(topics), false)
    try {
      const { group } = this.options
      await new ShareRun(this.cluster.context, engine, handler, { ...options, group }).run()
    } finally {
      await this.stop(engine)
    }
  }

  private start(topics: readonly Subscribable[], isImplicit: boolean): ShareEngine {
    if (this.isClosed) throw new ClosedError('The share consumer')
    if (this.engine) throw new TypeError('this share consumer is being iterated already')
    const subscribed = new SubscribedTopics(this.cluster, topics)
    this.engine = new ShareEngine(this.cluster, this.options, subscribed, isImplicit)
    return this.engine
  }

  private async stop(engine: ShareEngine): Promise<void> {
    if (this.engine === engine) this.engine = undefined
    await engine.close()
  }

  /** The partitions this member reads now, together with others. */
  get assignment(): readonly TopicPartition[] {
    return this.engine?.assignment ?? []
  }

  /**
   * How long a record is held for this member, in milliseconds, from when it was given out or
   * renewed; undefined until a broker has said so. `group.share.record.lock.duration.ms`.
   */
  get acquisitionLockTimeoutMs(): number | undefined {
    return this.engine?.lockTimeoutMs
  }

  /**
   * Tells the brokers what has been said of records, and resolves with what became of it since the
   * last commit, partition by partition. Waits behind a fetch, `fetchMaxWaitMs` at most. An error
   * is a value in the result; the commit itself rejects only when it takes too long.
   */
  async commit(): Promise<ShareCommitResult[]> {
    if (!this.engine) throw new TypeError('the share consumer is not being iterated')
    return this.engine.commit()
  }

  /** Ends the loop, gives back what was not acknowledged, and leaves the group. */
  async close(): Promise<void> {
    this.isClosed = true
    const { engine } = this
    if (engine) await this.stop(engine)
    this.onClosed()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function listOf<S extends Subscribable>(topics: S | readonly S[]): readonly S[] {
  const list = (Array.isArray(topics) ? topics : [topics]) as readonly S[]
  if (list.length === 0) throw new TypeError('naming at least one topic is needed')
  return list
}
