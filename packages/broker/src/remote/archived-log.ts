/**
 * The part of a log that is in the archive, as the log sees it (storage's LogTier).
 *
 *   log start offset            local log start offset                     log end offset
 *        |---- archive only ---------|==== archive and disk ====|---- disk only ----|
 *
 * A read gives whole batches of one segment, the first of which contains the offset asked for;
 * where they begin is known from the last reader that stopped there, else from the segment's
 * offset index.
 *
 * What takes longer than `remote.fetch.max.wait.ms` goes on in the background and is answered with
 * nothing: the client asks again, and finds it in the cache.
 */
import { type Clock, type Logger, messageOf } from '@ottla/base'
import { batchSizeOf, lastOffsetOf, maxTimestampOf } from '@ottla/protocol'
import {
  type AbortedTransaction,
  decodeTransactionIndex,
  findInBatch,
  type LogTier,
  OffsetIndex,
  type PartitionLog,
  type ReadOptions,
  type ReadResult,
  type RecordTools,
  StorageError,
  scanBatches,
  TimeIndex,
  type TimestampOffset,
} from '@ottla/storage'
import type { ArchiveReader } from './archive-reader.ts'
import { GatheredBatches } from './gathered-batches.ts'
import type { RemoteSegment, TieredPartition } from './remote-log-records.ts'
import type { RemoteSegments } from './remote-segments.ts'
import { isObjectMissing } from './store/remote-store.ts'

export interface ArchivedLogOptions {
  readonly of: TieredPartition
  readonly log: PartitionLog
  readonly reader: ArchiveReader
  readonly load: () => Promise<RemoteSegments>
  readonly recordTools: RecordTools
  /** `remote.fetch.max.wait.ms` */
  readonly waitMsMax: () => number
  /** `remote.list.offsets.request.timeout.ms` */
  readonly searchMsMax: () => number
  readonly clock: Clock
  readonly logger: Logger
}

/** Where a reader stopped. */
interface ReadEnd {
  readonly nextOffset: number
  readonly segment: RemoteSegment
  readonly position: number
}

const noRelease = (): void => {}
const NOTHING: ReadResult = { chunks: [], size: 0, abortedTransactions: null, release: noRelease }
const READ_ENDS_MAX = 8

export class ArchivedLog implements LogTier {
  readonly of: TieredPartition
  private readonly options: ArchivedLogOptions
  private known: RemoteSegments | undefined
  private readonly ends: ReadEnd[] = []
  private nextEnd = 0

  constructor(options: ArchivedLogOptions) {
    this.options = options
    this.of = options.of
  }

  /** Learns what the archive holds; until then it is taken to hold nothing. */
  private async load(): Promise<RemoteSegments> {
    this.known ??= await this.options.load()
    return this.known
  }

  async ready(): Promise<void> {
    try {
      await this.load()
    } catch (error) {
      throw this.asAnswer(error, this.options.log.logStartOffset)
    }
  }

  get isReady(): boolean {
    return this.known !== undefined
  }

  get endOffset(): number {
    return this.known?.endOffset ?? -1
  }

  // ---------------------------------------------------------------- records

  read(offset: number, options: ReadOptions): Promise<ReadResult> {
    return this.within(
      this.options.waitMsMax(),
      this.readNow(offset, options),
      () => NOTHING,
    ).catch((error: unknown) => {
      throw this.asAnswer(error, offset)
    })
  }

  /** What the work gives, or what `late` says when it takes too long and goes on by itself. */
  private within<T>(limitMs: number, work: Promise<T>, late: () => T): Promise<T> {
    const { clock, logger } = this.options
    return new Promise((resolve, reject) => {
      let isLate = false
      const timer = clock.setTimer(limitMs, () => {
        isLate = true
        try {
          resolve(late())
        } catch (error) {
          reject(error)
        }
      })
      const failed = (error: unknown) => {
        timer.cancel()
        if (isLate) logger.warn('a late read of the archive failed', { reason: messageOf(error) })
        else reject(error)
      }
      work.then((value) => {
        timer.cancel()
        resolve(value)
      }, failed)
    })
  }

