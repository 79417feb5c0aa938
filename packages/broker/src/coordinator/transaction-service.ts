/**
 * The shell around the transaction coordinator: loads `__transaction_state` by replay, writes what
 * the coordinator decides, answers when that is durable, and brings decided transactions to their
 * end by writing their markers.
 *
 * Must always hold: a partition gets its first record of a transaction only after the record that
 * names the partition is durable, so no transaction can be left open with nobody to end it; markers
 * are written only after the Prepare record is durable, and the Complete record only after them.
 */
import { type Clock, delay, type Logger, messageOf, type Timer } from '@ottla/base'
import { BatchBuilder, buildEndTransactionMarker, type ErrorName } from '@ottla/protocol'
import { type PartitionLog, StorageError } from '@ottla/storage'
import { batchesOf } from '../batches-of.ts'
import type { MetadataImage } from '../metadata/metadata-image.ts'
import { OFFSETS_TOPIC, TRANSACTIONS_TOPIC } from '../metadata/topic-names.ts'
import type { Partitions } from '../partitions.ts'
import type { ProducerIds } from '../producer-ids.ts'
import type { GroupService } from './group-service.ts'
import { partitionForKey } from './partition-for-key.ts'
import {
  type Decision,
  type ProducerIdentity,
  TransactionCoordinator,
  type TransactionSettings,
} from './transaction/transaction-coordinator.ts'
import {
  decodeTransactionRecord,
  encodeTransactionRecord,
  hasPartition,
  isPrepared,
  type Transaction,
  type TransactionRecord,
} from './transaction/transaction-state.ts'

export interface TransactionServiceOptions {
  readonly settings: TransactionSettings
  readonly partitions: Partitions
  readonly image: MetadataImage
  readonly groups: GroupService
  readonly producerIds: ProducerIds
  readonly clock: Clock
  readonly logger: Logger
  readonly abortCheckIntervalMs: number
  readonly expiryCheckIntervalMs: number
}

export type Answer<T> =
  | { readonly kind: 'refused'; readonly error: ErrorName }
  | { readonly kind: 'done'; readonly value: T }

/**
 * What a producer's version of a request lets it do about a partition that is not in its
 * transaction: have it added (V2), learn that it can only abort, or neither.
 */
export type ProducerReach = 'adds' | 'can-abort' | 'none'

const MARKER_RETRY_MS = 100
/** Longest wait for a transaction that is being completed before the client is sent away. */
const SETTLE_MS_MAX = 1000
/** A partition that was deleted needs no marker. */
const GONE = 'UNKNOWN_TOPIC_OR_PARTITION'

export class TransactionService {
  readonly coordinator: TransactionCoordinator
  private readonly options: TransactionServiceOptions
  private readonly loading = new Map<number, Promise<void>>()
  private readonly timers: Timer[] = []
  private isClosed = false

  constructor(options: TransactionServiceOptions) {
    this.options = options
    this.coordinator = new TransactionCoordinator(options.settings)
  }

  /** Loads everything in the background, so that what was decided before a crash is completed. */
  start(): void {
    const { abortCheckIntervalMs, expiryCheckIntervalMs, logger } = this.options
    this.every(abortCheckIntervalMs, () => this.abortTimedOut())
    this.every(expiryCheckIntervalMs, () => this.forgetExpired())
    this.loadAll().catch((error: unknown) => {
      logger.error('transactions cannot be loaded', { reason: messageOf(error) })
    })
  }

  close(): void {
    this.isClosed = true
    for (const timer of this.timers) timer.cancel()
  }

  private every(intervalMs: number, work: () => Promise<void>): void {
    const at = this.timers.length
    const arm = () => {
      this.timers[at] = this.options.clock.setTimer(intervalMs, () => {
        work()
          .catch((error: unknown) => {
            this.options.logger.error('transactions cannot be tended', { reason: messageOf(error) })
          })
          .finally(() => {
            if (!this.isClosed) arm()
          })
      })
    }
    arm()
  }

  private logs(): readonly PartitionLog[] {
    return this.options.partitions.of(TRANSACTIONS_TOPIC)
  }

  async load(transactionalId: string): Promise<ErrorName | undefined> {
    const logs = this.logs()
    if (logs.length === 0) return 'COORDINATOR_NOT_AVAILABLE'
    const partition = partitionForKey(transactionalId, logs.length)
    try {
      await this.loadPartition(partition)
      return undefined
    } catch (error) {
      this.options.logger.error('transactions cannot be loaded', {
        partition,
        reason: messageOf(error),
      })
      return 'COORDINATOR_NOT_AVAILABLE'
    }
  }

