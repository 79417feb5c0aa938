/**
 * One round of a share fetch: what each partition has is read, and as much of it acquired as the
 * request wants. Where another request is just reading, or nothing is there, nothing is acquired.
 */
import { type ErrorName, readBatches } from '@ottla/protocol'
import { type ReadResult, StorageError } from '@ottla/storage'
import { archiveAborted } from './aborted-records.ts'
import { type AcquiredRange, acquire, type ReadBatch } from './acquire.ts'
import type { HeldPartition } from './held-partition.ts'
import type { ShareService } from './share-service.ts'
import type { SessionPartition, ShareSession } from './share-sessions.ts'

export interface ReadingLimits {
  readonly maxBytes: number
  readonly minBytes: number
  readonly maxRecords: number
  readonly batchSize: number
  readonly isRecordLimit: boolean
  /** Take what there is, however little. */
  readonly isLastRound: boolean
}

export interface PartitionReading {
  readonly target: SessionPartition
  readonly error: ErrorName | undefined
  readonly acquired: readonly AcquiredRange[]
  readonly records: readonly Buffer[]
}

export interface ReadingRound {
  readonly readings: PartitionReading[]
  /** What to wait for when nothing was acquired. */
  readonly held: HeldPartition[]
  isDone: boolean
}

interface Found {
  readonly target: SessionPartition
  readonly held: HeldPartition
  readonly offset: number
  readonly result: ReadResult
}

export async function readRound(
  share: ShareService,
  session: ShareSession,
  limits: ReadingLimits,
): Promise<ReadingRound> {
  const round: ReadingRound = { readings: [], held: [], isDone: false }
  const { groupId } = session
  const busy: HeldPartition[] = []
  const found: Found[] = []
  try {
    for (const target of session.rotated()) {
      const { topicId, partition } = target
      const held = await share.open({ groupId, topicId, partition })
      if (typeof held === 'string') {
        round.readings.push({ target, error: held, acquired: [], records: [] })
        round.isDone = true
        continue
      }
      round.held.push(held)
      if (held.isFetching) held.isWanted = true
      if (limits.maxRecords <= 0 || held.isFetching) continue
      held.isFetching = true
      busy.push(held)
      const bytesMax = Math.ceil(limits.maxBytes / session.partitions.size)
      await readPartition(share, { target, held, bytesMax, found, round })
    }
    const bytes = found.reduce((sum, { result }) => sum + result.size, 0)
    if (bytes >= limits.minBytes || limits.isLastRound)
      take(share, session, limits, { found, round })
  } finally {
    for (const held of busy) held.endFetching()
  }
  return round
}

interface PartitionRead {
  readonly target: SessionPartition
  readonly held: HeldPartition
  readonly bytesMax: number
  readonly found: Found[]
  readonly round: ReadingRound
}

async function readPartition(
  share: ShareService,
  { target, held, bytesMax, found, round }: PartitionRead,
): Promise<void> {
  const { log, partition, key } = held
  const { recordLocksMax, isCommittedOnly } = share.settingsOf(key.groupId)
  partition.moveStart(log.logStartOffset)
  if (!partition.canAcquire(recordLocksMax)) return
  const offset = partition.nextFetchOffset
  const end = isCommittedOnly ? log.lastStableOffset : log.highWatermark
  if (offset >= end) return
  const upTo = isCommittedOnly ? 'last-stable-offset' : 'high-watermark'
  try {
    const result = await log.read(offset, { bytesMax, upTo, atLeastOneBatch: true })
    if (result.size > 0) found.push({ target, held, offset, result })
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    round.readings.push({ target, error: error.errorName, acquired: [], records: [] })
    round.isDone = true
  }
}

function take(
  share: ShareService,
  { groupId, memberId }: ShareSession,
  limits: ReadingLimits,
  { found, round }: { readonly found: readonly Found[]; readonly round: ReadingRound },
): void {
  const settings = share.settingsOf(groupId)
  let left = limits.maxRecords
  for (const { target, held, offset, result } of found) {
    if (left <= 0) return
    const batches = result.chunks.flatMap((chunk) => [...readBatches(chunk)])
    const acquired = acquire(held.partition, {
      memberId,
      batches,
      fetchOffset: offset,
      maxRecords: left,
      batchSize: limits.batchSize,
      isRecordLimit: limits.isRecordLimit,
      lockDeadlineMs: share.lockDeadlineMs(groupId),
      deliveryCountMax: settings.deliveryCountMax,
      inFlightMax: settings.recordLocksMax,
    })
    held.arm()
    const kept = archiveAborted(held.partition, acquired, batches, result.abortedTransactions ?? [])
    if (kept.archived.length > 0) held.note(kept.archived)
    if (kept.acquired.length === 0) continue
    for (const { firstOffset, lastOffset } of kept.acquired) left -= lastOffset - firstOffset + 1
    const records = overlapping(result.chunks, kept.acquired)
    round.readings.push({ target, error: undefined, acquired: kept.acquired, records })
    round.isDone = true
  }
}

/** The batches between the first and the last acquired record. */
function overlapping(chunks: readonly Buffer[], acquired: readonly AcquiredRange[]): Buffer[] {
  const first = acquired[0]?.firstOffset ?? 0
  const last = acquired.at(-1)?.lastOffset ?? -1
  const isWanted = ({ baseOffset, lastOffset }: ReadBatch) =>
    lastOffset >= first && baseOffset <= last
  return chunks.flatMap((chunk) => {
    const wanted = [...readBatches(chunk)].filter(isWanted)
    const [from, to] = [wanted[0], wanted.at(-1)]
    return from && to ? [chunk.subarray(from.position, to.position + to.size)] : []
  })
}
