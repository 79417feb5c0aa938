/**
 * Memory for batches, handed out in powers of two and taken back when a batch has been
 * acknowledged, so that a busy producer does not allocate (and page in) fresh memory per batch.
 *
 * Must always hold: a slab is given back at most once, and only when nobody reads or writes it.
 */
const SMALLEST_BITS = 12
const KEPT_BYTES_MAX = 32 * 1024 * 1024

export class SlabPool {
  private readonly free: Buffer[][] = []
  private keptBytes = 0
  /** Bytes handed out and not given back. */
  usedBytes = 0

  /** A slab of at least `size` bytes with arbitrary content. */
  take(size: number): Buffer {
    const bits = Math.max(SMALLEST_BITS, 32 - Math.clz32(size - 1))
    const kept = this.free[bits]?.pop()
    if (kept) this.keptBytes -= kept.length
    const slab = kept ?? Buffer.allocUnsafeSlow(2 ** bits)
    this.usedBytes += slab.length
    return slab
  }

  give(slab: Buffer): void {
    this.usedBytes -= slab.length
    if (this.keptBytes + slab.length > KEPT_BYTES_MAX) return
    this.keptBytes += slab.length
    const bits = 31 - Math.clz32(slab.length)
    this.free[bits] ??= []
    this.free[bits].push(slab)
  }

  /** For a slab that a socket may still read: it leaves the books and is never reused. */
  abandon(slab: Buffer): void {
    this.usedBytes -= slab.length
  }
}
