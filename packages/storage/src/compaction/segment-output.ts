/**
 * The files of a segment that a cleaning makes: `.log.cleaned` and the indexes beside it, written
 * in large pieces, complete and on disk when `finish` has resolved. They are synced while they
 * grow, so that no producer's sync has to wait behind a whole segment.
 */
import { type FileHandle, type FileSystem, writeAndSync, writeFully } from '../file-system.ts'
import { Segment, type SegmentFile } from '../segment.ts'
import { type AbortedTransaction, encodeTransactionIndex } from '../transaction-index.ts'

const PIECE = 1024 * 1024
/** Bytes between two syncs of a file that grows. */
const SYNC_BYTES = 4 * PIECE

/** A file of a segment that is not part of the log yet. */
export const CLEANED = '.cleaned'

export class SegmentOutput {
  private readonly fileSystem: FileSystem
  private readonly segment: Segment
  private readonly indexIntervalBytes: number
  private readonly aborted: AbortedTransaction[] = []
  private file: FileHandle | undefined
  private readonly pending = Buffer.allocUnsafeSlow(PIECE)
  private pendingBytes = 0
  private written = 0
  private syncedTo = 0
  private syncing: Promise<void> | undefined

  constructor(
    fileSystem: FileSystem,
    directory: string,
    baseOffset: number,
    indexIntervalBytes: number,
  ) {
    this.fileSystem = fileSystem
    this.segment = new Segment(directory, baseOffset, { createdMs: 0, isNew: true })
    this.indexIntervalBytes = indexIntervalBytes
    this.file = fileSystem.open(this.path('log'), 'write')
    // A cleaning that was given up may have left one.
    if (this.file.size() > 0) this.file.truncate(0)
  }

  get size(): number {
    return this.segment.size
  }

  /** Adds a batch; its bytes are copied or written before this returns. */
  write(batch: Buffer): void {
    this.segment.noteBatch(batch, 0, this.segment.size, this.indexIntervalBytes)
    if (this.pendingBytes + batch.length > PIECE) this.flush()
    if (batch.length > PIECE) this.put(batch)
    else this.pendingBytes += batch.copy(this.pending, this.pendingBytes)
  }

  /**
   * Keeps what is not on disk yet small: begins to sync when enough was written, once the sync
   * before has ended.
   */
  async pace(): Promise<void> {
    if (this.written - this.syncedTo < SYNC_BYTES) return
    await this.syncing
    this.syncedTo = this.written
    this.syncing = this.file?.sync()
    this.syncing?.catch(() => {
      // Whoever awaits it next, at the latest `finish`, is told.
    })
  }

  noteAborted(transaction: AbortedTransaction): void {
    this.aborted.push(transaction)
  }

  async finish(modifiedMs: number): Promise<void> {
    const { fileSystem, segment } = this
    this.flush()
    await this.syncing
    await this.file?.sync()
    await this.close()
    segment.noteMaxTimestamp()
    fileSystem.setModified(this.path('log'), modifiedMs)
    await writeAndSync(fileSystem, this.path('index'), segment.offsetIndex(fileSystem).bytes())
    await writeAndSync(fileSystem, this.path('timeindex'), segment.timeIndex(fileSystem).bytes())
    const aborted = encodeTransactionIndex(this.aborted)
    if (aborted.length > 0) await writeAndSync(fileSystem, this.path('txnindex'), aborted)
    else if (fileSystem.stat(this.path('txnindex'))) fileSystem.unlink(this.path('txnindex'))
  }

  async close(): Promise<void> {
    const { file } = this
    this.file = undefined
    // Not before a sync has ended: the number of the file may be another's by then.
    await this.syncing?.catch(() => undefined)
    file?.close()
  }

  private flush(): void {
    if (this.pendingBytes === 0) return
    this.put(this.pending.subarray(0, this.pendingBytes))
    this.pendingBytes = 0
  }

  private put(bytes: Buffer): void {
    if (!this.file) return
    writeFully(this.file, [bytes], this.written)
    this.written += bytes.length
  }

  private path(suffix: SegmentFile): string {
    return `${this.segment.path(suffix)}${CLEANED}`
  }
}
