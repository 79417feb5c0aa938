/**
 * What turns while a consumer is iterated: membership, positions, fetching, commits. One engine per
 * iteration; it ends with it.
 *
 *   poll: finish the batch in hand -> join if need be -> commit if due -> look up positions
 *         -> take what has been fetched, else wait for progress and begin again
 *
 * Must always hold: a batch counts as processed when the loop asks for the next one, and only
 * then may its offset be committed. Whatever ends the loop early (an error, `break`) leaves the
 * batch in hand uncommitted, to be read again.
 */
import { BufferPool, ClosedError } from '@ottla/base'
import type { Cluster } from '../cluster/cluster.ts'
import { ConnectionPool } from '../cluster/connection-pool.ts'
import { abortable } from '../cluster/retry.ts'
import type { TopicPartition } from '../group/assignor.ts'
import { ConsumerGroupMember } from '../group/consumer-group-member.ts'
import {
  GroupCoordination,
  type GroupMetadata,
  type OffsetToCommit,
} from '../group/group-coordination.ts'
import { GroupMember } from '../group/group-member.ts'
import type { Membership } from '../group/membership.ts'
import { prepareRecords } from '../serde/prepare-records.ts'
import { ConsumerBatch } from './consumer-batch.ts'
import { ConsumerEvents } from './consumer-events.ts'
import type { ResolvedConsumerOptions } from './consumer-options.ts'
import type { LanePools } from './fetch-lane.ts'
import { Fetcher } from './fetcher.ts'
import { keepLargeAllocations } from './large-allocations.ts'
import { OffsetCommits } from './offset-commits.ts'
import { PartitionState, partitionKey } from './partition-state.ts'
import { PositionLookup } from './position-lookup.ts'
import { Progress } from './progress.ts'
import type { SubscribedTopics } from './subscribed-topics.ts'

/** Most that is kept of the memory of fetches, for the next ones. */
const REUSED_BYTES_MAX = 16 * 1024 * 1024
/** How long the loop waits at most before it looks at everything again. */
const WAIT_MS_MAX = 1_000
const LOOKUP_WAIT_MS = 50

export interface Assignment extends TopicPartition {
  /** Where to begin; the committed offset, then `from`, when left out. */
  readonly offset?: number | bigint
}

/** A batch that handlers work on; the loop has gone on to the next one. */
export interface BatchAtWork {
  readonly state: PartitionState
  readonly nextOffset: number
  readonly nextEpoch: number
}

export class ConsumerEngine {
  readonly states = new Map<string, PartitionState>()
  readonly coordination: GroupCoordination | undefined
  private readonly cluster: Cluster
  private readonly options: ResolvedConsumerOptions
  private readonly topics: SubscribedTopics
  private readonly fetchPools: LanePools
  private readonly groupPool: ConnectionPool
  private readonly fetcher: Fetcher
  private readonly lookup: PositionLookup
  private readonly member: Membership | undefined
  private readonly stopListening: () => void
  private readonly watched = new Set<string>()
  /** Called each time the loop looks at everything. */
  onTurn = () => {}
  /** Awaited before partitions are given up, so that what handlers work on can be finished. */
  beforeGivingUp: (partitions: readonly TopicPartition[]) => Promise<void> = async () => {}
  /** Each record is traced with its handler. */
  hasHandlers = false
  /** Called when partitions have gone to another member. */
  onGone = () => {}
  private inHand: BatchAtWork | undefined
  /** The caller's `onPartitionsAssigned` at work; nothing is given to the loop before it ends. */
  private assigning: Promise<void> = Promise.resolve()
  private failure: Error | undefined
  private readonly progress: Progress
  private readonly commits: OffsetCommits
  private lastPollEndMs: number
  /** Changes of the assignment so far. */
  private rebalances = 0
  private readonly isSubscription: boolean
  private readonly events: ConsumerEvents
  private turn = 0
  isClosed = false
  /** Up to where a loop over records has processed the batch in hand. */
  partInHand: (() => number | undefined) | undefined

