/**
 * What one fetch brought for one partition, handed out in steps: batches are checked, decompressed
 * and filtered only when they are asked for, so a large fetch costs nothing until it is used.
 *
 *   bytes   [ batch ][ batch ][ batch ][ batch cut off by the size limit of the fetch ]
 *
 * Must always hold: `nextOffset` only grows, also over batches that are filtered out (control
 * batches, aborted transactions), so that a partition that holds nothing else still moves on.
 */
import {
  BATCH_OVERHEAD,
  baseOffsetOf,
  baseTimestampOf,
  batchHeaderFault,
  batchSizeOf,
  compressionOf,
  decompress,
  isBatchCrcValid,
  isCodecReady,
  isControlBatch,
  isLogAppendTime,
  isTransactional,
  lastOffsetOf,
  leaderEpochOf,
  maxTimestampOf,
  producerIdOf,
  recordsCountOf,
} from '@ottla/protocol'
import { CorruptRecordError } from '../errors.ts'
import type { AnyTopic } from '../serde/topic.ts'
import { type AbortedTransaction, AbortedTransactions } from './aborted-transactions.ts'
import type { FetchMemory, UnpackedMemory } from './fetch-memory.ts'
import { RecordSegment } from './record-segment.ts'
import { noteYoungBytes } from './young-memory.ts'

const CONTROL_ABORT = 0
/** Most that one batch may take when decompressed. */
const DECOMPRESSED_BYTES_MAX = 1024 * 1024 * 1024

export interface FetchedOptions {
  readonly checkCrcs: boolean
  readonly isReadCommitted: boolean
  /** What the bytes lie in, when it is to be used again. */
  readonly memory?: FetchMemory | undefined
}

export interface FetchedStep {
  readonly segments: RecordSegment[]
  readonly firstOffset: number
  readonly nextOffset: number
  readonly nextLeaderEpoch: number
}

export class FetchedPartition {
  readonly topic: AnyTopic
  readonly partition: number
  readonly highWatermark: number
  private readonly bytes: Buffer
  private readonly options: FetchedOptions
  private readonly aborted: AbortedTransactions | undefined
  private readonly unpacked: UnpackedMemory | undefined
  private position = 0
  private offset: number
  private leaderEpoch = -1

  constructor(
    at: { topic: AnyTopic; partition: number; offset: number },
    fetched: {
      bytes: Buffer
      highWatermark: number
      abortedTransactions: readonly AbortedTransaction[] | null
    },
    options: FetchedOptions,
  ) {
    this.topic = at.topic
    this.partition = at.partition
    this.offset = at.offset
    this.bytes = fetched.bytes
    this.highWatermark = fetched.highWatermark
    this.options = options
    this.aborted = options.isReadCommitted
      ? new AbortedTransactions(fetched.abortedTransactions ?? [])
      : undefined
    noteYoungBytes(fetched.bytes.length)
    options.memory?.hold()
    this.unpacked = options.memory?.unpacked()
  }

  /** Everything has been handed out and used. */
  release(): void {
    this.unpacked?.release()
    this.options.memory?.release()
  }

  /** Bytes not handed out yet. */
  get remainingBytes(): number {
    return this.bytes.length - this.position
  }

  /** Offset behind the last whole batch, read from headers alone: where the next fetch begins. */
  endOffset(): number {
    let end = this.offset
    let position = 0
    while (this.isWhole(position)) {
      end = lastOffsetOf(this.bytes, position) + 1
      position += batchSizeOf(this.bytes, position)
    }
    return Math.max(end, this.offset)
  }

  /** True when the bytes hold not even one whole batch. */
  get isEmpty(): boolean {
    return !this.isWhole(0)
  }

  private isWhole(position: number): boolean {
    const remaining = this.bytes.length - position
    return remaining >= BATCH_OVERHEAD && batchSizeOf(this.bytes, position) <= remaining
  }

