/**
 * A set of offsets out of a range, one bit each. A cleaning asks it for every record of the
 * uncleaned part: in the order of the log, so that the bits are at hand in the processor's cache,
 * where looking the key up once more would miss it.
 */
export class OffsetSet {
  private readonly first: number
  private readonly bits: Uint8Array

  /** Of offsets from `first` to `last`, both included. */
  constructor(first: number, last: number) {
    this.first = first
    this.bits = new Uint8Array(OffsetSet.bytesFor(first, last))
  }

  static bytesFor(first: number, last: number): number {
    return Math.ceil((last - first + 1) / 8)
  }

  get bytes(): number {
    return this.bits.length
  }

  /** Offsets outside the range are left out. */
  add(offset: number): void {
    const bit = offset - this.first
    const at = Math.floor(bit / 8)
    if (at >= 0 && at < this.bits.length)
      this.bits[at] = (this.bits[at] as number) | (1 << (bit % 8))
  }

  has(offset: number): boolean {
    const bit = offset - this.first
    return (((this.bits[Math.floor(bit / 8)] ?? 0) >> (bit % 8)) & 1) === 1
  }
}
