/**
 * The batches appended last, served to consumers that keep up without touching a file.
 *
 * HOT: guarded by bench/micro/storage-append.bench.ts
 *
 * Each partition has a TailBatches, a run of batches without gaps that ends at its log end offset.
 * The TailCache bounds them together: a ring notes the partitions in order of appending, and when
 * the bytes are too many the oldest batch of all is dropped, from the front of its partition's run.
 * Batches lie in slabs (slab-memory.ts), which the cache holds as long as it has them and a reader
 * as long as it has not released what it read.
 */
import { assert } from '@ottla/base'
import { baseOffsetOf, lastOffsetOf } from '@ottla/protocol'
import { type PlacedBatch, type Slab, SlabMemory } from './slab-memory.ts'

/** What a batch costs beside its bytes: buffer object, ring slot, array slot. */
const OVERHEAD = 256

export interface TailRead {
  readonly chunks: readonly Buffer[]
  readonly size: number
  /** Where the chunks lie, each slab once. */
  readonly slabs: readonly Slab[]
}

export class TailBatches {
  private batches: (PlacedBatch | undefined)[] = []
  private head = 0
  bytes = 0

  get count(): number {
    return this.batches.length - this.head
  }

  push(batch: PlacedBatch): void {
    batch.slab.retain()
    this.batches.push(batch)
    this.bytes += batch.bytes.length
  }

  /** Forgets the oldest batch; returns its bytes, or undefined when there is none. */
  shift(): number | undefined {
    if (this.head === this.batches.length) return undefined
    const { bytes, slab } = this.batches[this.head] as PlacedBatch
    this.batches[this.head] = undefined
    this.head++
    this.bytes -= bytes.length
    slab.release()
    // Amortised: the dead front is cut when it is half of the array.
    if (this.head > 64 && this.head * 2 > this.batches.length) {
      this.batches = this.batches.slice(this.head)
      this.head = 0
    }
    return bytes.length
  }

  /** Forgets the newest batches from `offset` on; returns how many bytes and batches that were. */
  truncate(offset: number): { bytes: number; count: number } {
    let bytes = 0
    let count = 0
    while (this.count > 0 && baseOffsetOf((this.batches.at(-1) as PlacedBatch).bytes) >= offset) {
      const batch = this.batches.pop() as PlacedBatch
      bytes += batch.bytes.length
      batch.slab.release()
      count++
    }
    this.bytes -= bytes
    return { bytes, count }
  }

  /** Forgets the batches wholly below `offset`; returns how many bytes and batches that were. */
  dropBelow(offset: number): { bytes: number; count: number } {
    let bytes = 0
    let count = 0
    for (;;) {
      const oldest = this.batches[this.head]
      if (!oldest || lastOffsetOf(oldest.bytes) >= offset) return { bytes, count }
      bytes += this.shift() ?? 0
      count++
    }
  }

  /**
   * The batches from the one that contains `offset` on, none of which reaches `endOffset`, up to
   * `bytesMax`; undefined when the run begins later.
   */
  read(
    offset: number,
    endOffset: number,
    bytesMax: number,
    atLeastOne: boolean,
  ): TailRead | undefined {
    const { batches } = this
    const oldest = batches[this.head]
    if (!oldest || offset < baseOffsetOf(oldest.bytes)) return undefined
    let low = this.head
    let high = batches.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (lastOffsetOf((batches[middle] as PlacedBatch).bytes) < offset) low = middle + 1
      else high = middle
    }
    const chunks: Buffer[] = []
    const slabs: Slab[] = []
    let size = 0
    for (; low < batches.length; low++) {
      const { bytes, slab } = batches[low] as PlacedBatch
      if (baseOffsetOf(bytes) >= endOffset) break
      if (size + bytes.length > bytesMax && !(atLeastOne && chunks.length === 0)) break
      size += bytes.length
      chunks.push(bytes)
      if (slabs.at(-1) !== slab) slabs.push(slab)
    }
    return { chunks, size, slabs }
  }
}

export class TailCache {
  private readonly memory = new SlabMemory()
  private readonly bytesMax: number
  private ring: (TailBatches | undefined)[] = new Array(1024)
  private head = 0
  private count = 0
  private bytes = 0

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  get size(): number {
    return this.bytes
  }

  /** Copies a batch into memory of the cache's, whose slab the caller retains if it keeps it. */
  place(batch: Buffer): PlacedBatch {
    return this.memory.place(batch)
  }

  /** Takes a batch that was placed just before. */
  add(tail: TailBatches, batch: PlacedBatch): void {
    tail.push(batch)
    if (this.count === this.ring.length) this.grow()
    this.ring[(this.head + this.count) & (this.ring.length - 1)] = tail
    this.count++
    this.bytes += batch.bytes.length + OVERHEAD
    while (this.bytes > this.bytesMax && this.count > 0) this.dropOldest()
  }

  /** Forgets the partition's batches from `offset` on. Its ring slots find nothing later. */
  truncate(tail: TailBatches, offset: number): void {
    const gone = tail.truncate(offset)
    this.bytes -= gone.bytes + gone.count * OVERHEAD
  }

  /** Forgets the partition's batches wholly below `offset`. */
  dropBelow(tail: TailBatches, offset: number): void {
    const gone = tail.dropBelow(offset)
    this.bytes -= gone.bytes + gone.count * OVERHEAD
  }

  /** Forgets everything of a partition that is closed or deleted. */
  remove(tail: TailBatches): void {
    this.truncate(tail, Number.NEGATIVE_INFINITY)
  }

  private dropOldest(): void {
    const tail = this.ring[this.head] as TailBatches
    this.ring[this.head] = undefined
    this.head = (this.head + 1) & (this.ring.length - 1)
    this.count--
    const size = tail.shift()
    if (size !== undefined) this.bytes -= size + OVERHEAD
  }

  private grow(): void {
    const { ring, head } = this
    assert(this.count === ring.length, 'the ring grows when it is full')
    const grown = [...ring.slice(head), ...ring.slice(0, head)]
    grown.length = ring.length * 2
    this.ring = grown
    this.head = 0
  }
}
