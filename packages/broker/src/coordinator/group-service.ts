/**
 * The shell around the group coordinator: loads `__consumer_offsets` by replay, appends what the
 * coordinator decides, answers once it is durable, and lets time pass.
 *
 * A partition of the topic is loaded when the first request for one of its groups arrives, so a
 * broker with many groups starts as fast as one with none. Requests for a group wait for that.
 */
import type { Clock, Logger, Random, Timer } from '@ottla/base'
import { messageOf } from '@ottla/base'
import {
  BatchBuilder,
  decodeControlRecord,
  type ErrorName,
  type RecordBatch,
} from '@ottla/protocol'
import { type PartitionLog, StorageError } from '@ottla/storage'
import { batchesOf } from '../batches-of.ts'
import type { MetadataImage, TopicImage } from '../metadata/metadata-image.ts'
import { OFFSETS_TOPIC } from '../metadata/topic-names.ts'
import type { Partitions } from '../partitions.ts'
import type { ConsumerGroupOptions } from './consumer-group/consumer-groups.ts'
import type { Token } from './group/classic-group.ts'
import type { OffsetRecord } from './group/committed-offsets.ts'
import { dismissWaiting } from './group/group-answers.ts'
import { GroupCoordinator, type GroupSettings, type Now } from './group/group-coordinator.ts'
import { expireOffsets } from './group/group-offsets.ts'
import { decodeGroupRecord, encodeGroupRecord, type GroupRecord } from './group/group-records.ts'
import type { Outcome, Reply } from './group/outcome.ts'
import { partitionForKey } from './partition-for-key.ts'
import type { ShareGroupOptions } from './share-group/share-groups.ts'
import type { StreamsGroupOptions } from './streams-group/streams-groups.ts'
import type { ProducerIdentity } from './transaction/transaction-coordinator.ts'

export interface GroupServiceOptions {
  readonly settings: GroupSettings
  readonly consumerGroups: Omit<ConsumerGroupOptions, 'topics'>
  readonly shareGroups: Omit<ShareGroupOptions, 'topics'>
  readonly streamsGroups: Omit<StreamsGroupOptions, 'topics'>
  readonly partitions: Partitions
  readonly image: MetadataImage
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly offsetsCheckIntervalMs: number
}

export class GroupService {
  readonly coordinator: GroupCoordinator
  private readonly options: GroupServiceOptions
  private readonly loading = new Map<number, Promise<void>>()
  private readonly loaded = new Set<number>()
  private readonly waiting = new Map<Token, (response: unknown) => void>()
  /** Appends that are not durable yet. */
  private readonly appending = new Set<Promise<unknown>>()
  private nextToken = 1
  private timer: Timer | undefined
  private timerMs = Number.POSITIVE_INFINITY
  private expiryTimer: Timer | undefined
  private isClosed = false

  constructor(options: GroupServiceOptions) {
    this.options = options
    const { random } = options
    const newId = () => formatUuid(Buffer.from(random.bytes(16)).toString('hex'))
    const topics = topicsView(options.image)
    this.coordinator = new GroupCoordinator(options.settings, newId, {
      consumer: { ...options.consumerGroups, topics },
      share: { ...options.shareGroups, topics },
      streams: { ...options.streamsGroups, topics },
    })
    this.armExpiry()
  }

  now(): Now {
    const { clock } = this.options
    return { wallMs: clock.now(), monotonicMs: clock.monotonicMs() }
  }

  /** Makes sure that the partition of a group is loaded, or says why it cannot be used. */
  async load(groupId: string): Promise<ErrorName | undefined> {
    const logs = this.options.partitions.of(OFFSETS_TOPIC)
    // Nobody has asked for the coordinator yet, which would have made its topic.
    if (logs.length === 0) return 'NOT_COORDINATOR'
    return this.loadPartition(partitionForKey(groupId, logs.length))
  }

  /** Loads every partition, for requests about all groups. */
  async loadAll(): Promise<ErrorName | undefined> {
    const logs = this.options.partitions.of(OFFSETS_TOPIC)
    const errors = await Promise.all(logs.map((_, partition) => this.loadPartition(partition)))
    return errors.find((error) => error !== undefined)
  }

  private async loadPartition(partition: number): Promise<ErrorName | undefined> {
    let load = this.loading.get(partition)
    if (!load) {
      load = this.replayPartition(partition)
      this.loading.set(partition, load)
    }
    try {
      await load
      return undefined
    } catch (error) {
      this.options.logger.error('group metadata cannot be loaded', {
        partition,
        reason: messageOf(error),
      })
      return 'COORDINATOR_NOT_AVAILABLE'
    }
  }