  async loadAll(): Promise<void> {
    for (const [partition] of this.logs().entries()) await this.loadPartition(partition)
  }

  private loadPartition(partition: number): Promise<void> {
    let load = this.loading.get(partition)
    if (!load) {
      load = this.replayPartition(partition)
      this.loading.set(partition, load)
    }
    return load
  }

  private async replayPartition(partition: number): Promise<void> {
    const log = this.logs()[partition] as PartitionLog
    await log.ready()
    const loaded = new Set<string>()
    for await (const batch of batchesOf(log)) {
      if (batch.isControl) continue
      for (const { key, value } of batch.records()) {
        const record = decodeTransactionRecord(key as Buffer, value)
        if (!record) continue
        this.coordinator.replay(record)
        loaded.add(record.transactionalId)
      }
    }
    for (const transactionalId of loaded) {
      const known = this.coordinator.transactions.get(transactionalId)
      if (known && isPrepared(known.state)) this.finish(known)
    }
  }

  // ------------------------------------------------------------------ requests

  /**
   * Waits until no record of this transactional id is on its way and no decided transaction is
   * waiting for its markers, which is a matter of one or two commit rounds. A client that were told
   * CONCURRENT_TRANSACTIONS instead would come back only after its backoff.
   */
  private async settled(transactionalId: string): Promise<void> {
    const { clock } = this.options
    const deadlineMs = clock.monotonicMs() + SETTLE_MS_MAX
    const { changing, transactions } = this.coordinator
    for (;;) {
      const known = transactions.get(transactionalId)
      const isSettled = !changing.has(transactionalId) && !(known && isPrepared(known.state))
      const leftMs = deadlineMs - clock.monotonicMs()
      if (isSettled || leftMs <= 0 || this.isClosed) return
      await this.changed(transactionalId, leftMs)
    }
  }

  async initProducerId(
    transactionalId: string,
    timeoutMs: number,
    expected: ProducerIdentity | undefined,
  ): Promise<Answer<ProducerIdentity>> {
    const fault = await this.load(transactionalId)
    if (fault) return { kind: 'refused', error: fault }
    await this.settled(transactionalId)
    const { coordinator, options } = this
    const fresh = coordinator.needsProducerId(transactionalId)
      ? await options.producerIds.allocate()
      : -1
    const request = { transactionalId, timeoutMs, expected }
    const decision = coordinator.initProducerId(request, fresh, options.clock.now())
    const answer = await this.perform(transactionalId, decision)
    // The open transaction is being aborted now; what was asked for comes behind that.
    if (!decision.isFence || answer.kind === 'refused') return answer
    await this.settled(transactionalId)
    const state = coordinator.transactions.get(transactionalId)?.state
    if (state !== 'CompleteAbort') return { kind: 'refused', error: 'CONCURRENT_TRANSACTIONS' }
    return this.initProducerId(transactionalId, timeoutMs, expected)
  }

  async addPartitions(
    transactionalId: string,
    producer: ProducerIdentity,
    partitions: readonly (readonly [string, number])[],
    clientVersion: number,
  ): Promise<ErrorName> {
    if (transactionalId === '') return 'INVALID_REQUEST'
    const fault = await this.load(transactionalId)
    if (fault) return fault
    const { clock } = this.options
    const deadlineMs = clock.monotonicMs() + SETTLE_MS_MAX
    for (;;) {
      await this.settled(transactionalId)
      const decision = this.coordinator.addPartitions(
        transactionalId,
        producer,
        partitions,
        clientVersion,
        clock.now(),
      )
      // Several requests may have waited for the same moment; one of them was faster.
      const isLate = decision.kind === 'refuse' && decision.error === 'CONCURRENT_TRANSACTIONS'
      if (isLate && clock.monotonicMs() < deadlineMs) continue
      const answer = await this.perform(transactionalId, decision)
      return answer.kind === 'refused' ? answer.error : 'NONE'
    }
  }

  async end(
    transactionalId: string,
    producer: ProducerIdentity,
    isCommit: boolean,
    isV2: boolean,
  ): Promise<Answer<ProducerIdentity>> {
    const isNamed = transactionalId !== ''
    const fault = isNamed ? await this.load(transactionalId) : 'INVALID_REQUEST'
    if (fault) return { kind: 'refused', error: fault }
    const { coordinator, options } = this
    if (!isV2) {
      const decision = coordinator.end(transactionalId, producer, isCommit, options.clock.now())
      return this.perform(transactionalId, decision)
    }
    const next = coordinator.needsNextProducerId(transactionalId)
      ? await options.producerIds.allocate()
      : -1
    const now = options.clock.now()
    const decision = coordinator.endV2(transactionalId, producer, isCommit, next, now)
    return this.perform(transactionalId, decision)
  }

