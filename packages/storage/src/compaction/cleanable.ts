/**
 * Which part of a log may be cleaned, and whether it is time to: rules K1 and K2 of Kafka. Pure but
 * for the indexes that segments read when they are asked for their newest timestamp.
 */
import type { FileSystem } from '../file-system.ts'
import type { LogConfig } from '../log-config.ts'
import type { LogState } from '../log-state.ts'
import type { Segment } from '../segment.ts'

export interface Cleanable {
  readonly firstDirtyOffset: number
  /** Base offset of the first segment that must be left alone. */
  readonly endOffset: number
  /** Segments below `endOffset`. */
  readonly segments: readonly Segment[]
  readonly dirtyBytes: number
  /** Share of the bytes below `endOffset` that was never cleaned, 0 to 1. */
  readonly dirtyRatio: number
  /** `max.compaction.lag.ms` has passed, or the ratio is above `min.cleanable.dirty.ratio`. */
  readonly isDue: boolean
}

export interface CleanableInput {
  readonly fileSystem: FileSystem
  readonly state: LogState
  readonly config: LogConfig
  /** Where the last cleaning ended, from the checkpoint. */
  readonly cleanedTo: number | undefined
  readonly nowMs: number
  /** Timestamp of the first batch of a segment, or -1. */
  readonly firstTimestamp: (segment: Segment) => number
}

export function cleanableOf(input: CleanableInput): Cleanable {
  const { state, config, nowMs } = input
  const firstDirtyOffset = firstDirty(state, input.cleanedTo)
  const segments = segmentsBelowLimit(input)
  const endOffset = state.segments[segments.length]?.baseOffset ?? state.logEndOffset
  let [cleanBytes, dirtyBytes] = [0, 0]
  const dirty: Segment[] = []
  for (const [i, segment] of segments.entries()) {
    const nextBase = segments[i + 1]?.baseOffset ?? endOffset
    if (nextBase <= firstDirtyOffset) cleanBytes += segment.size
    else {
      dirtyBytes += segment.size
      dirty.push(segment)
    }
  }
  const total = cleanBytes + dirtyBytes
  const dirtyRatio = total === 0 ? 0 : dirtyBytes / total
  const isOverdue =
    Number.isFinite(config.maxCompactionLagMs) &&
    dirty.some((segment) => {
      const timestamp = input.firstTimestamp(segment)
      return timestamp > 0 && timestamp < nowMs - config.maxCompactionLagMs
    })
  const isDue = dirtyBytes > 0 && (isOverdue || dirtyRatio > config.minCleanableDirtyRatio)
  return { firstDirtyOffset, endOffset, segments, dirtyBytes, dirtyRatio, isDue }
}

/** A checkpoint that lies outside of the log says nothing. */
function firstDirty(state: LogState, cleanedTo: number | undefined): number {
  const first = Math.max(state.logStartOffset, state.segments[0]?.baseOffset ?? 0)
  if (cleanedTo === undefined || cleanedTo > state.logEndOffset) return first
  return Math.max(first, cleanedTo)
}

/** Sealed, written by a round that has ended, decided by all transactions, and old enough. */
function segmentsBelowLimit({ state, config, nowMs, fileSystem }: CleanableInput): Segment[] {
  const sealedBelow = state.durable.mark.segment.baseOffset
  const decidedBelow = state.lastStableOffset
  const count = state.segments.findIndex((segment, i) => {
    const nextBase = state.segments[i + 1]?.baseOffset ?? Number.POSITIVE_INFINITY
    if (segment.baseOffset >= sealedBelow || nextBase > decidedBelow) return true
    const isYoung = segment.largestTimestamp(fileSystem) > nowMs - config.minCompactionLagMs
    return config.minCompactionLagMs > 0 && isYoung
  })
  return state.segments.slice(0, count < 0 ? state.segments.length : count)
}
