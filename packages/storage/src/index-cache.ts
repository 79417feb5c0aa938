import type { Segment } from './segment.ts'

/** Lets sealed segments drop their indexes, oldest use first, when together they are too large. */
export class IndexCache {
  private readonly used = new Map<Segment, number>()
  private bytes = 0
  private readonly bytesMax: number

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  /** The indexes of a sealed segment were just used. */
  touch(segment: Segment): void {
    this.forget(segment)
    const bytes = segment.indexBytes
    this.used.set(segment, bytes)
    this.bytes += bytes
    for (const [oldest] of this.used) {
      if (this.bytes <= this.bytesMax || oldest === segment) break
      this.forget(oldest)
      oldest.dropIndexes()
    }
  }

  forget(segment: Segment): void {
    this.bytes -= this.used.get(segment) ?? 0
    this.used.delete(segment)
  }
}