  /**
   * May this producer write to this partition as part of its transaction? At once when the
   * partition is known to belong to it; a V2 producer's partition is added first; anything else is
   * refused.
   */
  admit(
    transactionalId: string,
    producer: ProducerIdentity,
    topic: string,
    partition: number,
    reach: ProducerReach,
  ): ErrorName | Promise<ErrorName> {
    const known = this.coordinator.transactions.get(transactionalId)
    if (known?.producerId === producer.producerId) {
      if (producer.producerEpoch < known.producerEpoch) return 'INVALID_PRODUCER_EPOCH'
      const isIn = known.state === 'Ongoing' && hasPartition(known, topic, partition)
      const isSettled = !this.coordinator.changing.has(transactionalId)
      if (isIn && isSettled && producer.producerEpoch === known.producerEpoch) return 'NONE'
    }
    return this.admitSlowly(transactionalId, producer, topic, partition, reach)
  }

  /**
   * Whether what was admitted still holds: a batch that had to wait may come when its transaction
   * is over, and would open another one that nobody ends (KAFKA-14402).
   */
  isStillIn(
    transactionalId: string,
    producer: ProducerIdentity,
    topic: string,
    partition: number,
  ): boolean {
    const known = this.coordinator.transactions.get(transactionalId)
    if (known?.state !== 'Ongoing' || !hasPartition(known, topic, partition)) return false
    const { producerId, producerEpoch } = known
    return producerId === producer.producerId && producerEpoch === producer.producerEpoch
  }

  private async admitSlowly(
    transactionalId: string,
    producer: ProducerIdentity,
    topic: string,
    partition: number,
    reach: ProducerReach,
  ): Promise<ErrorName> {
    if (transactionalId === '') return 'INVALID_REQUEST'
    const fault = await this.load(transactionalId)
    if (fault) return reach === 'adds' ? fault : 'NOT_ENOUGH_REPLICAS'
    // Another request of this producer may just be adding the same partition.
    await this.settled(transactionalId)
    const known = this.coordinator.transactions.get(transactionalId)
    if (!known || known.producerId !== producer.producerId) return 'INVALID_PRODUCER_ID_MAPPING'
    if (producer.producerEpoch !== known.producerEpoch) return 'INVALID_PRODUCER_EPOCH'
    if (known.state === 'Ongoing' && hasPartition(known, topic, partition)) return 'NONE'
    if (reach === 'adds') return this.join(transactionalId, producer, topic, partition)
    return reach === 'can-abort' ? 'TRANSACTION_ABORTABLE' : 'INVALID_TXN_STATE'
  }

  /** Partitions that are about to be added for a V2 producer: one record takes them all. */
  private readonly joining = new Map<
    string,
    { partitions: [string, number][]; done: Promise<ErrorName> }
  >()

  private join(
    transactionalId: string,
    producer: ProducerIdentity,
    topic: string,
    partition: number,
  ): Promise<ErrorName> {
    const key = `${producer.producerId}:${producer.producerEpoch}:${transactionalId}`
    const known = this.joining.get(key)
    if (known) {
      known.partitions.push([topic, partition])
      return known.done
    }
    const partitions: [string, number][] = [[topic, partition]]
    const done = Promise.resolve().then(() => {
      this.joining.delete(key)
      return this.addPartitions(transactionalId, producer, partitions, 2)
    })
    this.joining.set(key, { partitions, done })
    return done
  }

  // ------------------------------------------------------------------ writing

  private readonly waiters = new Map<string, (() => void)[]>()

