/**
 * Opening of one partition's directory.
 *
 * After a clean shutdown the files are trusted: sizes come from the directory, indexes of the last
 * segment from their files, producers from the snapshot, and only the few batches behind the last
 * index entry are looked at.
 *
 * After a crash everything above the recovery point is read and checked, indexes of those segments
 * are built anew, and what is found is judged by where it lies:
 *
 *   0 .......... recovery point .......... end of file
 *     was synced                was not synced
 *     a bad batch is corruption: a bad batch is a torn tail:
 *     kept, reported, reads of  cut there, later segments deleted,
 *     it fail, nothing behind   the bytes reported as dropped
 *     it is deleted
 *
 * What survives above the recovery point is written once more in place and synced before anybody
 * may see it: after a failed sync the page cache may hold bytes that the disk does not.
 */
import { assert } from '@ottla/base'
import {
  baseOffsetOf,
  baseSequenceOf,
  batchSizeOf,
  isControlBatch,
  isTransactional,
  lastOffsetOf,
  lastSequenceOf,
  leaderEpochOf,
  maxTimestampOf,
  producerEpochOf,
  producerIdOf,
} from '@ottla/protocol'
import { readEpochCheckpoint } from './checkpoint-file.ts'
import { readEndTransaction } from './control-record.ts'
import {
  type FileHandle,
  readFullyAsync,
  readWholeFile,
  writeAndSync,
  writeFullyAsync,
} from './file-system.ts'
import { LeaderEpochCache } from './leader-epoch-cache.ts'
import type { LogConfig } from './log-config.ts'
import type { LogContext } from './log-context.ts'
import { LogState } from './log-state.ts'
import { decodeProducerSnapshot } from './producer-snapshot.ts'
import type { ProducerStates } from './producer-state.ts'
import { offsetFileName, Segment } from './segment.ts'
import { findNextBatch, type ScanVisitor, scanBatches } from './segment-scan.ts'
import { finishSwaps, removeLeftovers } from './segment-swap.ts'
import { encodeTransactionIndex } from './transaction-index.ts'

/** What is known of a partition before its directory is opened. */
export interface SavedPoints {
  readonly wasClean: boolean
  readonly recoveryPoint: number
  readonly logStartOffset: number | undefined
}

const COPY_CHUNK = 1024 * 1024

export async function loadLog(
  context: LogContext,
  directory: string,
  config: LogConfig,
  saved: SavedPoints,
): Promise<LogState> {
  await finishSwaps(context.fileSystem, directory)
  await removeLeftovers(context.fileSystem, directory)
  const segments = listSegments(context, directory)
  if (segments.length === 0) {
    const first = saved.logStartOffset ?? 0
    segments.push(new Segment(directory, first, { createdMs: context.clock.now(), isNew: true }))
  }
  await dropBelowStart(context, segments, saved.logStartOffset ?? 0)
  const state = new LogState(directory, segments)
  const loader = new LogLoader(context, state, config, saved)
  await loader.run()
  return state
}

/**
 * Finishes a deletion that a crash interrupted: of segments wholly below the log start offset some
 * may be gone already, and nothing may be concluded from the others.
 */
async function dropBelowStart(
  context: LogContext,
  segments: Segment[],
  logStartOffset: number,
): Promise<void> {
  const kept = segments.findLastIndex((segment) => segment.baseOffset <= logStartOffset)
  if (kept <= 0) return
  const [first] = segments
  for (const segment of segments.splice(0, kept)) removeSegmentFiles(context, segment)
  if (first) await context.directorySyncs.sync(first.directory)
}

function listSegments(context: LogContext, directory: string): Segment[] {
  const segments: Segment[] = []
  for (const entry of context.fileSystem.list(directory) ?? []) {
    const base = /^(\d{20})\.log$/.exec(entry.name)?.[1]
    if (base === undefined) continue
    const stat = context.fileSystem.stat(`${directory}/${entry.name}`)
    const createdMs = stat?.modifiedMs ?? context.clock.now()
    const segment = new Segment(directory, Number(base), { createdMs, isNew: false })
    segment.size = stat?.size ?? 0
    segment.unverifiedEnd = segment.size
    segment.isCreated = true
    segments.push(segment)
  }
  return segments.sort((a, b) => a.baseOffset - b.baseOffset)
}

