/** The records of one partition that one request has acquired. */
import { FetchedPartition } from '../consumer/fetched-partition.ts'
import { nextRecord } from '../consumer/record-segment.ts'
import type { AnyTopic } from '../serde/topic.ts'
import type { HeldRecords } from './held-records.ts'
import { ShareRecord } from './share-record.ts'

// biome-ignore lint/suspicious/noExplicitAny: stands for records of every type
export type AnyShareRecord = ShareRecord<string, any, any>

export class ShareBatch<R extends AnyShareRecord = AnyShareRecord> implements Iterable<R> {
  readonly topic: R['topic']
  readonly partition: number
  private readonly records: readonly R[]
  private readonly held: HeldRecords

  constructor(
    at: { readonly topic: R['topic']; readonly partition: number },
    held: HeldRecords,
    records: readonly R[],
  ) {
    this.topic = at.topic
    this.partition = at.partition
    this.held = held
    this.records = records
  }

  /** Number of records. */
  get count(): number {
    return this.records.length
  }

  [Symbol.iterator](): Iterator<R> {
    return this.records[Symbol.iterator]()
  }

  /** Accepts all records of which nothing has been said. */
  accept(): void {
    this.held.markRest('accept')
  }

  /** Gives back all records of which nothing has been said. */
  release(): void {
    this.held.markRest('release')
  }

  /** Rejects all records of which nothing has been said. */
  reject(): void {
    this.held.markRest('reject')
  }

  /** Renews the locks of all records of which nothing has been said; see `ShareRecord.renew`. */
  renew(): void {
    this.held.markRest('renew')
  }
}

/**
 * Reads what a fetch brought and takes hold of the records that were acquired. The bytes are whole
 * record batches, so others may be among them: acquired by other members, or of transactions that
 * were aborted. Throws a CorruptRecordError.
 */
export function readAcquired(
  at: { readonly topic: AnyTopic; readonly partition: number },
  held: HeldRecords,
  bytes: Buffer,
  options: { readonly checkCrcs: boolean },
): ShareRecord[] {
  const fetched = new FetchedPartition(
    { ...at, offset: held.firstOffset },
    { bytes, highWatermark: -1, abortedTransactions: null },
    { checkCrcs: options.checkCrcs, isReadCommitted: false },
  )
  held.releaseFrom(fetched.endOffset())
  const records: ShareRecord[] = []
  for (const segment of fetched.take(Number.POSITIVE_INFINITY)?.segments ?? []) {
    const cursor = segment.cursor()
    while (nextRecord(cursor, segment)) {
      const deliveryCount = held.hold(segment.baseOffset + cursor.offsetDelta)
      if (deliveryCount === undefined) continue
      records.push(new ShareRecord(segment, cursor, { held, deliveryCount }))
    }
  }
  return records
}
