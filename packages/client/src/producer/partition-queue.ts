/**
 * The batches of one partition: what waits, what is on its way, and their sequence numbers. Pure:
 * the sender tells it what happened, it says what comes next.
 *
 *   waiting: [ retried, with sequence ][ new, without ][ open ]   in flight: [ oldest .. newest ]
 *
 * Must always hold, so that the order of records survives every error:
 * - sequences are given in the order of `waiting` and never change under the same identity;
 * - after a batch has failed, nothing is sent until every batch in flight has come back. Those
 *   behind the failed one are refused by the broker (OUT_OF_ORDER_SEQUENCE_NUMBER) or were stored;
 *   whichever it is, they come back into `waiting` in their old order and are sent again;
 * - new batches wait until all retried ones have been acknowledged. The broker recognises
 *   duplicates among the last five batches only: with new ones behind it, a batch that was stored,
 *   lost its answer and fails once more would slip out of that memory;
 * - when it can no longer be known whether a sequence was stored (its batch expired), or the broker
 *   has lost track of it, the partition begins again at sequence 0 under a new producer epoch, and
 *   only when nothing is in flight.
 */
import { assert } from '@ottla/base'
import { addSequence, type ErrorName } from '@ottla/protocol'
import { NO_IDENTITY, type ProducerBatch, type ProducerIdentity } from './producer-batch.ts'

export type Verdict =
  /** Stored, now or earlier. */
  | 'stored'
  /** Send the same bytes again. */
  | 'retry'
  /** Cut the batch in two and send both. */
  | 'split'
  /** Begin a new epoch, then send again. */
  | 'retry-in-new-epoch'
  /** The broker's sequence and ours disagree for good: tell the caller, begin a new epoch. */
  | 'fail-and-new-epoch'
  | 'fail'

/** What an answer of the broker means for a batch. */
export function judgeProduceError(
  name: ErrorName,
  batch: {
    readonly isOldestUnacknowledged: boolean
    readonly isIdempotent: boolean
    count: number
  },
  isRetriable: boolean,
): Verdict {
  switch (name) {
    case 'NONE':
    case 'DUPLICATE_SEQUENCE_NUMBER':
      return 'stored'
    case 'OUT_OF_ORDER_SEQUENCE_NUMBER':
      // Behind a failed batch this is to be expected; in front of all others it is a lost record.
      return batch.isOldestUnacknowledged ? 'fail-and-new-epoch' : 'retry'
    case 'UNKNOWN_PRODUCER_ID':
    case 'INVALID_PRODUCER_EPOCH':
      // The broker has forgotten the producer, so it has not stored this batch (KIP-360).
      return batch.isIdempotent ? 'retry-in-new-epoch' : 'fail'
    case 'MESSAGE_TOO_LARGE':
    case 'RECORD_LIST_TOO_LARGE':
      return batch.count > 1 ? 'split' : 'fail'
    default:
      return isRetriable ? 'retry' : 'fail'
  }
}

export class PartitionQueue {
  readonly topic: string
  readonly partition: number
  private readonly waiting: ProducerBatch[] = []
  private readonly inFlight: ProducerBatch[] = []
  private identity: ProducerIdentity = NO_IDENTITY
  private nextSequence = 0
  private nextPlace = 0
  /** Size of the last batch before compression, a guess for the next. */
  lastBatchBytes = 0
  private isRecovering = false
  private mustRestart = false
  /** Monotonic time before which nothing is sent again. */
  notBeforeMs = 0
  /** Batches above this are refused by the broker; learnt from MESSAGE_TOO_LARGE. */
  batchBytesMax: number

  constructor(topic: string, partition: number, batchBytesMax: number) {
    this.topic = topic
    this.partition = partition
    this.batchBytesMax = batchBytesMax
  }

  get isEmpty(): boolean {
    return this.waiting.length === 0 && this.inFlight.length === 0
  }

  get hasWaiting(): boolean {
    return this.waiting.length > 0
  }

  get waitingCount(): number {
    return this.waiting.length
  }

  get inFlightCount(): number {
    return this.inFlight.length
  }

  /** The batch that takes new records, if one is open. */
  get open(): ProducerBatch | undefined {
    const last = this.waiting[this.waiting.length - 1]
    return last && !last.isClosed ? last : undefined
  }

  get head(): ProducerBatch | undefined {
    return this.waiting[0]
  }

  /** A batch behind the head waits, so the head will not grow any more. */
  get isHeadComplete(): boolean {
    return this.waiting.length > 1
  }

  push(batch: ProducerBatch): void {
    batch.place = this.nextPlace++
    this.waiting.push(batch)
  }