  constructor(
    cluster: Cluster,
    options: ResolvedConsumerOptions,
    topics: SubscribedTopics,
    isSubscription: boolean,
  ) {
    this.cluster = cluster
    this.options = options
    this.topics = topics
    this.isSubscription = isSubscription
    this.events = new ConsumerEvents(options.group)
    this.progress = new Progress(cluster.context.clock)
    keepLargeAllocations()
    const frames = options.reuseMemory ? new BufferPool(REUSED_BYTES_MAX) : undefined
    const fetchPool = () => new ConnectionPool(cluster.context, 'consumer', frames)
    this.fetchPools = [fetchPool(), fetchPool()]
    this.groupPool = new ConnectionPool(cluster.context, 'consumer')
    this.lastPollEndMs = cluster.context.clock.monotonicMs()
    const onProgress = () => this.progress.note()
    const onError = (error: Error) => {
      this.failure ??= error
      this.progress.note()
    }
    const { states } = this
    const { group } = options
    this.coordination =
      group === undefined ? undefined : new GroupCoordination(cluster, this.groupPool, group)
    this.fetcher = new Fetcher(cluster, this.fetchPools, options, {
      states,
      events: { onProgress, onError },
      frames,
    })
    const { coordination } = this
    this.lookup = new PositionLookup(cluster, this.groupPool, options, {
      states,
      onProgress,
      onError,
      fetchCommitted: coordination && ((partitions) => coordination.committed(partitions)),
    })
    const Member = options.groupProtocol === 'consumer' ? ConsumerGroupMember : GroupMember
    this.member =
      coordination && isSubscription
        ? new Member(cluster, options, coordination, {
            topics: () => topics.names(),
            onAssigned: (partitions) => this.takeAssigned(partitions),
            onRevoked: (partitions) => this.giveUp(partitions),
            onLost: (partitions) => this.lose(partitions),
            onChange: onProgress,
          })
        : undefined
    this.commits = new OffsetCommits(cluster.context, options, {
      ...{ states, coordination, member: this.member, events: this.events },
    })
    this.stopListening = cluster.onUpdate(() => {
      this.lookup.wake()
      this.fetcher.wake()
      this.progress.note()
    })
  }

  // ---- partitions -------------------------------------------------------------------------------

  addPartitions(partitions: readonly Assignment[]): void {
    this.rebalances++
    for (const { topic, partition, offset } of partitions) {
      const state = new PartitionState(this.topics.topic(topic), partition)
      if (offset !== undefined) state.seek(Number(offset), -1)
      this.states.set(partitionKey(topic, partition), state)
      this.cluster.context.metrics.add('assignedPartitions', 1)
      this.watch(topic)
    }
    this.lookup.wake()
    this.progress.note()
  }

  private removePartitions(partitions: readonly TopicPartition[]): void {
    this.rebalances++
    for (const { topic, partition } of partitions) this.forget(partitionKey(topic, partition))
    if (this.inHand && !this.isHeld(this.inHand.state)) this.inHand = undefined
  }

  private forget(key: string): void {
    if (this.states.delete(key)) this.cluster.context.metrics.add('assignedPartitions', -1)
  }

  isHeld(state: PartitionState): boolean {
    return this.states.get(partitionKey(state.name, state.partition)) === state
  }

  private takeAssigned(partitions: readonly TopicPartition[]): void {
    this.addPartitions(partitions)
    this.events.assigned(partitions)
    const { onPartitionsAssigned } = this.options
    if (!onPartitionsAssigned || partitions.length === 0) return
    this.assigning = this.assigning.then(() => onPartitionsAssigned(partitions))
    // Whoever polls awaits it, and is told what it threw.
    this.assigning.catch(() => this.progress.note())
  }

  private async giveUp(partitions: readonly TopicPartition[]): Promise<void> {
    await this.beforeGivingUp(partitions)
    if (this.options.autoCommit) await this.commits.commitOnTheWayOut()
    this.events.revoked(partitions)
    if (partitions.length > 0) await this.options.onPartitionsRevoked?.(partitions)
    this.removePartitions(partitions)
  }

  private lose(partitions: readonly TopicPartition[]): void {
    this.removePartitions(partitions)
    this.events.lost(partitions)
    this.onGone()
    const { onPartitionsLost } = this.options
    if (!onPartitionsLost) return
    this.assigning = this.assigning.then(() => onPartitionsLost(partitions))
    this.assigning.catch(() => this.progress.note())
  }

  private watch(topic: string): void {
    if (this.watched.has(topic)) return
    this.watched.add(topic)
    this.cluster.watch(topic)
    if (!this.cluster.metadata.topic(topic)) this.cluster.markStale(topic)
  }

  // ---- the loop ---------------------------------------------------------------------------------

