/**
 * One cleaning of one log: of records with the same key only the newest stays.
 *
 *   segments   [ cleaned before ........ | dirty ............. ] active, or too young
 *                                        ^ firstDirtyOffset     ^ endOffset
 *   1. the dirty part is read, and the newest offset of each key noted (KeyOffsets)
 *   2. everything from the beginning is read once more and written to new segments without the
 *      records that have a newer one; small neighbours are merged into one. Records cleaned before
 *      are looked up by key, dirty ones by offset (OffsetSet) while that takes little memory
 *
 * Works on files that nobody writes any more, so it may run beside the log, in another thread. What
 * it makes are `.cleaned` files that mean nothing yet; `onGroup` has the log take them over, and
 * waits for that, so that no more than one segment is on disk twice.
 *
 * When the keys do not fit into memory the dirty part is covered as far as they do, and `cleanedTo`
 * says where the next pass begins.
 */
import {
  batchSizeOf,
  isCodecReady,
  lastOffsetOf,
  loadCodec,
  RecordBatch,
  type RecordCursor,
  recordsCountOf,
} from '@ottla/protocol'
import { readEndTransaction } from '../control-record.ts'
import { StorageError } from '../errors.ts'
import type { FileSystem } from '../file-system.ts'
import { offsetFileName } from '../segment.ts'
import { scanBatches } from '../segment-scan.ts'
import type { AbortedTransaction } from '../transaction-index.ts'
import { CleanedTransactions } from './cleaned-transactions.ts'
import { filterBatch } from './filter-batch.ts'
import { KeyOffsets } from './key-offsets.ts'
import { OffsetSet } from './offset-set.ts'
import { SegmentOutput } from './segment-output.ts'
import type { Throttle } from './throttle.ts'

/** A segment to be cleaned, as its log knows it. */
export interface SourceSegment {
  readonly baseOffset: number
  readonly size: number
  readonly indexBytes: number
  /** When the newest record was written, for the new file's date. */
  readonly modifiedMs: number
}

/** The last batch that a producer is known by: it must stay, if need be without records. */
export interface ActiveProducer {
  readonly producerId: number
  readonly producerEpoch: number
  /** Last offset of its last batch, or -1 when only a marker is left. */
  readonly lastOffset: number
}

/** Everything a cleaning needs to know. Plain data: it may go to another thread. */
export interface CleaningJob {
  readonly directory: string
  readonly segments: readonly SourceSegment[]
  readonly firstDirtyOffset: number
  /** Base offset of the first segment that is left alone. */
  readonly endOffset: number
  /** The batch right below it stays, if need be without records. */
  readonly highWatermark: number
  readonly aborted: readonly AbortedTransaction[]
  readonly producers: readonly ActiveProducer[]
  readonly nowMs: number
  readonly deleteRetentionMs: number
  readonly segmentBytes: number
  readonly segmentIndexBytes: number
  readonly indexIntervalBytes: number
  readonly keysBytesMax: number
  readonly keysLoadFactor: number
  readonly seed: number
  /** Infinity is no limit. */
  readonly bytesPerSecondMax: number
}

/** Segments that one new one stands for; its files are complete and synced. */
export interface CleanedGroup {
  readonly sources: readonly number[]
  readonly size: number
  readonly bytesBefore: number
  readonly recordsBefore: number
  readonly records: number
}

export interface CleaningIo {
  readonly fileSystem: FileSystem
  readonly throttle: Throttle
  /** The log takes the group over; false when it has changed meanwhile and the rest is in vain. */
  readonly onGroup: (group: CleanedGroup) => Promise<boolean>
  /** Asked between batches: the cleaning shall end early. */
  readonly isStopped: () => boolean
}

export interface CleaningResult {
  /** Everything below was cleaned; undefined when the cleaning did not come to its end. */
  readonly cleanedTo: number | undefined
  readonly keys: number
  /** Memory held for the keys and their offsets. */
  readonly keyBytes: number
}

export async function cleanLog(job: CleaningJob, io: CleaningIo): Promise<CleaningResult> {
  const cleaning = new Cleaning(job, io)
  return await cleaning.run()
}

