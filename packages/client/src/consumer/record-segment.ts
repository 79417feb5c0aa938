import type { AnyTopic } from '../serde/topic.ts'

/** One record batch of the log, checked and decompressed, and what all its records share. */
export interface RecordSegment {
  readonly topic: AnyTopic
  readonly partition: number
  /** Records lie in [start, end) of the buffer. */
  readonly buffer: Buffer
  readonly start: number
  readonly end: number
  readonly count: number
  readonly baseOffset: number
  readonly baseTimestamp: number
  /** Stamp of the broker for all records of the batch, or undefined. */
  readonly logAppendTime: number | undefined
  readonly leaderEpoch: number
}
