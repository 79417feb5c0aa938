/**
 * Reads of one partition: whole batches, the first of which contains the offset asked for.
 *
 * HOT: guarded by bench/micro/storage-append.bench.ts
 *
 * Batches that were just appended come from the tail cache, synchronously and without a copy. Older
 * ones are read with one pread of the size asked for, into a buffer that goes to the socket as it
 * is. Both are lent: memory is used again once the reader has released it. Where to read comes from
 * the place at which the last reader stopped (consumers read on), else from the offset index, and
 * then a few headers are stepped over inside the buffer.
 *
 * Bytes that were on disk before this process began are checked against their checksum when they
 * are read first; what was appended since was checked then.
 */
import {
  BATCH_OVERHEAD,
  baseOffsetOf,
  batchHeaderFault,
  batchSizeOf,
  isBatchCrcValid,
  lastOffsetOf,
} from '@ottla/protocol'
import { asStorageError, CorruptRecordError, StorageError } from './errors.ts'
import { readFullyAsync } from './file-system.ts'
import type { IndexCache } from './index-cache.ts'
import type { LogContext } from './log-context.ts'
import type { LogState } from './log-state.ts'
import type { Segment } from './segment.ts'
import type { TailBatches, TailRead } from './tail-cache.ts'
import type { AbortedTransaction } from './transaction-index.ts'

export type ReadUpTo = 'high-watermark' | 'last-stable-offset' | 'log-end'

export interface ReadOptions {
  readonly bytesMax: number
  readonly upTo: ReadUpTo
  /** Return the first batch even when it is larger than `bytesMax`. */
  readonly atLeastOneBatch: boolean
}

export interface ReadResult {
  readonly chunks: readonly Buffer[]
  readonly size: number
  /** With `last-stable-offset`: aborted transactions that overlap what was read. Else null. */
  readonly abortedTransactions: readonly AbortedTransaction[] | null
  /**
   * Gives the memory of the chunks back, to be called at most once and when nobody reads them any
   * more. Whoever keeps them does not call it.
   */
  readonly release: () => void
}

type ReadLog = (offset: number, options: ReadOptions) => ReadResult | Promise<ReadResult>

interface Range {
  readonly offset: number
  readonly endOffset: number
  readonly bytesMax: number
  readonly atLeastOneBatch: boolean
}

/** Where a reader stopped. */
interface ReadEnd {
  readonly nextOffset: number
  readonly segment: Segment
  readonly position: number
}

const noRelease = (): void => {}
const NOTHING: ReadResult = {
  chunks: [],
  size: 0,
  abortedTransactions: null,
  release: noRelease,
}
const NO_ABORTED: readonly AbortedTransaction[] = []
/** Read in front of the wanted batch when the place comes from the index. */
const SLACK_BYTES = 8 * 1024
const READ_ENDS_MAX = 8
/** A fetch may ask for 2 GiB; one pread takes no more than this unless a single batch is larger. */
const READ_BYTES_MAX = 16 * 1024 * 1024

export class LogReader {
  private readonly ends: ReadEnd[] = []
  private nextEnd = 0
  private readonly context: LogContext
  private readonly state: LogState
  private readonly tail: TailBatches
  private readonly indexCache: IndexCache
  private readonly readAgain: ReadLog

  /** `readAgain` reads as the log does, be it here or from an archive. */
  constructor(context: LogContext, state: LogState, tail: TailBatches, readAgain: ReadLog) {
    this.context = context
    this.state = state
    this.tail = tail
    this.indexCache = context.indexCache
    this.readAgain = readAgain
  }

