/**
 * The batches appended last, served to consumers that keep up without touching a file.
 *
 * HOT: guarded by bench/micro/storage-append.bench.ts
 *
 * Each partition has a TailBatches, a run of batches without gaps that ends at its log end offset.
 * The TailCache bounds them together: a ring notes the partitions in order of appending, and when
 * the bytes are too many the oldest batch of all is dropped, from the front of its partition's run.
 * Buffers are the ones the network handed over; nobody may write to them after the append.
 */
import { assert } from '@ottla/base'
import { baseOffsetOf, lastOffsetOf } from '@ottla/protocol'

/** What a batch costs beside its bytes: buffer object, ring slot, array slot. */
const OVERHEAD = 256

export class TailBatches {
  private batches: Buffer[] = []
  private head = 0
  bytes = 0

  get count(): number {
    return this.batches.length - this.head
  }

  push(batch: Buffer): void {
    this.batches.push(batch)
    this.bytes += batch.length
  }

  shift(): Buffer | undefined {
    if (this.head === this.batches.length) return undefined
    const batch = this.batches[this.head] as Buffer
    this.batches[this.head] = EMPTY
    this.head++
    this.bytes -= batch.length
    // Amortised: the dead front is cut when it is half of the array.
    if (this.head > 64 && this.head * 2 > this.batches.length) {
      this.batches = this.batches.slice(this.head)
      this.head = 0
    }
    return batch
  }

  /** Forgets the newest batches from `offset` on; returns how many bytes and batches that were. */
  truncate(offset: number): { bytes: number; count: number } {
    let bytes = 0
    let count = 0
    while (this.count > 0 && baseOffsetOf(this.batches.at(-1) as Buffer) >= offset) {
      bytes += (this.batches.pop() as Buffer).length
      count++
    }
    this.bytes -= bytes
    return { bytes, count }
  }

  /**
   * The batches from the one that contains `offset` on, none of which reaches `endOffset`, up to
   * `bytesMax`; undefined when the run begins later.
   */
  read(offset: number, endOffset: number, bytesMax: number, atLeastOne: boolean) {
    const { batches } = this
    if (this.count === 0 || offset < baseOffsetOf(batches[this.head] as Buffer)) return undefined
    let low = this.head
    let high = batches.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (lastOffsetOf(batches[middle] as Buffer) < offset) low = middle + 1
      else high = middle
    }
    const first = low
    let size = 0
    for (; low < batches.length; low++) {
      const batch = batches[low] as Buffer
      if (baseOffsetOf(batch) >= endOffset) break
      if (size + batch.length > bytesMax && !(atLeastOne && low === first)) break
      size += batch.length
    }
    return { chunks: batches.slice(first, low), size }
  }
}

const EMPTY = Buffer.alloc(0)

export class TailCache {
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

  add(tail: TailBatches, batch: Buffer): void {
    tail.push(batch)
    if (this.count === this.ring.length) this.grow()
    this.ring[(this.head + this.count) & (this.ring.length - 1)] = tail
    this.count++
    this.bytes += batch.length + OVERHEAD
    while (this.bytes > this.bytesMax && this.count > 0) this.dropOldest()
  }

  /** Forgets the partition's batches from `offset` on. Its ring slots find nothing later. */
  truncate(tail: TailBatches, offset: number): void {
    const gone = tail.truncate(offset)
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
    const batch = tail.shift()
    if (batch) this.bytes -= batch.length + OVERHEAD
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
