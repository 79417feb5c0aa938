/**
 * Builds record batches (format v2) in one slab: header first, records behind it.
 *
 *   record   varint length | int8 attributes 0 | varlong timestampDelta | varint offsetDelta
 *            | varint key size, key | varint value size, value | varint header count
 *            | { varint key size, key | varint value size, value }...      (size -1 is null)
 *
 * The length is in front of what it counts, so the size of a record is computed before it is
 * written; nothing is allocated per record. The slab doubles when it is full and belongs to the
 * finished batch: a builder is used for one batch and then thrown away.
 *
 * Must always hold: the bytes in [BATCH_OVERHEAD, position) are whole records.
 *
 * HOT: guarded by bench/micro/record-batch.bench.ts; budget 250 ns for a record of 100 bytes.
 */
import { assert } from '@ottla/base'
import { COMPRESSION, type CompressionId, compress } from '../compression/codecs.ts'
import {
  ATTRIBUTES_POSITION,
  BASE_SEQUENCE_POSITION,
  BASE_TIMESTAMP_POSITION,
  BATCH_LENGTH_POSITION,
  BATCH_OVERHEAD,
  CONTROL_BIT,
  CRC_POSITION,
  computeBatchCrc,
  DELETE_HORIZON_BIT,
  LAST_OFFSET_DELTA_POSITION,
  LEADER_EPOCH_POSITION,
  LOG_APPEND_TIME_BIT,
  LOG_OVERHEAD,
  MAGIC,
  MAGIC_POSITION,
  MAX_TIMESTAMP_POSITION,
  PRODUCER_EPOCH_POSITION,
  PRODUCER_ID_POSITION,
  RECORDS_COUNT_POSITION,
  TRANSACTIONAL_BIT,
  writeInt64,
} from './batch-header.ts'
import { sizeOfVarint, writeVarint } from './record-varint.ts'

/** Key or value of a record; a string is written as UTF-8. */
export type RecordData = Uint8Array | string | null

export interface RecordHeaderInput {
  readonly key: string
  readonly value: RecordData
}

export interface BatchBuilderOptions {
  readonly compression?: CompressionId
  readonly level?: number | undefined
  /** First size of the slab; the default suits a handful of records. */
  readonly sizeInitial?: number
  /** Timestamp that deltas count from, when it is not that of the first record. */
  readonly baseTimestamp?: number
}

/** What the header says beside the records. */
export interface BatchFields {
  readonly baseOffset?: number
  readonly leaderEpoch?: number
  readonly producerId?: number
  readonly producerEpoch?: number
  readonly baseSequence?: number
  readonly isTransactional?: boolean
  readonly isControl?: boolean
  /** All records have the batch's maximum timestamp, given here. */
  readonly logAppendTime?: number
  /** The base timestamp is the delete horizon (see batch-header.ts). */
  readonly hasDeleteHorizon?: boolean
  /** Last offset when records behind the last one were compacted away. */
  readonly lastOffsetDelta?: number
}

const SIZE_INITIAL = 1024
/** Up to this size a loop beats the calls that copy. */
const LOOP_COPY_MAX = 24

const NO_HEADERS: readonly RecordHeaderInput[] = []

const sizeOfData = (data: RecordData): number =>
  data === null ? -1 : typeof data === 'string' ? Buffer.byteLength(data) : data.length

function sizeOfHeaders(headers: readonly RecordHeaderInput[]): number {
  let size = sizeOfVarint(headers.length)
  for (let i = 0; i < headers.length; i++) {
    const { key, value } = headers[i] as RecordHeaderInput
    const [keySize, valueSize] = [Buffer.byteLength(key), sizeOfData(value)]
    size += sizeOfVarint(keySize) + keySize + sizeOfVarint(valueSize) + Math.max(0, valueSize)
  }
  return size
}