  /** The next batch; undefined when the signal fired or the consumer was closed. */
  async poll(signal?: AbortSignal): Promise<ConsumerBatch | undefined> {
    this.finishBatchInHand()
    const startMs = this.cluster.context.clock.monotonicMs()
    const batch = await this.nextBatch(signal)
    const endMs = this.cluster.context.clock.monotonicMs()
    const { metrics } = this.cluster.context
    metrics.record('pollIdle', (endMs - startMs) / Math.max(1e-6, endMs - this.lastPollEndMs))
    this.lastPollEndMs = endMs
    if (batch) metrics.record('recordsConsumed', batch.count)
    return batch
  }

  private async nextBatch(signal?: AbortSignal): Promise<ConsumerBatch | undefined> {
    while (!this.isClosed && !signal?.aborted) {
      if (this.failure) {
        const { failure } = this
        this.failure = undefined
        throw failure
      }
      this.progress.begin()
      if (!(await this.prepare(signal))) return undefined
      this.onTurn()
      this.commits.commitIfDue()
      this.lookup.wake()
      const batch = this.takeFetched()
      this.fetcher.wake()
      if (batch) {
        const { inHand } = this
        this.noteReceived(batch)
        const waiting = prepareRecords(this.topics.topic(batch.topic), batch)
        if (!waiting || (await this.hasPrepared(waiting, signal, inHand))) return batch
        continue
      }
      await this.waitForProgress(signal)
    }
    return undefined
  }

  private noteReceived(batch: ConsumerBatch): void {
    this.events.received(batch)
    if (!this.hasHandlers) this.cluster.context.tracing?.receive(this.options.group, batch)
  }

  /** False when the batch went to another member meanwhile, or the loop has ended. */
  private async hasPrepared(
    waiting: Promise<unknown>,
    signal: AbortSignal | undefined,
    batch: ConsumerEngine['inHand'],
  ): Promise<boolean> {
    try {
      await abortable(waiting, signal)
    } catch (error) {
      if (!this.isClosed && !signal?.aborted) throw error
    }
    return !this.isClosed && !signal?.aborted && this.inHand === batch
  }

  /** Topics and membership as they should be; false when the loop has ended meanwhile. */
  private async prepare(signal: AbortSignal | undefined): Promise<boolean> {
    try {
      await abortable(this.topics.refreshPatterns(), signal)
      for (const topic of this.topics.names()) this.watch(topic)
      if (this.member) await this.joinMeasured(this.member, signal)
      else if (this.isSubscription) this.addNewPartitions()
      await abortable(this.callerIsTold(), signal)
    } catch (error) {
      if (!this.isClosed && !signal?.aborted) throw error
    }
    return !this.isClosed && !signal?.aborted
  }

  private async joinMeasured(member: Membership, signal: AbortSignal | undefined): Promise<void> {
    const { clock, metrics } = this.cluster.context
    const { rebalances } = this
    const startMs = clock.monotonicMs()
    await member.ensureJoined(signal)
    if (this.rebalances === rebalances) return
    metrics.record('rebalances', 1)
    metrics.record('rebalanceLatency', clock.monotonicMs() - startMs)
  }

  /** The caller's listeners have returned; throws what they threw, once. */
  private async callerIsTold(): Promise<void> {
    const { assigning } = this
    try {
      await assigning
    } catch (error) {
      if (this.assigning === assigning) this.assigning = Promise.resolve()
      throw error
    }
  }

  /** Without a group every partition is ours; those that come later are read from their start. */
  private addNewPartitions(): void {
    const added = this.topics
      .names()
      .flatMap((topic) =>
        (this.cluster.metadata.topic(topic)?.partitions ?? [])
          .map(({ index }) => ({ topic, partition: index }))
          .filter(({ partition }) => !this.states.has(partitionKey(topic, partition))),
      )
    if (added.length === 0) return
    this.addPartitions(added)
    for (const { topic, partition } of added) this.stateOf(topic, partition).reset('earliest')
  }

  /**
   * Handlers work on the batch in hand from now on: its partition gives no other until `isAtWork`
   * is cleared, and `markConsumed` says how far they have come.
   */
  handOver(): BatchAtWork | undefined {
    const { inHand } = this
    this.inHand = undefined
    if (inHand) inHand.state.isAtWork = true
    return inHand
  }

