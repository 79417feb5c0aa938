/**
 * Writes the primitives of Kafka's protocol into a list of chunks for one gathered socket write.
 *
 * Small values go into slabs that are allocated in turn and never reused; record bytes are passed
 * through as they are, so a fetch response does not copy what the log read gave.
 *
 * HOT: guarded by bench/micro/codec.bench.ts
 */
import { assert, type Uuid } from '@ottla/base'
import { type RecordBytes, sizeOfRecords } from './record-bytes.ts'

const SLAB_BYTES = 16 * 1024
/** Shorter byte values are cheaper to copy than to carry as a chunk of their own. */
const COPY_BYTES_MAX = 512
const DETACHED_BYTES = 256

let slab: Buffer<ArrayBufferLike> = Buffer.allocUnsafeSlow(SLAB_BYTES)
let slabUsed = 0

export class Writer {
  private readonly chunks: Buffer[] = []
  private buffer: Buffer<ArrayBufferLike>
  private start: number
  private position: number
  private flushed = 0

  private readonly detached: boolean

  /**
   * Writers share one slab, so a message is written from start to `finish` without an await. A
   * detached writer has memory of its own and may be used inside another one.
   */
  constructor(detached = false) {
    this.detached = detached
    this.buffer = detached ? Buffer.allocUnsafe(DETACHED_BYTES) : slab
    this.start = detached ? 0 : slabUsed
    this.position = this.start
  }

  /** Bytes written so far. */
  get size(): number {
    return this.flushed + this.position - this.start
  }

  /** Position of the next `size` bytes in the current buffer. */
  private reserve(size: number): number {
    if (this.position + size > this.buffer.length) this.renew(size)
    const position = this.position
    this.position += size
    return position
  }

  private renew(size: number): void {
    this.closeChunk()
    this.buffer = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, size))
    this.start = 0
    this.position = 0
  }

  private closeChunk(): void {
    if (this.position === this.start) return
    this.chunks.push(this.buffer.subarray(this.start, this.position))
    this.flushed += this.position - this.start
    this.start = this.position
  }

  /** Everything written, in order. The writer must not be used afterwards. */
  finish(): Buffer[] {
    this.closeChunk()
    if (this.detached) return this.chunks
    slab = this.buffer
    slabUsed = this.position
    if (slabUsed > SLAB_BYTES - 64) {
      slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
      slabUsed = 0
    }
    return this.chunks
  }

  bool(value: boolean): void {
    const position = this.reserve(1)
    this.buffer[position] = value ? 1 : 0
  }

  int8(value: number): void {
    const position = this.reserve(1)
    this.buffer[position] = value
  }

  int16(value: number): void {
    const position = this.reserve(2)
    this.buffer.writeInt16BE(value, position)
  }

  uint16(value: number): void {
    const position = this.reserve(2)
    this.buffer.writeUInt16BE(value, position)
  }

  int32(value: number): void {
    const position = this.reserve(4)
    this.buffer.writeInt32BE(value, position)
  }

  uint32(value: number): void {
    const position = this.reserve(4)
    this.buffer.writeUInt32BE(value, position)
  }

  int64(value: number): void {
    const position = this.reserve(8)
    if (Number.isSafeInteger(value)) {
      const high = Math.floor(value / 0x1_0000_0000)
      this.buffer.writeInt32BE(high, position)
      this.buffer.writeUInt32BE(value - high * 0x1_0000_0000, position + 4)
      return
    }
    assert(value === 2 ** 63 || value === -(2 ** 63), `int64 cannot hold ${value} exactly`)
    this.buffer.writeBigInt64BE(value > 0 ? 0x7fff_ffff_ffff_ffffn : -(2n ** 63n), position)
  }

  float64(value: number): void {
    const position = this.reserve(8)
    this.buffer.writeDoubleBE(value, position)
  }

  uuid(value: Uuid): void {
    const position = this.reserve(16)
    const written = this.buffer.write(value, position, 16, 'base64url')
    assert(written === 16, `not a uuid: ${value}`)
  }

  unsignedVarint(value: number): void {
    let position = this.reserve(5)
    const { buffer } = this
    let rest = value
    while (rest > 0x7f) {
      buffer[position++] = (rest & 0x7f) | 0x80
      rest = Math.floor(rest / 128)
    }
    buffer[position++] = rest
    this.position = position
  }

  private text(value: string, length: number): void {
    const position = this.reserve(length)
    this.buffer.write(value, position, length, 'utf8')
  }

  string(value: string): void {
    const length = Buffer.byteLength(value)
    assert(length <= 0x7fff, `string of ${length} bytes exceeds 32767`)
    this.int16(length)
    this.text(value, length)
  }

  nullableString(value: string | null): void {
    if (value === null) this.int16(-1)
    else this.string(value)
  }

  compactString(value: string): void {
    const length = Buffer.byteLength(value)
    this.unsignedVarint(length + 1)
    this.text(value, length)
  }

  compactNullableString(value: string | null): void {
    if (value === null) this.unsignedVarint(0)
    else this.compactString(value)
  }

  bytes(value: RecordBytes): void {
    this.int32(sizeOfRecords(value))
    this.raw(value)
  }

  nullableBytes(value: RecordBytes | null): void {
    if (value === null) this.int32(-1)
    else this.bytes(value)
  }

  compactBytes(value: RecordBytes): void {
    this.unsignedVarint(sizeOfRecords(value) + 1)
    this.raw(value)
  }

  compactNullableBytes(value: RecordBytes | null): void {
    if (value === null) this.unsignedVarint(0)
    else this.compactBytes(value)
  }

  /** Bytes without a length in front. */
  raw(value: RecordBytes): void {
    if (!Buffer.isBuffer(value)) {
      for (const chunk of value) this.raw(chunk)
      return
    }
    if (value.length <= COPY_BYTES_MAX) {
      const position = this.reserve(value.length)
      value.copy(this.buffer, position)
      return
    }
    this.closeChunk()
    this.chunks.push(value)
    this.flushed += value.length
  }

  /** Overwrites four bytes written earlier in the first chunk; for the size in front of a frame. */
  patchFrameSize(): void {
    const first = this.chunks[0] ?? this.buffer.subarray(this.start, this.position)
    first.writeInt32BE(this.size - 4, 0)
  }

  /** A tagged field: tag, size, then what `write` writes. */
  tagged(tag: number, write: (nested: Writer) => void): void {
    const nested = new Writer(true)
    write(nested)
    this.unsignedVarint(tag)
    this.compactSizedChunks(nested.finish())
  }

  private compactSizedChunks(chunks: readonly Buffer[]): void {
    this.unsignedVarint(sizeOfRecords(chunks))
    this.raw(chunks)
  }
}
