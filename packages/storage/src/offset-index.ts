/**
 * `%020d.index`: where in the segment a batch starts, for about every 4096th byte.
 *
 *   8 bytes per entry, big-endian, strictly increasing in both columns
 *   int32 offset of the batch's last record - base offset | int32 position of the batch
 *
 * The whole index of an open segment is one buffer (2 MiB for a full segment). The file is written
 * when the segment is sealed or the log is closed; after a crash the active segment's is rebuilt.
 */
const ENTRY = 8

export class OffsetIndex {
  private buffer: Buffer
  count: number

  /** Takes over the bytes of an index file. */
  constructor(bytes: Buffer = Buffer.alloc(0)) {
    this.buffer = bytes
    this.count = Math.floor(bytes.length / ENTRY)
  }

  get size(): number {
    return this.count * ENTRY
  }

  append(relativeOffset: number, position: number): void {
    if (this.count > 0 && relativeOffset <= this.relativeOffsetAt(this.count - 1)) return
    if (this.size + ENTRY > this.buffer.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(256, this.buffer.length * 2))
      this.buffer.copy(grown, 0, 0, this.size)
      this.buffer = grown
    }
    this.buffer.writeInt32BE(relativeOffset, this.size)
    this.buffer.writeInt32BE(position, this.size + 4)
    this.count++
  }

  relativeOffsetAt(entry: number): number {
    return this.buffer.readInt32BE(entry * ENTRY)
  }

  positionAt(entry: number): number {
    return this.buffer.readInt32BE(entry * ENTRY + 4)
  }

  /** Position of a batch at or before the one with this offset; 0 when none is noted. */
  lookup(relativeOffset: number): number {
    let low = 0
    let high = this.count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.relativeOffsetAt(middle) <= relativeOffset) low = middle + 1
      else high = middle
    }
    return low === 0 ? 0 : this.positionAt(low - 1)
  }

  truncate(count: number): void {
    if (count < this.count) this.count = count
  }

  /** A view of the file's bytes, valid until the next append. */
  bytes(): Buffer {
    return this.buffer.subarray(0, this.size)
  }

  /** Why the bytes cannot be an index of a segment of this size, or undefined when they can. */
  fault(segmentSize: number): string | undefined {
    let lastOffset = -1
    let lastPosition = -1
    for (let entry = 0; entry < this.count; entry++) {
      const offset = this.relativeOffsetAt(entry)
      const position = this.positionAt(entry)
      if (offset <= lastOffset || position <= lastPosition) return `entry ${entry} does not grow`
      if (position >= segmentSize) return `entry ${entry} points behind the segment's end`
      lastOffset = offset
      lastPosition = position
    }
    return undefined
  }
}
