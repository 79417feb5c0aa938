import type { Encoded } from '../serde/serde.ts'
import type { ProducerCodec } from './producer-codec.ts'
import { markTransactional, type RecordWriter, sealBatch } from './record-writer.ts'

/** Producer id and epoch; replaced by a new object when either changes. */
export interface ProducerIdentity {
  readonly producerId: number
  readonly producerEpoch: number
  /** Its batches are part of a transaction. */
  readonly isTransactional?: boolean
}

/** Who wants to know what becomes of a batch. */
export interface BatchListener {
  batchSettled(error: Error | undefined): void
  /** The batch was cut into parts; the listener hears of each of them instead. */
  batchSplit(batch: ProducerBatch, parts: readonly ProducerBatch[]): void
}

/** Without idempotence. */
export const NO_IDENTITY: ProducerIdentity = { producerId: -1, producerEpoch: -1 }

export interface BatchOutcome {
  /** -1 when the broker does not say (duplicates of long ago, acks=0). */
  readonly baseOffset: number
  /** -1 unless the topic stamps records itself. */
  readonly logAppendTimeMs: number
  /** First offset of the partition by then; undefined when the broker did not say. */
  readonly logStartOffset?: number
}

/**
 * Records on their way to one partition.
 *
 *   open --close--> closed --seal--> sent ... sent again ... --settle--> settled
 *
 * Must always hold: once sealed, bytes and sequence stay the same on every retry under the same
 * identity, because the broker recognises a duplicate by its sequence alone.
 */
export class ProducerBatch {
  readonly createdMs: number
  /** Monotonic time after which the records count as not delivered. */
  readonly dueMs: number
  readonly codec: ProducerCodec
  private readonly writer: RecordWriter
  private readonly listeners: BatchListener[] = []
  private bytes: Buffer | undefined
  /** Bytes before compression, once closed. */
  plainBytes = 0
  identity: ProducerIdentity = NO_IDENTITY
  baseSequence = -1
  attempts = 0
  /** Place in the line of the partition; parts of a split batch share it. */
  place = 0
  lastError: Error | undefined
  outcome: BatchOutcome | undefined
  failure: Error | undefined

  constructor(writer: RecordWriter, codec: ProducerCodec, createdMs: number, dueMs: number) {
    this.writer = writer
    this.codec = codec
    this.createdMs = createdMs
    this.dueMs = dueMs
  }

  get count(): number {
    return this.writer.count
  }

  /** Bytes on the wire: exact once closed, before compression until then. */
  get size(): number {
    return this.bytes ? this.bytes.length : this.writer.size
  }

  get isClosed(): boolean {
    return this.bytes !== undefined
  }

  get isSettled(): boolean {
    return this.outcome !== undefined || this.failure !== undefined
  }

  get hasSequence(): boolean {
    return this.baseSequence >= 0
  }

  append(key: Encoded, value: Encoded, headers: Buffer | null, timestamp: number): void {
    this.writer.append(key, value, headers, timestamp)
  }

  /**
   * The listener learns of the outcome; false when it is known already. Calls append to a topic
   * one after the other, so only the newest can be the same.
   */
  addListener(listener: BatchListener): boolean {
    if (this.listeners[this.listeners.length - 1] === listener) return false
    this.listeners.push(listener)
    return true
  }

  /** No more records: writes the header and compresses. */
  close(): void {
    if (this.bytes) return
    this.plainBytes = this.writer.size
    this.bytes = this.writer.finish(this.codec.id, this.codec.compress)
  }

  /** Gives the batch its place in the partition's sequence. */
  seal(identity: ProducerIdentity, baseSequence: number): void {
    this.identity = identity
    this.baseSequence = baseSequence
    const bytes = this.wireBytes()
    if (identity.isTransactional) markTransactional(bytes)
    sealBatch(bytes, identity.producerId, identity.producerEpoch, baseSequence)
  }

  /** Takes the sequence away again, for the next identity. */
  unseal(): void {
    this.baseSequence = -1
  }

  wireBytes(): Buffer {
    return this.bytes as Buffer
  }

  succeed(outcome: BatchOutcome): void {
    if (this.isSettled) return
    this.outcome = outcome
    this.writer.release(true)
    for (const listener of this.listeners) listener.batchSettled(undefined)
  }

  fail(error: Error): void {
    if (this.isSettled) return
    this.failure = error
    // A request that timed out may still lie in a socket's queue and read from this memory.
    this.writer.release(this.attempts === 0)
    for (const listener of this.listeners) listener.batchSettled(error)
  }

  /** Hands the listeners over to the parts the batch was split into. */
  transferListeners(parts: readonly ProducerBatch[]): void {
    for (const listener of this.listeners) {
      listener.batchSplit(this, parts)
      for (const part of parts) part.addListener(listener)
    }
    this.listeners.length = 0
  }

  /** After a split: the parts have everything. */
  dissolve(): void {
    this.writer.release(false)
  }
}
