/**
 * What turns while a share consumer is iterated: membership, fetching, acknowledgements. One engine
 * per iteration; it ends with it.
 *
 *   poll: accept the batch in hand (implicit) -> join if need be
 *         -> hand out what is here, and tell the brokers what was said meanwhile
 *         -> else fetch, telling along, wait for progress and begin again
 *
 * Nothing is fetched ahead: the lock of a record runs from when it is acquired, and another member
 * could work on it.
 *
 * Must always hold: whatever ends the loop, what was not acknowledged goes back to the group.
 */
import { delay } from '@ottla/base'
import type { Node } from '../cluster/client-context.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { ConnectionPool } from '../cluster/connection-pool.ts'
import { abortable, backoffMs } from '../cluster/retry.ts'
import { Progress } from '../consumer/progress.ts'
import type { SubscribedTopics } from '../consumer/subscribed-topics.ts'
import { TimeoutError } from '../errors.ts'
import type { TopicPartition } from '../group/assignor.ts'
import { GroupCoordination } from '../group/group-coordination.ts'
import { keyOf } from '../group/membership.ts'
import { ShareGroupMember } from '../group/share-group-member.ts'
import { prepareRecords } from '../serde/prepare-records.ts'
import type { ShareBatch } from './share-batch.ts'
import { ShareBroker, type ShareCommitResult } from './share-broker.ts'
import { ShareEvents } from './share-events.ts'
import type { ResolvedShareOptions } from './share-options.ts'
import type { SharePartition } from './share-session.ts'

/** How long the loop waits at most before it looks at everything again. */
const WAIT_MS_MAX = 1_000
/** While a broker is left alone after an error, or the leader of a partition is not known. */
const RETRY_WAIT_MS = 50

export class ShareEngine {
  assignment: readonly TopicPartition[] = []
  private readonly cluster: Cluster
  private readonly options: ResolvedShareOptions
  private readonly topics: SubscribedTopics
  private readonly isImplicit: boolean
  private readonly fetchPool: ConnectionPool
  private readonly groupPool: ConnectionPool
  private readonly member: ShareGroupMember
  private readonly events: ShareEvents
  private readonly brokers = new Map<number, ShareBroker>()
  private readonly progress: Progress
  private readonly stopListening: () => void
  private readonly watched = new Set<string>()
  private ready: ShareBatch[] = []
  private inHand: ShareBatch | undefined
  private results = new Map<string, ShareCommitResult>()
  private failure: Error | undefined
  private isWaiting = false
  private turn = 0
  isClosed = false

  constructor(
    cluster: Cluster,
    options: ResolvedShareOptions,
    topics: SubscribedTopics,
    isImplicit: boolean,
  ) {
    this.cluster = cluster
    this.options = options
    this.topics = topics
    this.isImplicit = isImplicit
    this.progress = new Progress(cluster.context.clock)
    this.fetchPool = new ConnectionPool(cluster.context, 'consumer')
    this.groupPool = new ConnectionPool(cluster.context, 'consumer')
    const coordination = new GroupCoordination(cluster, this.groupPool, options.group)
    this.member = new ShareGroupMember(cluster, coordination, {
      maxPollIntervalMs: options.maxPollIntervalMs,
      rack: options.rack,
      events: {
        topics: () => topics.names(),
        onAssignment: (partitions) => this.takeAssignment(partitions),
        onChange: () => this.progress.note(),
      },
    })
    this.events = new ShareEvents(options.group, this.member.id)
    this.stopListening = cluster.onUpdate(() => this.progress.note())
  }

  /** The longest time any broker gives for a record; undefined before the first answer. */
  get lockTimeoutMs(): number | undefined {
    const known = [...this.brokers.values()].flatMap(({ lockTimeoutMs }) => lockTimeoutMs ?? [])
    return known.length === 0 ? undefined : Math.max(...known)
  }

  // ---- the loop ---------------------------------------------------------------------------------

  /** The next batch; undefined when the signal fired or the consumer was closed. */
  async poll(signal?: AbortSignal): Promise<ShareBatch | undefined> {
    if (this.isImplicit) this.inHand?.accept()
    this.inHand = undefined
    while (!this.isClosed && !signal?.aborted) {
      if (this.failure) {
        const { failure } = this
        this.failure = undefined
        throw failure
      }
      this.progress.begin()
      if (!(await this.prepare(signal))) return undefined
      const batch = this.ready.shift()
      if (batch) {
        this.inHand = batch
        this.tellBrokers()
        const waiting = prepareRecords(this.topics.topic(batch.topic), batch)
        if (!waiting || (await this.hasPrepared(waiting, signal))) return batch
        continue
      }
      this.fetch()
      await this.progress.wait(this.isWaiting ? RETRY_WAIT_MS : WAIT_MS_MAX, signal)
    }
    return undefined
  }

  /** False when the loop has ended meanwhile. */
  private async hasPrepared(
    waiting: Promise<unknown>,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    try {
      await abortable(waiting, signal)
    } catch (error) {
      if (!this.isClosed && !signal?.aborted) throw error
    }
    return !this.isClosed && !signal?.aborted
  }

  /** Topics and membership as they should be; false when the loop has ended meanwhile. */
  private async prepare(signal: AbortSignal | undefined): Promise<boolean> {
    try {
      await abortable(this.topics.refreshPatterns(), signal)
      for (const topic of this.topics.names()) this.watch(topic)
      // A pattern that matches nothing yet gives nothing to join with.
      if (this.watched.size > 0) await this.member.ensureJoined(signal)
    } catch (error) {
      if (!this.isClosed && !signal?.aborted) throw error
    }
    return !this.isClosed && !signal?.aborted
  }