  private async readNow(offset: number, options: ReadOptions): Promise<ReadResult> {
    const { log } = this.options
    const segments = await this.load()
    let segment = segments.segmentFor(offset, this.epochOf(offset)) ?? segments.segmentAfter(offset)
    while (segment) {
      const found = await this.readSegment(segment, offset, options)
      if (found === null) return NOTHING
      if (found) {
        this.aheadOf(segments, segment, found.position)
        const isCommitted = options.upTo === 'last-stable-offset'
        const { chunks, size, nextOffset } = found
        const abortedTransactions = isCommitted
          ? await this.abortedBetween(segments, segment, offset, nextOffset)
          : null
        // The segment that tells of an abort may have expired meanwhile, with what was read.
        if (isCommitted && offset < log.logStartOffset) throw outOfRange(offset, log)
        return { chunks, size, abortedTransactions, release: () => found.release() }
      }
      segment = segments.segmentAfter(segment.startOffset)
    }
    if (offset < log.logStartOffset) throw outOfRange(offset, log)
    // Nothing of the archive reaches that far: the log goes on where its files begin.
    return log.read(log.localLogStartOffset, options)
  }

  private epochOf(offset: number): number | undefined {
    return this.options.log.epochs.findLast(({ startOffset }) => startOffset <= offset)?.epoch
  }

  /** undefined: nothing at or behind the offset here. null: the first batch is too large. */
  private async readSegment(
    segment: RemoteSegment,
    offset: number,
    options: ReadOptions,
  ): Promise<GatheredBatches | undefined | null> {
    const { reader } = this.options
    const { sizeBytes: end } = segment
    const position = await this.placeOf(segment, offset)
    const found = new GatheredBatches({ offset, position, end }, options)
    while (found.position < end && !found.isDone) {
      const wanted = found.needed || reader.bytesInChunkFrom(found.position)
      const to = Math.min(found.position + wanted, end)
      // More is worth having, and not worth waiting for.
      if (found.size > 0 && !reader.isHere(segment, found.position, to)) break
      const fault = found.take(await reader.bytes(this.of, segment, found.position, to))
      if (fault !== undefined) throw this.corrupt(segment, found.position, fault)
    }
    if (found.size === 0) return found.isDone ? null : undefined
    this.noteEnd({ nextOffset: found.nextOffset, segment, position: found.position })
    reader.passed(segment, position, found.position)
    return found
  }

  private corrupt(segment: RemoteSegment, position: number, reason: string): StorageError {
    const message = `Archived segment ${segment.id} at position ${position}: ${reason}`
    this.options.logger.error('corrupt record batch in the archive', {
      topic: this.of.topic,
      partition: this.of.partition,
      segment: segment.id,
      position,
      reason,
    })
    return new StorageError('CORRUPT_MESSAGE', message)
  }

  private async placeOf(segment: RemoteSegment, offset: number): Promise<number> {
    if (offset <= segment.startOffset) return 0
    for (const end of this.ends) {
      if (end.nextOffset === offset && end.segment.id === segment.id) return end.position
    }
    const bytes = await this.options.reader.whole(this.of, segment, 'index')
    return new OffsetIndex(bytes).lookup(offset - segment.startOffset)
  }

  private noteEnd(end: ReadEnd): void {
    this.ends[this.nextEnd] = end
    this.nextEnd = (this.nextEnd + 1) % READ_ENDS_MAX
  }

  private aheadOf(segments: RemoteSegments, segment: RemoteSegment, position: number): void {
    const { reader } = this.options
    if (position < segment.sizeBytes) {
      reader.readAhead(this.of, segment, position)
      return
    }
    const next = segments.segmentAfter(segment.endOffset)
    if (next) reader.readAhead(this.of, next, 0)
  }

  // ---------------------------------------------------------------- transactions

  /** From the archive as far as it alone has them, then from the segments on disk. */
  private async abortedBetween(
    segments: RemoteSegments,
    first: RemoteSegment,
    from: number,
    to: number,
  ): Promise<readonly AbortedTransaction[]> {
    const { log, reader } = this.options
    const aborted: AbortedTransaction[] = []
    let segment: RemoteSegment | undefined = first
    // Segments leave the disk meanwhile: asked anew each time.
    while (segment && segment.startOffset < log.localLogStartOffset) {
      if (!segment.isTxnIndexEmpty) {
        const bytes = await reader.whole(this.of, segment, 'txnindex')
        const entries = decodeTransactionIndex(bytes)
        if (!entries) throw this.corrupt(segment, 0, 'its transaction index does not parse')
        for (const entry of entries) {
          if (entry.lastOffset >= from && entry.firstOffset < to) aborted.push(entry)
          // Everything below was decided by then: later markers concern later records.
          if (entry.lastStableOffset >= to) return aborted
        }
      }
      segment = segments.segmentAfter(segment.startOffset)
    }
    const localStart = log.localLogStartOffset
    return aborted
      .filter(({ lastOffset }) => lastOffset < localStart)
      .concat(log.abortedTransactions(localStart, to))
  }