type VisitBatch = (chunk: Buffer, at: number) => void

/** What is thrown to leave a scan when the cleaning is stopped. */
const STOPPED = new StorageError('KAFKA_STORAGE_ERROR', 'The cleaning was stopped')

class Cleaning {
  private readonly job: CleaningJob
  private readonly io: CleaningIo
  private readonly keys: KeyOffsets
  private readonly transactions = new CleanedTransactions()
  private readonly producers: ReadonlyMap<number, ActiveProducer>
  /** Records above are newer than what the keys tell: they stay. */
  private mappedTo: number
  /** Dirty records that are the newest of their key; undefined when it would be too large. */
  private newest: OffsetSet | undefined
  private recordsBefore = 0
  private records = 0

  constructor(job: CleaningJob, io: CleaningIo) {
    this.job = job
    this.io = io
    this.mappedTo = job.firstDirtyOffset - 1
    this.keys = new KeyOffsets({
      bytesMax: job.keysBytesMax,
      loadFactor: job.keysLoadFactor,
      seed: job.seed,
    })
    this.producers = new Map(job.producers.map((producer) => [producer.producerId, producer]))
  }

  async run(): Promise<CleaningResult> {
    try {
      await this.mapKeys()
      this.newest = this.newestOffsets()
      let isCurrent = true
      this.transactions.add(this.job.aborted)
      for (const group of this.groups()) {
        isCurrent &&= await this.cleanGroup(group)
      }
      return this.result(isCurrent ? this.mappedTo + 1 : undefined)
    } catch (error) {
      if (error !== STOPPED) throw error
      return this.result(undefined)
    }
  }

  private result(cleanedTo: number | undefined): CleaningResult {
    return {
      cleanedTo,
      keys: this.keys.count,
      keyBytes: this.keys.bytes + (this.newest?.bytes ?? 0),
    }
  }

  // ---------------------------------------------------------------- the keys

  private async mapKeys(): Promise<void> {
    const { segments, firstDirtyOffset, endOffset, aborted } = this.job
    const transactions = new CleanedTransactions()
    transactions.add(aborted.filter((transaction) => transaction.lastOffset >= firstDirtyOffset))
    for (const [i, segment] of segments.entries()) {
      const nextBase = segments[i + 1]?.baseOffset ?? endOffset
      if (nextBase <= firstDirtyOffset) continue
      let isFull = false
      await this.eachBatch(
        segment,
        (chunk, at) => {
          isFull ||= !this.mapBatch(chunk, at, transactions)
        },
        { until: () => isFull },
      )
      if (isFull) {
        if (this.mappedTo >= firstDirtyOffset) return
        throw new StorageError(
          'KAFKA_STORAGE_ERROR',
          'The keys of one batch do not fit into log.cleaner.dedupe.buffer.size; raise it',
        )
      }
      this.mappedTo = nextBase - 1
    }
  }

  /** False when a key found no room. */
  private mapBatch(chunk: Buffer, at: number, transactions: CleanedTransactions): boolean {
    const { firstDirtyOffset } = this.job
    const batch = new RecordBatch(chunk, at)
    const { lastOffset } = batch
    if (batch.isControl) {
      transactions.endAt(chunk, at, lastOffset, this.isAbortAt(chunk, at))
    } else if (!transactions.isAborted(chunk, at, lastOffset, batch.isTransactional)) {
      if (lastOffset >= firstDirtyOffset && !this.mapRecords(batch)) return false
    }
    if (lastOffset >= firstDirtyOffset) this.mappedTo = lastOffset
    return true
  }

  private mapRecords(batch: RecordBatch): boolean {
    const cursor = batch.cursor()
    while (cursor.next()) {
      const { keySize, offset } = cursor
      if (keySize < 0 || offset < this.job.firstDirtyOffset) continue
      if (!this.keys.set(cursor.bytes, cursor.keyPosition, keySize, offset)) return false
    }
    return true
  }

  private newestOffsets(): OffsetSet | undefined {
    const { firstDirtyOffset, keysBytesMax } = this.job
    const bytes = OffsetSet.bytesFor(firstDirtyOffset, this.mappedTo)
    if (bytes > keysBytesMax * OFFSETS_SHARE) return undefined
    const newest = new OffsetSet(firstDirtyOffset, this.mappedTo)
    this.keys.forEachOffset((offset) => newest.add(offset))
    return newest
  }

