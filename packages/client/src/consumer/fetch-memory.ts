/**
 * The memory of one fetch response, used again once every partition in it has been used up.
 *
 * A response of a megabyte lies outside V8's heap, and Node 24 starts a full collection for every
 * few of them: more than half of the processor time of a consumer of 10 KB records. With
 * `reuseMemory` the same few buffers go round instead.
 *
 * What a batch was decompressed to goes round in the same way, batch by batch, and mostly stays in
 * the processor's cache.
 *
 * Must always hold: memory is given back only when the loop has asked for the batch behind the last
 * one that lies in it; from then on its records throw instead of showing the bytes of others.
 */
import type { BufferPool } from '@ottla/base'
import { giveFrame } from '@ottla/network'
import type { RecordSegment } from './record-segment.ts'

function expire(segments: RecordSegment[]): void {
  for (const segment of segments) segment.expire()
  segments.length = 0
}

export class FetchMemory {
  private readonly pool: BufferPool
  private readonly frame: Buffer
  /** Whoever reads the response, and each partition in it. */
  private holders = 1
  private readonly segments: RecordSegment[] = []

  constructor(pool: BufferPool, frame: Buffer) {
    this.pool = pool
    this.frame = frame
  }

  hold(): void {
    this.holders++
  }

  /** The segment's records read from the response. */
  lend(segment: RecordSegment): void {
    this.segments.push(segment)
  }

  /** Memory for what one partition's batches are decompressed to. */
  unpacked(): UnpackedMemory {
    return new UnpackedMemory(this.pool)
  }

  release(): void {
    this.holders--
    if (this.holders > 0) return
    expire(this.segments)
    giveFrame(this.pool, this.frame)
  }
}

/** The memory of decompressed records, from one step of the loop to the next. */
export class UnpackedMemory {
  private readonly pool: BufferPool
  private readonly segments: RecordSegment[] = []
  private readonly taken: Buffer[] = []

  constructor(pool: BufferPool) {
    this.pool = pool
  }

  readonly allocate = (size: number): Buffer => {
    const buffer = this.pool.take(size)
    this.taken.push(buffer)
    return buffer
  }

  /** The segment's records read from memory that was allocated here. */
  lend(segment: RecordSegment): void {
    this.segments.push(segment)
  }

  /** Nobody reads the records any more. */
  release(): void {
    expire(this.segments)
    for (const buffer of this.taken) this.pool.give(buffer)
    this.taken.length = 0
  }
}