class LogLoader {
  private readonly context: LogContext
  private readonly state: LogState
  private readonly config: LogConfig
  private readonly saved: SavedPoints
  private readonly producers: ProducerStates
  /** Batches below this offset are in the producer snapshot already. */
  private replayFrom = 0

  constructor(context: LogContext, state: LogState, config: LogConfig, saved: SavedPoints) {
    this.context = context
    this.state = state
    this.config = config
    this.saved = saved
    this.producers = state.producers
  }

  async run(): Promise<void> {
    const { state, saved } = this
    this.loadEpochs()
    const first = this.firstToScan()
    await this.loadProducers(first)
    let nextOffset = 0
    for (let i = first; i < state.segments.length; i++) {
      const isTorn = await this.scanSegment(i, (end) => {
        nextOffset = end
      })
      if (isTorn) break
    }
    state.logEndOffset = Math.max(nextOffset, this.endOfHole(nextOffset))
    this.finish()
    await this.removeSnapshotsAbove(state.logEndOffset)
    state.producers.takeRound()
    state.producers.endRound()
    state.producers.onHighWatermark(state.highWatermark)
    if (!saved.wasClean) this.context.counters.recoveredLogs++
  }

  private loadEpochs(): void {
    const path = `${this.state.directory}/leader-epoch-checkpoint`
    try {
      this.state.epochs = new LeaderEpochCache(readEpochCheckpoint(this.context.fileSystem, path))
    } catch (error) {
      // The epochs of scanned batches are noted again; older ones only bound truncation.
      this.context.logger.warn('leader epoch checkpoint unreadable', { error })
    }
  }

  /** Everything from this segment on is read: the last one, or all that reach above the point. */
  private firstToScan(): number {
    const { segments } = this.state
    const last = segments.length - 1
    if (this.saved.wasClean || this.context.mutants.trustIndexesAfterCrash) return last
    let first = last
    for (let i = last - 1; i >= 0; i--) {
      const isAbove = (segments[i + 1] as Segment).baseOffset > this.saved.recoveryPoint
      if (isAbove || !this.hasIndexes(segments[i] as Segment)) first = i
    }
    return first
  }

  private hasIndexes(segment: Segment): boolean {
    return this.context.fileSystem.stat(segment.path('index')) !== undefined
  }

  /** Restores the newest good snapshot, and replays what lies between it and the scan. */
  private async loadProducers(first: number): Promise<void> {
    const { segments } = this.state
    const scanBase = (segments[first] as Segment).baseOffset
    const limit = this.saved.wasClean ? Number.POSITIVE_INFINITY : scanBase
    this.replayFrom = (segments[0] as Segment).baseOffset
    for (const offset of this.snapshotOffsets().filter((offset) => offset <= limit)) {
      const path = `${this.state.directory}/${offsetFileName(offset, 'snapshot')}`
      const bytes = readWholeFile(this.context.fileSystem, path)
      const entries = bytes && decodeProducerSnapshot(bytes)
      if (entries) {
        this.producers.restore(entries)
        this.replayFrom = Math.max(offset, this.replayFrom)
        break
      }
      this.context.logger.warn('producer snapshot unreadable, an older one is used', { path })
    }
    for (let i = 0; i < first; i++) {
      const segment = segments[i] as Segment
      if ((segments[i + 1] as Segment).baseOffset <= this.replayFrom) continue
      const visitor = this.visitor(segment, { isIndexed: false })
      await this.withFile(segment, (file) => scanBatches(file, rangeOf(segment), visitor))
    }
  }

  /** Newest first. */
  private snapshotOffsets(): number[] {
    const offsets: number[] = []
    for (const entry of this.context.fileSystem.list(this.state.directory) ?? []) {
      const offset = /^(\d{20})\.snapshot$/.exec(entry.name)?.[1]
      if (offset !== undefined) offsets.push(Number(offset))
    }
    return offsets.sort((a, b) => b - a)
  }

