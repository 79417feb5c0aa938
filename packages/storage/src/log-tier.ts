/**
 * What an archive (KIP-405) is to a log: whoever keeps it attaches a LogTier to the PartitionLog,
 * copies sealed segments, and serves offsets that are no longer on disk here.
 */
import type { LogContext } from './log-context.ts'
import type { ReadOptions, ReadResult } from './log-reader.ts'
import type { LogState } from './log-state.ts'
import type { TimestampOffset } from './log-timestamps.ts'
import type { SegmentFile } from './segment.ts'

export interface LogTier {
  /** The last offset that the archive holds, or -1. */
  readonly endOffset: number
  /** Whether it is known what the archive holds. */
  readonly isReady: boolean
  ready(): Promise<void>
  /** Whole batches from the one that contains `offset` on; nothing when it takes too long. */
  read(offset: number, options: ReadOptions): Promise<ReadResult>
  /** The first archived record at least as new as `timestamp`. */
  offsetForTimestamp(timestamp: number): Promise<TimestampOffset | undefined>
}

/** A segment that is never written again, with its indexes and its end's producer snapshot. */
export interface SealedSegment {
  readonly baseOffset: number
  readonly nextOffset: number
  readonly sizeBytes: number
  readonly largestTimestampMs: number
  readonly hasAbortedTransactions: boolean
  /** Path of a file; the snapshot is the one at the segment's end. */
  readonly path: (file: SegmentFile) => string
}

/**
 * Segments with offsets from `offset` on, oldest first, whose files are on disk for good and whose
 * transactions are decided.
 */
export function sealedSegments(
  context: LogContext,
  state: LogState,
  offset: number,
): SealedSegment[] {
  const { fileSystem } = context
  const limit = state.lastStableOffset
  // Its indexes are written in the same round as the first batch of the next one.
  const active = state.durable.mark.segment.baseOffset
  const sealed: SealedSegment[] = []
  state.segments.forEach((segment, i) => {
    const next = state.segments[i + 1]
    if (!next || next.baseOffset <= offset) return
    if (segment.baseOffset >= active || next.baseOffset > limit) return
    sealed.push({
      baseOffset: segment.baseOffset,
      nextOffset: next.baseOffset,
      sizeBytes: segment.size,
      largestTimestampMs: segment.largestTimestamp(fileSystem),
      hasAbortedTransactions: segment.abortedTransactions(fileSystem).length > 0,
      path: (file) => (file === 'snapshot' ? next : segment).path(file),
    })
    context.indexCache.touch(segment)
  })
  return sealed
}
