import { CorruptRecordError } from '../errors.ts'
import { type RecordCursor, RecordFormatError } from '../records/record-cursor.ts'
import type { AnyTopic } from '../serde/topic.ts'

/** One record batch of the log, checked and decompressed, and what all its records share. */
export interface RecordSegment {
  readonly topic: AnyTopic
  readonly partition: number
  /** Records lie in [start, end) of the buffer; see FetchMemory for who replaces it. */
  buffer: Buffer
  readonly start: number
  readonly end: number
  readonly count: number
  readonly baseOffset: number
  readonly baseTimestamp: number
  /** Stamp of the broker for all records of the batch, or undefined. */
  readonly logAppendTime: number | undefined
  readonly leaderEpoch: number
}

/** Moves to the next record of a segment; false behind the last. */
export function nextRecord(cursor: RecordCursor, segment: RecordSegment): boolean {
  try {
    return cursor.next()
  } catch (error) {
    if (!(error instanceof RecordFormatError)) throw error
    const { topic, partition, baseOffset } = segment
    throw new CorruptRecordError(topic.name, partition, baseOffset, error.message)
  }
}
