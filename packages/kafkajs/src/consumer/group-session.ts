/**
 * The engine's consumer during one run, with what kafkajs tells and lets be told of it: the
 * membership as events, positions, pauses, seeks, commits.
 */
import { realClock, type Timer } from '@ottla/base'
import type {
  ConsumerOptions,
  ConsumerBatch as EngineBatch,
  Consumer as EngineConsumer,
  GroupEvent,
  GroupMetadata,
  PartitionPosition,
  TopicPartition,
} from '@ottla/client'
import type { RequestReport } from '@ottla/network'
import type { KafkaCluster } from '../cluster/kafka-cluster.ts'
import { EARLIEST_OFFSET, LATEST_OFFSET } from '../constants.ts'
import { toKafkaJSError } from '../engine-errors.ts'
import type { InstrumentationEmitter } from '../observe/emitter.ts'
import { CONSUMER_EVENTS } from '../observe/events.ts'
import type { SharedConsumer } from '../shared-consumers.ts'
import type { Assignment, TopicOffsets, TopicPartitionOffset } from '../types/cluster.ts'
import type { Logger } from '../types/logging.ts'
import type { ConsumerBatch } from './consumer-batch.ts'
import { keyOf, OffsetManager } from './offset-manager.ts'
import { PartitionControl } from './partition-control.ts'

export interface SessionParts {
  readonly groupId: string
  readonly cluster: KafkaCluster
  readonly logger: Logger
  readonly emitter: InstrumentationEmitter
  readonly topics: ReadonlyMap<string, { readonly fromBeginning: boolean }>
  readonly autoCommit: boolean
  readonly options: ConsumerOptions
}

export interface SessionEvents {
  readonly onRevoking: () => Promise<void>
  readonly onFetch: () => void
}

const FETCH = 1
/** Requests whose answers move positions. */
const MOVING: ReadonlySet<number> = new Set([FETCH, 2, 9])

type Batches = AsyncIterator<EngineBatch>
type Joined = Extract<GroupEvent, { type: 'joined' }>

export class GroupSession implements SharedConsumer {
  readonly groupId: string
  readonly offsets = new OffsetManager()
  readonly control = new PartitionControl()
  isRebalancing = false
  private readonly parts: SessionParts
  private engine: EngineConsumer | undefined
  private batches: Batches | undefined
  private held: readonly TopicPartition[] = []
  private readonly busy = new Set<string>()
  private assignments = 0
  private member = { memberId: '', generationId: -1 }
  private isWaiting = false
  /** Where partitions begin of which nothing is committed. */
  private readonly begun = new Map<string, bigint>()
  /** Sought to an end of the log: the position that is found counts as resolved. */
  private readonly searching = new Set<string>()
  private hasFetched = false
  private idleTimer: Timer | undefined

  constructor(parts: SessionParts) {
    this.parts = parts
    this.groupId = parts.groupId
  }

  /** Resolves with the first join. */
  start(events: SessionEvents): Promise<void> {
    const { parts } = this
    parts.cluster.onReport = (report) => this.takeReport(report, events.onFetch)
    this.watchIdleness()
    return new Promise((resolve) => {
      this.engine = parts.cluster.engine.consumer({
        ...parts.options,
        group: this.groupId,
        autoCommit: false,
        from: (topic) => (parts.topics.get(topic)?.fromBeginning ? 'earliest' : 'latest'),
        onPartitionsRevoked: async () => {
          await events.onRevoking()
          this.offsets.clear()
        },
        onGroupEvent: (event) => {
          this.take(event)
          if (event.type === 'joined') resolve()
        },
      })
      // Without a topic the member is in the group all the same, and gets nothing.
      const topics: (string | RegExp)[] =
        parts.topics.size > 0 ? [...parts.topics.keys()] : [/(?!)/]
      const subscription = this.engine.subscribe(topics)
      this.batches = subscription[Symbol.asyncIterator]() as Batches
    })
  }

  private take(event: GroupEvent): void {
    const { emitter } = this.parts
    const { groupId } = this
    const { memberId, generationId } = event
    this.member = { memberId, generationId }
    if (event.type === 'heartbeat') {
      const payload = { groupId, memberId, groupGenerationId: generationId }
      emitter.emit(CONSUMER_EVENTS.HEARTBEAT, payload)
    } else if (event.type === 'rebalancing') {
      if (this.isRebalancing) return
      this.isRebalancing = true
      this.parts.logger.warn('The group is rebalancing, re-joining', { groupId, memberId })
      emitter.emit(CONSUMER_EVENTS.REBALANCING, { groupId, memberId })
    } else this.joined(event)
  }

