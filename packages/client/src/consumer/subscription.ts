/** The loops of a consumer: over batches, and over records. */
import type { Topic } from '../serde/topic.ts'
import { BatchLoop, type EngineSource } from './batch-loop.ts'
import type { ConsumerBatch } from './consumer-batch.ts'
import type { ConsumerEngine } from './consumer-engine.ts'
import type { ConsumerRecord } from './consumer-record.ts'

type BytesRecordOf<Name extends string> = ConsumerRecord<Name, Buffer | null, Buffer | null>

/** The type of the records that something subscribed to brings. */
export type ConsumedRecord<S> =
  S extends Topic<infer Name, infer _KI, infer _VI, infer K, infer V>
    ? ConsumerRecord<Name, K, V>
    : S extends string
      ? BytesRecordOf<S>
      : BytesRecordOf<string>

// biome-ignore lint/suspicious/noExplicitAny: stands for records of every type
type AnyRecord = ConsumerRecord<string, any, any>

/**
 * An iterable of batches; `records()` iterates over single records. Iterating joins the group (or
 * takes the partitions), ending the loop leaves it.
 */
export class Subscription<R extends AnyRecord> implements AsyncIterable<ConsumerBatch<R>> {
  private readonly source: EngineSource<ConsumerEngine>

  constructor(source: EngineSource<ConsumerEngine>) {
    this.source = source
  }

  [Symbol.asyncIterator](): AsyncIterator<ConsumerBatch<R>> {
    return new ConsumerLoop<R>(this.source)
  }

  /**
   * Records one by one. A record counts as processed when the loop asks for the next. When the
   * signal fires or the consumer is closed, the record in hand is the last.
   */
  records(): AsyncIterable<R> {
    return { [Symbol.asyncIterator]: () => new RecordLoop<R>(this.source) }
  }
}

class ConsumerLoop<R extends AnyRecord> extends BatchLoop<ConsumerBatch<R>, ConsumerEngine> {
  /** The loop over records stopped inside a batch: up to `offset` it has been processed. */
  finishPart(offset: number): void {
    this.engine?.finishPart(offset)
  }

  /** Where the consumer asks how far a batch is processed when it is closed meanwhile. */
  tellParts(part: () => number | undefined): void {
    if (this.engine) this.engine.partInHand = part
  }
}

class RecordLoop<R extends AnyRecord> implements AsyncIterator<R> {
  private readonly batches: ConsumerLoop<R>
  private records: Iterator<R> | undefined
  private inHand: R | undefined
  private processed: R | undefined

  constructor(source: EngineSource<ConsumerEngine>) {
    this.batches = new ConsumerLoop<R>(source)
  }

  next(): Promise<IteratorResult<R>> {
    this.processed = this.inHand
    if (this.batches.isOver) return this.return()
    const next = this.records?.next()
    if (next && !next.done) {
      this.inHand = next.value
      return Promise.resolve(next)
    }
    return this.nextBatch()
  }

  private async nextBatch(): Promise<IteratorResult<R>> {
    for (;;) {
      this.records = undefined
      this.inHand = undefined
      this.processed = undefined
      const batch = await this.batches.next()
      if (batch.done) return { value: undefined, done: true }
      this.batches.tellParts(() => this.processedUpTo)
      this.records = batch.value[Symbol.iterator]()
      const first = this.records.next()
      if (first.done) continue
      this.inHand = first.value
      return first
    }
  }

  private get processedUpTo(): number | undefined {
    return this.processed && Number(this.processed.offset) + 1
  }

  async return(): Promise<IteratorResult<R>> {
    const part = this.processedUpTo
    if (part !== undefined) this.batches.finishPart(part)
    await this.batches.return()
    return { value: undefined, done: true }
  }
}