/** UTF-8; text of one byte per character takes shorter ways (50 instead of 75 ns). */
function writeText(target: Buffer, at: number, text: string, size: number): void {
  if (size !== text.length) target.write(text, at, size, 'utf8')
  else if (size > LOOP_COPY_MAX) target.write(text, at, size, 'latin1')
  else for (let i = 0; i < size; i++) target[at + i] = text.charCodeAt(i)
}

function writeData(target: Buffer, at: number, data: RecordData, size: number): number {
  const position = writeVarint(target, at, size)
  if (data === null || size === 0) return position
  if (typeof data === 'string') writeText(target, position, data, size)
  else if (size > LOOP_COPY_MAX) target.set(data, position)
  else for (let i = 0; i < size; i++) target[position + i] = data[i] as number
  return position + size
}

/** Most bytes that a record can add to a batch, whatever its offset and timestamp. */
export function recordSizeMax(
  key: RecordData,
  value: RecordData,
  headers: readonly RecordHeaderInput[] = NO_HEADERS,
): number {
  const fixed = 5 + 1 + 10 + 5 + 5 + 5
  return (
    fixed + Math.max(0, sizeOfData(key)) + Math.max(0, sizeOfData(value)) + sizeOfHeaders(headers)
  )
}

export class BatchBuilder {
  private buffer: Buffer
  private position = BATCH_OVERHEAD
  private records = 0
  private baseTimestamp: number
  private timestampMax = -1
  private lastDelta = -1
  private readonly codec: CompressionId
  private readonly level: number | undefined

  constructor(options: BatchBuilderOptions = {}) {
    this.buffer = Buffer.allocUnsafeSlow(
      Math.max(options.sizeInitial ?? SIZE_INITIAL, BATCH_OVERHEAD),
    )
    this.baseTimestamp = options.baseTimestamp ?? Number.NaN
    this.codec = options.compression ?? COMPRESSION.none
    this.level = options.level
  }

  /** Records so far; also the offset delta of the next one. */
  get count(): number {
    return this.records
  }

  /** Bytes of the batch so far, header included, before compression. */
  get size(): number {
    return this.position
  }

  get maxTimestamp(): number {
    return this.timestampMax
  }

  /** Adds a record behind the last one; returns its offset delta. */
  append(
    timestamp: number,
    key: RecordData,
    value: RecordData,
    headers: readonly RecordHeaderInput[] = NO_HEADERS,
  ): number {
    return this.appendAt(this.lastDelta + 1, { timestamp, key, value, headers })
  }

  /** Adds a record at an offset delta above the last one's, as compaction leaves them. */
  appendAt(
    offsetDelta: number,
    record: {
      readonly timestamp: number
      readonly key: RecordData
      readonly value: RecordData
      readonly headers: readonly RecordHeaderInput[]
    },
  ): number {
    const { timestamp, key, value, headers } = record
    if (Number.isNaN(this.baseTimestamp)) this.baseTimestamp = timestamp
    const timestampDelta = timestamp - this.baseTimestamp
    const [keySize, valueSize] = [sizeOfData(key), sizeOfData(value)]
    const headersSize = headers.length === 0 ? 1 : sizeOfHeaders(headers)
    const size =
      1 +
      sizeOfVarint(timestampDelta) +
      sizeOfVarint(offsetDelta) +
      sizeOfVarint(keySize) +
      Math.max(keySize, 0) +
      sizeOfVarint(valueSize) +
      Math.max(valueSize, 0) +
      headersSize
    let at = this.reserve(size + 5)
    const target = this.buffer
    at = writeVarint(target, at, size)
    target[at++] = 0
    at = writeVarint(target, at, timestampDelta)
    at = writeVarint(target, at, offsetDelta)
    at = writeData(target, at, key, keySize)
    at = writeData(target, at, value, valueSize)
    at = headers.length === 0 ? writeVarint(target, at, 0) : writeHeaders(target, at, headers)
    this.position = at
    this.records++
    this.lastDelta = offsetDelta
    if (timestamp > this.timestampMax) this.timestampMax = timestamp
    return offsetDelta
  }

  /** Position of the next record, after making room for it. */
  private reserve(size: number): number {
    const need = this.position + size
    if (need > this.buffer.length) this.grow(need)
    return this.position
  }

