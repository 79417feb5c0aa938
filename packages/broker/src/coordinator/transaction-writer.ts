/**
 * What the transaction coordinator decides, on its way to the disk: records of
 * `__transaction_state`, markers, and the record that a crash or a full disk has left owing.
 *
 *   append  ->  changing (newest state, not durable)  -- synced -->  replayed: it counts
 *                        \-- refused, with all behind it -->  as before
 *
 * Must always hold: markers are written only after the Prepare record is durable, and the Complete
 * record only after them. A partition's first batch of a transaction may be appended when the
 * record that names the partition has been appended before it (`isEarly`), so both are synced side
 * by side; when only the batch gets to the disk, the record is owed, and until it is written
 * nothing else is decided about the transactional id.
 */
import { type Clock, delay, type Logger, messageOf } from '@ottla/base'
import { BatchBuilder, buildEndTransactionMarker, type ErrorName } from '@ottla/protocol'
import { type PartitionLog, StorageError } from '@ottla/storage'
import type { MetadataImage } from '../metadata/metadata-image.ts'
import { OFFSETS_TOPIC, TRANSACTIONS_TOPIC } from '../metadata/topic-names.ts'
import type { Partitions } from '../partitions.ts'
import type { GroupService } from './group-service.ts'
import { partitionForKey } from './partition-for-key.ts'
import type {
  ProducerIdentity,
  TransactionCoordinator,
} from './transaction/transaction-coordinator.ts'
import {
  encodeTransactionRecord,
  type Transaction,
  type TransactionRecord,
} from './transaction/transaction-state.ts'
import { isMarked } from './transaction/unnamed-partitions.ts'

export interface TransactionWriterOptions {
  readonly partitions: Partitions
  readonly image: MetadataImage
  readonly groups: GroupService
  readonly clock: Clock
  readonly logger: Logger
}

/** The last record of a transactional id, until it is durable. */
export interface Write {
  /** Resolves when the record counts; rejects when it was refused. */
  readonly durable: Promise<void>
  /** Batches of the partitions that it names may be appended before it is durable. */
  readonly isEarly: boolean
}

const RETRY_MS = 100
/** A partition that was deleted needs no marker. */
const GONE = 'UNKNOWN_TOPIC_OR_PARTITION'

export class TransactionWriter {
  private readonly coordinator: TransactionCoordinator
  private readonly options: TransactionWriterOptions
  private readonly writes = new Map<string, Write>()
  private readonly waiters = new Map<string, (() => void)[]>()
  private isClosed = false

  constructor(coordinator: TransactionCoordinator, options: TransactionWriterOptions) {
    this.coordinator = coordinator
    this.options = options
  }

  close(): void {
    this.isClosed = true
  }

  logs(): readonly PartitionLog[] {
    return this.options.partitions.of(TRANSACTIONS_TOPIC)
  }

  /** The write under way for this transactional id. */
  writeOf(transactionalId: string): Write | undefined {
    return this.writes.get(transactionalId)
  }

  // ------------------------------------------------------------------ records

  /** Appends a record, which counts when it is durable (KAFKA-9666). Throws when it is refused. */
  append(record: TransactionRecord, isEarly = false): Write {
    const { transactionalId, value } = record
    const logs = this.logs()
    const partition = partitionForKey(transactionalId, logs.length)
    const log = logs[partition] as PartitionLog
    const builder = new BatchBuilder()
    const encoded = encodeTransactionRecord(record)
    builder.append(this.options.clock.now(), encoded.key, encoded.value)
    const leaderEpoch = this.leaderEpoch(TRANSACTIONS_TOPIC, partition)
    const result = log.append(builder.finish(), { origin: 'coordinator', leaderEpoch })
    if (result.kind === 'refused') throw new StorageError(result.error, result.message)
    const durable = this.count(record, isEarly, log.whenDurable(result.lastOffset))
    const write = { durable, isEarly }
    this.coordinator.changing.set(transactionalId, value)
    this.writes.set(transactionalId, write)
    this.wake(transactionalId)
    return write
  }

