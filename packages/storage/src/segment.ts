/**
 * One segment of a partition's log: a `.log` file and the indexes beside it.
 *
 * `size` and the indexes run ahead of the disk: they include batches that wait for their round of
 * group commit. What the file really holds is known to the LogWriter. Invariants:
 * - offsets in the segment lie in [baseOffset, next segment's baseOffset);
 * - only the last segment of a log grows, and only that one has its indexes surely in memory; those
 *   of sealed segments are read when a lookup needs them and may be dropped again;
 * - `maxTimestamp` is the largest of all batches so far, `maxTimestampOffset` the last offset of
 *   the first batch that has it.
 */
import { lastOffsetOf, maxTimestampOf } from '@ottla/protocol'
import { type FileSystem, readWholeFile } from './file-system.ts'
import { OffsetIndex } from './offset-index.ts'
import { TimeIndex } from './time-index.ts'
import { type AbortedTransaction, decodeTransactionIndex } from './transaction-index.ts'

export type SegmentFile = 'log' | 'index' | 'timeindex' | 'txnindex' | 'snapshot'

/** `00000000000000000042` for 42, as all files of a segment begin. */
export const offsetFileName = (offset: number, suffix: SegmentFile): string =>
  `${String(offset).padStart(20, '0')}.${suffix}`

/** What must be put back when appends behind this point are refused. */
export interface SegmentMark {
  readonly segment: Segment
  readonly size: number
  readonly indexCount: number
  readonly timeIndexCount: number
  readonly maxTimestamp: number
  readonly maxTimestampOffset: number
  readonly firstTimestamp: number
  readonly bytesSinceIndexEntry: number
  readonly abortedCount: number
}

export class Segment {
  readonly directory: string
  readonly baseOffset: number
  readonly createdMs: number
  /** `segment.jitter.ms` drawn for this segment. */
  readonly rollJitterMs: number
  /** Bytes of whole batches, those that wait for the disk included. */
  size = 0
  /** The `.log` file and its name exist on disk. */
  isCreated = false
  /** Bytes in [start, end) were found on disk and their checksums not looked at yet. */
  unverifiedStart = 0
  unverifiedEnd = 0
  maxTimestamp = -1
  maxTimestampOffset: number
  /** Of the first batch; time-based roll counts from here. -1 while empty. */
  firstTimestamp = -1
  private bytesSinceIndexEntry = 0
  private offsets: OffsetIndex | undefined
  private times: TimeIndex | undefined
  private aborted: AbortedTransaction[] | undefined
  private areTimestampsKnown: boolean
  private areIndexesHeld = false

  constructor(
    directory: string,
    baseOffset: number,
    options: { createdMs: number; rollJitterMs?: number; isNew: boolean },
  ) {
    this.directory = directory
    this.baseOffset = baseOffset
    this.createdMs = options.createdMs
    this.rollJitterMs = options.rollJitterMs ?? 0
    this.maxTimestampOffset = baseOffset
    this.areTimestampsKnown = options.isNew
    if (options.isNew) this.resetIndexes()
  }

  path(suffix: SegmentFile): string {
    return `${this.directory}/${offsetFileName(this.baseOffset, suffix)}`
  }

  /** Empties the indexes, for a new segment or before a rebuild. */
  resetIndexes(): void {
    this.offsets = new OffsetIndex()
    this.times = new TimeIndex()
    this.aborted = []
    this.maxTimestamp = -1
    this.maxTimestampOffset = this.baseOffset
    this.firstTimestamp = -1
    this.bytesSinceIndexEntry = 0
    this.areTimestampsKnown = true
  }

  /** Notes a batch that lies or will lie at `position`, directly behind the previous one. */
  noteBatch(batch: Buffer, at: number, position: number, indexIntervalBytes: number): void {
    const batchMaxTimestamp = maxTimestampOf(batch, at)
    const lastOffset = lastOffsetOf(batch, at)
    if (this.firstTimestamp < 0) this.firstTimestamp = batchMaxTimestamp
    if (batchMaxTimestamp > this.maxTimestamp) {
      this.maxTimestamp = batchMaxTimestamp
      this.maxTimestampOffset = lastOffset
    }
    if (this.bytesSinceIndexEntry > indexIntervalBytes) {
      this.offsets?.append(lastOffset - this.baseOffset, position)
      this.noteMaxTimestamp()
      this.bytesSinceIndexEntry = 0
    }
    const size = batch.readInt32BE(at + 8) + 12
    this.bytesSinceIndexEntry += size
    this.size = position + size
  }

  /** Continues with the transactions of the file whose markers lie below `offset`. */
  resumeAborted(fileSystem: FileSystem, offset: number): void {
    this.aborted = undefined
    this.aborted = this.abortedTransactions(fileSystem).filter((entry) => entry.lastOffset < offset)
  }

