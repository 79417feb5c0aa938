/**
 * The batches of one read, gathered from the chunks of an archived segment. What lies in one chunk
 * is handed out as a view of it; only a batch that lies across two chunks is copied.
 *
 *   chunks   |------------------|------------------|
 *   batches  ...-|-----|-----|-----|------|-----|-----|-...
 *   given         `--- view --´ `copy´ `-- view --´
 *
 * Chunks are lent: `release` gives them back, once nobody reads what was gathered any more. Every
 * batch is checked against its checksum, since the archive is somebody else's disk; what is good is
 * given though damage lies behind it, so that a reader comes as far as there is something to read.
 */
import {
  BATCH_OVERHEAD,
  batchHeaderFault,
  batchSizeOf,
  isBatchCrcValid,
  lastOffsetOf,
} from '@ottla/protocol'
import type { ReadOptions } from '@ottla/storage'
import type { LentView } from './archive-reader.ts'

/** A fetch may ask for 2 GiB; it gets no more than this unless a single batch is larger. */
const READ_BYTES_MAX = 16 * 1024 * 1024

export class GatheredBatches {
  readonly chunks: Buffer[] = []
  size = 0
  /** Behind the last batch; first the offset asked for. */
  nextOffset: number
  /** Of the segment's file, behind the last batch that was looked at. */
  position: number
  /** So many bytes must be read in a row to go on; 0 for as many as the chunk has. */
  needed = 0
  /** No more is wanted. */
  isDone = false
  private readonly end: number
  private readonly options: Pick<ReadOptions, 'bytesMax' | 'atLeastOneBatch'>
  private readonly lent: LentView[] = []

  constructor(
    from: { readonly offset: number; readonly position: number; readonly end: number },
    options: Pick<ReadOptions, 'bytesMax' | 'atLeastOneBatch'>,
  ) {
    this.nextOffset = from.offset
    this.position = from.position
    this.end = from.end
    this.options = options
  }

  /** Takes what is wanted of the bytes at `position`; returns what is wrong with the first. */
  take(view: LentView): string | undefined {
    const { bytes } = view
    const start = this.position
    let from = -1
    let at = 0
    let fault: string | undefined
    this.needed = 0
    while (!this.isDone && this.needed === 0 && at < bytes.length) {
      const left = this.end - start - at
      const isHeaderHere = at + BATCH_OVERHEAD <= bytes.length
      if (!isHeaderHere && left > bytes.length - at) {
        this.needed = BATCH_OVERHEAD
        break
      }
      fault = isHeaderHere ? batchHeaderFault(bytes, at, left) : 'the segment ends within a header'
      if (fault !== undefined) break
      const size = batchSizeOf(bytes, at)
      if (lastOffsetOf(bytes, at) < this.nextOffset) {
        at += size
        continue
      }
      const before = this.size + (from < 0 ? 0 : at - from)
      if (!this.isAllowed(before, size)) this.isDone = true
      else if (at + size > bytes.length) this.needed = size
      else if (!isBatchCrcValid(bytes, at)) {
        fault = 'checksum does not agree'
        break
      } else {
        if (from < 0) from = at
        this.nextOffset = lastOffsetOf(bytes, at) + 1
        at += size
      }
    }
    this.position = start + at
    if (from >= 0) this.add(view, from, at)
    else view.release()
    if (fault === undefined) return undefined
    this.isDone = true
    return this.size === 0 ? fault : undefined
  }

  private isAllowed(before: number, size: number): boolean {
    const { bytesMax, atLeastOneBatch } = this.options
    if (before === 0) return atLeastOneBatch || size <= bytesMax
    return before + size <= Math.min(bytesMax, READ_BYTES_MAX)
  }

  private add(view: LentView, from: number, to: number): void {
    this.chunks.push(view.bytes.subarray(from, to))
    this.size += to - from
    this.lent.push(view)
  }

  release(): void {
    for (const view of this.lent) view.release()
  }
}