  /** What the loop was given last has been processed. */
  finishBatchInHand(): void {
    const { inHand } = this
    this.inHand = undefined
    if (!inHand) return
    this.markConsumed(inHand.state, inHand.nextOffset, inHand.nextEpoch)
  }

  /**
   * Part of the batch in hand has been processed: up to `offset`, which is the next one to read.
   */
  finishPart(offset: number): void {
    const { inHand } = this
    this.inHand = undefined
    if (inHand) this.markConsumed(inHand.state, offset, inHand.nextEpoch)
  }

  /** The records of a held partition below the offset have been processed. */
  markConsumed(state: PartitionState, offset: number, leaderEpoch: number): void {
    // After a seek the position is elsewhere, and the seek has the last word.
    const wasMoved = state.position !== undefined && state.position < offset
    if (wasMoved || !this.isHeld(state) || (state.consumed ?? -1) >= offset) return
    state.consumed = offset
    state.consumedEpoch = leaderEpoch
  }

  private takeFetched(): ConsumerBatch | undefined {
    const states = [...this.states.values()]
    for (let i = 0; i < states.length; i++) {
      const state = states[(this.turn + i) % states.length] as PartitionState
      if (state.isPaused || state.isAtWork) continue
      const batch = this.takeFrom(state)
      if (!batch) continue
      // One batch of each partition in turn, so that a full one does not starve the others.
      this.turn = (this.turn + i + 1) % states.length
      return batch
    }
    return undefined
  }

  private takeFrom(state: PartitionState): ConsumerBatch | undefined {
    for (;;) {
      const fetched = state.fetched[0]
      if (!fetched) return undefined
      const step = fetched.take(this.options.maxPollRecords)
      if (!step) {
        state.fetched.shift()
        // Its last batch was in hand before or its handlers have ended: nobody reads it any more.
        fetched.release()
        continue
      }
      const { segments, firstOffset, nextOffset, nextLeaderEpoch } = step
      state.position = nextOffset
      state.positionEpoch = nextLeaderEpoch
      if (segments.length === 0) {
        this.markConsumed(state, nextOffset, nextLeaderEpoch)
        continue
      }
      this.inHand = { state, nextOffset, nextEpoch: nextLeaderEpoch }
      const { name: topic, partition } = state
      return new ConsumerBatch({
        topic,
        partition,
        segments,
        firstOffset,
        nextOffset,
        nextLeaderEpoch,
        highWatermark: fetched.highWatermark,
        commit: (offset, leaderEpoch) => this.commit([{ topic, partition, offset, leaderEpoch }]),
      })
    }
  }

  private waitForProgress(signal: AbortSignal | undefined): Promise<void> {
    const mustLookUp = [...this.states.values()].some((state) => state.position === undefined)
    return this.progress.wait(mustLookUp ? LOOKUP_WAIT_MS : WAIT_MS_MAX, signal)
  }

  // ---- commits ----------------------------------------------------------------------------------

  /** Who this consumer is in its group now; throws when it is nobody. */
  groupMetadata(): GroupMetadata {
    return this.commits.groupMetadata()
  }

  /** Commits the given offsets, or all that have been processed. Commits happen one by one. */
  commit(offsets?: readonly OffsetToCommit[]): Promise<void> {
    return this.commits.commit(offsets)
  }

  // ---- end --------------------------------------------------------------------------------------

  /** Commits what was processed, leaves the group, closes the connections. */
  async close(): Promise<void> {
    if (this.isClosed) return
    this.isClosed = true
    this.progress.note()
    const part = this.partInHand?.()
    if (part !== undefined) this.finishPart(part)
    this.inHand = undefined
    if (this.member) await this.member.close()
    else if (this.coordination && this.options.autoCommit) await this.commits.commitOnTheWayOut()
    for (const key of [...this.states.keys()]) this.forget(key)
    this.fetcher.close()
    this.stopListening()
    for (const topic of this.watched) this.cluster.unwatch(topic)
    for (const pool of this.fetchPools) pool.close()
    this.groupPool.close()
  }

  stateOf(topic: string, partition: number): PartitionState {
    if (this.isClosed) throw new ClosedError('The consumer')
    const state = this.states.get(partitionKey(topic, partition))
    if (state) return state
    throw new RangeError(`${topic}-${partition} is not assigned to this consumer`)
  }

  wake(): void {
    this.lookup.wake()
    this.fetcher.wake()
    this.progress.note()
  }
}