  private isAbortAt(chunk: Buffer, at: number): boolean | undefined {
    return readEndTransaction(chunk.subarray(0, at + batchSizeOf(chunk, at)), at)?.isAbort
  }

  // ---------------------------------------------------------------- the new segments

  /** Neighbours that fit into one segment together. */
  private groups(): SourceSegment[][] {
    const { segments, segmentBytes, segmentIndexBytes, endOffset } = this.job
    const wanted = segments.filter((segment) => segment.baseOffset <= this.mappedTo)
    const groups: SourceSegment[][] = []
    let [bytes, indexBytes] = [0, 0]
    for (const [i, segment] of wanted.entries()) {
      const group = groups.at(-1)
      const lastOffset = (segments[i + 1]?.baseOffset ?? endOffset) - 1
      bytes += segment.size
      indexBytes += segment.indexBytes
      const fits =
        group !== undefined &&
        bytes <= segmentBytes &&
        indexBytes <= segmentIndexBytes &&
        lastOffset - (group[0] as SourceSegment).baseOffset <= 0x7fff_ffff
      if (fits) group.push(segment)
      else {
        groups.push([segment])
        bytes = segment.size
        indexBytes = segment.indexBytes
      }
    }
    return groups
  }

  /** False when the log has changed, and what was made is in vain. */
  private async cleanGroup(group: readonly SourceSegment[]): Promise<boolean> {
    const output = this.outputAt(group[0] as SourceSegment)
    ;[this.recordsBefore, this.records] = [0, 0]
    // Segments of which nothing stays, at the end of the group.
    let vanished: SourceSegment[] = []
    try {
      for (const segment of group) {
        const sizeBefore = output.size
        const visit: VisitBatch = (chunk, at) => {
          this.cleanBatch(new RecordBatch(chunk, at), output)
        }
        await this.eachBatch(segment, visit, { between: () => output.pace() })
        const mayMerge = segment === group[0] || segment.size === 0
        if (output.size > sizeBefore) vanished = []
        else if (vanished.length > 0 || !mayMerge) vanished.push(segment)
      }
      const last = group[group.length - 1 - vanished.length] as SourceSegment
      await output.finish(last.modifiedMs)
    } finally {
      await output.close()
    }
    // After a crash the files that a new segment replaces are told by the offsets in it, so one
    // that has left none behind gets an empty successor of its own, and after the others:
    // tombstones in it may have been what hides their records.
    let isTaken = await this.io.onGroup(
      this.groupOf(group.slice(0, group.length - vanished.length), output.size),
    )
    for (const segment of vanished) isTaken &&= await this.replaceByNothing(segment)
    return isTaken
  }

  private async replaceByNothing(segment: SourceSegment): Promise<boolean> {
    const output = this.outputAt(segment)
    await output.finish(segment.modifiedMs)
    ;[this.recordsBefore, this.records] = [0, 0]
    return await this.io.onGroup(this.groupOf([segment], 0))
  }

  private outputAt({ baseOffset }: SourceSegment): SegmentOutput {
    const { directory, indexIntervalBytes } = this.job
    return new SegmentOutput(this.io.fileSystem, directory, baseOffset, indexIntervalBytes)
  }

  private groupOf(sources: readonly SourceSegment[], size: number): CleanedGroup {
    return {
      sources: sources.map((segment) => segment.baseOffset),
      size,
      bytesBefore: sources.reduce((sum, segment) => sum + segment.size, 0),
      recordsBefore: this.recordsBefore,
      records: this.records,
    }
  }

  private cleanBatch(batch: RecordBatch, output: SegmentOutput): void {
    const { nowMs, deleteRetentionMs, highWatermark } = this.job
    const { isIdleMarker, isGone, aborted } = this.fateOf(batch)
    if (aborted) output.noteAborted(aborted)
    const horizon = batch.deleteHorizon
    const staying = filterBatch(batch, {
      keeps: (cursor) => !isGone && (batch.isControl || this.isNewest(cursor, horizon)),
      keepsEmpty: batch.lastOffset + 1 === highWatermark || this.isLastOfProducer(batch),
      newHorizonMs: nowMs + deleteRetentionMs,
      isIdleMarker,
    })
    this.recordsBefore += batch.recordsCount
    if (!staying) return
    this.records += recordsCountOf(staying)
    output.write(staying)
  }