  /** True when sending waits for batches in flight to come back or for a new identity. */
  isBlocked(identity: ProducerIdentity): boolean {
    if (this.isRecovering || this.mustWaitForRetries()) return true
    return this.mustRestart && (identity === this.identity || this.inFlight.length > 0)
  }

  /** Nothing new goes out behind a batch that has been sent more than once. */
  private mustWaitForRetries(): boolean {
    const { head } = this
    return head?.attempts === 0 && this.inFlight.some((batch) => batch.attempts > 1)
  }

  /** The next batch to send, with its sequence. It must have been closed. */
  take(identity: ProducerIdentity): ProducerBatch {
    const batch = this.waiting.shift()
    assert(batch?.isClosed, 'the batch to send is closed')
    this.maybeAdopt(identity, batch)
    if (!batch.hasSequence) {
      const isIdempotent = this.identity.producerId >= 0
      batch.seal(this.identity, isIdempotent ? this.nextSequence : -1)
      if (isIdempotent) this.nextSequence = addSequence(this.nextSequence, batch.count)
    }
    batch.attempts++
    this.lastBatchBytes = batch.plainBytes
    this.inFlight.push(batch)
    return batch
  }

  /** Takes over a new identity once no sequence of the old one is unsettled. */
  private maybeAdopt(identity: ProducerIdentity, next: ProducerBatch): void {
    if (identity === this.identity) return
    if (this.mustRestart) {
      next.unseal()
      for (const batch of this.waiting) batch.unseal()
    } else if (this.inFlight.length > 0 || next.hasSequence) return
    this.identity = identity
    this.nextSequence = 0
    this.mustRestart = false
  }

  isOldestUnacknowledged(batch: ProducerBatch): boolean {
    const { head } = this
    return this.inFlight[0] === batch && (head === undefined || head.place > batch.place)
  }

  /** The batch came back and is done with, one way or the other. */
  remove(batch: ProducerBatch): void {
    const index = this.inFlight.indexOf(batch)
    assert(index >= 0, 'the batch was in flight')
    this.inFlight.splice(index, 1)
    if (this.inFlight.length === 0) this.isRecovering = false
  }

  /** The batch came back and is to be sent again, before everything with a later sequence. */
  returnForRetry(batch: ProducerBatch): void {
    const index = this.inFlight.indexOf(batch)
    assert(index >= 0, 'the batch was in flight')
    this.inFlight.splice(index, 1)
    this.isRecovering = this.inFlight.length > 0
    this.insert(batch)
  }

  private insert(batch: ProducerBatch): void {
    const next = this.waiting.findIndex((other) => other.place > batch.place)
    this.waiting.splice(next < 0 ? this.waiting.length : next, 0, batch)
  }

  /**
   * A batch in flight is replaced by its parts, which take its place in line and share its
   * sequences: what was sent behind it keeps its own.
   */
  replaceBySplit(batch: ProducerBatch, parts: readonly ProducerBatch[]): void {
    const { baseSequence } = batch
    this.returnForRetry(batch)
    this.waiting.splice(this.waiting.indexOf(batch), 1, ...parts)
    for (const part of parts) part.place = batch.place
    if (baseSequence < 0) return
    let sequence = baseSequence
    for (const part of parts) {
      part.seal(batch.identity, sequence)
      sequence = addSequence(sequence, part.count)
    }
  }

  /** Sequences of this partition are unclear: begin anew with the next identity. */
  restart(): void {
    this.mustRestart = true
  }

  /** True until a new identity has been taken over. */
  get mustBeginAnew(): boolean {
    return this.mustRestart
  }

  wantsNewIdentity(current: ProducerIdentity): boolean {
    return this.mustRestart && current === this.identity
  }

  /**
   * Removes and returns what has not been sent in time. Batches in flight are left to the sender.
   */
  expireWaiting(nowMs: number): ProducerBatch[] {
    const expired = this.waiting.filter((batch) => batch.dueMs <= nowMs)
    for (const batch of expired) this.waiting.splice(this.waiting.indexOf(batch), 1)
    return expired
  }

  expiredInFlight(nowMs: number): ProducerBatch[] {
    return this.inFlight.filter((batch) => batch.dueMs <= nowMs && !batch.isSettled)
  }

  /** Earliest time at which a batch of this partition expires. */
  nextDueMs(): number {
    let due = Number.POSITIVE_INFINITY
    for (const batch of this.waiting) if (batch.dueMs < due) due = batch.dueMs
    for (const batch of this.inFlight) if (!batch.isSettled && batch.dueMs < due) due = batch.dueMs
    return due
  }

  /** Everything that waits, removed. */
  drainAll(): ProducerBatch[] {
    return this.waiting.splice(0)
  }
}