  /**
   * The next batches, about `countMax` records; undefined when there are none left. Those before
   * must not be in use any more.
   */
  take(countMax: number): FetchedStep | undefined {
    this.unpacked?.release()
    const firstOffset = this.offset
    const segments: RecordSegment[] = []
    let count = 0
    while (count < countMax && this.isWhole(this.position)) {
      const segment = this.readBatch(this.position)
      if (segment) {
        segments.push(segment)
        count += segment.count
      }
      this.offset = Math.max(this.offset, lastOffsetOf(this.bytes, this.position) + 1)
      this.leaderEpoch = leaderEpochOf(this.bytes, this.position)
      this.position += batchSizeOf(this.bytes, this.position)
    }
    if (this.offset === firstOffset) return undefined
    const { offset: nextOffset, leaderEpoch: nextLeaderEpoch } = this
    return { segments, firstOffset, nextOffset, nextLeaderEpoch }
  }

  /** Checks a batch and returns its records, or undefined when they are not for the user. */
  private readBatch(position: number): RecordSegment | undefined {
    const { bytes } = this
    this.check(position)
    if (lastOffsetOf(bytes, position) < this.offset) return undefined
    if (isControlBatch(bytes, position)) {
      this.passControlBatch(position)
      return undefined
    }
    if (this.aborted && isTransactional(bytes, position)) {
      const producerId = producerIdOf(bytes, position)
      if (this.aborted.isAborted(producerId, lastOffsetOf(bytes, position))) return undefined
    }
    const count = recordsCountOf(bytes, position)
    // Compaction may leave a batch without records, to keep its producer's last sequence.
    return count === 0 ? undefined : this.segmentAt(position, count)
  }

  private check(position: number): void {
    const { bytes } = this
    const fault = batchHeaderFault(bytes, position, bytes.length - position)
    const reason =
      fault ??
      (this.options.checkCrcs && !isBatchCrcValid(bytes, position)
        ? 'the checksum of the batch does not match'
        : undefined)
    if (reason) {
      const offset = baseOffsetOf(bytes, position)
      throw new CorruptRecordError(this.topic.name, this.partition, offset, reason)
    }
  }

  private segmentAt(position: number, count: number): RecordSegment {
    const { bytes } = this
    const codec = compressionOf(bytes, position)
    const end = position + batchSizeOf(bytes, position)
    const start = position + BATCH_OVERHEAD
    const isCompressed = codec !== 0
    const records = isCompressed ? this.decompressAt(codec, start, end) : bytes
    const segment = new RecordSegment({
      topic: this.topic,
      partition: this.partition,
      bytes: records,
      start: isCompressed ? 0 : start,
      end: isCompressed ? records.length : end,
      count,
      baseOffset: baseOffsetOf(bytes, position),
      baseTimestamp: baseTimestampOf(bytes, position),
      logAppendTime: isLogAppendTime(bytes, position) ? maxTimestampOf(bytes, position) : undefined,
      leaderEpoch: leaderEpochOf(bytes, position),
    })
    if (isCompressed) noteYoungBytes(records.length)
    if (isCompressed) this.unpacked?.lend(segment)
    else this.options.memory?.lend(segment)
    return segment
  }

  private decompressAt(codec: number, start: number, end: number): Buffer {
    const compressed = this.bytes.subarray(start, end)
    try {
      return decompress(codec, compressed, {
        sizeMax: DECOMPRESSED_BYTES_MAX,
        allocate: this.unpacked?.allocate,
      })
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new CorruptRecordError(this.topic.name, this.partition, this.offset, reason)
    }
  }

  /** The key of a control record is int16 version, int16 type. */
  private passControlBatch(position: number): void {
    if (!this.aborted || recordsCountOf(this.bytes, position) === 0) return
    const segment = this.segmentAt(position, 1)
    const cursor = segment.cursor()
    cursor.next()
    if (cursor.keySize < 4) return
    const type = segment.bytes.readInt16BE(cursor.keyStart + 2)
    if (type !== CONTROL_ABORT) return
    const producerId = producerIdOf(this.bytes, position)
    this.aborted.passAbortMarker(producerId, lastOffsetOf(this.bytes, position))
  }
}

/** Codecs of the batches that have to be loaded before they can be read; usually none. */
export function codecsToLoad(bytes: Buffer): number[] {
  const codecs = new Set<number>()
  let position = 0
  while (bytes.length - position >= BATCH_OVERHEAD) {
    codecs.add(compressionOf(bytes, position))
    position += Math.max(BATCH_OVERHEAD, batchSizeOf(bytes, position))
  }
  return [...codecs].filter((codec) => !isCodecReady(codec))
}