  private async removeSnapshotsAbove(offset: number): Promise<void> {
    const stale = this.snapshotOffsets().filter((snapshot) => snapshot > offset)
    if (stale.length === 0) return
    for (const snapshot of stale) {
      const name = offsetFileName(snapshot, 'snapshot')
      this.context.fileSystem.unlink(`${this.state.directory}/${name}`)
    }
    await this.context.directorySyncs.sync(this.state.directory)
  }

  /** Reads one segment; true when it was cut, so that nothing may follow. */
  private async scanSegment(i: number, onEnd: (nextOffset: number) => void): Promise<boolean> {
    const { segments } = this.state
    const segment = segments[i] as Segment
    if (!segment.isCreated) {
      onEnd(segment.baseOffset)
      return false
    }
    const next = segments[i + 1]
    // Noting batches moves the segment's size along with the scan.
    const fileSize = segment.size
    return this.withFile(segment, async (file) => {
      const start = this.scanStart(segment, next === undefined)
      const visitor = this.visitor(segment, { isIndexed: true })
      let end = await scanBatches(file, start, visitor)
      while (end.fault !== undefined && this.isKept(end.nextOffset)) {
        const resumed = await this.resume(file, segment, { ...end, limit: next?.baseOffset })
        if (resumed === undefined) {
          segment.size = fileSize
          onEnd(end.nextOffset)
          return false
        }
        segment.forceIndexEntry()
        end = await scanBatches(file, { ...resumed, end: fileSize }, visitor)
      }
      onEnd(end.nextOffset)
      const isTorn = end.fault !== undefined
      if (isTorn) await this.cut(i, file, { ...end, size: fileSize })
      segment.size = end.position
      segment.unverifiedEnd = end.position
      if (!this.saved.wasClean) await this.secure(segment, file, next !== undefined && !isTorn)
      return isTorn
    })
  }

  /** Below the recovery point nothing is cut, good or bad. */
  private isKept(offset: number): boolean {
    return offset < this.saved.recoveryPoint || this.context.mutants.acceptHolesAtRecovery === true
  }

  private scanStart(segment: Segment, isLast: boolean) {
    const { fileSystem, mutants } = this.context
    const isTrusted = this.saved.wasClean || mutants.trustIndexesAfterCrash
    if (isTrusted && isLast && this.hasIndexes(segment)) {
      segment.resumeFromIndexes(fileSystem)
      const index = segment.offsetIndex(fileSystem)
      const times = segment.timeIndex(fileSystem)
      const fault = index.fault(segment.size) ?? times.fault()
      const entry = index.count - 1
      if (fault === undefined && entry >= 0) {
        const base = this.firstOffsetAt(segment, index.positionAt(entry))
        const lastOffset = segment.baseOffset + index.relativeOffsetAt(entry)
        const isReplayed = this.replayFrom >= base.baseOffset || mutants.trustIndexesAfterCrash
        if (base.lastOffset === lastOffset && isReplayed) {
          segment.resumeAborted(fileSystem, this.replayFrom)
          segment.firstTimestamp = this.firstOffsetAt(segment, 0).maxTimestamp
          const from = index.positionAt(entry)
          return { from, end: segment.size, nextOffset: base.baseOffset }
        }
      } else if (fault !== undefined) {
        this.context.logger.warn('index rebuilt', { file: segment.path('index'), fault })
      }
    }
    segment.resetIndexes()
    segment.resumeAborted(fileSystem, this.replayFrom)
    return rangeOf(segment)
  }

  private firstOffsetAt(segment: Segment, position: number) {
    const file = this.context.openFiles.acquire(segment)
    try {
      const header = Buffer.alloc(61)
      file.read(header, position)
      return {
        baseOffset: baseOffsetOf(header),
        lastOffset: lastOffsetOf(header),
        maxTimestamp: maxTimestampOf(header),
      }
    } finally {
      this.context.openFiles.release(segment)
    }
  }

