import { assert } from '@ottla/base'
import { LeaderEpochCache } from './leader-epoch-cache.ts'
import { ProducerStates } from './producer-state.ts'
import type { Segment, SegmentMark } from './segment.ts'

/** Offsets in [from, to) whose bytes are damaged. They are kept and never served. */
export interface CorruptRange {
  readonly from: number
  readonly to: number
  readonly file: string
  readonly position: number
  readonly reason: string
}

/** Where the log stood at the end of the last good round. */
export interface DurableMark {
  readonly mark: SegmentMark
  readonly logEndOffset: number
}

/**
 * One partition's log in memory. Invariants:
 *   logStartOffset <= lastStableOffset <= highWatermark <= logEndOffset
 *   recoveryPoint <= highWatermark with the flush policy `fsync`, and then equal between rounds
 *   segments is never empty, sorted by base offset, and only the last one grows
 *   logStartOffset < segments[0].baseOffset only where an archive holds what lies between
 */
export class LogState {
  readonly directory: string
  readonly segments: Segment[]
  readonly producers = new ProducerStates()
  epochs = new LeaderEpochCache()
  logStartOffset = 0
  highWatermark = 0
  logEndOffset = 0
  /** Everything below is known to be on disk. */
  recoveryPoint = 0
  corruptRanges: CorruptRange[] = []
  /** Bytes of a torn tail that the last opening cut off. */
  droppedBytes = 0
  private durableMark: DurableMark | undefined

  constructor(directory: string, segments: Segment[]) {
    this.directory = directory
    this.segments = segments
  }

  get activeSegment(): Segment {
    return this.segments[this.segments.length - 1] as Segment
  }

  /** The first offset that is on disk here; below it the archive serves. */
  get localLogStartOffset(): number {
    return Math.max(this.logStartOffset, (this.segments[0] as Segment).baseOffset)
  }

  get lastStableOffset(): number {
    return Math.min(this.producers.firstUnstableOffset(), this.highWatermark)
  }

  get durable(): DurableMark {
    assert(this.durableMark, 'an open log has a durable mark')
    return this.durableMark
  }

  set durable(mark: DurableMark) {
    this.durableMark = mark
  }

  /** Where the log stands now. */
  mark(): DurableMark {
    return { mark: this.activeSegment.mark(), logEndOffset: this.logEndOffset }
  }

  /** Index of the segment that contains `offset`, or of the first one when all begin later. */
  segmentIndexFor(offset: number): number {
    let low = 0
    let high = this.segments.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.segments[middle] as Segment).baseOffset <= offset) low = middle + 1
      else high = middle
    }
    return Math.max(0, low - 1)
  }

  /** Whether the segment is still one of the log's. */
  has(segment: Segment): boolean {
    return this.segments[this.segmentIndexFor(segment.baseOffset)] === segment
  }

  /** Bytes of the segment that are surely in its file. */
  durableSizeOf(segment: Segment): number {
    const { mark } = this.durable
    if (segment === mark.segment) return mark.size
    return segment.baseOffset < mark.segment.baseOffset ? segment.size : 0
  }

  corruptRangeAt(offset: number): CorruptRange | undefined {
    if (this.corruptRanges.length === 0) return undefined
    return this.corruptRanges.find((range) => offset >= range.from && offset < range.to)
  }

  get sizeBytes(): number {
    return this.sizeBytesFrom(0)
  }

  /** Bytes of the segments that begin at `offset` or later. */
  sizeBytesFrom(offset: number): number {
    let size = 0
    for (const segment of this.segments) if (segment.baseOffset >= offset) size += segment.size
    return size
  }
}
