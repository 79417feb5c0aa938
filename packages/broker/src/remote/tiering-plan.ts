/**
 * What to copy to the archive and what to delete from it. Pure: the log, the archive's segments and
 * the time come in, a decision goes out.
 */
import type { EpochEntry } from '@ottla/storage'
import type { RemoteSegment, SegmentEpoch } from './remote-log-records.ts'

/** The topic settings that tiering acts on. */
export interface TieringSettings {
  /** `remote.log.copy.disable`: what is in the archive stays readable, and nothing is added. */
  readonly isCopyDisabled: boolean
  /** `remote.copy.lag.ms`; -1 follows the local retention, Infinity never copies by age. */
  readonly copyLagMs: number
  /** `remote.copy.lag.bytes` */
  readonly copyLagBytes: number
  readonly retentionMs: number
  readonly retentionBytes: number
  readonly deletes: boolean
}

export interface CopyCandidate {
  readonly baseOffset: number
  readonly nextOffset: number
  readonly sizeBytes: number
  readonly largestTimestampMs: number
}

/**
 * Sealed segments to copy now, oldest first. A segment waits until it is old enough, or until
 * enough bytes lie behind it (KIP-1241); the first that waits makes the later ones wait.
 */
export function segmentsToCopy<S extends CopyCandidate>(
  sealed: readonly S[],
  log: { readonly tieredTo: number; readonly logStartOffset: number; readonly activeBytes: number },
  settings: TieringSettings,
  nowMs: number,
): S[] {
  if (settings.isCopyDisabled) return []
  const wanted = sealed.filter(
    ({ nextOffset }) => nextOffset - 1 > log.tieredTo && nextOffset > log.logStartOffset,
  )
  let behind = log.activeBytes + wanted.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  const due: S[] = []
  for (const segment of wanted) {
    behind -= segment.sizeBytes
    const isOld = nowMs - segment.largestTimestampMs >= settings.copyLagMs
    const isFar = behind >= settings.copyLagBytes
    if (!isOld && !isFar) break
    due.push(segment)
  }
  return due
}

/** `remote.copy.lag.*`: 0 copies at once; -1 is the local retention, which may have no limit. */
export function copyLagOf(lag: number, localRetention: number): number {
  const value = lag === -1 ? localRetention : lag
  return value < 0 ? Number.POSITIVE_INFINITY : value
}

export interface Expiry {
  /** Where the log begins afterwards; it must be durable before anything is deleted. */
  readonly logStartOffset: number
  readonly segments: readonly RemoteSegment[]
}

/**
 * Archived segments that go: those below the log start offset, and, oldest first, those that are
 * too old or without which the whole log, archived and local, is still as large as it may be.
 */
export function expiredSegments(
  segments: readonly RemoteSegment[],
  log: {
    readonly logStartOffset: number
    readonly localLogStartOffset: number
    /** Bytes on disk that the archive does not have. */
    readonly localOnlyBytes: number
  },
  settings: TieringSettings,
  nowMs: number,
): Expiry {
  let { logStartOffset } = log
  let excess = Number.NEGATIVE_INFINITY
  if (settings.retentionBytes >= 0 && settings.deletes) {
    const archived = segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    excess = archived + log.localOnlyBytes - settings.retentionBytes
  }
  const gone: RemoteSegment[] = []
  for (const segment of segments) {
    const isBelow = segment.endOffset < logStartOffset
    const isOld =
      settings.deletes &&
      settings.retentionMs >= 0 &&
      nowMs - segment.maxTimestampMs > settings.retentionMs
    const isTooMuch = excess >= segment.sizeBytes
    if (!isBelow && !isOld && !isTooMuch) break
    excess -= segment.sizeBytes
    gone.push(segment)
    logStartOffset = Math.max(logStartOffset, segment.endOffset + 1)
  }
  // Records that are neither here nor there are not the log's: it begins where the first one is.
  const first = segments[gone.length]
  const firstOffset = Math.min(
    first?.startOffset ?? Number.POSITIVE_INFINITY,
    log.localLogStartOffset,
  )
  return { logStartOffset: Math.max(logStartOffset, firstOffset), segments: gone }
}

/** Where the leader epochs within [from, to) begin, the first at `from`. */
export function epochsWithin(
  entries: readonly EpochEntry[],
  from: number,
  to: number,
): SegmentEpoch[] {
  const within: SegmentEpoch[] = []
  for (const { epoch, startOffset } of entries) {
    if (startOffset >= to) break
    const offset = Math.max(startOffset, from)
    if (within.at(-1)?.offset === offset) within.pop()
    within.push({ leaderEpoch: epoch, offset })
  }
  return within
}