  noteAborted(transaction: AbortedTransaction): void {
    this.aborted?.push(transaction)
  }

  /** The next batch gets an index entry, whatever the distance to the last one. */
  forceIndexEntry(): void {
    this.bytesSinceIndexEntry = Number.POSITIVE_INFINITY
  }

  /** Puts the largest timestamp into the time index; the last act before the segment is sealed. */
  noteMaxTimestamp(): void {
    if (this.maxTimestamp < 0) return
    this.times?.maybeAppend(this.maxTimestamp, this.maxTimestampOffset - this.baseOffset)
  }

  mark(): SegmentMark {
    return {
      segment: this,
      size: this.size,
      indexCount: this.offsets?.count ?? 0,
      timeIndexCount: this.times?.count ?? 0,
      maxTimestamp: this.maxTimestamp,
      maxTimestampOffset: this.maxTimestampOffset,
      firstTimestamp: this.firstTimestamp,
      bytesSinceIndexEntry: this.bytesSinceIndexEntry,
      abortedCount: this.aborted?.length ?? 0,
    }
  }

  /** Forgets everything that was noted since the mark. */
  restore(mark: SegmentMark): void {
    this.size = mark.size
    this.offsets?.truncate(mark.indexCount)
    this.times?.truncate(mark.timeIndexCount)
    this.maxTimestamp = mark.maxTimestamp
    this.maxTimestampOffset = mark.maxTimestampOffset
    this.firstTimestamp = mark.firstTimestamp
    this.bytesSinceIndexEntry = mark.bytesSinceIndexEntry
    if (this.aborted && this.aborted.length > mark.abortedCount) {
      this.aborted.length = mark.abortedCount
    }
  }

  /** Reads the indexes if they are not in memory. */
  offsetIndex(fileSystem: FileSystem): OffsetIndex {
    this.offsets ??= new OffsetIndex(readWholeFile(fileSystem, this.path('index')))
    return this.offsets
  }

  timeIndex(fileSystem: FileSystem): TimeIndex {
    this.times ??= new TimeIndex(readWholeFile(fileSystem, this.path('timeindex')))
    return this.times
  }

  /** The segment's aborted transactions, in order of their markers. */
  abortedTransactions(fileSystem: FileSystem): readonly AbortedTransaction[] {
    if (!this.aborted) {
      const bytes = readWholeFile(fileSystem, this.path('txnindex'))
      this.aborted = (bytes && decodeTransactionIndex(bytes)) ?? []
    }
    return this.aborted
  }

  /**
   * The largest timestamp, from the time index of a segment that was found on disk. Like Apache
   * Kafka, an empty time index stands for the time at which the file was last written.
   */
  largestTimestamp(fileSystem: FileSystem): number {
    if (!this.areTimestampsKnown) {
      const times = this.timeIndex(fileSystem)
      this.maxTimestamp =
        times.count > 0
          ? times.lastTimestamp
          : (fileSystem.stat(this.path('log'))?.modifiedMs ?? this.createdMs)
      if (times.count > 0) {
        this.maxTimestampOffset = this.baseOffset + times.relativeOffsetAt(times.count - 1)
      }
      this.areTimestampsKnown = true
    }
    return this.maxTimestamp
  }

  /** Continues after the last entries of the indexes: what the rescan behind them will add to. */
  resumeFromIndexes(fileSystem: FileSystem): void {
    this.offsetIndex(fileSystem)
    const times = this.timeIndex(fileSystem)
    this.maxTimestamp = times.lastTimestamp
    if (times.count > 0) {
      this.maxTimestampOffset = this.baseOffset + times.relativeOffsetAt(times.count - 1)
    }
    this.areTimestampsKnown = true
  }

  /** Reads all indexes and keeps them: their files are about to go. */
  holdIndexes(fileSystem: FileSystem): void {
    this.largestTimestamp(fileSystem)
    this.offsetIndex(fileSystem)
    this.timeIndex(fileSystem)
    this.abortedTransactions(fileSystem)
    this.areIndexesHeld = true
  }

  /** Lets go of indexes that can be read again: of sealed segments whose files are written. */
  dropIndexes(): void {
    if (this.areIndexesHeld) return
    this.offsets = undefined
    this.times = undefined
    this.aborted = undefined
  }

  get indexCount(): number {
    return this.offsets?.count ?? 0
  }

  get timeIndexCount(): number {
    return this.times?.count ?? 0
  }

  get indexBytes(): number {
    return (this.offsets?.size ?? 0) + (this.times?.size ?? 0)
  }
}