  /** What transactions say of the batch. */
  private fateOf(batch: RecordBatch): {
    readonly isIdleMarker: boolean
    readonly isGone: boolean
    readonly aborted?: AbortedTransaction | undefined
  } {
    const { buffer, position, lastOffset, isTransactional } = batch
    if (!batch.isControl) {
      const isGone = this.transactions.isAborted(buffer, position, lastOffset, isTransactional)
      return { isIdleMarker: false, isGone }
    }
    const isAbort = batch.recordsCount === 0 ? undefined : this.isAbortAt(buffer, position)
    const end = this.transactions.endAt(buffer, position, lastOffset, isAbort)
    const isIdle = !end.isNeeded && batch.recordsCount > 0
    const horizon = batch.deleteHorizon
    const isGone = isIdle && horizon !== undefined && horizon <= this.job.nowMs
    return { isIdleMarker: isIdle, isGone, aborted: end.aborted }
  }

  private isNewest(cursor: RecordCursor, horizon: number | undefined): boolean {
    const { offset, keySize } = cursor
    if (offset > this.mappedTo) return true
    if (keySize < 0) return false
    const isNewest =
      this.newest && offset >= this.job.firstDirtyOffset
        ? this.newest.has(offset)
        : offset >= this.keys.get(cursor.bytes, cursor.keyPosition, keySize)
    if (!isNewest) return false
    return cursor.valueSize >= 0 || horizon === undefined || this.job.nowMs < horizon
  }

  private isLastOfProducer(batch: RecordBatch): boolean {
    const producer = this.producers.get(batch.producerId)
    if (!producer) return false
    if (producer.lastOffset >= 0) return batch.lastOffset === producer.lastOffset
    return batch.isControl && batch.producerEpoch === producer.producerEpoch
  }

  // ---------------------------------------------------------------- reading

  private async eachBatch(
    segment: SourceSegment,
    visit: VisitBatch,
    {
      until = () => false,
      between = async () => {},
    }: { readonly until?: () => boolean; readonly between?: () => Promise<void> } = {},
  ): Promise<void> {
    const { fileSystem, throttle, isStopped } = this.io
    const path = `${this.job.directory}/${offsetFileName(segment.baseOffset, 'log')}`
    const file = fileSystem.open(path, 'read')
    try {
      let position = 0
      let nextOffset = segment.baseOffset
      // In pieces, so that the throttle, a stop and a codec that must be loaded come in between.
      while (position < segment.size && !until()) {
        if (isStopped()) throw STOPPED
        const pieceEnd = position + PIECE
        let codec = 0
        const range = {
          from: position,
          end: segment.size,
          nextOffset,
          until: () => until() || position >= pieceEnd || codec !== 0,
        }
        const end = await scanBatches(file, range, {
          needsBody: () => true,
          visit: (chunk, at, batchPosition) => {
            const size = batchSizeOf(chunk, at)
            codec = unready(chunk, at)
            if (codec !== 0) return
            position = batchPosition + size
            nextOffset = lastOffsetOf(chunk, at) + 1
            visit(chunk, at)
          },
        })
        if (end.fault !== undefined) {
          throw new StorageError('CORRUPT_MESSAGE', `${path} at ${end.position}: ${end.fault}`)
        }
        if (codec !== 0) await loadCodec(codec)
        await between()
        await throttle.took(PIECE)
      }
    } finally {
      file.close()
    }
  }
}

const PIECE = 1024 * 1024
/** Memory for the set of offsets, beside that for the keys, as a share of it. */
const OFFSETS_SHARE = 1 / 8

/** The codec of the batch when it must be loaded first, else 0. */
function unready(chunk: Buffer, at: number): number {
  const { compression } = new RecordBatch(chunk, at)
  return isCodecReady(compression) ? 0 : compression
}
