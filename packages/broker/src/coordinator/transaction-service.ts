/**
 * The shell around the transaction coordinator: loads `__transaction_state` by replay, has
 * transaction-writer.ts write what the coordinator decides, and answers when that is durable.
 *
 * Must always hold: a partition gets its first batch of a transaction only when the record that
 * names the partition has been appended. With a V2 producer both may then go to the disk side by
 * side, and the batch is acknowledged when both are there. A start after a crash looks for batches
 * whose record was lost, before any request for their transactional id is served.
 */
import { messageOf, type Timer } from '@ottla/base'
import type { ErrorName } from '@ottla/protocol'
import type { PartitionLog } from '@ottla/storage'
import { batchesOf } from '../batches-of.ts'
import type { ProducerIds } from '../producer-ids.ts'
import { partitionForKey } from './partition-for-key.ts'
import {
  type Decision,
  type ProducerIdentity,
  TransactionCoordinator,
  type TransactionSettings,
} from './transaction/transaction-coordinator.ts'
import {
  decodeTransactionRecord,
  hasOwnEpoch,
  hasPartition,
  isPrepared,
  type TransactionRecord,
} from './transaction/transaction-state.ts'
import { type OpenTransaction, unnamedPartitions } from './transaction/unnamed-partitions.ts'
import { TransactionWriter, type TransactionWriterOptions } from './transaction-writer.ts'

export interface TransactionServiceOptions extends TransactionWriterOptions {
  readonly settings: TransactionSettings
  readonly producerIds: ProducerIds
  /** Nothing was lost since the last record: no crash came before this start. */
  readonly wasCleanShutdown: boolean
  readonly abortCheckIntervalMs: number
  readonly expiryCheckIntervalMs: number
}

export type Answer<T> =
  | { readonly kind: 'refused'; readonly error: ErrorName }
  | { readonly kind: 'done'; readonly value: T }

/**
 * Whether a batch may be appended: not at all, as it is, or as long as it is acknowledged only when
 * `durable` has resolved with NONE.
 */
export type Admission = ErrorName | Joined
export interface Joined {
  readonly durable: Promise<ErrorName>
}

/**
 * What a producer's version of a request lets it do about a partition that is not in its
 * transaction: have it added (V2), learn that it can only abort, or neither.
 */
export type ProducerReach = 'adds' | 'can-abort' | 'none'

/** Longest wait for a transaction that is being completed before the client is sent away. */
const SETTLE_MS_MAX = 1000
const NOT_WRITTEN = 'COORDINATOR_NOT_AVAILABLE'

export class TransactionService {
  readonly coordinator: TransactionCoordinator
  readonly writer: TransactionWriter
  private readonly options: TransactionServiceOptions
  private readonly loading = new Map<number, Promise<void>>()
  private opened: Promise<ReadonlyMap<number, readonly OpenTransaction[]>> | undefined
  private isLoaded = false
  private readonly timers: Timer[] = []
  private isClosed = false

  constructor(options: TransactionServiceOptions) {
    this.options = options
    this.coordinator = new TransactionCoordinator(options.settings)
    this.writer = new TransactionWriter(this.coordinator, options)
  }