  /** Resolves with the next record of this transactional id, at the latest after `limitMs`. */
  private changed(transactionalId: string, limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.options.clock.setTimer(limitMs, resolve)
      const wake = () => {
        timer.cancel()
        resolve()
      }
      const waiting = this.waiters.get(transactionalId)
      if (waiting) waiting.push(wake)
      else this.waiters.set(transactionalId, [wake])
    })
  }

  private async perform<T>(transactionalId: string, decision: Decision<T>): Promise<Answer<T>> {
    if (decision.kind === 'refuse') return { kind: 'refused', error: decision.error }
    if (decision.kind === 'answer') return { kind: 'done', value: decision.response }
    try {
      await this.write({ transactionalId, value: decision.value })
    } catch (error) {
      this.options.logger.error('a transaction cannot be written', { reason: messageOf(error) })
      return { kind: 'refused', error: 'COORDINATOR_NOT_AVAILABLE' }
    }
    if (isPrepared(decision.value.state)) this.finish(decision.value)
    return { kind: 'done', value: decision.response }
  }

  /** Appends a record, waits for the disk, and only then lets it count (KAFKA-9666). */
  private async write(record: TransactionRecord): Promise<void> {
    const { transactionalId } = record
    const { changing } = this.coordinator
    changing.add(transactionalId)
    try {
      const logs = this.logs()
      const partition = partitionForKey(transactionalId, logs.length)
      const log = logs[partition] as PartitionLog
      const builder = new BatchBuilder()
      const { key, value } = encodeTransactionRecord(record)
      builder.append(this.options.clock.now(), key, value)
      const leaderEpoch = this.leaderEpoch(TRANSACTIONS_TOPIC, partition)
      const result = log.append(builder.finish(), { origin: 'coordinator', leaderEpoch })
      if (result.kind === 'refused') throw new StorageError(result.error, result.message)
      await log.whenDurable(result.lastOffset)
      this.coordinator.replay(record)
    } finally {
      changing.delete(transactionalId)
      const waiting = this.waiters.get(transactionalId) ?? []
      this.waiters.delete(transactionalId)
      for (const resolve of waiting) resolve()
    }
  }

  private leaderEpoch(topic: string, partition: number): number {
    return this.options.image.topics.get(topic)?.partitions[partition]?.leaderEpoch ?? 0
  }

  /** Writes the markers of a decided transaction and completes it; tries until it succeeds. */
  private finish(decided: Transaction): void {
    const attempt = async (): Promise<void> => {
      while (!this.isClosed) {
        try {
          await this.writeMarkers(decided)
          const value = this.coordinator.complete(decided, this.options.clock.now())
          await this.write({ transactionalId: decided.transactionalId, value })
          return
        } catch (error) {
          this.options.logger.error('a transaction cannot be completed yet', {
            transactionalId: decided.transactionalId,
            reason: messageOf(error),
          })
          await delay(this.options.clock, MARKER_RETRY_MS)
        }
      }
    }
    attempt().catch((error: unknown) => {
      this.options.logger.error('a transaction is left undecided', { reason: messageOf(error) })
    })
  }

  private async writeMarkers(decided: Transaction): Promise<void> {
    const markers: Promise<ErrorName>[] = []
    const coordinatorEpoch = this.leaderEpoch(
      TRANSACTIONS_TOPIC,
      partitionForKey(decided.transactionalId, this.logs().length),
    )
    const isCommit = decided.state === 'PrepareCommit'
    for (const [topic, ids] of decided.partitions) {
      for (const partition of ids) {
        markers.push(this.writeMarker(topic, partition, { ...decided, coordinatorEpoch, isCommit }))
      }
    }
    const errors = await Promise.all(markers)
    const failure = errors.find((error) => error !== 'NONE' && error !== GONE)
    if (failure) throw new StorageError(failure, 'a marker was refused')
  }

  /** Writes one marker; a partition that was deleted meanwhile needs none. */
  async writeMarker(
    topic: string,
    partition: number,
    end: ProducerIdentity & { readonly coordinatorEpoch: number; readonly isCommit: boolean },
  ): Promise<ErrorName> {
    const log = this.options.partitions.get(topic, partition)
    if (!log) return GONE
    await log.ready()
    const leaderEpoch = this.leaderEpoch(topic, partition)
    const marker = buildEndTransactionMarker(end, {
      timestamp: this.options.clock.now(),
      leaderEpoch,
    })
    const result = log.append(marker, { origin: 'coordinator', leaderEpoch })
    if (result.kind === 'refused') return result.error
    await log.whenDurable(result.lastOffset)
    if (topic === OFFSETS_TOPIC) {
      this.options.groups.endTransaction(partition, end.producerId, end.isCommit)
    }
    return 'NONE'
  }

  // ------------------------------------------------------------------ time

  /** Each is looked at anew when its turn comes: the ones before it have taken their time. */
  private async abortTimedOut(): Promise<void> {
    const { coordinator } = this
    const now = this.options.clock.now()
    for (const transactionalId of coordinator.timedOut(now)) {
      const known = coordinator.transactions.get(transactionalId)
      if (!known || !coordinator.isTimedOut(transactionalId, now)) continue
      this.options.logger.info('transaction timed out and is aborted', {
        transactionalId,
        producerId: known.producerId,
      })
      const value = coordinator.abortTimedOut(known, now)
      const decision = { kind: 'write', value, response: undefined } as const
      await this.perform(transactionalId, decision)
    }
  }

  private async forgetExpired(): Promise<void> {
    const { coordinator } = this
    const now = this.options.clock.now()
    for (const transactionalId of coordinator.expired(now)) {
      if (!coordinator.isExpired(transactionalId, now)) continue
      await this.write({ transactionalId, value: null })
    }
  }
}
