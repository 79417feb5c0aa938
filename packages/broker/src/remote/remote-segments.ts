/**
 * What the archive holds of one partition, as `__remote_log_metadata` tells it. Pure: `replay` is
 * the only thing that changes it.
 *
 * A segment is visible while it is COPY_FINISHED. Its objects exist, wholly or in part, from
 * COPY_STARTED to DELETE_FINISHED; so whatever is between those and not visible is to be deleted,
 * unless somebody is copying it at the moment.
 *
 * A log that changed its leader (before ottla opened it) may have segments in the archive that tell
 * the same offsets twice: which one counts is told by the leader epoch of the offset.
 */
import type { Uuid } from '@ottla/base'
import {
  PartitionDeleteState,
  type RemoteLogRecord,
  type RemoteSegment,
  SegmentState,
  type TieredPartition,
} from './remote-log-records.ts'

export class RemoteSegments {
  readonly of: TieredPartition
  private readonly byId = new Map<Uuid, RemoteSegment>()
  /** COPY_FINISHED, by start offset; of equal ones the latest copy comes last. */
  private readonly visible: RemoteSegment[] = []
  private deletion: PartitionDeleteState | undefined

  constructor(of: TieredPartition) {
    this.of = of
  }

  replay(record: RemoteLogRecord): void {
    switch (record.kind) {
      case 'segment':
        this.put(record.segment)
        return
      case 'update': {
        const known = this.byId.get(record.id)
        // What is gone is gone: a late repetition of an update changes nothing.
        if (!known || record.state < known.state) return
        const customMetadata = record.customMetadata ?? known.customMetadata
        const { state, eventTimestampMs } = record
        this.put({ ...known, state, eventTimestampMs, customMetadata })
        return
      }
      case 'partition':
        this.deletion = record.state
    }
  }

  private put(segment: RemoteSegment): void {
    const known = this.byId.get(segment.id)
    if (known?.state === SegmentState.COPY_FINISHED) {
      this.visible.splice(this.visible.indexOf(known), 1)
    }
    if (segment.state === SegmentState.DELETE_FINISHED) {
      this.byId.delete(segment.id)
      return
    }
    this.byId.set(segment.id, segment)
    if (segment.state !== SegmentState.COPY_FINISHED) return
    const at = this.visible.findLastIndex((other) => other.startOffset <= segment.startOffset)
    this.visible.splice(at + 1, 0, segment)
  }

  get(id: Uuid): RemoteSegment | undefined {
    return this.byId.get(id)
  }

  /** Every segment of which objects may exist. */
  all(): IterableIterator<RemoteSegment> {
    return this.byId.values()
  }

  /** What readers see, by start offset. */
  get segments(): readonly RemoteSegment[] {
    return this.visible
  }

  /** The whole partition is to be deleted, or was. */
  get deleteState(): PartitionDeleteState | undefined {
    return this.deletion
  }

  /** Nothing is left and nothing will come: the partition can be forgotten. */
  get isGone(): boolean {
    return this.byId.size === 0 && this.deletion === PartitionDeleteState.FINISHED
  }

  /** The last offset that readers see, or -1. */
  get endOffset(): number {
    let end = -1
    for (const { endOffset } of this.visible) end = Math.max(end, endOffset)
    return end
  }

  get sizeBytes(): number {
    let size = 0
    for (const segment of this.visible) size += segment.sizeBytes
    return size
  }

  /**
   * The segment that contains `offset` in the line of leaders that the log knows; where the epoch
   * is not known, the latest copy.
   */
  segmentFor(offset: number, leaderEpoch: number | undefined): RemoteSegment | undefined {
    let found: RemoteSegment | undefined
    const last = this.lastStartingAt(offset)
    for (let i = last; i >= 0 && i > last - OVERLAPS_MAX; i--) {
      const segment = this.visible[i] as RemoteSegment
      if (segment.endOffset < offset) continue
      if (leaderEpoch === undefined || epochAt(segment, offset) === leaderEpoch) return segment
      found ??= segment
    }
    return found
  }

  /** The first segment that begins behind `offset`. */
  segmentAfter(offset: number): RemoteSegment | undefined {
    return this.visible[this.lastStartingAt(offset) + 1]
  }

  /** Index of the last visible segment that begins at or before `offset`; -1 when none does. */
  private lastStartingAt(offset: number): number {
    let low = 0
    let high = this.visible.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.visible[middle] as RemoteSegment).startOffset <= offset) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  /** Segments that nobody sees and of which objects may exist, but for those being copied. */
  leftovers(copying: ReadonlySet<Uuid>): RemoteSegment[] {
    return [...this.byId.values()].filter(
      ({ id, state }) => state !== SegmentState.COPY_FINISHED && !copying.has(id),
    )
  }
}

/** Copies that may tell the same offsets. */
const OVERLAPS_MAX = 8

/** Leader epoch of an offset in the segment, or undefined when the segment begins later. */
export function epochAt(segment: RemoteSegment, offset: number): number | undefined {
  let epoch: number | undefined
  for (const entry of segment.epochs) if (entry.offset <= offset) epoch = entry.leaderEpoch
  return epoch
}