  private async replayPartition(partition: number): Promise<void> {
    const log = this.options.partitions.get(OFFSETS_TOPIC, partition)
    if (!log)
      throw new StorageError('UNKNOWN_TOPIC_OR_PARTITION', `no ${OFFSETS_TOPIC}-${partition}`)
    await log.ready()
    for await (const batch of batchesOf(log)) this.replayBatch(partition, batch)
    this.loaded.add(partition)
    this.arm()
  }

  private replayBatch(partition: number, batch: RecordBatch): void {
    const { coordinator } = this
    for (const { key, value } of batch.records()) {
      if (batch.isControl) {
        const control = decodeControlRecord({ key, value })
        if (control.type !== 'COMMIT' && control.type !== 'ABORT') continue
        this.decidePending(partition, batch.producerId, control.type === 'COMMIT')
        continue
      }
      const record = decodeGroupRecord(key as Buffer, value)
      if (record.kind === 'other') continue
      if (batch.isTransactional && record.kind === 'offset') {
        coordinator.pendingOffsets.add(batch.producerId, partition, [record])
        coordinator.offsets.note(record.group)
      } else coordinator.replay(record, this.now())
    }
  }

  /**
   * A marker for a producer's transaction has been written to a partition of the offsets topic.
   * While the partition is being loaded the replay comes to the marker in its turn: taken now, its
   * offsets would be overwritten by older ones that the replay has still to read.
   */
  endTransaction(partition: number, producerId: number, isCommit: boolean): void {
    if (this.loaded.has(partition)) this.decidePending(partition, producerId, isCommit)
  }

  private decidePending(partition: number, producerId: number, isCommit: boolean): void {
    const records = this.coordinator.pendingOffsets.take(producerId, partition)
    if (!isCommit) return
    for (const record of records) this.coordinator.replay(record, this.now())
  }

  /** Partition of the offsets topic that holds a group. */
  partitionOf(groupId: string): number {
    return partitionForKey(groupId, this.options.partitions.of(OFFSETS_TOPIC).length)
  }

  /** Appends offsets as part of a producer's transaction; they count once that commits. */
  /** A newer epoch of the producer has committed offsets where this group's are. */
  isFenced(producer: ProducerIdentity, groupId: string): boolean {
    return this.offsetsLog(this.partitionOf(groupId)).producers().isFenced(producer)
  }

  private offsetsLog(partition: number): PartitionLog {
    return this.options.partitions.get(OFFSETS_TOPIC, partition) as PartitionLog
  }

  async appendTransactional(
    producer: ProducerIdentity,
    groupId: string,
    records: readonly OffsetRecord[],
  ): Promise<void> {
    const partition = this.partitionOf(groupId)
    const log = this.offsetsLog(partition)
    const batch = this.batchOf(records).finish({
      ...producer,
      baseSequence: 0,
      isTransactional: true,
    })
    const result = log.append(batch, {
      origin: 'coordinator',
      leaderEpoch: this.leaderEpoch(partition),
    })
    if (result.kind === 'refused') throw new StorageError(result.error, result.message)
    this.coordinator.pendingOffsets.add(producer.producerId, partition, records)
    this.coordinator.offsets.note(groupId)
    await log.whenDurable(result.lastOffset)
  }

  private batchOf(records: readonly GroupRecord[]): BatchBuilder {
    const builder = new BatchBuilder()
    const timestamp = this.options.clock.now()
    for (const record of records) {
      const { key, value } = encodeGroupRecord(record)
      builder.append(timestamp, key, value)
    }
    return builder
  }

  private leaderEpoch(partition: number): number {
    const topic = this.options.image.topics.get(OFFSETS_TOPIC)
    return topic?.partitions[partition]?.leaderEpoch ?? 0
  }

  /** Writes what was decided and has been replayed already, then gives out the answer. */
  async decided<T>(decision: {
    readonly records: readonly GroupRecord[]
    readonly response: T
    /** Answers to others that the decision means. */
    readonly replies?: readonly Reply[]
  }): Promise<T> {
    const { replies = [] } = decision
    if (decision.records.length > 0) {
      this.arm()
      await this.append(decision.records)
    } else await this.settled()
    this.reply({ replies })
    return decision.response
  }

  /** Runs a decision whose answer may come much later; resolves with the answer. */
  request<T>(decide: (token: Token, now: Now) => Outcome): Promise<T> {
    return new Promise<T>((resolve) => {
      const token = this.nextToken++
      this.waiting.set(token, resolve as (response: unknown) => void)
      void this.perform(decide(token, this.now()))
    })
  }

  /**
   * Gives out the answers of a decision once its records are durable. One without records may tell
   * of what an earlier one has decided, so it waits for whatever is on its way to the disk.
   */
  async perform(outcome: Outcome): Promise<void> {
    this.arm()
    if (outcome.records.length === 0) await this.settled()
    else {
      await this.append(outcome.records).catch((error: unknown) => {
        this.options.logger.error('group metadata cannot be written', { reason: messageOf(error) })
      })
    }
    this.reply(outcome)
  }