  private visitor(segment: Segment, options: { isIndexed: boolean }): ScanVisitor {
    const { skipChecksumsAtRecovery } = this.context.mutants
    const recoveryPoint = skipChecksumsAtRecovery ? Infinity : this.saved.recoveryPoint
    const interval = this.config.indexIntervalBytes
    return {
      needsBody: (chunk, at) =>
        lastOffsetOf(chunk, at) >= recoveryPoint || isControlBatch(chunk, at),
      visit: (chunk, at, position) => {
        if (options.isIndexed) segment.noteBatch(chunk, at, position, interval)
        this.state.epochs.maybeAssign(leaderEpochOf(chunk, at), baseOffsetOf(chunk, at))
        if (producerIdOf(chunk, at) < 0) return
        if (baseOffsetOf(chunk, at) >= this.replayFrom) this.replay(segment, chunk, at)
      },
    }
  }

  /** One batch's effect on producers and transactions. */
  private replay(segment: Segment, chunk: Buffer, at: number): void {
    const producerId = producerIdOf(chunk, at)
    const producerEpoch = producerEpochOf(chunk, at)
    const timestamp = maxTimestampOf(chunk, at)
    if (isControlBatch(chunk, at)) {
      const end = readEndTransaction(chunk.subarray(0, at + batchSizeOf(chunk, at)), at)
      if (!end) return
      const offset = lastOffsetOf(chunk, at)
      const marker = { producerId, producerEpoch, ...end, offset, timestamp }
      const aborted = this.producers.appendMarker(marker)
      if (aborted) segment.noteAborted(aborted)
      return
    }
    this.producers.append({
      producerId,
      producerEpoch,
      firstSequence: baseSequenceOf(chunk, at),
      lastSequence: lastSequenceOf(chunk, at),
      baseOffset: baseOffsetOf(chunk, at),
      lastOffset: lastOffsetOf(chunk, at),
      timestamp,
      isTransactional: isTransactional(chunk, at),
    })
  }

  /**
   * A bad batch below the recovery point. Finds where the good ones go on: wherever a whole batch
   * with a newer offset is. Undefined: nowhere in this segment.
   */
  private async resume(
    file: FileHandle,
    segment: Segment,
    bad: {
      position: number
      nextOffset: number
      fault: string | undefined
      limit: number | undefined
    },
  ): Promise<{ from: number; nextOffset: number } | undefined> {
    const range = { from: bad.position, end: file.size(), nextOffset: bad.nextOffset }
    const found = await findNextBatch(file, range)
    const to = found?.baseOffset ?? bad.limit ?? this.saved.recoveryPoint
    const reason = bad.fault ?? 'the file ends early'
    const path = segment.path('log')
    const { position, nextOffset: from } = bad
    this.state.corruptRanges.push({ from, to, file: path, position, reason })
    this.context.logger.error('corruption below the recovery point: kept, reads of it will fail', {
      file: path,
      position,
      firstOffset: from,
      nextGoodOffset: to,
      reason,
    })
    return found && { from: found.position, nextOffset: found.baseOffset }
  }

  /** Cuts the torn tail: later segments first, so that no crash leaves a gap in front of them. */
  private async cut(
    i: number,
    file: FileHandle,
    end: { position: number; nextOffset: number; size: number; fault: string | undefined },
  ): Promise<void> {
    const { state, context } = this
    const segment = state.segments[i] as Segment
    let dropped = end.size - end.position
    const later = state.segments.splice(i + 1)
    for (const gone of later) {
      dropped += gone.size
      removeSegmentFiles(context, gone)
    }
    if (later.length > 0) await context.directorySyncs.sync(state.directory)
    file.truncate(end.position)
    await file.sync()
    state.droppedBytes += dropped
    context.counters.recoveryTruncatedBytes += dropped
    context.logger.warn('torn tail cut', {
      file: segment.path('log'),
      position: end.position,
      firstOffset: end.nextOffset,
      bytes: dropped,
      reason: end.fault,
    })
  }

