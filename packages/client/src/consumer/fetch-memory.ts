/**
 * The memory of one fetch response, used again once every partition in it has been used up.
 *
 * A response of a megabyte lies outside V8's heap, and Node 24 starts a full collection for every
 * few of them: more than half of the processor time of a consumer of 10 KB records. With
 * `reuseMemory` the same few buffers go round instead.
 *
 * Must always hold: memory is given back only when the loop has asked for the batch behind the last
 * one that lies in it; from then on its records throw instead of showing the bytes of others.
 */
import type { BufferPool } from '@ottla/base'
import { giveFrame } from '@ottla/network'
import { RecordExpiredError } from '../errors.ts'

/** Stands where the bytes of a record were. */
const EXPIRED: Buffer = new Proxy(Buffer.alloc(0), {
  get() {
    throw new RecordExpiredError()
  },
})

export class FetchMemory {
  private readonly pool: BufferPool
  private readonly frame: Buffer
  /** Whoever reads the response, and each partition in it. */
  private holders = 1
  private readonly segments: { buffer: Buffer }[] = []

  constructor(pool: BufferPool, frame: Buffer) {
    this.pool = pool
    this.frame = frame
  }

  hold(): void {
    this.holders++
  }

  /** The segment's records read from this memory. */
  lend(segment: { buffer: Buffer }): void {
    this.segments.push(segment)
  }

  release(): void {
    this.holders--
    if (this.holders > 0) return
    for (const segment of this.segments) segment.buffer = EXPIRED
    giveFrame(this.pool, this.frame)
  }
}