  private settled(): Promise<unknown> | undefined {
    return this.appending.size === 0 ? undefined : Promise.allSettled(this.appending)
  }

  private reply({ replies }: { readonly replies: readonly Reply[] }): void {
    for (const { token, response } of replies) {
      const resolve = this.waiting.get(token)
      this.waiting.delete(token)
      resolve?.(response)
    }
  }

  /** Appends records, waits for the disk, and makes committed offsets visible. */
  async append(records: readonly GroupRecord[]): Promise<void> {
    const logs = this.options.partitions.of(OFFSETS_TOPIC)
    const byPartition = new Map<number, GroupRecord[]>()
    for (const record of records) {
      const partition = partitionForKey(record.group, logs.length)
      const list = byPartition.get(partition)
      if (list) list.push(record)
      else byPartition.set(partition, [record])
    }
    const appending = Promise.all(
      [...byPartition].map(([partition, list]) =>
        this.appendTo(logs[partition] as PartitionLog, partition, list),
      ),
    )
    this.appending.add(appending)
    await appending.finally(() => this.appending.delete(appending))
  }

  /** Offsets of a topic go with it, so that one made anew under its name starts from nothing. */
  async forgetTopics(topics: ReadonlySet<string>): Promise<void> {
    if (this.options.partitions.of(OFFSETS_TOPIC).length === 0) return
    await this.loadAll()
    const records: GroupRecord[] = []
    const forget = (group: string, topic: string, partition: number) => {
      if (!topics.has(topic)) return
      records.push({ kind: 'offset', group, topic, partition, value: null })
    }
    const { offsets, pendingOffsets } = this.coordinator
    for (const group of offsets.groups()) {
      for (const [topic, partition] of offsets.of(group)) forget(group, topic, partition)
    }
    for (const { group, topic, partition } of pendingOffsets.all()) {
      if (!offsets.get(group, topic, partition)) forget(group, topic, partition)
    }
    if (records.length > 0) await this.append(records)
  }

  private async appendTo(
    log: PartitionLog,
    partition: number,
    records: readonly GroupRecord[],
  ): Promise<void> {
    const leaderEpoch = this.leaderEpoch(partition)
    const batch = this.batchOf(records).finish()
    const result = log.append(batch, { origin: 'coordinator', leaderEpoch })
    if (result.kind === 'refused') throw new StorageError(result.error, result.message)
    await log.whenDurable(result.lastOffset)
    for (const record of records) {
      // Groups are changed by decisions directly; what was just written is already older.
      const isRemoval = record.kind === 'group' && record.value === null
      const isGone = isRemoval && (this.coordinator.groups.get(record.group)?.isEmpty ?? true)
      if (record.kind === 'offset' || isGone) this.coordinator.replay(record, this.now())
    }
  }

  private arm(): void {
    if (this.isClosed) return
    const next = this.coordinator.nextDeadlineMs()
    if (next === this.timerMs && this.timer) return
    this.timer?.cancel()
    this.timer = undefined
    this.timerMs = next
    if (next === Number.POSITIVE_INFINITY) return
    const { clock } = this.options
    this.timer = clock.setTimer(Math.max(1, next - clock.monotonicMs()), () => {
      this.timer = undefined
      void this.perform(this.coordinator.onTime(this.now()))
    })
  }

  private armExpiry(): void {
    const { clock, offsetsCheckIntervalMs, logger } = this.options
    this.expiryTimer = clock.setTimer(offsetsCheckIntervalMs, () => {
      this.armExpiry()
      const records = expireOffsets(this.coordinator, this.now())
      if (records.length === 0) return
      this.append(records).catch((error: unknown) => {
        logger.error('expired offsets cannot be removed', { reason: messageOf(error) })
      })
    })
  }

  /** Lets time stand still and sends away who waits; clients then look for the coordinator anew. */
  close(): void {
    this.isClosed = true
    this.reply(dismissWaiting(this.coordinator.groups.values()))
    this.timer?.cancel()
    this.expiryTimer?.cancel()
  }
}

function topicsView(image: MetadataImage): ConsumerGroupOptions['topics'] {
  const view = (topic: TopicImage | undefined) =>
    topic && { name: topic.name, id: topic.id, partitionCount: topic.partitions.length }
  return {
    version: () => image.topicsVersion,
    byName: (name) => view(image.topics.get(name)),
    byId: (id) => view(image.topicsById.get(id)),
    names: () => image.topics.keys(),
  }
}

/** The usual text form, which Kafka's own member ids have. */
const formatUuid = (hex: string): string =>
  hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