  read(offset: number, options: ReadOptions): ReadResult | Promise<ReadResult> {
    const { state } = this
    if (offset < state.logStartOffset) throw outOfRange(offset, state)
    const endOffset = this.endOffsetFor(options.upTo)
    if (offset >= endOffset) {
      if (offset > state.logEndOffset) throw outOfRange(offset, state)
      return NOTHING
    }
    const isCommitted = options.upTo === 'last-stable-offset'
    const { bytesMax, atLeastOneBatch } = options
    const cached = this.tail.read(offset, endOffset, bytesMax, atLeastOneBatch)
    if (cached) {
      this.context.counters.tailReads++
      return this.result(offset, cached, isCommitted)
    }
    const range = { offset, endOffset, bytesMax, atLeastOneBatch }
    return this.readFile(range, isCommitted).catch((error: unknown) => {
      const failure = asStorageError(error, `read of offset ${offset}`)
      if (failure !== error) this.context.logger.error('read failed', { error })
      throw failure
    })
  }

  private endOffsetFor(upTo: ReadUpTo): number {
    const { state } = this
    if (upTo === 'high-watermark') return state.highWatermark
    return upTo === 'log-end' ? state.logEndOffset : state.lastStableOffset
  }

  private result(offset: number, cached: TailRead, isCommitted: boolean): ReadResult {
    const { chunks, size, slabs } = cached
    const last = chunks[chunks.length - 1]
    if (!last) return NOTHING
    for (const slab of slabs) slab.retain()
    return {
      chunks,
      size,
      abortedTransactions: isCommitted ? this.abortedBetween(offset, lastOffsetOf(last) + 1) : null,
      release: () => {
        for (const slab of slabs) slab.release()
      },
    }
  }

  private async readFile(range: Range, isCommitted: boolean): Promise<ReadResult> {
    this.context.counters.fileReads++
    const corrupt = this.state.corruptRangeAt(range.offset)
    if (corrupt) throw new CorruptRecordError(corrupt.file, corrupt.position, corrupt.reason)
    const { segments } = this.state
    let segment = segments[this.state.segmentIndexFor(range.offset)]
    for (;;) {
      if (!segment || segment.baseOffset >= range.endOffset) return NOTHING
      const found = await this.readSegment(segment, range)
      if (found) {
        const { bytes, memory } = found
        if (isCommitted && !this.state.has(segment)) {
          // Its transaction index has left with it, or was replaced by one of fewer entries.
          this.context.readPool.give(memory)
          const { offset, bytesMax, atLeastOneBatch } = range
          return this.readAgain(offset, { bytesMax, upTo: 'last-stable-offset', atLeastOneBatch })
        }
        const aborted = isCommitted ? this.abortedBetween(range.offset, found.nextOffset) : null
        return {
          chunks: [bytes],
          size: bytes.length,
          abortedTransactions: aborted,
          release: () => this.context.readPool.give(memory),
        }
      }
      if (found === null) return NOTHING
      // The segment ends below the offset (compaction, a gap): the next one goes on. Looked up by
      // offset, because retention may have removed segments meanwhile.
      const { baseOffset }: Segment = segment
      segment = segments.find((next) => next.baseOffset > baseOffset)
    }
  }

  /** undefined: nothing at or behind the offset here. null: the first batch is too large. */
  private async readSegment(segment: Segment, range: Range) {
    const end = this.state.durableSizeOf(segment)
    let position = this.placeOf(segment, range.offset)
    const file = this.context.openFiles.acquire(segment)
    try {
      let size = Math.min(range.bytesMax, READ_BYTES_MAX) + SLACK_BYTES
      while (position < end) {
        const wanted = Math.min(Math.max(size, BATCH_OVERHEAD), end - position)
        const memory = this.context.readPool.take(wanted)
        const chunk = memory.subarray(0, wanted)
        const read = await readFullyAsync(file, chunk, position)
        if (read < chunk.length) {
          throw this.corrupt(segment, position + read, 'the file ends early')
        }
        const walk = this.walk(segment, chunk, position, range)
        if (walk.kind === 'found') return { ...walk, memory }
        this.context.readPool.give(memory)
        if (walk.kind === 'too-large') return null
        if (walk.kind === 'end') return undefined
        position = walk.position
        size = Math.max(walk.size, size)
      }
      return undefined
    } finally {
      this.context.openFiles.release(segment)
    }
  }