  /** Makes what was found above the recovery point, and the rebuilt indexes, durable. */
  private async secure(segment: Segment, file: FileHandle, isSealed: boolean): Promise<void> {
    const { fileSystem, directorySyncs } = this.context
    const index = segment.offsetIndex(fileSystem)
    const { recoveryPoint } = this.saved
    if (this.lastScanned(segment) >= recoveryPoint) {
      const from = index.lookup(recoveryPoint - segment.baseOffset)
      await rewrite(file, from, segment.size)
      await file.sync()
    }
    const aborted = segment.abortedTransactions(fileSystem)
    const hasFile = fileSystem.stat(segment.path('txnindex')) !== undefined
    if (aborted.length > 0) {
      await writeAndSync(fileSystem, segment.path('txnindex'), encodeTransactionIndex(aborted))
    } else if (hasFile) fileSystem.unlink(segment.path('txnindex'))
    if (isSealed) {
      segment.noteMaxTimestamp()
      await writeAndSync(fileSystem, segment.path('index'), index.bytes())
      const times = segment.timeIndex(fileSystem).bytes()
      await writeAndSync(fileSystem, segment.path('timeindex'), times)
    }
    await directorySyncs.sync(this.state.directory)
  }

  /** An offset at or above the last batch of the segment. */
  private lastScanned(segment: Segment): number {
    const at = this.state.segments.indexOf(segment)
    const next = this.state.segments[at + 1]
    return next ? next.baseOffset - 1 : Number.POSITIVE_INFINITY
  }

  /** Offsets up to the recovery point were given out: they are not used a second time. */
  private endOfHole(nextOffset: number): number {
    if (nextOffset >= this.saved.recoveryPoint) return nextOffset
    const segment = this.state.activeSegment
    if (this.state.corruptRanges.at(-1)?.to !== this.saved.recoveryPoint) {
      const reason = `the log ends at ${nextOffset}, but was synced to ${this.saved.recoveryPoint}`
      const range = { from: nextOffset, to: this.saved.recoveryPoint, reason }
      this.state.corruptRanges.push({ ...range, file: segment.path('log'), position: segment.size })
      this.context.logger.error('records below the recovery point are missing', {
        file: segment.path('log'),
        firstOffset: nextOffset,
        nextGoodOffset: this.saved.recoveryPoint,
      })
    }
    return this.saved.recoveryPoint
  }

  private finish(): void {
    const { state, saved, context } = this
    const active = state.activeSegment
    const hole = state.corruptRanges.at(-1)
    if (hole && hole.to === state.logEndOffset && active.size > 0) {
      const options = { createdMs: context.clock.now(), isNew: true }
      state.segments.push(new Segment(state.directory, state.logEndOffset, options))
    }
    state.epochs.truncateFromEnd(state.logEndOffset)
    const first = state.segments[0] as Segment
    const isTiered = this.config.tier !== 'none' && saved.logStartOffset !== undefined
    const localStart = isTiered ? 0 : first.baseOffset
    state.logStartOffset = Math.max(saved.logStartOffset ?? 0, localStart)
    assert(Number.isSafeInteger(state.logEndOffset), 'offsets fit a number')
    state.logStartOffset = Math.min(state.logStartOffset, state.logEndOffset)
    state.highWatermark = state.logEndOffset
    state.recoveryPoint = state.logEndOffset
    state.durable = state.mark()
  }

  private async withFile<T>(segment: Segment, work: (file: FileHandle) => Promise<T>): Promise<T> {
    const file = this.context.openFiles.acquire(segment)
    try {
      return await work(file)
    } finally {
      this.context.openFiles.release(segment)
    }
  }
}

const rangeOf = (segment: Segment) => ({
  from: 0,
  end: segment.size,
  nextOffset: segment.baseOffset,
})

/** Dirties the pages again, so that the next sync really writes them. */
async function rewrite(file: FileHandle, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += COPY_CHUNK) {
    const chunk = Buffer.allocUnsafe(Math.min(COPY_CHUNK, to - at))
    const read = await readFullyAsync(file, chunk, at)
    await writeFullyAsync(file, [chunk.subarray(0, read)], at)
  }
}

/** Removes a segment's files now; the caller syncs the directory. */
export function removeSegmentFiles(context: LogContext, segment: Segment): void {
  context.openFiles.drop(segment)
  for (const suffix of ['log', 'index', 'timeindex', 'txnindex'] as const) {
    const path = segment.path(suffix)
    if (context.fileSystem.stat(path)) context.fileSystem.unlink(path)
  }
}
