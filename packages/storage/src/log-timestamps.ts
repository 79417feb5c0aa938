/**
 * Offsets by time, for ListOffsets. The time index of a segment gives an offset up to which
 * everything is older, the offset index its position, and from there batches are looked at by
 * header; only in the one batch that holds the answer are records read.
 */
import {
  baseOffsetOf,
  batchSizeOf,
  isLogAppendTime,
  lastOffsetOf,
  leaderEpochOf,
  maxTimestampOf,
} from '@ottla/protocol'
import { StorageError } from './errors.ts'
import type { LogContext, RecordTools } from './log-context.ts'
import type { LogState } from './log-state.ts'
import type { LogTier } from './log-tier.ts'
import type { Segment } from './segment.ts'
import { scanBatches } from './segment-scan.ts'

export interface TimestampOffset {
  readonly offset: number
  readonly timestamp: number
  readonly leaderEpoch: number
}

/** The first record at least as new as `timestamp`, below the high watermark. */
export async function offsetForTimestamp(
  context: LogContext,
  state: LogState,
  timestamp: number,
  tier: LogTier | undefined,
): Promise<TimestampOffset | undefined> {
  for (;;) {
    const { localLogStartOffset } = state
    if (localLogStartOffset > state.logStartOffset) {
      const found = await tier?.offsetForTimestamp(timestamp)
      if (found) return found
    }
    const found = await findLocally(context, state, timestamp)
    // Segments may have left for the archive before they were looked at.
    if (state.localLogStartOffset !== localLogStartOffset) continue
    return found && found.offset < state.highWatermark ? found : undefined
  }
}

async function findLocally(
  context: LogContext,
  state: LogState,
  timestamp: number,
): Promise<TimestampOffset | undefined> {
  for (const segment of [...state.segments]) {
    // Deleted or replaced meanwhile: once more from the beginning.
    if (!state.has(segment)) return findLocally(context, state, timestamp)
    if (segment.largestTimestamp(context.fileSystem) < timestamp) continue
    const found = await findInSegment(context, state, segment, timestamp)
    if (found) return found
  }
  return undefined
}

export async function offsetOfMaxTimestamp(
  context: LogContext,
  state: LogState,
): Promise<TimestampOffset | undefined> {
  let newest: Segment | undefined
  let timestamp = -1
  for (const segment of state.segments) {
    const largest = segment.largestTimestamp(context.fileSystem)
    if (segment.size === 0 || largest <= timestamp) continue
    newest = segment
    timestamp = largest
  }
  return newest && findInSegment(context, state, newest, timestamp)
}

async function findInSegment(
  context: LogContext,
  state: LogState,
  segment: Segment,
  timestamp: number,
): Promise<TimestampOffset | undefined> {
  const { fileSystem, openFiles } = context
  const before = segment.timeIndex(fileSystem).lookupBefore(timestamp)
  const relative = Math.max(before, state.logStartOffset - segment.baseOffset)
  const from = segment.offsetIndex(fileSystem).lookup(relative)
  const end = state.durableSizeOf(segment)
  const file = openFiles.acquire(segment)
  let found: TimestampOffset | undefined
  try {
    const isWanted = (chunk: Buffer, at: number) =>
      found === undefined &&
      maxTimestampOf(chunk, at) >= timestamp &&
      lastOffsetOf(chunk, at) >= state.logStartOffset
    const range = { from, end, nextOffset: 0, until: () => found !== undefined }
    const scanned = await scanBatches(file, range, {
      needsBody: isWanted,
      visit: (chunk, at) => {
        if (!isWanted(chunk, at)) return
        const batch = chunk.subarray(at, at + batchSizeOf(chunk, at))
        found = findInBatch(context.recordTools, batch, timestamp, state.logStartOffset)
      },
    })
    if (found === undefined && scanned.fault !== undefined) {
      throw new StorageError('CORRUPT_MESSAGE', `${segment.path('log')}: ${scanned.fault}`)
    }
  } finally {
    openFiles.release(segment)
  }
  return found
}

/** The first record of the batch, from `startOffset` on, at least as new as `timestamp`. */
export function findInBatch(
  recordTools: RecordTools,
  batch: Buffer,
  timestamp: number,
  startOffset: number,
): TimestampOffset | undefined {
  const leaderEpoch = leaderEpochOf(batch)
  const { findByTimestamp } = recordTools
  if (isLogAppendTime(batch) || !findByTimestamp) {
    const offset = Math.max(baseOffsetOf(batch), startOffset)
    return { offset, timestamp: maxTimestampOf(batch), leaderEpoch }
  }
  const record = findByTimestamp(batch, timestamp, startOffset)
  return record && { ...record, leaderEpoch }
}
