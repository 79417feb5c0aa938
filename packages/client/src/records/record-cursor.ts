/**
 * Walks over the records of one batch without making an object per record: `next()` moves on and
 * the fields then say where the parts of the record lie.
 *
 * Must always hold: nothing is read beyond `end`; a record that does not fill its size exactly, or
 * names sizes that do not fit, throws a RecordFormatError.
 *
 * HOT: guarded by bench/macro/client-speed.ts
 */

/** Bytes that cannot be a record; the caller adds topic, partition and offset. */
export class RecordFormatError extends Error {}

export class RecordCursor {
  readonly buffer: Buffer
  private position: number
  private readonly end: number
  /** Records left. */
  private remaining: number

  offsetDelta = 0
  timestampDelta = 0
  keyStart = 0
  /** -1 for null. */
  keySize = 0
  valueStart = 0
  /** -1 for null. */
  valueSize = 0
  headersStart = 0

  constructor(buffer: Buffer, start: number, end: number, count: number) {
    this.buffer = buffer
    this.position = start
    this.end = end
    this.remaining = count
  }

  /** Moves to the next record; false behind the last. */
  next(): boolean {
    if (this.remaining === 0) {
      if (this.position !== this.end) throw new RecordFormatError('bytes behind the last record')
      return false
    }
    this.remaining--
    const size = this.varint()
    const end = this.position + size
    if (size < 0 || end > this.end) throw new RecordFormatError('a record is cut off')
    this.position++
    this.timestampDelta = this.varlong()
    this.offsetDelta = this.varint()
    this.keySize = this.varint()
    this.keyStart = this.position
    if (this.keySize > 0) this.position += this.keySize
    this.valueSize = this.varint()
    this.valueStart = this.position
    if (this.valueSize > 0) this.position += this.valueSize
    this.headersStart = this.position
    if (this.position >= end) throw new RecordFormatError('a record is larger than its size')
    this.position = end
    return true
  }

  /** The headers of the current record as they lie there, or null when there are none. */
  headerBytes(): Buffer | null {
    if (this.buffer[this.headersStart] === 0) return null
    return this.buffer.subarray(this.headersStart, this.position)
  }

  private varint(): number {
    const { buffer } = this
    let byte = buffer[this.position++] as number
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1)
    let value = byte & 0x7f
    for (let shift = 7; shift < 35; shift += 7) {
      byte = buffer[this.position++] as number
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1)
    }
    throw new RecordFormatError('a varint is too long')
  }

  private varlong(): number {
    const { buffer } = this
    let byte = buffer[this.position++] as number
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1)
    let value = byte & 0x7f
    let factor = 128
    for (let i = 0; i < 9; i++) {
      byte = buffer[this.position++] as number
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2
      factor *= 128
    }
    throw new RecordFormatError('a varlong is too long')
  }
}

/** One header of a record. */
export interface RecordHeader {
  readonly key: string
  readonly value: Buffer | null
}

/** Headers that begin at `start`, in order and with duplicates. */
export function readHeaders(buffer: Buffer, start: number): RecordHeader[] {
  let position = start
  const varint = () => {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = buffer[position++]
      if (byte === undefined) break
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1)
    }
    throw new RecordFormatError('a header is cut off')
  }
  const take = (size: number) => {
    if (position + size > buffer.length) throw new RecordFormatError('a header is cut off')
    const view = buffer.subarray(position, position + size)
    position += size
    return view
  }
  const count = varint()
  const headers: RecordHeader[] = []
  for (let i = 0; i < count; i++) {
    const key = take(Math.max(0, varint())).toString('utf8')
    const size = varint()
    headers.push({ key, value: size < 0 ? null : take(size) })
  }
  return headers
}
