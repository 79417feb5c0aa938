/**
 * Walks over the batches of a segment file from a position on: headers only, or with the bytes of
 * each batch when the visitor asks. Bodies that nobody wants are jumped over, so that finding the
 * end of a segment of large batches reads little.
 *
 * The walk ends at the first thing that cannot be a batch, and says why; whether that is a torn
 * tail or corruption is the caller's to judge, who knows what had been synced.
 */
import {
  BATCH_OVERHEAD,
  baseOffsetOf,
  batchHeaderFault,
  batchSizeOf,
  isBatchCrcValid,
  lastOffsetDeltaOf,
} from '@ottla/protocol'
import { type FileHandle, readFullyAsync } from './file-system.ts'

const CHUNK = 256 * 1024

export interface ScanVisitor {
  /** Must the whole batch be read and its checksum agree? */
  needsBody(chunk: Buffer, at: number): boolean
  /** One batch; with its body if that was asked for. The chunk is reused afterwards. */
  visit(chunk: Buffer, at: number, position: number): void
}

export interface ScanEnd {
  /** Position behind the last good batch. */
  readonly position: number
  /** Offset behind the last good batch. */
  readonly nextOffset: number
  /** Why the walk ended before `end`. */
  readonly fault: string | undefined
}

export interface ScanRange {
  readonly from: number
  readonly end: number
  /** Base offsets below this one are a fault. */
  readonly nextOffset: number
  /** Ends the walk early. */
  readonly until?: () => boolean
}

export async function scanBatches(
  file: Pick<FileHandle, 'readAsync'>,
  range: ScanRange,
  visitor: ScanVisitor,
): Promise<ScanEnd> {
  const window = new ScanWindow(file, range.end)
  let position = range.from
  let nextOffset = range.nextOffset
  const stopped = (fault: string | undefined) => ({ position, nextOffset, fault })
  while (position < range.end && !range.until?.()) {
    if (range.end - position < BATCH_OVERHEAD) return stopped('fewer bytes than a batch header')
    let at = await window.require(position, BATCH_OVERHEAD)
    if (at < 0) return stopped('the file ends early')
    const fault = segmentBatchFault(window.chunk, at, nextOffset, range.end - position)
    if (fault !== undefined) return stopped(fault)
    const size = batchSizeOf(window.chunk, at)
    if (visitor.needsBody(window.chunk, at)) {
      at = await window.require(position, size)
      if (at < 0) return stopped('the file ends early')
      if (!isBatchCrcValid(window.chunk, at)) return stopped('checksum does not agree')
    }
    visitor.visit(window.chunk, at, position)
    nextOffset = baseOffsetOf(window.chunk, at) + lastOffsetDeltaOf(window.chunk, at) + 1
    position += size
  }
  return stopped(undefined)
}

/** Why the header cannot be that of the next batch of a segment, or undefined when it can. */
export function segmentBatchFault(
  chunk: Buffer,
  at: number,
  nextOffset: number,
  sizeMax: number,
): string | undefined {
  const fault = batchHeaderFault(chunk, at, sizeMax)
  if (fault !== undefined) return fault
  const baseOffset = baseOffsetOf(chunk, at)
  if (baseOffset < nextOffset) return `base offset ${baseOffset} is below ${nextOffset}`
  if (lastOffsetDeltaOf(chunk, at) < 0) return 'negative last offset delta'
  return undefined
}

/** A chunk of the file that slides forward. */
export class ScanWindow {
  chunk: Buffer = Buffer.alloc(0)
  private memory: Buffer = this.chunk
  private start = 0
  private readonly file: Pick<FileHandle, 'readAsync'>
  private readonly end: number

  constructor(file: Pick<FileHandle, 'readAsync'>, end: number) {
    this.file = file
    this.end = end
  }

  /** Index in the chunk of `position`, with `size` bytes behind it; -1 when the file lacks them. */
  async require(position: number, size: number): Promise<number> {
    const at = position - this.start
    if (at >= 0 && at + size <= this.chunk.length) return at
    const wanted = Math.min(Math.max(size, CHUNK), this.end - position)
    if (this.memory.length < wanted) this.memory = Buffer.allocUnsafeSlow(wanted)
    const target = this.memory.subarray(0, wanted)
    const read = await readFullyAsync(this.file, target, position)
    this.chunk = target.subarray(0, read)
    this.start = position
    return read >= size ? 0 : -1
  }
}

/**
 * Looks for the next batch behind damage: a plausible header with a newer offset, whose checksum
 * agrees. Undefined when there is none.
 */
export async function findNextBatch(
  file: FileHandle,
  range: ScanRange,
): Promise<{ position: number; baseOffset: number } | undefined> {
  const size = range.end - range.from
  if (size < BATCH_OVERHEAD) return undefined
  // Damage is rare and the segment bounded: reading the rest at once keeps this simple.
  const bytes = Buffer.allocUnsafeSlow(size)
  const read = await readFullyAsync(file, bytes, range.from)
  const view = bytes.subarray(0, read)
  for (let at = 1; at + BATCH_OVERHEAD <= read; at++) {
    if (view[at + 16] !== 2) continue
    if (segmentBatchFault(view, at, range.nextOffset, read - at) !== undefined) continue
    if (isBatchCrcValid(view, at)) {
      return { position: range.from + at, baseOffset: baseOffsetOf(view, at) }
    }
  }
  return undefined
}
