/**
 * Writes the primitives of Kafka's protocol into a list of chunks for one gathered socket write.
 *
 * Small values go into slabs that are allocated in turn and never reused; record bytes are passed
 * through as they are, so a fetch response does not copy what the log read gave.
 *
 * HOT: guarded by bench/micro/codec.bench.ts
 */
import { AssertionError, assert, type Uuid } from '@ottla/base'
import { type RecordBytes, sizeOfRecords } from './record-bytes.ts'

const SLAB_BYTES = 16 * 1024
/** Shorter byte values are cheaper to copy than to carry as a chunk of their own. */
const COPY_BYTES_MAX = 512
const DETACHED_BYTES = 256

/** Strings have an int16 length in one encoding, and Apache Kafka keeps to it in the other. */
const TEXT_BYTES_MAX = 0x7fff

function refuse(type: string, value: unknown): never {
  const text = typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : String(value)
  throw new AssertionError(`${text} is not a value of type ${type}`)
}

/** Bytes of a string in UTF-8. */
function sizeOfText(value: string): number {
  if (typeof value !== 'string') refuse('string', value)
  const size = Buffer.byteLength(value)
  assert(size <= TEXT_BYTES_MAX, `a string of ${size} bytes exceeds ${TEXT_BYTES_MAX}`)
  return size
}

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
    if (value !== true && value !== false) refuse('bool', value)
    const position = this.reserve(1)
    this.buffer[position] = value ? 1 : 0
  }

  int8(value: number): void {
    if ((value << 24) >> 24 !== value) refuse('int8', value)
    const position = this.reserve(1)
    this.buffer[position] = value
  }

  int16(value: number): void {
    if ((value << 16) >> 16 !== value) refuse('int16', value)
    const position = this.reserve(2)
    this.buffer[position] = value >> 8
    this.buffer[position + 1] = value
  }

  uint16(value: number): void {
    if ((value & 0xffff) !== value) refuse('uint16', value)
    const position = this.reserve(2)
    this.buffer[position] = value >> 8
    this.buffer[position + 1] = value
  }

  int32(value: number): void {
    if ((value | 0) !== value) refuse('int32', value)
    this.word(value)
  }

  uint32(value: number): void {
    if (value >>> 0 !== value) refuse('uint32', value)
    this.word(value)
  }

  /** Four bytes, the low 32 bits of the value. */
  private word(value: number): void {
    const position = this.reserve(4)
    const { buffer } = this
    buffer[position] = value >> 24
    buffer[position + 1] = value >> 16
    buffer[position + 2] = value >> 8
    buffer[position + 3] = value
  }

  int64(value: number): void {
    if (Number.isSafeInteger(value)) {
      const high = Math.floor(value / 0x1_0000_0000)
      this.word(high)
      this.word(value - high * 0x1_0000_0000)
      return
    }
    if (value !== 2 ** 63 && value !== -(2 ** 63)) refuse('int64', value)
    const position = this.reserve(8)
    this.buffer.writeBigInt64BE(value > 0 ? 0x7fff_ffff_ffff_ffffn : -(2n ** 63n), position)
  }

  /** Takes what `Reader.roundedInt64` gave, too. */
  roundedInt64(value: number): void {
    if (Number.isSafeInteger(value) || Math.abs(value) === 2 ** 63) {
      this.int64(value)
      return
    }
    if (!Number.isInteger(value) || Math.abs(value) > 2 ** 63) refuse('int64', value)
    const position = this.reserve(8)
    this.buffer.writeBigInt64BE(BigInt(value), position)
  }

  float64(value: number): void {
    if (typeof value !== 'number') refuse('float64', value)
    const position = this.reserve(8)
    this.buffer.writeDoubleBE(value, position)
  }

  uuid(value: Uuid): void {
    if (typeof value !== 'string' || value.length !== 22) refuse('uuid', value)
    const position = this.reserve(16)
    const written = this.buffer.write(value, position, 16, 'base64url')
    if (written !== 16) refuse('uuid', value)
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
    const length = sizeOfText(value)
    this.int16(length)
    this.text(value, length)
  }

  nullableString(value: string | null): void {
    if (value === null) this.int16(-1)
    else this.string(value)
  }

  compactString(value: string): void {
    const length = sizeOfText(value)
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

  arrayLength(value: readonly unknown[]): void {
    if (!Array.isArray(value)) refuse('array', value)
    this.int32(value.length)
  }

  compactArrayLength(value: readonly unknown[]): void {
    if (!Array.isArray(value)) refuse('array', value)
    this.unsignedVarint(value.length + 1)
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
