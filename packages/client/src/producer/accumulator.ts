/**
 * Collects records into the open batch of their partition, and counts the memory they take.
 *
 * Must always hold: `incomplete` is every batch that is not settled, so that a flush knows what to
 * wait for; `active` is every queue that holds one.
 */
import type { Clock } from '@ottla/base'
import { BufferPool } from '@ottla/base'
import type { Encoded } from '../serde/serde.ts'
import { PartitionQueue } from './partition-queue.ts'
import { type BatchListener, ProducerBatch } from './producer-batch.ts'
import type { ProducerCodec } from './producer-codec.ts'
import type { ResolvedProducerOptions } from './producer-options.ts'
import { estimateRecordSize, RecordWriter } from './record-writer.ts'

/** A record ready to be written. */
export interface EncodedRecord {
  readonly key: Encoded
  readonly value: Encoded
  readonly headers: Buffer | null
  readonly timestamp: number
  readonly codec: ProducerCodec
}

export class Accumulator {
  readonly slabs = new BufferPool()
  readonly active = new Set<PartitionQueue>()
  private readonly incomplete = new Set<ProducerBatch>()
  private readonly options: ResolvedProducerOptions
  private readonly clock: Clock
  private readonly waiters: (() => void)[] = []
  /** Told of every batch that failed. */
  onFailure: (error: Error) => void = () => {}
  private flushes = 0
  private readonly forget: (batch: ProducerBatch) => BatchListener

  constructor(options: ResolvedProducerOptions, clock: Clock) {
    this.options = options
    this.clock = clock
    this.forget = (batch) => ({
      batchSettled: (error) => {
        this.incomplete.delete(batch)
        if (error) this.onFailure(error)
        this.checkWaiters()
      },
      batchSplit: (_whole, parts) => {
        this.incomplete.delete(batch)
        for (const part of parts) this.track(part)
      },
    })
  }

  /** Somebody waits for batches to go, so none waits for more records. */
  get isUrgent(): boolean {
    return this.flushes > 0 || this.waiters.length > 0
  }

  get isFull(): boolean {
    return this.slabs.usedBytes >= this.options.bufferMemory
  }

  /** Twice what is allowed, with what waits outside: whoever enqueues has not been listening. */
  exceeds(waitingBytes: number): boolean {
    return this.slabs.usedBytes + waitingBytes >= 2 * this.options.bufferMemory
  }

  get hasIncomplete(): boolean {
    return this.incomplete.size > 0
  }

  /** Appends a record and returns the batch it became part of. */
  append(queue: PartitionQueue, record: EncodedRecord): ProducerBatch {
    const { key, value, headers, timestamp, codec } = record
    let batch = queue.open
    if (batch) {
      const size = estimateRecordSize(key, value, headers)
      if (batch.codec !== codec || batch.size + size > queue.batchBytesMax) {
        batch.close()
        batch = undefined
      }
    }
    batch ??= this.openBatch(queue, codec)
    batch.append(key, value, headers, timestamp)
    return batch
  }

  private openBatch(queue: PartitionQueue, codec: ProducerCodec): ProducerBatch {
    const nowMs = this.clock.monotonicMs()
    const firstSize = Math.max(this.options.batchSize, queue.lastBatchBytes)
    const writer = new RecordWriter(this.slabs, firstSize)
    const dueMs = nowMs + this.options.deliveryTimeoutMs
    const batch = new ProducerBatch(writer, codec, nowMs, dueMs)
    this.track(batch)
    queue.push(batch)
    this.active.add(queue)
    return batch
  }

  private track(batch: ProducerBatch): void {
    this.incomplete.add(batch)
    batch.addListener(this.forget(batch))
  }

  /** Resolves when there is room again. */
  waitForRoom(): Promise<void> {
    return new Promise((resolve) => this.waiters.push(resolve))
  }

  checkWaiters(): void {
    if (this.waiters.length === 0 || this.isFull) return
    for (const resolve of this.waiters.splice(0)) resolve()
  }

  /** Resolves when every batch there is now has settled, one way or the other. */
  flushed(): Promise<void> {
    if (this.incomplete.size === 0) return Promise.resolve()
    this.flushes++
    return new Promise((resolve) => {
      let pending = this.incomplete.size
      const listener: BatchListener = {
        batchSettled: () => {
          pending--
          if (pending > 0) return
          this.flushes--
          resolve()
        },
        batchSplit: (_whole, parts) => {
          pending += parts.length - 1
        },
      }
      for (const batch of this.incomplete) batch.addListener(listener)
    })
  }
}

export const newQueue = (
  topic: string,
  partition: number,
  options: ResolvedProducerOptions,
): PartitionQueue => new PartitionQueue(topic, partition, options.maxRequestSize - 512)
