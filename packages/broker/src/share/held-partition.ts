/**
 * A share partition in use: its state machine, the log behind it, who waits for it, and the timer
 * of its locks. Changes go to the state store and count once they are durable there.
 */
import { type Clock, type Logger, messageOf, type Timer } from '@ottla/base'
import type { ErrorName } from '@ottla/protocol'
import { type PartitionLog, StorageError } from '@ottla/storage'
import type { DeadLetters } from './dead-letters.ts'
import { RecordState } from './in-flight-batch.ts'
import type { FailedRecords, SharePartition, Transition } from './share-partition.ts'
import type { SharePartitionKey } from './share-state-records.ts'
import type { ShareStateService } from './share-state-service.ts'
import type { StateBatch } from './state-batches.ts'

const FENCED = { records: [], error: 'FENCED_STATE_EPOCH' } as const

export interface HeldPartitionOptions {
  readonly key: SharePartitionKey
  readonly log: PartitionLog
  readonly partition: SharePartition
  readonly stateEpoch: number
  readonly leaderEpoch: number
  readonly states: ShareStateService
  readonly clock: Clock
  readonly logger: Logger
  readonly deadLetters: DeadLetters
  readonly deliveryCountMax: () => number
  /** Another one has moved on with the state; what is known here does not count any more. */
  readonly onFenced: () => void
}

export class HeldPartition {
  readonly key: SharePartitionKey
  readonly log: PartitionLog
  readonly partition: SharePartition
  /** Somebody is reading in order to acquire; others come after. */
  isFetching = false
  /** Who came while another was reading, in this order. */
  private readonly queue = new Set<() => void>()
  private readonly options: HeldPartitionOptions
  private readonly listeners = new Set<() => void>()
  private timer: Timer | undefined
  private timerMs = Number.POSITIVE_INFINITY
  private isClosed = false

  constructor(options: HeldPartitionOptions) {
    this.options = options
    this.key = options.key
    this.log = options.log
    this.partition = options.partition
  }

  /** Called when there may be something to acquire that was not there before. */
  onHighWatermark(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }

  queueUp(wake: () => void): void {
    this.queue.add(wake)
  }

  /** Who leaves may have been called just now: then the next one is. */
  leaveQueue(wake: () => void): void {
    this.queue.delete(wake)
    if (!this.isFetching) this.callNext()
  }

  endFetching(): void {
    this.isFetching = false
    this.callNext()
  }

  private callNext(): void {
    for (const next of this.queue) {
      this.queue.delete(next)
      next()
      return
    }
  }

  notify(): void {
    for (const listener of [...this.listeners]) listener()
  }

  /** Makes a transition durable, or takes it back. */
  async apply(transition: Transition): Promise<ErrorName> {
    let error: ErrorName
    try {
      if (transition.failed.length > 0) await this.bury(transition.failed)
      error = await this.persist(transition.batches)
    } catch (cause) {
      transition.rollBack()
      if (cause instanceof StorageError) return cause.errorName
      throw cause
    }
    if (error === 'NONE') transition.commit()
    else transition.rollBack()
    this.notify()
    this.arm()
    return error
  }

  private async persist(stateBatches: readonly StateBatch[]): Promise<ErrorName> {
    if (stateBatches.length === 0) return 'NONE'
    const { key, stateEpoch, leaderEpoch, states, onFenced } = this.options
    const { startOffset, deliveryCompleteCount } = this.partition
    const write = { stateEpoch, leaderEpoch, startOffset, deliveryCompleteCount, stateBatches }
    // Whoever was let go of must not undo what has been decided since.
    const error = await states.perform(key, (all, nowMs) =>
      this.isClosed ? FENCED : all.write(key, write, nowMs),
    )
    if (error !== 'NONE') onFenced()
    return error
  }

  /** Failed records reach the dead letter queue before they are given up. */
  private bury(failed: readonly FailedRecords[]): Promise<void> {
    return this.options.deadLetters.write(this.key, this.log, failed)
  }

  private async noteExpired(released: readonly StateBatch[]): Promise<void> {
    const failed = released
      .filter(({ deliveryState }) => deliveryState === RecordState.ARCHIVED)
      .map((batch) => ({ ...batch, reason: 'worn' as const }))
    if (failed.length > 0) await this.bury(failed)
    this.note(released)
  }

  /** Writes down what has changed already; failing costs no more than a redelivery. */
  note(stateBatches: readonly StateBatch[]): void {
    this.persist(stateBatches)
      .then(() => this.partition.advance())
      .catch((error: unknown) => {
        const { logger, key } = this.options
        logger.error('share group state cannot be written', { ...key, reason: messageOf(error) })
      })
      .finally(() => this.notify())
  }

  release(memberId: string): Promise<ErrorName> {
    return this.apply(this.partition.release(memberId, this.options.deliveryCountMax()))
  }

  /** Sees to it that locks end in time. */
  arm(): void {
    if (this.isClosed) return
    const next = this.partition.nextDeadlineMs()
    if (this.timer && next >= this.timerMs) return
    this.timer?.cancel()
    this.timer = undefined
    this.timerMs = next
    if (next === Number.POSITIVE_INFINITY) return
    const { clock } = this.options
    this.timer = clock.setTimer(Math.max(1, next - clock.monotonicMs()), () => {
      this.timer = undefined
      const max = this.options.deliveryCountMax()
      const released = this.partition.expireLocks(clock.monotonicMs(), max)
      if (released.length > 0) {
        this.noteExpired(released).catch((error: unknown) => {
          const { logger, key } = this.options
          logger.error('expired records cannot be given up', { ...key, reason: messageOf(error) })
        })
      }
      this.arm()
    })
  }

  close(): void {
    this.isClosed = true
    this.timer?.cancel()
    this.notify()
  }
}
