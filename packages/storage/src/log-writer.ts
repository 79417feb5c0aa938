/**
 * The way of one partition's appends to the disk: what is pending, what the running round of group
 * commit has taken, and how it is written.
 *
 *   add / seal  ->  pending  -- take -->  taken  -- write -->  durable
 *
 * A part is what goes to one segment. Nearly every round has one part, written with one gathered
 * write and one sync. When the log rolled in between there are several, and then order matters:
 * the old segment is written, synced and sealed (indexes, producer snapshot) before the first byte
 * of the new one, so that a crash never leaves a new segment behind a gap.
 */
import { encodeEpochCheckpoint } from './checkpoint-file.ts'
import { type RoundShape, WriteError } from './committer.ts'
import {
  type FileHandle,
  replaceFile,
  replaceUnsynced,
  writeAndSync,
  writeFully,
  writeFullyAsync,
} from './file-system.ts'
import type { LeaderEpochCache } from './leader-epoch-cache.ts'
import type { LogContext } from './log-context.ts'
import { offsetFileName, type Segment } from './segment.ts'
import type { PlacedBatch, Slab } from './slab-memory.ts'
import { encodeTransactionIndex } from './transaction-index.ts'

/** Files that are written when a segment is sealed. */
interface Seal {
  readonly nextOffset: number
  readonly producerSnapshot: Buffer
}

interface SegmentPart {
  readonly segment: Segment
  readonly buffers: Buffer[]
  /** Where the buffers lie, held until they are written. */
  readonly slabs: Slab[]
  readonly position: number
  bytes: number
  seal: Seal | undefined
  /** The whole transaction index, when this part changed it. */
  abortedBytes: Buffer | undefined
}

export class LogWriter {
  private pending: SegmentPart[] = []
  private taken: SegmentPart[] = []
  private pendingBytes = 0
  private readonly context: LogContext
  private readonly directory: string
  private readonly epochs: LeaderEpochCache

  constructor(context: LogContext, directory: string, epochs: LeaderEpochCache) {
    this.context = context
    this.directory = directory
    this.epochs = epochs
  }

  get hasPending(): boolean {
    return this.pending.length > 0
  }

  /** `position` is where the batch will lie in the segment. */
  add(segment: Segment, { bytes, slab }: PlacedBatch, position: number): void {
    const part = this.partOf(segment, position)
    part.buffers.push(bytes)
    if (part.slabs.at(-1) !== slab) {
      slab.retain()
      part.slabs.push(slab)
    }
    part.bytes += bytes.length
    this.pendingBytes += bytes.length
  }

  noteAborted(segment: Segment, position: number): void {
    const entries = segment.abortedTransactions(this.context.fileSystem)
    this.partOf(segment, position).abortedBytes = encodeTransactionIndex(entries)
  }

  seal(segment: Segment, nextOffset: number, producerSnapshot: Buffer): void {
    this.partOf(segment, segment.size).seal = { nextOffset, producerSnapshot }
  }

  /** Makes sure that a round creates the segment's file even when nothing is appended. */
  touch(segment: Segment): void {
    this.partOf(segment, segment.size)
  }

  take(): number {
    const bytes = this.pendingBytes
    this.taken = this.pending
    this.pending = []
    this.pendingBytes = 0
    return bytes
  }

  /** Forgets what was taken and what is pending. */
  clear(): void {
    this.taken = []
    this.pending = []
    this.pendingBytes = 0
  }

  /** Writes what was taken; `mustSync` makes it durable too. */
  async write(round: RoundShape, mustSync: boolean): Promise<void> {
    for (const part of this.taken) await this.writePart(part, round, mustSync)
    if (this.epochs.isDirty) await this.writeEpochs()
    this.taken = []
  }

  async writeEpochs(): Promise<void> {
    this.epochs.isDirty = false
    const bytes = encodeEpochCheckpoint(this.epochs.entries)
    const path = `${this.directory}/leader-epoch-checkpoint`
    try {
      await asWrite(() => replaceFile(this.context.fileSystem, path, bytes))
    } catch (error) {
      this.epochs.isDirty = true
      throw error
    }
  }

  private partOf(segment: Segment, position: number): SegmentPart {
    const last = this.pending.at(-1)
    if (last?.segment === segment) return last
    const part: SegmentPart = {
      segment,
      buffers: [],
      slabs: [],
      position,
      bytes: 0,
      seal: undefined,
      abortedBytes: undefined,
    }
    this.pending.push(part)
    return part
  }

  private async writePart(part: SegmentPart, round: RoundShape, mustSync: boolean): Promise<void> {
    const { segment } = part
    const { isSmall, isAlone } = round
    const file = this.acquire(segment)
    try {
      if (part.bytes > 0) await this.writeBytes(file, part, isSmall)
      if (mustSync && part.bytes > 0) await file.sync(isSmall && isAlone)
      if (!segment.isCreated) {
        if (mustSync) await this.context.directorySyncs.sync(this.directory)
        segment.isCreated = true
      }
      if (part.abortedBytes) {
        await this.writeSide(segment.path('txnindex'), part.abortedBytes, mustSync)
      }
    } finally {
      this.context.openFiles.release(segment)
    }
    if (part.seal) await this.writeSeal(segment, part.seal, mustSync)
  }

  private acquire(segment: Segment): FileHandle {
    try {
      return this.context.openFiles.acquire(segment)
    } catch (error) {
      throw new WriteError(error)
    }
  }

  private async writeBytes(file: FileHandle, part: SegmentPart, isSmall: boolean): Promise<void> {
    try {
      if (isSmall) writeFully(file, part.buffers, part.position)
      else await writeFullyAsync(file, part.buffers, part.position)
    } catch (error) {
      // The slabs stay held: what was not written may still be wanted, and garbage is safe.
      throw new WriteError(error)
    }
    for (const slab of part.slabs) slab.release()
  }

  /** Indexes, snapshot and their names; afterwards the segment is never written again. */
  async writeSeal(segment: Segment, seal: Seal, mustSync: boolean): Promise<void> {
    const { fileSystem } = this.context
    const snapshot = `${this.directory}/${offsetFileName(seal.nextOffset, 'snapshot')}`
    if (!mustSync) {
      // Policy `os`: the sealed segment reaches the disk now, or at the latest with the close.
      const file = this.acquire(segment)
      await file.sync().finally(() => this.context.openFiles.release(segment))
    }
    await asWrite(async () => {
      const offsets = segment.offsetIndex(fileSystem).bytes()
      await writeAndSync(fileSystem, segment.path('index'), offsets)
      const times = segment.timeIndex(fileSystem).bytes()
      await writeAndSync(fileSystem, segment.path('timeindex'), times)
      await replaceUnsynced(fileSystem, snapshot, seal.producerSnapshot)
    })
    await this.context.directorySyncs.sync(this.directory)
  }

  private async writeSide(path: string, bytes: Buffer, mustSync: boolean): Promise<void> {
    await asWrite(() => writeAndSync(this.context.fileSystem, path, bytes))
    if (mustSync) await this.context.directorySyncs.sync(this.directory)
  }
}

/** Small files are rewritten whole at the next try, so a full disk while making them may be met. */
async function asWrite(write: () => Promise<void>): Promise<void> {
  try {
    await write()
  } catch (error) {
    if (error instanceof WriteError) throw error
    throw new WriteError(error)
  }
}