  private grow(need: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, need))
    this.buffer.copy(larger, 0, 0, this.position)
    this.buffer = larger
  }

  /** The finished batch. The builder must not be used afterwards. */
  finish(fields: BatchFields = {}): Buffer {
    const batch = this.seal()
    this.writeHeader(batch, fields)
    batch.writeUInt32BE(computeBatchCrc(batch), CRC_POSITION)
    return batch
  }

  /** Header room and records, compressed if so asked. */
  private seal(): Buffer {
    const plain = this.buffer.subarray(0, this.position)
    if (this.codec === COMPRESSION.none) return plain
    const compressed = compress(this.codec, plain.subarray(BATCH_OVERHEAD), { level: this.level })
    const batch = Buffer.allocUnsafeSlow(BATCH_OVERHEAD + compressed.length)
    compressed.copy(batch, BATCH_OVERHEAD)
    return batch
  }

  private writeHeader(batch: Buffer, fields: BatchFields): void {
    const lastOffsetDelta = fields.lastOffsetDelta ?? this.lastDelta
    assert(lastOffsetDelta >= this.lastDelta, 'a record lies behind the last offset of its batch')
    const attributes =
      this.codec |
      (fields.logAppendTime === undefined ? 0 : LOG_APPEND_TIME_BIT) |
      (fields.isTransactional ? TRANSACTIONAL_BIT : 0) |
      (fields.isControl ? CONTROL_BIT : 0) |
      (fields.hasDeleteHorizon ? DELETE_HORIZON_BIT : 0)
    const baseTimestamp = this.baseTimestamp
    writeInt64(batch, 0, fields.baseOffset ?? 0)
    batch.writeInt32BE(batch.length - LOG_OVERHEAD, BATCH_LENGTH_POSITION)
    batch.writeInt32BE(fields.leaderEpoch ?? -1, LEADER_EPOCH_POSITION)
    batch[MAGIC_POSITION] = MAGIC
    batch.writeInt16BE(attributes, ATTRIBUTES_POSITION)
    batch.writeInt32BE(Math.max(0, lastOffsetDelta), LAST_OFFSET_DELTA_POSITION)
    writeInt64(batch, BASE_TIMESTAMP_POSITION, Number.isNaN(baseTimestamp) ? -1 : baseTimestamp)
    writeInt64(batch, MAX_TIMESTAMP_POSITION, fields.logAppendTime ?? this.timestampMax)
    writeInt64(batch, PRODUCER_ID_POSITION, fields.producerId ?? -1)
    batch.writeInt16BE(fields.producerEpoch ?? -1, PRODUCER_EPOCH_POSITION)
    batch.writeInt32BE(fields.baseSequence ?? -1, BASE_SEQUENCE_POSITION)
    batch.writeInt32BE(this.records, RECORDS_COUNT_POSITION)
  }
}

function writeHeaders(target: Buffer, at: number, headers: readonly RecordHeaderInput[]): number {
  let position = writeVarint(target, at, headers.length)
  for (let i = 0; i < headers.length; i++) {
    const { key, value } = headers[i] as RecordHeaderInput
    position = writeData(target, position, key, Buffer.byteLength(key))
    position = writeData(target, position, value, sizeOfData(value))
  }
  return position
}

/**
 * Gives a finished batch another producer id, epoch and sequence in place, as a retry after an
 * epoch bump needs, and renews its checksum.
 */
export function rewriteProducer(
  batch: Buffer,
  producer: {
    readonly producerId: number
    readonly producerEpoch: number
    readonly baseSequence: number
  },
): void {
  writeInt64(batch, PRODUCER_ID_POSITION, producer.producerId)
  batch.writeInt16BE(producer.producerEpoch, PRODUCER_EPOCH_POSITION)
  batch.writeInt32BE(producer.baseSequence, BASE_SEQUENCE_POSITION)
  batch.writeUInt32BE(computeBatchCrc(batch), CRC_POSITION)
}
