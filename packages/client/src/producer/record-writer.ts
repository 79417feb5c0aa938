/**
 * Writes records of one batch straight into one buffer, behind room for the batch header.
 *
 *   record   varint size | int8 0 | varlong timestamp delta | varint offset delta
 *            | varint key size | key | varint value size | value | varint headers | headers
 *
 * The size stands in front, so it has to be known before anything is written. For text it is
 * guessed that one character takes one byte; where the write then took another number of bytes, the
 * record is written again with counted sizes. Most text is ASCII, and counting first costs as much
 * as writing.
 *
 * HOT: guarded by bench/macro/client-speed.ts
 */

import type { BufferPool } from '@ottla/base'
import {
  ATTRIBUTES_POSITION,
  BASE_SEQUENCE_POSITION,
  BASE_TIMESTAMP_POSITION,
  BATCH_LENGTH_POSITION,
  BATCH_OVERHEAD,
  CRC_POSITION,
  crc32c,
  LAST_OFFSET_DELTA_POSITION,
  LEADER_EPOCH_POSITION,
  LOG_OVERHEAD,
  MAGIC,
  MAGIC_POSITION,
  MAX_TIMESTAMP_POSITION,
  PRODUCER_EPOCH_POSITION,
  PRODUCER_ID_POSITION,
  RECORDS_COUNT_POSITION,
  TRANSACTIONAL_BIT,
  writeInt64,
} from '@ottla/protocol'
import type { Encoded } from '../serde/serde.ts'

/** Most that the numbers of one record take. */
const RECORD_OVERHEAD_MAX = 5 + 1 + 10 + 5 + 5 + 5 + 5
/** Shorter bytes are copied in a loop, which is cheaper than a call. */
const LOOP_BYTES_MAX = 32

/** Bytes a record takes at most, sizes of text guessed as one byte a character. */
export function estimateRecordSize(key: Encoded, value: Encoded, headers: Buffer | null): number {
  const keySize = key === null ? 0 : key.length
  const valueSize = value === null ? 0 : value.length
  return RECORD_OVERHEAD_MAX + keySize + valueSize + (headers === null ? 1 : headers.length)
}

export class RecordWriter {
  private readonly pool: BufferPool
  private buffer: Buffer
  private position = BATCH_OVERHEAD
  private baseTimestamp = 0
  private maxTimestamp = 0
  count = 0
  // Of the record being written: fields, so that writing it again needs no second computation.
  private delta = 0
  private keySize = 0
  private valueSize = 0

  constructor(pool: BufferPool, firstSize: number) {
    this.pool = pool
    this.buffer = pool.take(BATCH_OVERHEAD + firstSize)
  }

  /** Bytes of the batch so far, header included. */
  get size(): number {
    return this.position
  }

  /** Bytes of memory held. */
  get capacity(): number {
    return this.buffer.length
  }

  append(key: Encoded, value: Encoded, headers: Buffer | null, timestamp: number): void {
    if (this.count === 0) {
      this.baseTimestamp = timestamp
      this.maxTimestamp = timestamp
    } else if (timestamp > this.maxTimestamp) this.maxTimestamp = timestamp
    this.delta = timestamp - this.baseTimestamp
    this.keySize = key === null ? -1 : key.length
    this.valueSize = value === null ? -1 : value.length
    this.reserve(key, value, headers)
    let end = this.write(key, value, headers)
    if (end < 0) {
      if (typeof key === 'string') this.keySize = Buffer.byteLength(key)
      if (typeof value === 'string') this.valueSize = Buffer.byteLength(value)
      end = this.write(key, value, headers)
    }
    this.position = end
    this.count++
  }

  /** Makes room for the record at its largest: three bytes for each character of text. */
  private reserve(key: Encoded, value: Encoded, headers: Buffer | null): void {
    let size = RECORD_OVERHEAD_MAX + (headers === null ? 0 : headers.length)
    if (key !== null) size += typeof key === 'string' ? key.length * 3 : key.length
    if (value !== null) size += typeof value === 'string' ? value.length * 3 : value.length
    if (this.position + size <= this.buffer.length) return
    const larger = this.pool.take(Math.max(this.buffer.length * 2, this.position + size))
    larger.set(this.buffer.subarray(0, this.position))
    this.pool.give(this.buffer)
    this.buffer = larger
  }

  /** Writes one record; -1 when a text did not take the bytes it was said to take. */
  private write(key: Encoded, value: Encoded, headers: Buffer | null): number {
    const { buffer, count, delta, keySize, valueSize } = this
    const size =
      1 +
      varlongSize(delta) +
      varintSize(count) +
      varintSize(keySize) +
      Math.max(keySize, 0) +
      varintSize(valueSize) +
      Math.max(valueSize, 0) +
      (headers === null ? 1 : headers.length)
    let p = writeVarint(buffer, this.position, size)
    buffer[p++] = 0
    p = writeVarlong(buffer, p, delta)
    p = writeVarint(buffer, p, count)
    p = writeVarint(buffer, p, keySize)
    if (keySize > 0) {
      if (copyInto(buffer, p, key as Uint8Array | string, keySize) !== keySize) return -1
      p += keySize
    }
    p = writeVarint(buffer, p, valueSize)
    if (valueSize > 0) {
      if (copyInto(buffer, p, value as Uint8Array | string, valueSize) !== valueSize) return -1
      p += valueSize
    }
    if (headers === null) {
      buffer[p++] = 0
      return p
    }
    buffer.set(headers, p)
    return p + headers.length
  }

