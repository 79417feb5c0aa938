/**
 * One record batch of the log, checked and decompressed, and what all its records share.
 *
 * HOT: guarded by bench/macro/client-speed.ts, since every value that is looked at is a view.
 */
import { CorruptRecordError, RecordExpiredError } from '../errors.ts'
import { RecordCursor, RecordFormatError } from '../records/record-cursor.ts'
import type { AnyTopic } from '../serde/topic.ts'

export interface RecordSegmentParts {
  readonly topic: AnyTopic
  readonly partition: number
  /** Records lie in [start, end) of the bytes. */
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
  readonly count: number
  readonly baseOffset: number
  readonly baseTimestamp: number
  /** Stamp of the broker for all records of the batch, or undefined. */
  readonly logAppendTime: number | undefined
  readonly leaderEpoch: number
}

/**
 * The class that `subarray` makes views of. Making one from the memory takes half the time, since
 * `subarray` asks the buffer for its memory each time, which leaves compiled code.
 */
const View: new (memory: ArrayBufferLike, start: number, size: number) => Buffer =
  // biome-ignore lint/suspicious/noExplicitAny: Node's types do not have it
  (Buffer as any)[Symbol.species]

export class RecordSegment {
  readonly topic: AnyTopic
  readonly partition: number
  readonly count: number
  readonly baseOffset: number
  readonly baseTimestamp: number
  readonly logAppendTime: number | undefined
  readonly leaderEpoch: number
  private readonly start: number
  private readonly end: number
  private readonly memoryOffset: number
  private memory: ArrayBufferLike | undefined
  private source: Buffer | undefined

  constructor(parts: RecordSegmentParts) {
    this.topic = parts.topic
    this.partition = parts.partition
    this.count = parts.count
    this.baseOffset = parts.baseOffset
    this.baseTimestamp = parts.baseTimestamp
    this.logAppendTime = parts.logAppendTime
    this.leaderEpoch = parts.leaderEpoch
    this.start = parts.start
    this.end = parts.end
    this.memoryOffset = parts.bytes.byteOffset
    this.memory = parts.bytes.buffer
    this.source = parts.bytes
  }

  /** What positions in records count from. */
  get bytes(): Buffer {
    if (this.source === undefined) throw new RecordExpiredError()
    return this.source
  }

  /** A view of the bytes, as `bytes.subarray(start, start + size)` makes it. */
  view(start: number, size: number): Buffer {
    if (this.memory === undefined) throw new RecordExpiredError()
    return new View(this.memory, this.memoryOffset + start, size)
  }

  cursor(): RecordCursor {
    return new RecordCursor(this.bytes, this.start, this.end, this.count)
  }

  /** The memory is used again: records throw from now on and do not show the bytes of others. */
  expire(): void {
    this.memory = undefined
    this.source = undefined
  }
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