  /** False while a batch may lie in a log whose record was lost: that needs another look. */
  get isWhole(): boolean {
    return (this.options.wasCleanShutdown || this.isLoaded) && this.coordinator.owed.size === 0
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
    this.writer.close()
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

  async load(transactionalId: string): Promise<ErrorName | undefined> {
    const logs = this.writer.logs()
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
    for (const [partition] of this.writer.logs().entries()) await this.loadPartition(partition)
    this.isLoaded = true
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
    const log = this.writer.logs()[partition] as PartitionLog
    await log.ready()
    const newest = new Map<string, TransactionRecord>()
    for await (const batch of batchesOf(log)) {
      if (batch.isControl) continue
      for (const { key, value } of batch.records()) {
        const record = decodeTransactionRecord(key as Buffer, value)
        if (record) newest.set(record.transactionalId, record)
      }
    }
    this.opened ??= this.options.wasCleanShutdown ? Promise.resolve(new Map()) : this.findOpen()
    const opened = await this.opened
    // Without a pause from here on: no request may see what a lost record leaves undecided.
    for (const record of newest.values()) this.restore(record, opened)
  }

  private restore(
    record: TransactionRecord,
    opened: ReadonlyMap<number, readonly OpenTransaction[]>,
  ): void {
    const { coordinator, writer } = this
    const { transactionalId, value } = record
    coordinator.replay(record)
    if (!value) return
    const open = [value.producerId, value.nextProducerId].flatMap((id) => opened.get(id) ?? [])
    const unnamed = unnamedPartitions(value, open)
    if (unnamed) coordinator.owed.set(transactionalId, unnamed)
    void (isPrepared(value.state) ? writer.finish(value) : writer.repay(transactionalId))
  }

  /** Transactions that are open in partitions, by producer id, once all logs are recovered. */
  private async findOpen(): Promise<ReadonlyMap<number, readonly OpenTransaction[]>> {
    const { partitions, logger } = this.options
    const found = new Map<number, OpenTransaction[]>()
    for (const log of [...partitions.all()]) {
      const { topic, partition } = log
      try {
        await log.ready()
      } catch (error) {
        const reason = messageOf(error)
        logger.error('open transactions of a partition are not known', { topic, partition, reason })
        continue
      }
      for (const { producerId, producerEpoch } of log.producers().openTransactions()) {
        const others = found.get(producerId) ?? []
        found.set(producerId, [...others, { topic, partition, producerId, producerEpoch }])
      }
    }
    return found
  }

  // ------------------------------------------------------------------ requests

  /**
   * Waits until no record of this transactional id is on its way and no decided transaction is
   * waiting for its markers, which is a matter of one or two commit rounds. A client that were told
   * CONCURRENT_TRANSACTIONS instead would come back only after its backoff.
   */
  private settled(transactionalId: string): Promise<void> {
    const { coordinator } = this
    return this.until(transactionalId, () => {
      const known = coordinator.transactions.get(transactionalId)
      return !coordinator.isChanging(transactionalId) && !(known && isPrepared(known.state))
    })
  }

  /** Waits until a partition can be added, which is a moment earlier: see `basis`. */
  private extensible(transactionalId: string): Promise<void> {
    return this.until(transactionalId, () => this.coordinator.isExtensible(transactionalId))
  }

  private async until(transactionalId: string, isSo: () => boolean): Promise<void> {
    const { clock } = this.options
    const deadlineMs = clock.monotonicMs() + SETTLE_MS_MAX
    for (;;) {
      const leftMs = deadlineMs - clock.monotonicMs()
      if (isSo() || leftMs <= 0 || this.isClosed) return
      await this.writer.changed(transactionalId, leftMs)
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
    const admission = await this.extend(transactionalId, producer, partitions, clientVersion)
    return typeof admission === 'string' ? admission : admission.durable
  }

  /** Resolves when the record that names the partitions is appended, or refused. */
  private async extend(
    transactionalId: string,
    producer: ProducerIdentity,
    partitions: readonly (readonly [string, number])[],
    clientVersion: number,
  ): Promise<Admission> {
    const { coordinator, options } = this
    const { clock } = options
    const deadlineMs = clock.monotonicMs() + SETTLE_MS_MAX
    for (;;) {
      await this.extensible(transactionalId)
      const decision = coordinator.addPartitions(
        transactionalId,
        producer,
        partitions,
        clientVersion,
        clock.now(),
      )
      // Several requests may have waited for the same moment; one of them was faster.
      const isLate = decision.kind === 'refuse' && decision.error === 'CONCURRENT_TRANSACTIONS'
      if (isLate && clock.monotonicMs() < deadlineMs && !this.isClosed) continue
      if (decision.kind === 'refuse') return decision.error
      if (decision.kind === 'answer') return this.joined(transactionalId)
      const isEarly = clientVersion === 2 && this.mayBeEarly(transactionalId)
      try {
        this.writer.append({ transactionalId, value: decision.value }, isEarly)
      } catch (error) {
        return this.notWritten(error)
      }
      return this.joined(transactionalId)
    }
  }

  /**
   * Whether a batch may be appended before the record that names its partition is durable: its
   * epoch must tell, after a crash, whose it is.
   */
  private mayBeEarly(transactionalId: string): boolean {
    const { coordinator, writer } = this
    const basis = coordinator.basis(transactionalId)
    if (!basis || !hasOwnEpoch(basis)) return false
    const write = writer.writeOf(transactionalId)
    return !write || write.isEarly || basis.state !== 'Ongoing'
  }

  /** The admission of who is named by the newest record. */
  private joined(transactionalId: string): Admission | Promise<ErrorName> {
    const write = this.writer.writeOf(transactionalId)
    if (!write) return 'NONE'
    const durable = write.durable.then(
      (): ErrorName => 'NONE',
      (error: unknown) => this.notWritten(error),
    )
    return write.isEarly ? { durable } : durable
  }

  private notWritten(error: unknown): ErrorName {
    this.options.logger.error('a transaction cannot be written', { reason: messageOf(error) })
    return NOT_WRITTEN
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
  ): Admission | Promise<Admission> {
    const known = this.coordinator.transactions.get(transactionalId)
    if (known?.producerId === producer.producerId) {
      if (producer.producerEpoch < known.producerEpoch) return 'INVALID_PRODUCER_EPOCH'
      const isSettled = !this.coordinator.isChanging(transactionalId)
      if (isSettled && this.isStillIn(transactionalId, producer, topic, partition)) return 'NONE'
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
    const known = this.coordinator.basis(transactionalId)
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
  ): Promise<Admission> {
    if (transactionalId === '') return 'INVALID_REQUEST'
    const fault = await this.load(transactionalId)
    if (fault) return reach === 'adds' ? fault : 'NOT_ENOUGH_REPLICAS'
    // Another request of this producer may just be adding the same partition.
    const isAdding = reach === 'adds'
    await (isAdding ? this.extensible(transactionalId) : this.settled(transactionalId))
    const known = this.coordinator.basis(transactionalId)
    if (!known || known.producerId !== producer.producerId) return 'INVALID_PRODUCER_ID_MAPPING'
    if (producer.producerEpoch !== known.producerEpoch) return 'INVALID_PRODUCER_EPOCH'
    const isIn = known.state === 'Ongoing' && hasPartition(known, topic, partition)
    if (isAdding) {
      const isNew = !isIn || !this.coordinator.isExtensible(transactionalId)
      if (isNew) return this.join(transactionalId, producer, topic, partition)
      return this.joined(transactionalId)
    }
    if (isIn) return 'NONE'
    return reach === 'can-abort' ? 'TRANSACTION_ABORTABLE' : 'INVALID_TXN_STATE'
  }

  /** Partitions that are about to be added for a V2 producer: one record takes them all. */
  private readonly joining = new Map<
    string,
    { partitions: [string, number][]; done: Promise<Admission> }
  >()

  private join(
    transactionalId: string,
    producer: ProducerIdentity,
    topic: string,
    partition: number,
  ): Promise<Admission> {
    const key = `${producer.producerId}:${producer.producerEpoch}:${transactionalId}`
    const known = this.joining.get(key)
    if (known) {
      known.partitions.push([topic, partition])
      return known.done
    }
    const partitions: [string, number][] = [[topic, partition]]
    const done = Promise.resolve().then(() => {
      this.joining.delete(key)
      return this.extend(transactionalId, producer, partitions, 2)
    })
    this.joining.set(key, { partitions, done })
    return done
  }

  // ------------------------------------------------------------------ writing

  private async perform<T>(transactionalId: string, decision: Decision<T>): Promise<Answer<T>> {
    if (decision.kind === 'refuse') return { kind: 'refused', error: decision.error }
    if (decision.kind === 'answer') return { kind: 'done', value: decision.response }
    try {
      await this.writer.append({ transactionalId, value: decision.value }).durable
    } catch (error) {
      return { kind: 'refused', error: this.notWritten(error) }
    }
    if (isPrepared(decision.value.state)) void this.writer.finish(decision.value)
    return { kind: 'done', value: decision.response }
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
      await this.writer.append({ transactionalId, value: null }).durable
    }
  }
}