  private watch(topic: string): void {
    if (this.watched.has(topic)) return
    this.watched.add(topic)
    this.cluster.watch(topic)
    if (!this.cluster.metadata.topic(topic)) this.cluster.markStale(topic)
  }

  private takeAssignment(partitions: readonly TopicPartition[]): void {
    this.assignment = partitions
    this.events.assigned(partitions)
    const assigned = new Set(partitions.map(keyOf))
    // What nobody has begun to work on is better off with the members that read the partition now.
    for (const batch of this.ready) if (!assigned.has(keyOf(batch))) batch.release()
    this.ready = this.ready.filter((batch) => assigned.has(keyOf(batch)))
    this.progress.note()
  }

  // ---- brokers ----------------------------------------------------------------------------------

  /** Asks for records where there may be some, unless that is under way. */
  private fetch(): void {
    this.assignPartitions()
    const nowMs = this.cluster.context.clock.monotonicMs()
    const brokers = [...this.brokers.values()]
    for (const broker of brokers) {
      if (broker.wanted.length === 0 && broker.hasMarks && !broker.isBusy) void broker.acknowledge()
      else if (broker.isIdle) this.leave(broker)
    }
    const readable = brokers.filter(({ wanted }) => wanted.length > 0)
    const paused = readable.filter(({ notBeforeMs }) => notBeforeMs > nowMs)
    this.isWaiting ||= paused.length > 0
    const free = readable.filter((broker) => !broker.isBusy && !paused.includes(broker))
    if (this.options.acquireMode === 'batch-optimized') {
      for (const broker of free) void broker.fetch()
      return
    }
    // A limit on records holds when one broker is asked at a time.
    if (brokers.some(({ isBusy }) => isBusy)) return
    void free[this.turn++ % Math.max(1, free.length)]?.fetch()
  }

  private assignPartitions(): void {
    const { metadata } = this.cluster
    const wanted = new Map<Node, SharePartition[]>()
    this.isWaiting = false
    for (const { topic, partition } of this.assignment) {
      const leader = metadata.node(metadata.partition(topic, partition)?.leaderId ?? -1)
      const topicId = metadata.topic(topic)?.id
      if (!leader || topicId === undefined) {
        this.cluster.markStale(topic)
        this.isWaiting = true
        continue
      }
      const list = wanted.get(leader) ?? []
      list.push({ topic, topicId, partition })
      wanted.set(leader, list)
    }
    for (const broker of this.brokers.values()) broker.wanted = []
    for (const [node, partitions] of wanted) {
      const broker = this.brokerAt(node)
      broker.node = node
      broker.wanted = partitions
    }
  }

  private brokerAt(node: Node): ShareBroker {
    const known = this.brokers.get(node.id)
    if (known) return known
    const broker = new ShareBroker(this.cluster, this.fetchPool, this.options, {
      node,
      memberId: this.member.id,
      events: {
        topicOf: (name) => this.topics.topic(name),
        onProgress: () => this.progress.note(),
        onResult: (result) => this.noteResult(result),
        onBatch: (batch) => {
          this.events.acquired(batch, batch.count)
          this.ready.push(batch)
        },
        onError: (error) => {
          this.failure ??= error
        },
      },
    })
    this.brokers.set(node.id, broker)
    return broker
  }

  private leave(broker: ShareBroker): void {
    this.brokers.delete(broker.node.id)
    void broker.close()
  }

  // ---- acknowledgements -------------------------------------------------------------------------

  /** Lets the brokers know soon, without waiting for the next fetch. */
  tellBrokers(): void {
    for (const broker of this.brokers.values()) {
      if (broker.hasMarks && !broker.isBusy) void broker.acknowledge()
    }
  }

  private noteResult(result: ShareCommitResult): void {
    const known = this.results.get(keyOf(result))
    if (!known?.error) this.results.set(keyOf(result), result)
    if (result.error && !this.isClosed) {
      const { topic, partition, error } = result
      const reason = error.message
      this.cluster.context.logger.warn('acknowledgements failed', { topic, partition, reason })
    }
    this.events.acknowledged(result)
    this.options.onAcknowledged(result)
  }

  /** What became of everything said since the last call, once the brokers have been told. */
  async commit(): Promise<ShareCommitResult[]> {
    const { clock, random, retryBackoff, apiTimeoutMs } = this.cluster.context
    const dueMs = clock.monotonicMs() + apiTimeoutMs
    const brokers = [...this.brokers.values()]
    for (let attempt = 0; ; attempt++) {
      // Also those without marks: what has been said may be on its way with a fetch.
      await Promise.all(brokers.map((broker) => broker.acknowledge()))
      if (this.isClosed || !brokers.some(({ hasMarks }) => hasMarks)) break
      const pauseMs = backoffMs(retryBackoff, attempt, random)
      if (clock.monotonicMs() + pauseMs >= dueMs) throw new TimeoutError('commit', apiTimeoutMs)
      await delay(clock, pauseMs)
    }
    const results = [...this.results.values()]
    this.results.clear()
    return results
  }

  // ---- end --------------------------------------------------------------------------------------

  /** Tells what was said, gives back the rest, leaves the group, closes the connections. */
  async close(): Promise<void> {
    if (this.isClosed) return
    this.isClosed = true
    this.progress.note()
    this.inHand = undefined
    this.ready = []
    await Promise.all([...this.brokers.values()].map((broker) => broker.close()))
    await this.member.close()
    this.stopListening()
    for (const topic of this.watched) this.cluster.unwatch(topic)
    this.fetchPool.close()
    this.groupPool.close()
  }
}
