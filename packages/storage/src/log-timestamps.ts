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
import type { Segment } from './segment.ts'
import { scanBatches } from './segment-scan.ts'

export interface TimestampOffset {
  readonly offset: number
  readonly timestamp: number
  readonly leaderEpoch: number
}

export async function offsetForTimestamp(
  context: LogContext,
  state: LogState,
  timestamp: number,
): Promise<TimestampOffset | undefined> {
  for (const segment of [...state.segments]) {
    if (segment.largestTimestamp(context.fileSystem) < timestamp) continue
    const found = await findInSegment(context, state, segment, timestamp)
    if (found) return found.offset < state.highWatermark ? found : undefined
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
        found = findInBatch(context.recordTools, batch, timestamp)
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

/** The first record of the batch that is at least as new as `timestamp`. */
export function findInBatch(
  recordTools: RecordTools,
  batch: Buffer,
  timestamp: number,
): TimestampOffset | undefined {
  const leaderEpoch = leaderEpochOf(batch)
  if (isLogAppendTime(batch)) {
    return { offset: baseOffsetOf(batch), timestamp: maxTimestampOf(batch), leaderEpoch }
  }
  const { findByTimestamp } = recordTools
  if (!findByTimestamp) {
    return { offset: baseOffsetOf(batch), timestamp: maxTimestampOf(batch), leaderEpoch }
  }
  const record = findByTimestamp(batch, timestamp)
  return record && { ...record, leaderEpoch }
}
