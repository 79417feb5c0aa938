/**
 * Batches and records as objects over the bytes they came in: `readBatches` finds the batches,
 * `batch.records` decompresses one and gives its records, whose keys, values and headers are
 * decoded when they are asked for. All views share the memory of the frame (or of the decompressed
 * batch) and live as long as it does.
 *
 * HOT: guarded by bench/micro/record-batch.bench.ts; budget 100 ns per record without its data.
 */
import { decompress } from '../compression/codecs.ts'
import { MalformedMessageError } from '../wire/malformed-message-error.ts'
import {
  attributesOf,
  BATCH_OVERHEAD,
  baseOffsetOf,
  baseSequenceOf,
  baseTimestampOf,
  batchHeaderFault,
  batchSizeOf,
  COMPRESSION_MASK,
  CONTROL_BIT,
  DELETE_HORIZON_BIT,
  isBatchCrcValid,
  LOG_APPEND_TIME_BIT,
  lastOffsetDeltaOf,
  leaderEpochOf,
  maxTimestampOf,
  producerEpochOf,
  producerIdOf,
  recordsCountOf,
  TRANSACTIONAL_BIT,
} from './batch-header.ts'
import { RECORD_SIZE_MIN, RecordCursor, type RecordHeader, readHeaders } from './record-cursor.ts'

/** Most bytes that a batch may decompress to unless the caller says otherwise. */
export const DECOMPRESSED_SIZE_MAX = 256 * 1024 * 1024

/** One record; `key`, `value` and `headers` are decoded on access, each time anew. */
export class BatchRecord {
  readonly offset: number
  /** Milliseconds since the epoch; beyond 2^53 the nearest number. */
  readonly timestamp: number
  private readonly bytes: Buffer
  private readonly keyPosition: number
  private readonly keySize: number
  private readonly valuePosition: number
  private readonly valueSize: number
  private readonly headersPosition: number
  private readonly headerCount: number
  private readonly end: number

  constructor(cursor: RecordCursor) {
    this.offset = cursor.offset
    this.timestamp = cursor.timestamp
    this.bytes = cursor.bytes
    this.keyPosition = cursor.keyPosition
    this.keySize = cursor.keySize
    this.valuePosition = cursor.valuePosition
    this.valueSize = cursor.valueSize
    this.headersPosition = cursor.headersPosition
    this.headerCount = cursor.headerCount
    this.end = cursor.recordEnd
  }

  get key(): Buffer | null {
    return this.keySize < 0
      ? null
      : this.bytes.subarray(this.keyPosition, this.keyPosition + this.keySize)
  }

  get value(): Buffer | null {
    return this.valueSize < 0
      ? null
      : this.bytes.subarray(this.valuePosition, this.valuePosition + this.valueSize)
  }

  get headers(): RecordHeader[] {
    return this.headerCount === 0
      ? []
      : readHeaders(this.bytes, this.headersPosition, this.headerCount, this.end)
  }

  /** Bytes of key and value, without decoding them. */
  get size(): number {
    return Math.max(this.keySize, 0) + Math.max(this.valueSize, 0)
  }
}

/** A batch somewhere in a buffer. The header has been checked to fit; the checksum has not. */
export class RecordBatch {
  readonly buffer: Buffer
  readonly position: number
  /** Bytes of the whole batch. */
  readonly size: number
  readonly baseOffset: number
  readonly lastOffset: number
  readonly attributes: number

  constructor(buffer: Buffer, position = 0) {
    this.buffer = buffer
    this.position = position
    this.size = batchSizeOf(buffer, position)
    this.baseOffset = baseOffsetOf(buffer, position)
    this.lastOffset = this.baseOffset + lastOffsetDeltaOf(buffer, position)
    this.attributes = attributesOf(buffer, position)
  }

  get leaderEpoch(): number {
    return leaderEpochOf(this.buffer, this.position)
  }
  get compression(): number {
    return this.attributes & COMPRESSION_MASK
  }
  get isControl(): boolean {
    return (this.attributes & CONTROL_BIT) !== 0
  }
  get isTransactional(): boolean {
    return (this.attributes & TRANSACTIONAL_BIT) !== 0
  }
  get isLogAppendTime(): boolean {
    return (this.attributes & LOG_APPEND_TIME_BIT) !== 0
  }
  /** When tombstones and markers of this batch may go, or undefined before the first cleaning. */
  get deleteHorizon(): number | undefined {
    return (this.attributes & DELETE_HORIZON_BIT) === 0
      ? undefined
      : baseTimestampOf(this.buffer, this.position)
  }
  get maxTimestamp(): number {
    return maxTimestampOf(this.buffer, this.position)
  }
  get producerId(): number {
    return producerIdOf(this.buffer, this.position)
  }
  get producerEpoch(): number {
    return producerEpochOf(this.buffer, this.position)
  }
  get baseSequence(): number {
    return baseSequenceOf(this.buffer, this.position)
  }
  get recordsCount(): number {
    return recordsCountOf(this.buffer, this.position)
  }
  get isCrcValid(): boolean {
    return isBatchCrcValid(this.buffer, this.position)
  }

  /** The bytes of the whole batch, a view. */
  bytes(): Buffer {
    return this.buffer.subarray(this.position, this.position + this.size)
  }

  /** A cursor over the records. The codec must have been loaded (`loadCodec`). */
  cursor(sizeMax = DECOMPRESSED_SIZE_MAX): RecordCursor {
    const { buffer, position } = this
    const count = this.recordsCount
    if (this.size < BATCH_OVERHEAD || this.size > buffer.length - position) {
      throw new MalformedMessageError(`batch of ${this.size} bytes is cut off`, position)
    }
    let [bytes, start, end] = [buffer, position + BATCH_OVERHEAD, position + this.size]
    if (this.compression !== 0) {
      bytes = decompress(this.compression, buffer.subarray(start, end), { sizeMax })
      ;[start, end] = [0, bytes.length]
    }
    if (count < 0 || count * RECORD_SIZE_MIN > end - start) {
      throw new MalformedMessageError(`${count} records in ${end - start} bytes`, position)
    }
    const appendTime = this.isLogAppendTime ? this.maxTimestamp : Number.NaN
    const baseTimestamp = baseTimestampOf(buffer, position)
    const range = { start, end, count }
    return new RecordCursor(bytes, range, {
      baseOffset: this.baseOffset,
      baseTimestamp,
      appendTime,
    })
  }

  /** All records of the batch. The codec must have been loaded (`loadCodec`). */
  records(sizeMax = DECOMPRESSED_SIZE_MAX): BatchRecord[] {
    const cursor = this.cursor(sizeMax)
    const records: BatchRecord[] = []
    while (cursor.next()) records.push(new BatchRecord(cursor))
    return records
  }
}

/**
 * The whole batches in `bytes`. A batch that is cut off at the end is left out, since a fetch
 * response may end in the middle of one; a header that cannot be a batch's throws.
 */
export function readBatches(bytes: Buffer): RecordBatch[] {
  const batches: RecordBatch[] = []
  let position = 0
  while (bytes.length - position >= BATCH_OVERHEAD) {
    const fault = batchHeaderFault(bytes, position, Number.MAX_SAFE_INTEGER)
    if (fault) throw new MalformedMessageError(fault, position)
    const size = batchSizeOf(bytes, position)
    if (size > bytes.length - position) break
    batches.push(new RecordBatch(bytes, position))
    position += size
  }
  return batches
}
