/** The loops of a consumer: over batches, and over records. */
import type { Topic } from '../serde/topic.ts'
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

export interface EngineSource {
  readonly start: () => Promise<ConsumerEngine>
  readonly stop: (engine: ConsumerEngine) => Promise<void>
  readonly signal: AbortSignal | undefined
}

/**
 * An iterable of batches; `records()` iterates over single records. Iterating joins the group (or
 * takes the partitions), ending the loop leaves it.
 */
export class Subscription<R extends AnyRecord> implements AsyncIterable<ConsumerBatch<R>> {
  private readonly source: EngineSource

  constructor(source: EngineSource) {
    this.source = source
  }

  [Symbol.asyncIterator](): AsyncIterator<ConsumerBatch<R>> {
    return new BatchLoop<R>(this.source)
  }

  /** Records one by one. A record counts as processed when the loop asks for the next. */
  records(): AsyncIterable<R> {
    return { [Symbol.asyncIterator]: () => new RecordLoop<R>(this.source) }
  }
}

class BatchLoop<R extends AnyRecord> implements AsyncIterator<ConsumerBatch<R>> {
  private readonly source: EngineSource
  private engine: ConsumerEngine | undefined
  private isDone = false

  constructor(source: EngineSource) {
    this.source = source
  }

  async next(): Promise<IteratorResult<ConsumerBatch<R>>> {
    if (this.isDone) return { value: undefined, done: true }
    try {
      this.engine ??= await this.source.start()
      const batch = await this.engine.poll(this.source.signal)
      if (batch) return { value: batch as ConsumerBatch<R>, done: false }
    } catch (error) {
      await this.end()
      throw error
    }
    return this.return()
  }

  async return(): Promise<IteratorResult<ConsumerBatch<R>>> {
    await this.end()
    return { value: undefined, done: true }
  }

  private async end(): Promise<void> {
    this.isDone = true
    const { engine } = this
    this.engine = undefined
    if (engine) await this.source.stop(engine)
  }

  /** The loop over records stopped inside a batch: up to `offset` it has been processed. */
  finishPart(offset: number): void {
    this.engine?.finishPart(offset)
  }
}

class RecordLoop<R extends AnyRecord> implements AsyncIterator<R> {
  private readonly batches: BatchLoop<R>
  private records: Iterator<R> | undefined
  private inHand: R | undefined
  private processed: R | undefined

  constructor(source: EngineSource) {
    this.batches = new BatchLoop<R>(source)
  }

  next(): Promise<IteratorResult<R>> {
    this.processed = this.inHand
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
      this.records = batch.value[Symbol.iterator]()
      const first = this.records.next()
      if (first.done) continue
      this.inHand = first.value
      return first
    }
  }

  async return(): Promise<IteratorResult<R>> {
    if (this.processed) this.batches.finishPart(Number(this.processed.offset) + 1)
    await this.batches.return()
    return { value: undefined, done: true }
  }
}
