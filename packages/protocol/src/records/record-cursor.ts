/**
 * Walks the records of one batch, whose bytes are already decompressed. `next` reads the fixed part
 * of a record and remembers where key, value and headers lie; nothing is allocated.
 *
 * Must always hold after `next` returned true: key, value and the start of the headers lie inside
 * the record, and the record inside the bytes. The headers themselves are checked by whoever walks
 * them (`endOfHeaders`, `readHeaders`).
 *
 * HOT: guarded by bench/micro/record-batch.bench.ts; budget 60 ns per record.
 */
import { MalformedMessageError } from '../wire/malformed-message-error.ts'

/** A record of one byte each for length, attributes, deltas, two null sizes and no headers. */
export const RECORD_SIZE_MIN = 7

export interface RecordHeader {
  readonly key: string
  /** A view of the batch's memory, or null. */
  readonly value: Buffer | null
}

export class RecordCursor {
  readonly bytes: Buffer
  readonly baseOffset: number
  readonly baseTimestamp: number
  /** Timestamp of every record, or NaN when records have their own. */
  readonly appendTime: number
  /** Records that are still to come. */
  remaining: number
  position: number
  readonly end: number

  timestampDelta = 0
  offsetDelta = 0
  keyPosition = 0
  keySize = 0
  valuePosition = 0
  valueSize = 0
  headerCount = 0
  headersPosition = 0
  recordEnd = 0

  constructor(
    bytes: Buffer,
    range: { readonly start: number; readonly end: number; readonly count: number },
    batch: {
      readonly baseOffset: number
      readonly baseTimestamp: number
      readonly appendTime: number
    },
  ) {
    this.bytes = bytes
    this.position = range.start
    this.end = range.end
    this.remaining = range.count
    this.baseOffset = batch.baseOffset
    this.baseTimestamp = batch.baseTimestamp
    this.appendTime = batch.appendTime
  }

  get offset(): number {
    return this.baseOffset + this.offsetDelta
  }

  get timestamp(): number {
    const { appendTime } = this
    return Number.isNaN(appendTime) ? this.baseTimestamp + this.timestampDelta : appendTime
  }

  fail(reason: string): never {
    throw new MalformedMessageError(reason, this.position)
  }

  /** Reads a zig-zag varint of 32 bits. One byte, the usual case, takes the first branch. */
  private varint(): number {
    const byte = this.bytes[this.position] as number
    if (byte < 0x80 && this.position < this.end) {
      this.position++
      return (byte >>> 1) ^ -(byte & 1)
    }
    return this.longVarint()
  }

  private longVarint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.nextByte()
      if (shift === 28 && byte > 0x0f) this.fail('varint longer than 32 bits')
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1)
    }
    return this.fail('varint longer than 32 bits')
  }

  private nextByte(): number {
    if (this.position >= this.end) this.fail('varint is cut off')
    return this.bytes[this.position++] as number
  }

  /** Reads a zig-zag varlong; beyond 2^53 the number is the nearest one. */
  private varlong(): number {
    let low = 0
    let factor = 1
    for (let i = 0; i < 10; i++) {
      const byte = this.nextByte()
      if (i === 9 && byte > 1) break
      low += (byte & 0x7f) * factor
      if (byte < 0x80) return low % 2 === 0 ? low / 2 : -(low + 1) / 2
      factor *= 0x80
    }
    return this.fail('varlong longer than 64 bits')
  }

  /** Size of a key or value; moves behind it. */
  private data(): number {
    const size = this.varint()
    if (size < -1) this.fail(`negative size ${size}`)
    if (size > this.recordEnd - this.position) this.fail(`size ${size} beyond the record`)
    if (size > 0) this.position += size
    return size
  }

  /** Moves to the next record; false behind the last one, where no bytes may be left. */
  next(): boolean {
    if (this.remaining === 0) {
      if (this.position !== this.end) this.fail('bytes behind the last record')
      return false
    }
    this.remaining--
    const size = this.varint()
    if (size < RECORD_SIZE_MIN - 1) this.fail(`record of ${size} bytes`)
    if (size > this.end - this.position) this.fail(`record of ${size} bytes beyond the batch`)
    this.recordEnd = this.position + size
    this.position++
    const first = this.bytes[this.position] as number
    if (first < 0x80) {
      this.position++
      this.timestampDelta = (first >>> 1) ^ -(first & 1)
    } else this.timestampDelta = this.varlong()
    this.offsetDelta = this.varint()
    this.keySize = this.data()
    this.keyPosition = this.position - Math.max(this.keySize, 0)
    this.valueSize = this.data()
    this.valuePosition = this.position - Math.max(this.valueSize, 0)
    this.readHeaderCount()
    this.position = this.recordEnd
    return true
  }

  private readHeaderCount(): void {
    const count = this.varint()
    const left = this.recordEnd - this.position
    if (count < 0 || count * 2 > left) this.fail(`${count} headers in ${left} bytes`)
    if (count === 0 && left !== 0) this.fail('bytes behind the last field of the record')
    this.headerCount = count
    this.headersPosition = this.position
  }

  key(): Buffer | null {
    return this.keySize < 0
      ? null
      : this.bytes.subarray(this.keyPosition, this.keyPosition + this.keySize)
  }

  value(): Buffer | null {
    return this.valueSize < 0
      ? null
      : this.bytes.subarray(this.valuePosition, this.valuePosition + this.valueSize)
  }

  headers(): RecordHeader[] {
    return this.headerCount === 0
      ? []
      : readHeaders(this.bytes, this.headersPosition, this.headerCount, this.recordEnd)
  }
}

/** The headers that lie between `start` and `end`, which they must fill exactly. */
export function readHeaders(
  bytes: Buffer,
  start: number,
  count: number,
  end: number,
): RecordHeader[] {
  const reader = new HeaderReader(bytes, start, end)
  const headers: RecordHeader[] = []
  for (let i = 0; i < count; i++) headers.push({ key: reader.key(), value: reader.value() })
  reader.expectEnd()
  return headers
}

/** Headers are rare, so this reader is short rather than fast. */
class HeaderReader {
  private readonly bytes: Buffer
  private readonly end: number
  private position: number

  constructor(bytes: Buffer, position: number, end: number) {
    this.bytes = bytes
    this.position = position
    this.end = end
  }

  private size(): number {
    let value = 0
    for (let i = 0; i < 5; i++) {
      if (this.position >= this.end) this.fail('header is cut off')
      const byte = this.bytes[this.position++] as number
      value += (byte & 0x7f) * 2 ** (7 * i)
      if (byte >= 0x80) continue
      const size = value % 2 === 0 ? value / 2 : -(value + 1) / 2
      if (size > this.end - this.position) this.fail(`header of ${size} bytes beyond the record`)
      return size
    }
    return this.fail('varint longer than 32 bits')
  }

  key(): string {
    const size = this.size()
    if (size < 0) this.fail('header without a key')
    const start = this.position
    this.position += size
    return this.bytes.toString('utf8', start, this.position)
  }

  value(): Buffer | null {
    const size = this.size()
    if (size < -1) this.fail(`negative size ${size}`)
    if (size < 0) return null
    const start = this.position
    this.position += size
    return this.bytes.subarray(start, this.position)
  }

  expectEnd(): void {
    if (this.position !== this.end) this.fail('bytes behind the last header')
  }

  private fail(reason: string): never {
    throw new MalformedMessageError(reason, this.position)
  }
}