  private joined(event: Joined): void {
    const { topics, emitter, logger } = this.parts
    const { groupId } = this
    this.isRebalancing = false
    this.assignments++
    this.offsets.clear()
    this.begun.clear()
    this.searching.clear()
    this.held = event.partitions.filter(({ topic }) => topics.has(topic))
    this.reportUnsubscribed(event)
    const memberAssignment: Assignment = {}
    for (const { topic, partition } of this.held) {
      memberAssignment[topic] = [...(memberAssignment[topic] ?? []), partition]
    }
    const { memberId, leaderId } = event
    const payload = {
      ...{ groupId, memberId, leaderId, isLeader: leaderId === memberId, memberAssignment },
      groupProtocol: event.protocol,
      duration: Math.round(event.durationMs),
    }
    emitter.emit(CONSUMER_EVENTS.GROUP_JOIN, payload)
    logger.info('Consumer has joined the group', payload)
    for (const target of this.held) {
      this.applyPause(target)
      this.applySeek(target)
    }
  }

  /** A leader of another kind may hand out more than was asked for; that is left alone. */
  private reportUnsubscribed({ partitions, memberId, generationId }: Joined): void {
    const { topics, emitter, logger } = this.parts
    const surplus = partitions.filter(({ topic }) => !topics.has(topic))
    if (surplus.length === 0) return
    this.engine?.pause(surplus)
    const names = (list: readonly TopicPartition[]) => [...new Set(list.map(({ topic }) => topic))]
    const payload = {
      ...{ groupId: this.groupId, generationId, memberId },
      assignedTopics: names(partitions),
      topicsSubscribed: [...topics.keys()],
      topicsNotSubscribed: names(surplus),
    }
    emitter.emit(CONSUMER_EVENTS.RECEIVED_UNSUBSCRIBED_TOPICS, payload)
    logger.warn('Consumer group received unsubscribed topics', payload)
  }

  /** Ends with undefined. */
  async nextBatch(): Promise<EngineBatch | undefined> {
    this.isWaiting = true
    const next = await this.batches?.next()
    this.isWaiting = false
    return next?.done ? undefined : next?.value
  }

  async close(): Promise<void> {
    this.parts.cluster.onReport = undefined
    this.idleTimer?.cancel()
    await this.engine?.close()
  }

  get groupMetadata(): GroupMetadata {
    return (this.engine as EngineConsumer).groupMetadata
  }

  // ---- partitions -------------------------------------------------------------------------------

  /** Changes whenever what is in hand of the partition becomes stale. */
  stampOf({ topic, partition }: TopicPartition): string {
    return `${this.assignments}/${this.control.version(topic, partition)}`
  }

  private isHeld({ topic, partition }: TopicPartition): boolean {
    return this.held.some((one) => one.topic === topic && one.partition === partition)
  }

  /** Whether the engine holds it, which during a rebalance may be less than what was assigned. */
  private isInEngine({ topic, partition }: TopicPartition): boolean {
    return (this.engine?.assignment ?? []).some(
      (one) => one.topic === topic && one.partition === partition,
    )
  }

  setBusy(target: TopicPartition, isBusy: boolean): void {
    const key = keyOf(target.topic, target.partition)
    if (isBusy) this.busy.add(key)
    else this.busy.delete(key)
    this.applyPause(target)
  }

  private applyPause(target: TopicPartition): void {
    if (!this.isInEngine(target)) return
    const { topic, partition } = target
    const isPaused =
      this.busy.has(keyOf(topic, partition)) || this.control.isPaused(topic, partition)
    if (isPaused) this.engine?.pause([target])
    else this.engine?.resume([target])
  }

  pause(topicPartitions: readonly { topic: string; partitions?: number[] }[]): void {
    this.control.pause(topicPartitions)
    for (const target of this.held) this.applyPause(target)
  }

  resume(topicPartitions: readonly { topic: string; partitions?: number[] }[]): void {
    this.control.resume(topicPartitions, this.held)
    for (const target of this.held) this.applyPause(target)
  }

  paused() {
    return this.control.paused(this.held)
  }

  seek(target: TopicPartitionOffset): void {
    this.control.seek(target)
    if (this.isHeld(target)) this.applySeek(target)
  }

