/** The loops of a share consumer: over batches, and over records. */
import { BatchLoop, type EngineSource } from '../consumer/batch-loop.ts'
import type { Topic } from '../serde/topic.ts'
import type { AnyShareRecord, ShareBatch } from './share-batch.ts'
import type { ShareEngine } from './share-engine.ts'
import type { ShareRecord } from './share-record.ts'

type BytesRecordOf<Name extends string> = ShareRecord<Name, Buffer | null, Buffer | null>

/** The type of the records that something subscribed to brings. */
export type SharedRecord<S> =
  S extends Topic<infer Name, infer _KI, infer _VI, infer K, infer V>
    ? ShareRecord<Name, K, V>
    : S extends string
      ? BytesRecordOf<S>
      : BytesRecordOf<string>

export interface ShareSource extends EngineSource<ShareEngine> {
  /** A record counts as accepted when the loop asks for the next one. */
  readonly isImplicit: boolean
}

/**
 * An iterable of batches; `records()` iterates over single records. Iterating joins the group,
 * ending the loop leaves it and gives back what was not acknowledged.
 */
export class ShareSubscription<R extends AnyShareRecord> implements AsyncIterable<ShareBatch<R>> {
  private readonly source: ShareSource

  constructor(source: ShareSource) {
    this.source = source
  }

  [Symbol.asyncIterator](): AsyncIterator<ShareBatch<R>> {
    return new BatchLoop<ShareBatch<R>, ShareEngine>(this.source)
  }

  /** Records one by one. */
  records(): AsyncIterable<R> {
    return { [Symbol.asyncIterator]: () => new ShareRecordLoop<R>(this.source) }
  }
}

class ShareRecordLoop<R extends AnyShareRecord> implements AsyncIterator<R> {
  private readonly batches: BatchLoop<ShareBatch<R>, ShareEngine>
  private readonly isImplicit: boolean
  private records: Iterator<R> | undefined
  private inHand: R | undefined

  constructor(source: ShareSource) {
    this.batches = new BatchLoop(source)
    this.isImplicit = source.isImplicit
  }

  async next(): Promise<IteratorResult<R>> {
    if (this.isImplicit && this.inHand?.isHeld) this.inHand.accept()
    this.inHand = undefined
    if (this.batches.isOver) return this.return()
    for (;;) {
      const next = this.records?.next()
      if (next && !next.done) {
        this.inHand = next.value
        return next
      }
      const batch = await this.batches.next()
      if (batch.done) return { value: undefined, done: true }
      this.records = batch.value[Symbol.iterator]()
    }
  }

  async return(): Promise<IteratorResult<R>> {
    await this.batches.return()
    return { value: undefined, done: true }
  }
}