  private async count(
    record: TransactionRecord,
    isEarly: boolean,
    synced: Promise<void>,
  ): Promise<void> {
    const { transactionalId, value } = record
    const { changing } = this.coordinator
    try {
      await synced
      this.coordinator.replay(record)
      if (changing.get(transactionalId) === value) this.forget(transactionalId)
    } catch (error) {
      // What was appended behind it is refused in the same moment.
      this.forget(transactionalId)
      if (isEarly && value) this.owe(value)
      throw error
    } finally {
      this.wake(transactionalId)
    }
  }

  private forget(transactionalId: string): void {
    this.coordinator.changing.delete(transactionalId)
    this.writes.delete(transactionalId)
  }

  /** Its batches may be durable all the same: the record has to be written before anything else. */
  private owe({ transactionalId, producerId, producerEpoch, partitions }: Transaction): void {
    const named = [...partitions].flatMap(([topic, ids]) =>
      [...ids].map((partition) => [topic, partition] as const),
    )
    this.coordinator.owed.set(transactionalId, { producerId, producerEpoch, partitions: named })
    void delay(this.options.clock, RETRY_MS).then(() => this.repay(transactionalId))
  }

  /**
   * Writes the record that is owed, if one is, and tries until it succeeds. While a decided
   * transaction waits for its markers it cannot be written; `finish` comes back with it.
   */
  async repay(transactionalId: string): Promise<void> {
    const { coordinator, options } = this
    while (!this.isClosed) {
      const value = coordinator.repaid(transactionalId, options.clock.now())
      if (!value) return
      try {
        await this.append({ transactionalId, value }).durable
        coordinator.owed.delete(transactionalId)
        this.wake(transactionalId)
        options.logger.info('a transaction got back what a crash or a full disk had taken', {
          transactionalId,
        })
        return
      } catch (error) {
        this.complain('the partitions of a transaction cannot be written yet', value, error)
        await delay(options.clock, RETRY_MS)
      }
    }
  }

  private complain(what: string, { transactionalId }: Transaction, error: unknown): void {
    this.options.logger.error(what, { transactionalId, reason: messageOf(error) })
  }

  // ------------------------------------------------------------------ waiting

  /** Resolves with the next news of this transactional id, at the latest after `limitMs`. */
  changed(transactionalId: string, limitMs: number): Promise<void> {
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

  private wake(transactionalId: string): void {
    const waiting = this.waiters.get(transactionalId)
    if (!waiting) return
    this.waiters.delete(transactionalId)
    for (const resolve of waiting) resolve()
  }

  // ------------------------------------------------------------------ markers

  /** Writes the markers of a decided transaction and completes it; tries until it succeeds. */
  async finish(decided: Transaction): Promise<void> {
    const { transactionalId } = decided
    while (!this.isClosed) {
      try {
        await this.writeMarkers(decided)
        const value = this.coordinator.complete(decided, this.options.clock.now())
        const { durable } = this.append({ transactionalId, value })
        // Behind it at once, before anything else is decided.
        void this.repay(transactionalId)
        await durable
        return
      } catch (error) {
        this.complain('a transaction cannot be completed yet', decided, error)
        await delay(this.options.clock, RETRY_MS)
      }
    }
  }

  private async writeMarkers(decided: Transaction): Promise<void> {
    const markers: Promise<ErrorName>[] = []
    const coordinatorEpoch = this.leaderEpoch(
      TRANSACTIONS_TOPIC,
      partitionForKey(decided.transactionalId, this.logs().length),
    )
    const end = { ...decided, coordinatorEpoch, isCommit: decided.state === 'PrepareCommit' }
    const isNeeded = (log: PartitionLog) =>
      !isMarked(decided, log.producers().get(decided.producerId))
    for (const [topic, ids] of decided.partitions) {
      for (const partition of ids) markers.push(this.writeMarker(topic, partition, end, isNeeded))
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
    isNeeded: (log: PartitionLog) => boolean = () => true,
  ): Promise<ErrorName> {
    const log = this.options.partitions.get(topic, partition)
    if (!log) return GONE
    await log.ready()
    if (!isNeeded(log)) return 'NONE'
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

  private leaderEpoch(topic: string, partition: number): number {
    return this.options.image.topics.get(topic)?.partitions[partition]?.leaderEpoch ?? 0
  }
}