  /** Steps over the batches in a chunk that was read from `position`. */
  private walk(segment: Segment, chunk: Buffer, position: number, range: Range) {
    const { offset, endOffset, bytesMax } = range
    const end = this.state.durableSizeOf(segment) - position
    let at = 0
    let from = -1
    let nextOffset = offset
    while (at + BATCH_OVERHEAD <= chunk.length) {
      const fault = batchHeaderFault(chunk, at, end - at)
      if (fault !== undefined) {
        if (from >= 0) break
        throw this.corrupt(segment, position + at, fault)
      }
      const size = batchSizeOf(chunk, at)
      const lastOffset = lastOffsetOf(chunk, at)
      if (baseOffsetOf(chunk, at) >= endOffset) {
        if (from < 0) return { kind: 'too-large' } as const
        break
      }
      if (lastOffset >= offset) {
        const isFirst = from < 0
        if ((isFirst ? 0 : at - from) + size > bytesMax && !(isFirst && range.atLeastOneBatch)) {
          if (isFirst) return { kind: 'too-large' } as const
          break
        }
        if (at + size > chunk.length) {
          if (isFirst) return { kind: 'more', position: position + at, size } as const
          break
        }
        if (!this.isIntact(segment, chunk, at, position)) {
          if (!isFirst) break
          throw this.corrupt(segment, position + at, 'checksum does not agree')
        }
        if (isFirst) from = at
        nextOffset = lastOffset + 1
      }
      at += size
    }
    if (from >= 0) {
      this.noteEnd({ nextOffset, segment, position: position + at })
      return { kind: 'found', bytes: chunk.subarray(from, at), nextOffset } as const
    }
    if (at >= end || chunk.length === 0) return { kind: 'end' } as const
    return { kind: 'more', position: position + at, size: BATCH_OVERHEAD } as const
  }

  private isIntact(segment: Segment, chunk: Buffer, at: number, position: number): boolean {
    const place = position + at
    if (place >= segment.unverifiedEnd || place < segment.unverifiedStart) return true
    if (!isBatchCrcValid(chunk, at)) return false
    if (place === segment.unverifiedStart) segment.unverifiedStart += batchSizeOf(chunk, at)
    return true
  }

  private corrupt(segment: Segment, position: number, reason: string): CorruptRecordError {
    this.context.counters.corruptReads++
    const error = new CorruptRecordError(segment.path('log'), position, reason)
    this.context.logger.error('corrupt record batch met by a read', { error })
    return error
  }

  private placeOf(segment: Segment, offset: number): number {
    for (const end of this.ends) {
      if (end.nextOffset === offset && end.segment === segment) return end.position
    }
    const place = segment.offsetIndex(this.context.fileSystem).lookup(offset - segment.baseOffset)
    if (segment !== this.state.activeSegment) this.indexCache.touch(segment)
    return place
  }

  private noteEnd(end: ReadEnd): void {
    this.ends[this.nextEnd] = end
    this.nextEnd = (this.nextEnd + 1) % READ_ENDS_MAX
  }

  /** The log was cut or segments went away: places that were noted may be wrong. */
  forgetPlaces(): void {
    this.ends.length = 0
    this.nextEnd = 0
  }

  abortedBetween(fromOffset: number, endOffset: number): readonly AbortedTransaction[] {
    let aborted: AbortedTransaction[] | undefined
    const { segments } = this.state
    for (let i = this.state.segmentIndexFor(fromOffset); i < segments.length; i++) {
      const entries = (segments[i] as Segment).abortedTransactions(this.context.fileSystem)
      for (const entry of entries) {
        if (entry.lastOffset >= fromOffset && entry.firstOffset < endOffset) {
          aborted ??= []
          aborted.push(entry)
        }
        // Everything below this offset was decided by then: later markers concern later records.
        if (entry.lastStableOffset >= endOffset) return aborted ?? NO_ABORTED
      }
    }
    return aborted ?? NO_ABORTED
  }
}

function outOfRange(offset: number, state: LogState): StorageError {
  const { logStartOffset, logEndOffset } = state
  return new StorageError(
    'OFFSET_OUT_OF_RANGE',
    `Offset ${offset} is outside of ${logStartOffset} to ${logEndOffset}`,
  )
}
