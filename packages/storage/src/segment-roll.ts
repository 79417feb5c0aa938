/** When a segment is full, and how segments are taken back that never became durable. */
import type { LogConfig } from './log-config.ts'
import type { LogContext } from './log-context.ts'
import { removeSegmentFiles } from './log-loader.ts'
import type { LogState } from './log-state.ts'
import { offsetFileName, type Segment } from './segment.ts'

interface Incoming {
  readonly size: number
  readonly maxTimestamp: number
  readonly lastOffset: number
}

const INT32_MAX = 0x7fff_ffff
const INDEX_ENTRY = 8
const TIME_INDEX_ENTRY = 12

/** Rule R2: must the batch begin a new segment? */
export function shouldRoll(
  segment: Segment,
  incoming: Incoming,
  config: LogConfig,
  nowMs: number,
): boolean {
  if (segment.size === 0) return false
  if (segment.size + incoming.size > Math.min(config.segmentBytes, INT32_MAX)) return true
  if (incoming.lastOffset - segment.baseOffset > INT32_MAX) return true
  if (segment.indexCount >= Math.floor(config.segmentIndexBytes / INDEX_ENTRY)) return true
  const timesMax = Math.floor(config.segmentIndexBytes / TIME_INDEX_ENTRY) - 1
  if (segment.timeIndexCount >= timesMax) return true
  const waitedMs =
    segment.firstTimestamp >= 0
      ? incoming.maxTimestamp - segment.firstTimestamp
      : nowMs - segment.createdMs
  return waitedMs > segmentMsOf(config) - segment.rollJitterMs
}

/** A compacted log rolls in time for `max.compaction.lag.ms`: only sealed segments are cleaned. */
function segmentMsOf({ cleanupPolicy, segmentMs, maxCompactionLagMs }: LogConfig): number {
  return cleanupPolicy.includes('compact') ? Math.min(segmentMs, maxCompactionLagMs) : segmentMs
}

/** Brings segments and files back to the last durable mark. */
export async function rollBack(context: LogContext, state: LogState): Promise<void> {
  const { mark } = state.durable
  const { segment } = mark
  const at = state.segments.indexOf(segment)
  const later = state.segments.splice(at + 1)
  for (const gone of later) {
    const snapshot = `${state.directory}/${offsetFileName(gone.baseOffset, 'snapshot')}`
    if (context.fileSystem.stat(snapshot)) context.fileSystem.unlink(snapshot)
    removeSegmentFiles(context, gone)
  }
  segment.restore(mark)
  if (later.length > 0) await context.directorySyncs.sync(state.directory)
  if (!segment.isCreated) return
  const file = context.openFiles.acquire(segment)
  try {
    if (file.size() > mark.size) {
      file.truncate(mark.size)
      await file.sync()
    }
  } finally {
    context.openFiles.release(segment)
  }
}
