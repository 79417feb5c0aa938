/**
 * Which of a log's oldest segments go from the disk.
 *
 * Without an archive the records go with them. With one (KIP-405) a segment goes once the archive
 * holds it and `local.retention.*` says so; the log start offset stays where it is, and what the
 * archive holds is expired by whoever keeps it. When nothing is copied any more, segments that the
 * archive does not hold go after all that it does hold. Segments below the log start offset always
 * go.
 */
import type { FileSystem } from './file-system.ts'
import type { LogConfig } from './log-config.ts'
import type { LogState } from './log-state.ts'
import type { Segment } from './segment.ts'

export interface RetentionView {
  readonly state: LogState
  readonly config: LogConfig
  /** The last offset that the archive holds, or -1. */
  readonly tieredTo: number
  readonly nowMs: number
}

/** How many segments go, oldest first. */
export function countExpired(view: RetentionView, fileSystem: FileSystem): number {
  const { state, config } = view
  const isCopied = config.tier === 'copied'
  const deletes = config.cleanupPolicy.includes('delete')
  const { retentionMs, retentionBytes } = isCopied ? localRetention(config) : config
  let excess = retentionBytes < 0 ? -1 : state.sizeBytes - retentionBytes
  let count = 0
  for (const segment of state.segments) {
    const next = state.segments[count + 1]
    const nextBase = next?.baseOffset ?? state.logEndOffset
    if (nextBase > state.highWatermark || (!next && segment.size === 0)) break
    const isBelowStart = nextBase <= state.logStartOffset
    const isOldest = !isCopied && view.tieredTo < state.logStartOffset
    const mayGo = deletes && (isOldest || nextBase - 1 <= view.tieredTo)
    const isExpired =
      mayGo &&
      (isTooOld(segment, retentionMs, view.nowMs, fileSystem) ||
        (excess >= 0 && excess >= segment.size))
    if (!isBelowStart && !isExpired) break
    excess -= segment.size
    count++
  }
  return count
}

/** `local.retention.*`, which follow the retention of the whole log when they are -2. */
function localRetention(config: LogConfig): { retentionMs: number; retentionBytes: number } {
  const { localRetentionMs, localRetentionBytes, retentionMs, retentionBytes } = config
  return {
    retentionMs: localRetentionMs === -2 ? retentionMs : localRetentionMs,
    retentionBytes: localRetentionBytes === -2 ? retentionBytes : localRetentionBytes,
  }
}

/** Is the newest record of the segment older than `retention.ms`? */
function isTooOld(
  segment: Segment,
  retentionMs: number,
  nowMs: number,
  fileSystem: FileSystem,
): boolean {
  if (retentionMs < 0 || retentionMs === Number.POSITIVE_INFINITY) return false
  return nowMs - segment.largestTimestamp(fileSystem) > retentionMs
}