  /**
   * The finished batch without its checksum: a header in front of the records, which `compress`
   * may replace by their compressed form. The buffer stays this writer's until `release`.
   */
  finish(codec: number, compress: ((records: Buffer) => Buffer) | undefined): Buffer {
    let batch = this.buffer.subarray(0, this.position)
    if (compress) {
      const compressed = compress(batch.subarray(BATCH_OVERHEAD))
      batch = this.withCompressed(compressed)
    }
    writeInt64(batch, 0, 0)
    batch.writeInt32BE(batch.length - LOG_OVERHEAD, BATCH_LENGTH_POSITION)
    batch.writeInt32BE(-1, LEADER_EPOCH_POSITION)
    batch[MAGIC_POSITION] = MAGIC
    batch.writeInt16BE(codec, ATTRIBUTES_POSITION)
    batch.writeInt32BE(this.count - 1, LAST_OFFSET_DELTA_POSITION)
    writeInt64(batch, BASE_TIMESTAMP_POSITION, this.baseTimestamp)
    writeInt64(batch, MAX_TIMESTAMP_POSITION, this.maxTimestamp)
    batch.writeInt32BE(this.count, RECORDS_COUNT_POSITION)
    return batch
  }

  /** Puts compressed records over the plain ones, which are no longer needed, where they fit. */
  private withCompressed(compressed: Buffer): Buffer {
    const size = BATCH_OVERHEAD + compressed.length
    if (size > this.buffer.length) {
      const larger = this.pool.take(size)
      this.pool.give(this.buffer)
      this.buffer = larger
    }
    this.buffer.set(compressed, BATCH_OVERHEAD)
    this.position = size
    return this.buffer.subarray(0, size)
  }

  /** Gives the memory back; it is reused only when no socket can still read from it. */
  release(isReusable: boolean): void {
    if (isReusable) this.pool.give(this.buffer)
    else this.pool.abandon(this.buffer)
  }
}

/** Says in the attributes that the batch is part of a transaction; before it is sealed. */
export function markTransactional(batch: Buffer): void {
  const attributes = batch.readInt16BE(ATTRIBUTES_POSITION)
  batch.writeInt16BE(attributes | TRANSACTIONAL_BIT, ATTRIBUTES_POSITION)
}

/** Sets producer id, epoch and first sequence, then the checksum over everything behind it. */
export function sealBatch(
  batch: Buffer,
  producerId: number,
  producerEpoch: number,
  baseSequence: number,
): void {
  writeInt64(batch, PRODUCER_ID_POSITION, producerId)
  batch.writeInt16BE(producerEpoch, PRODUCER_EPOCH_POSITION)
  batch.writeInt32BE(baseSequence, BASE_SEQUENCE_POSITION)
  batch.writeUInt32BE(crc32c(batch.subarray(ATTRIBUTES_POSITION)), CRC_POSITION)
}

/** Copies bytes or text; returns how many bytes that took, at most three a character. */
function copyInto(target: Buffer, position: number, source: Uint8Array | string, size: number) {
  if (typeof source === 'string') return target.write(source, position, 'utf8')
  if (size > LOOP_BYTES_MAX) target.set(source, position)
  else for (let i = 0; i < size; i++) target[position + i] = source[i] as number
  return size
}

/** Zigzag varint of a 32-bit number. */
function writeVarint(buffer: Buffer, position: number, value: number): number {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0
  while (rest > 0x7f) {
    buffer[position++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  buffer[position++] = rest
  return position
}

function varintSize(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0
  if (zigzag < 0x80) return 1
  if (zigzag < 0x4000) return 2
  if (zigzag < 0x20_0000) return 3
  return zigzag < 0x1000_0000 ? 4 : 5
}

const isInt31 = (value: number) => value >= -0x4000_0000 && value < 0x4000_0000
/** Timestamps far apart in one batch: the rare case, kept in floating point up to 2^52. */
const zigzagOf = (value: number) => (value < 0 ? -value * 2 - 1 : value * 2)

function varlongSize(value: number): number {
  if (isInt31(value)) return varintSize(value)
  let size = 1
  for (let rest = zigzagOf(value); rest > 0x7f; rest = Math.floor(rest / 128)) size++
  return size
}

function writeVarlong(buffer: Buffer, position: number, value: number): number {
  if (isInt31(value)) return writeVarint(buffer, position, value)
  let rest = zigzagOf(value)
  while (rest > 0x7f) {
    buffer[position++] = (rest % 128) | 0x80
    rest = Math.floor(rest / 128)
  }
  buffer[position++] = rest
  return position
}
