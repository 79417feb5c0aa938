/**
 * Reads the primitives of Kafka's protocol from one frame.
 *
 * Must always hold: nothing is read beyond `end`, and nothing is allocated because of a length that
 * the bytes at hand do not justify. Every length is compared with what remains first, since
 * `Buffer.subarray` clamps silently.
 *
 * int64 is a number. What fits 2^53 is exact; Long.MAX_VALUE, which Kafka uses for "no limit",
 * reads as 2^63 and is written back as Long.MAX_VALUE; anything else is refused rather than
 * rounded.
 *
 * HOT: guarded by bench/micro/codec.bench.ts
 */
import type { Uuid } from '@ottla/base'
import { MalformedMessageError } from './malformed-message-error.ts'

/** Apache Kafka 4.4 refuses longer arrays and more tagged fields, and so do we. */
export const ARRAY_LENGTH_MAX = 1_000_000
export const TAGGED_FIELDS_MAX = 10_000

/** Apache Kafka keeps to the limit of the int16 length in the compact encoding too. */
const TEXT_BYTES_MAX = 0x7fff

const INT64_HIGH_MAX = 0x20_0000

export class Reader {
  readonly buffer: Buffer
  position: number
  readonly end: number

  constructor(buffer: Buffer, position = 0, end = buffer.length) {
    this.buffer = buffer
    this.position = position
    this.end = end
  }

  get remaining(): number {
    return this.end - this.position
  }

  fail(reason: string): never {
    throw new MalformedMessageError(reason, this.position)
  }

  /** Position of the next `size` bytes, which are consumed. */
  private take(size: number): number {
    const position = this.position
    if (size > this.end - position) this.fail(`${size} bytes expected, ${this.remaining} remain`)
    this.position = position + size
    return position
  }

  bool(): boolean {
    return this.buffer[this.take(1)] !== 0
  }

  int8(): number {
    return ((this.buffer[this.take(1)] as number) << 24) >> 24
  }

  int16(): number {
    return this.buffer.readInt16BE(this.take(2))
  }

  uint16(): number {
    return this.buffer.readUInt16BE(this.take(2))
  }

  int32(): number {
    return this.buffer.readInt32BE(this.take(4))
  }

  uint32(): number {
    return this.buffer.readUInt32BE(this.take(4))
  }

  int64(): number {
    const position = this.take(8)
    const high = this.buffer.readInt32BE(position)
    const low = this.buffer.readUInt32BE(position + 4)
    if (high < INT64_HIGH_MAX && high >= -INT64_HIGH_MAX) return high * 0x1_0000_0000 + low
    if (high === 0x7fffffff && low === 0xffffffff) return 2 ** 63
    if (high === -0x8000_0000 && low === 0) return -(2 ** 63)
    return this.fail('int64 beyond 2^53')
  }

  /** The nearest number: for values that are only compared. */
  roundedInt64(): number {
    const position = this.take(8)
    const high = this.buffer.readInt32BE(position)
    return high * 0x1_0000_0000 + this.buffer.readUInt32BE(position + 4)
  }

  float64(): number {
    return this.buffer.readDoubleBE(this.take(8))
  }

  uuid(): Uuid {
    const position = this.take(16)
    return this.buffer.toString('base64url', position, position + 16)
  }

  unsignedVarint(): number {
    const { buffer } = this
    let value = 0
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = buffer[this.take(1)] as number
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    const last = buffer[this.take(1)] as number
    if (last > 0x0f) this.fail('varint longer than 32 bits')
    return value + last * 0x1000_0000
  }

  /** Length of a string or bytes value, -1 for null. */
  private length(encoded: number): number {
    if (encoded < -1) this.fail(`negative length ${encoded}`)
    if (encoded > this.remaining) this.fail(`length ${encoded} beyond the ${this.remaining} left`)
    return encoded
  }

  private text(length: number): string {
    if (length > TEXT_BYTES_MAX) this.fail(`string of ${length} bytes exceeds ${TEXT_BYTES_MAX}`)
    const position = this.take(length)
    return this.buffer.toString('utf8', position, position + length)
  }

  private view(length: number): Buffer {
    const position = this.take(length)
    return this.buffer.subarray(position, position + length)
  }

  string(): string {
    return this.nullableString() ?? this.fail('null string')
  }

  nullableString(): string | null {
    const length = this.length(this.int16())
    return length < 0 ? null : this.text(length)
  }

  compactString(): string {
    return this.compactNullableString() ?? this.fail('null string')
  }

  compactNullableString(): string | null {
    const length = this.length(this.unsignedVarint() - 1)
    return length < 0 ? null : this.text(length)
  }

  bytes(): Buffer {
    return this.nullableBytes() ?? this.fail('null bytes')
  }

  nullableBytes(): Buffer | null {
    const length = this.length(this.int32())
    return length < 0 ? null : this.view(length)
  }

  compactBytes(): Buffer {
    return this.compactNullableBytes() ?? this.fail('null bytes')
  }

  compactNullableBytes(): Buffer | null {
    const length = this.length(this.unsignedVarint() - 1)
    return length < 0 ? null : this.view(length)
  }

  /** Elements of an array, -1 for null. Each takes at least `sizeMin` bytes. */
  arrayLength(sizeMin: number): number {
    return this.checkArrayLength(this.int32(), sizeMin)
  }

  compactArrayLength(sizeMin: number): number {
    return this.checkArrayLength(this.unsignedVarint() - 1, sizeMin)
  }

  private checkArrayLength(length: number, sizeMin: number): number {
    if (length < -1) this.fail(`negative array length ${length}`)
    if (length > ARRAY_LENGTH_MAX) this.fail(`array length ${length} above ${ARRAY_LENGTH_MAX}`)
    if (length * sizeMin > this.remaining) {
      this.fail(`array length ${length} beyond the ${this.remaining} bytes left`)
    }
    return length
  }

  /** Number of tagged fields. */
  tagCount(): number {
    const count = this.unsignedVarint()
    if (count > TAGGED_FIELDS_MAX) this.fail(`${count} tagged fields, above ${TAGGED_FIELDS_MAX}`)
    if (count * 2 > this.remaining) this.fail(`${count} tagged fields beyond the frame`)
    return count
  }

  /** The next tag, which must be above the previous one. */
  tag(previous: number): number {
    const tag = this.unsignedVarint()
    if (tag <= previous) this.fail(`tag ${tag} after tag ${previous}`)
    return tag
  }

  /** Position behind the tagged field whose size comes next. */
  tagEnd(): number {
    const size = this.unsignedVarint()
    if (size > this.remaining) this.fail(`tagged field of ${size} bytes beyond the frame`)
    return this.position + size
  }

  /** Checks that a known tagged field filled its size exactly. */
  endTag(end: number): void {
    if (this.position !== end) this.fail('tagged field does not fill its size')
  }

  skipTags(): void {
    const count = this.tagCount()
    let tag = -1
    for (let i = 0; i < count; i++) {
      tag = this.tag(tag)
      this.position = this.tagEnd()
    }
  }
}
