/**
 * Memory that is handed out in powers of two and taken back, so that a busy program does not
 * allocate (and page in, and have collected) fresh memory for every batch that passes through it.
 *
 * Must always hold: a buffer is given back at most once, and only when nobody reads or writes it
 * any more. Whoever cannot tell does not give it back: then it is garbage like any other.
 */
const SMALLEST_BITS = 12
const KEPT_BYTES_MAX = 32 * 1024 * 1024

export class BufferPool {
  private readonly free: Buffer[][] = []
  private readonly keptBytesMax: number
  private keptBytes = 0
  /** Bytes handed out and not given back. */
  usedBytes = 0

  /** `keptBytesMax`: most that is kept for later; what is given back beyond that is garbage. */
  constructor(keptBytesMax = KEPT_BYTES_MAX) {
    this.keptBytesMax = keptBytesMax
  }

  /** A buffer of at least `size` bytes with arbitrary content. */
  take(size: number): Buffer {
    const bits = Math.max(SMALLEST_BITS, 32 - Math.clz32(size - 1))
    const kept = this.free[bits]?.pop()
    if (kept) this.keptBytes -= kept.length
    const buffer = kept ?? Buffer.allocUnsafeSlow(2 ** bits)
    this.usedBytes += buffer.length
    return buffer
  }

  give(buffer: Buffer): void {
    this.usedBytes -= buffer.length
    if (this.keptBytes + buffer.length > this.keptBytesMax) return
    this.keptBytes += buffer.length
    const bits = 31 - Math.clz32(buffer.length)
    this.free[bits] ??= []
    this.free[bits].push(buffer)
  }

  /** For a buffer that a socket may still read: it leaves the books and is never reused. */
  abandon(buffer: Buffer): void {
    this.usedBytes -= buffer.length
  }
}
