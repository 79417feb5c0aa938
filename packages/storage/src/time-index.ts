/**
 * `%020d.timeindex`: the largest timestamp seen so far, and the last offset of the batch it is in.
 *
 *   12 bytes per entry, big-endian, timestamps strictly increasing, offsets not decreasing
 *   int64 timestamp | int32 offset - base offset
 *
 * An entry (T, O) says that every record up to offset O is at most T old. Kept like OffsetIndex.
 */
import { readInt64, writeInt64 } from '@ottla/protocol'

const ENTRY = 12

export class TimeIndex {
  private buffer: Buffer
  count: number

  constructor(bytes: Buffer = Buffer.alloc(0)) {
    this.buffer = bytes
    this.count = Math.floor(bytes.length / ENTRY)
  }

  get size(): number {
    return this.count * ENTRY
  }

  get lastTimestamp(): number {
    return this.count === 0 ? -1 : this.timestampAt(this.count - 1)
  }

  /** Adds an entry unless the timestamp is not newer than the last one. */
  maybeAppend(timestamp: number, relativeOffset: number): void {
    if (timestamp <= this.lastTimestamp) return
    if (this.size + ENTRY > this.buffer.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(240, this.buffer.length * 2))
      this.buffer.copy(grown, 0, 0, this.size)
      this.buffer = grown
    }
    writeInt64(this.buffer, this.size, timestamp)
    this.buffer.writeInt32BE(relativeOffset, this.size + 8)
    this.count++
  }

  timestampAt(entry: number): number {
    return readInt64(this.buffer, entry * ENTRY)
  }

  relativeOffsetAt(entry: number): number {
    return this.buffer.readInt32BE(entry * ENTRY + 8)
  }

  /** Relative offset up to which every record is older than `timestamp`; 0 when none is noted. */
  lookupBefore(timestamp: number): number {
    let low = 0
    let high = this.count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.timestampAt(middle) < timestamp) low = middle + 1
      else high = middle
    }
    return low === 0 ? 0 : this.relativeOffsetAt(low - 1)
  }

  truncate(count: number): void {
    if (count < this.count) this.count = count
  }

  bytes(): Buffer {
    return this.buffer.subarray(0, this.size)
  }

  /** Why the bytes cannot be a time index, or undefined when they can. */
  fault(): string | undefined {
    for (let entry = 1; entry < this.count; entry++) {
      if (this.timestampAt(entry) <= this.timestampAt(entry - 1))
        return `entry ${entry} is not newer`
      if (this.relativeOffsetAt(entry) < this.relativeOffsetAt(entry - 1)) {
        return `entry ${entry} goes back in offsets`
      }
    }
    return undefined
  }
}
