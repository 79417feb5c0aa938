/**
 * Records of one partition, in order, as one step of a consumer's loop. Iterating makes one small
 * object per record and nothing else.
 */
import type { OffsetToCommit } from '../group/group-coordination.ts'
import type { RecordCursor } from '../records/record-cursor.ts'
import { ConsumerRecord } from './consumer-record.ts'
import { nextRecord, type RecordSegment } from './record-segment.ts'

export interface BatchParts {
  readonly topic: string
  readonly partition: number
  readonly segments: readonly RecordSegment[]
  /** Records below are skipped: the fetch began in the middle of a record batch. */
  readonly firstOffset: number
  /** Offset behind the batch, records that were filtered out included. */
  readonly nextOffset: number
  readonly nextLeaderEpoch: number
  readonly highWatermark: number
  readonly commit: (offset: number, leaderEpoch: number) => Promise<void>
}

// biome-ignore lint/suspicious/noExplicitAny: stands for records of every type
type AnyRecord = ConsumerRecord<string, any, any>

export class ConsumerBatch<R extends AnyRecord = AnyRecord> implements Iterable<R> {
  readonly topic: R['topic']
  readonly partition: number
  /** Number of records. */
  readonly count: number
  private readonly parts: BatchParts

  constructor(parts: BatchParts) {
    this.parts = parts
    this.topic = parts.topic
    this.partition = parts.partition
    this.count = countRecords(parts)
  }

  get firstOffset(): bigint {
    return BigInt(Math.max(this.parts.firstOffset, this.parts.segments[0]?.baseOffset ?? 0))
  }

  /** The offset to go on from after this batch. */
  get nextOffset(): bigint {
    return BigInt(this.parts.nextOffset)
  }

  /** What is committed once the batch is processed. */
  get end(): OffsetToCommit {
    const { topic, partition, parts } = this
    const { nextOffset: offset, nextLeaderEpoch: leaderEpoch } = parts
    return { topic, partition, offset, leaderEpoch }
  }

  /** End of the partition as of this fetch; records behind this batch are the lag. */
  get highWatermark(): bigint {
    return BigInt(this.parts.highWatermark)
  }

  [Symbol.iterator](): Iterator<R> {
    return new BatchIterator(this.parts) as unknown as Iterator<R>
  }

  /** Commits the offset behind this batch now, instead of when the loop comes back. */
  commit(): Promise<void> {
    return this.parts.commit(this.parts.nextOffset, this.parts.nextLeaderEpoch)
  }
}

class BatchIterator implements Iterator<AnyRecord> {
  private readonly parts: BatchParts
  private index = -1
  private segment: RecordSegment | undefined
  private cursor: RecordCursor | undefined

  constructor(parts: BatchParts) {
    this.parts = parts
  }

  next(): IteratorResult<AnyRecord> {
    for (;;) {
      const { cursor, segment } = this
      if (cursor && segment && nextRecord(cursor, segment)) {
        if (segment.baseOffset + cursor.offsetDelta < this.parts.firstOffset) continue
        return { value: new ConsumerRecord(segment, cursor), done: false }
      }
      const next = this.parts.segments[++this.index]
      if (!next) return { value: undefined, done: true }
      this.segment = next
      this.cursor = next.cursor()
    }
  }
}

/** Only the first segment can hold records below the first offset. */
function countRecords(parts: BatchParts): number {
  let count = 0
  for (const segment of parts.segments) {
    count += segment.count
    if (segment.baseOffset >= parts.firstOffset) continue
    const cursor = segment.cursor()
    while (cursor.next() && segment.baseOffset + cursor.offsetDelta < parts.firstOffset) count--
  }
  return count
}