  private applySeek(target: TopicPartition): void {
    const { topic, partition } = target
    if (!this.isInEngine(target)) return
    const seek = this.control.takeSeek(topic, partition)
    if (!seek) return
    const offset = BigInt(seek.offset)
    if (offset === BigInt(LATEST_OFFSET)) this.engine?.seek(target, 'latest')
    else if (offset === BigInt(EARLIEST_OFFSET)) this.engine?.seek(target, 'earliest')
    else this.engine?.seek(target, offset)
    this.offsets.moveTo(topic, partition, offset < 0n ? undefined : offset)
    if (offset < 0n) this.searching.add(keyOf(topic, partition))
    if (!this.parts.autoCommit || offset < 0n) return
    this.commit([{ topic, partitions: [{ partition, offset: String(offset) }] }]).catch(
      (error: unknown) => {
        const { message } = error as Error
        this.parts.logger.warn(`The offset of a seek was not committed: ${message}`, { topic })
      },
    )
  }

  /** The engine goes on behind what is resolved; with nothing resolved, at the batch again. */
  goOnBehind(batch: ConsumerBatch): void {
    const { topic, partition } = batch
    const next = this.offsets.next(topic, partition) ?? BigInt(batch.fetchedOffset)
    if (next === batch.nextOffset || !this.isInEngine(batch)) return
    this.engine?.seek({ topic, partition }, next)
  }

  /** Resolves what the engine has passed without a batch; true when there was any. */
  passFiltered(): boolean {
    if (!this.isWaiting) return false
    let isAny = false
    for (const partition of this.engine?.assignment ?? []) isAny = this.pass(partition) || isAny
    return isAny
  }

  private pass({ topic, partition, position, committed, lag }: PartitionPosition): boolean {
    const key = keyOf(topic, partition)
    if (position === undefined || this.busy.has(key)) return false
    if (this.searching.delete(key)) this.offsets.moveTo(topic, partition, position)
    const from = this.offsets.next(topic, partition) ?? committed ?? this.begun.get(key)
    if (from === undefined) this.begun.set(key, position)
    if (from === undefined || from >= position) return false
    const payload = {
      ...{ topic, partition, highWatermark: String(position + (lag ?? 0n)), batchSize: 0 },
      ...{ offsetLag: String(lag ?? 0n), offsetLagLow: String(position + (lag ?? 0n) - 1n - from) },
      ...{ firstOffset: String(from), lastOffset: String(position - 1n) },
    }
    const { emitter } = this.parts
    emitter.emit(CONSUMER_EVENTS.START_BATCH_PROCESS, payload)
    this.offsets.resolve(topic, partition, position)
    emitter.emit(CONSUMER_EVENTS.END_BATCH_PROCESS, { ...payload, duration: 0 })
    return true
  }

  // ---- commits ----------------------------------------------------------------------------------

  async commit(topics: readonly TopicEntries[]): Promise<void> {
    const offsets = topics.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, offset, metadata }) => ({
        ...{ topic, partition: Number(partition), offset: BigInt(offset) },
        ...(metadata ? { metadata } : {}),
      })),
    )
    try {
      await this.engine?.commit(offsets)
    } catch (error) {
      throw toKafkaJSError(error)
    }
    this.offsets.markCommitted(topics)
    const { memberId, generationId } = this.member
    this.parts.emitter.emit(CONSUMER_EVENTS.COMMIT_OFFSETS, {
      ...{ groupId: this.groupId, memberId, groupGenerationId: generationId, topics },
    })
  }

  markCommitted(topics: readonly TopicOffsets[]): void {
    this.offsets.markCommitted(topics)
  }

  private takeReport(report: RequestReport, onMoved: () => void): void {
    if (!MOVING.has(report.apiKey)) return
    // The answer is taken in first.
    realClock.setTimer(0, onMoved)
    if (report.apiKey !== FETCH) return
    this.hasFetched = true
    const nodeId = this.parts.cluster.nodeIdOf(report.broker)
    this.emitFetch(nodeId, Math.round(report.durationMs))
  }

  private emitFetch(node: number, duration: number): void {
    const { emitter } = this.parts
    const nodeId = String(node)
    emitter.emit(CONSUMER_EVENTS.FETCH_START, { nodeId })
    emitter.emit(CONSUMER_EVENTS.FETCH, { numberOfBatches: 0, duration, nodeId })
  }

  /** With nothing to fetch kafkajs tells of fetches all the same, as a sign of life. */
  private watchIdleness(): void {
    const { cluster, options } = this.parts
    const waitMs = options.fetchMaxWaitMs ?? 5_000
    this.idleTimer = realClock.setTimer(waitMs, () => {
      if (!this.hasFetched && this.assignments > 0) {
        for (const node of cluster.getNodeIds()) this.emitFetch(node, waitMs)
      }
      this.hasFetched = false
      this.watchIdleness()
    })
  }
}

interface TopicEntries {
  topic: string
  partitions: { partition: number; offset: string; metadata?: string | null }[]
}