  // ---------------------------------------------------------------- time

  offsetForTimestamp(timestamp: number): Promise<TimestampOffset | undefined> {
    const { log, searchMsMax } = this.options
    return this.within(searchMsMax(), this.search(timestamp), () => {
      throw new StorageError('REQUEST_TIMED_OUT', `${log.name}: the archive does not answer`)
    }).catch((error: unknown) => {
      throw this.asAnswer(error, log.logStartOffset)
    })
  }

  private async search(timestamp: number): Promise<TimestampOffset | undefined> {
    const { log } = this.options
    for (const segment of [...(await this.load()).segments]) {
      if (segment.maxTimestampMs < timestamp || segment.endOffset < log.logStartOffset) continue
      if (segment.startOffset >= log.localLogStartOffset) return undefined
      try {
        const found = await this.findInSegment(segment, timestamp)
        if (found) return found
      } catch (error) {
        // Segments expire meanwhile; the first that is left goes on.
        if (!isObjectMissing(error) || segment.endOffset >= log.logStartOffset) throw error
      }
    }
    return undefined
  }

  private async findInSegment(
    segment: RemoteSegment,
    timestamp: number,
  ): Promise<TimestampOffset | undefined> {
    const { reader, log, recordTools } = this.options
    const times = new TimeIndex(await reader.whole(this.of, segment, 'timeindex'))
    const { logStartOffset } = log
    const relative = Math.max(times.lookupBefore(timestamp), logStartOffset - segment.startOffset)
    const index = new OffsetIndex(await reader.whole(this.of, segment, 'index'))
    let found: TimestampOffset | undefined
    const isWanted = (chunk: Buffer, at: number) =>
      found === undefined &&
      maxTimestampOf(chunk, at) >= timestamp &&
      lastOffsetOf(chunk, at) >= logStartOffset
    const range = {
      from: index.lookup(relative),
      end: segment.sizeBytes,
      nextOffset: 0,
      until: () => found !== undefined,
    }
    const file = { readAsync: this.readerOf(segment) }
    const scanned = await scanBatches(file, range, {
      needsBody: isWanted,
      visit: (chunk, at) => {
        if (!isWanted(chunk, at)) return
        const batch = chunk.subarray(at, at + batchSizeOf(chunk, at))
        found = findInBatch(recordTools, batch, timestamp, logStartOffset)
      },
    })
    if (found === undefined && scanned.fault !== undefined) {
      throw this.corrupt(segment, scanned.position, scanned.fault)
    }
    return found
  }

  /** The segment as a file. */
  private readerOf(segment: RemoteSegment) {
    return async (target: Buffer, position: number): Promise<number> => {
      const to = Math.min(position + target.length, segment.sizeBytes)
      if (to <= position) return 0
      const { bytes, release } = await this.options.reader.bytes(this.of, segment, position, to)
      const copied = bytes.copy(target)
      release()
      return copied
    }
  }

  /** An error of the store as a client is told it. */
  private asAnswer(error: unknown, offset: number): unknown {
    const { log } = this.options
    if (isObjectMissing(error) && offset < log.logStartOffset) return outOfRange(offset, log)
    if (error instanceof StorageError || !(error instanceof Error && 'code' in error)) return error
    const message = `${log.name}: the archive cannot be read: ${messageOf(error)}`
    return new StorageError('KAFKA_STORAGE_ERROR', message, error)
  }
}

function outOfRange(offset: number, log: PartitionLog): StorageError {
  const { logStartOffset, logEndOffset } = log
  const message = `Offset ${offset} is outside of ${logStartOffset} to ${logEndOffset}`
  return new StorageError('OFFSET_OUT_OF_RANGE', message)
}
