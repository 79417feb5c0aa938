/**
 * The 61 bytes in front of every record batch, read and patched in place.
 *
 *   0  int64 baseOffset            23  int32 lastOffsetDelta
 *   8  int32 batchLength           27  int64 baseTimestamp (or delete horizon)
 *  12  int32 partitionLeaderEpoch  35  int64 maxTimestamp
 *  16  int8  magic (2)             43  int64 producerId
 *  17  uint32 crc of 21..end       51  int16 producerEpoch
 *  21  int16 attributes            53  int32 baseSequence
 *                                  57  int32 recordsCount
 *
 * batchLength counts what follows it, so a batch takes batchLength + 12 bytes. Base offset and
 * leader epoch lie outside the checksum: the log assigns them without touching it.
 *
 * Functions take (buffer, position) instead of an object: the produce and fetch paths read a few
 * fields of many batches and must not allocate for it.
 */
import { crc32c } from './crc32c.ts'

/** Bytes of the header of a record batch. */
export const BATCH_OVERHEAD = 61
/** Bytes in front of what batchLength counts: base offset and batchLength itself. */
export const LOG_OVERHEAD = 12
export const MAGIC = 2

export const BATCH_LENGTH_POSITION = 8
export const LEADER_EPOCH_POSITION = 12
export const MAGIC_POSITION = 16
export const CRC_POSITION = 17
export const ATTRIBUTES_POSITION = 21
export const LAST_OFFSET_DELTA_POSITION = 23
export const BASE_TIMESTAMP_POSITION = 27
export const MAX_TIMESTAMP_POSITION = 35
export const PRODUCER_ID_POSITION = 43
export const PRODUCER_EPOCH_POSITION = 51
export const BASE_SEQUENCE_POSITION = 53
export const RECORDS_COUNT_POSITION = 57

export const COMPRESSION_MASK = 0x07
export const LOG_APPEND_TIME_BIT = 0x08
export const TRANSACTIONAL_BIT = 0x10
export const CONTROL_BIT = 0x20
export const DELETE_HORIZON_BIT = 0x40

/** A 64-bit integer as a number. Beyond 2^53 it loses precision: callers check where it matters. */
export function readInt64(buffer: Buffer, position: number): number {
  return buffer.readInt32BE(position) * 0x1_0000_0000 + buffer.readUInt32BE(position + 4)
}

export function writeInt64(buffer: Buffer, position: number, value: number): void {
  const high = Math.floor(value / 0x1_0000_0000)
  buffer.writeInt32BE(high, position)
  buffer.writeUInt32BE(value - high * 0x1_0000_0000, position + 4)
}

export const baseOffsetOf = (b: Buffer, p = 0): number => readInt64(b, p)
/** Size in bytes of the whole batch, header included. */
export const batchSizeOf = (b: Buffer, p = 0): number =>
  b.readInt32BE(p + BATCH_LENGTH_POSITION) + LOG_OVERHEAD
export const leaderEpochOf = (b: Buffer, p = 0): number => b.readInt32BE(p + LEADER_EPOCH_POSITION)
export const magicOf = (b: Buffer, p = 0): number => b.readInt8(p + MAGIC_POSITION)
export const crcOf = (b: Buffer, p = 0): number => b.readUInt32BE(p + CRC_POSITION)
export const attributesOf = (b: Buffer, p = 0): number => b.readInt16BE(p + ATTRIBUTES_POSITION)
export const lastOffsetDeltaOf = (b: Buffer, p = 0): number =>
  b.readInt32BE(p + LAST_OFFSET_DELTA_POSITION)
export const lastOffsetOf = (b: Buffer, p = 0): number =>
  baseOffsetOf(b, p) + lastOffsetDeltaOf(b, p)
export const baseTimestampOf = (b: Buffer, p = 0): number =>
  readInt64(b, p + BASE_TIMESTAMP_POSITION)
export const maxTimestampOf = (b: Buffer, p = 0): number => readInt64(b, p + MAX_TIMESTAMP_POSITION)
export const producerIdOf = (b: Buffer, p = 0): number => readInt64(b, p + PRODUCER_ID_POSITION)
export const producerEpochOf = (b: Buffer, p = 0): number =>
  b.readInt16BE(p + PRODUCER_EPOCH_POSITION)
export const baseSequenceOf = (b: Buffer, p = 0): number =>
  b.readInt32BE(p + BASE_SEQUENCE_POSITION)
export const recordsCountOf = (b: Buffer, p = 0): number =>
  b.readInt32BE(p + RECORDS_COUNT_POSITION)

export const compressionOf = (b: Buffer, p = 0): number => attributesOf(b, p) & COMPRESSION_MASK
export const isLogAppendTime = (b: Buffer, p = 0): boolean =>
  (attributesOf(b, p) & LOG_APPEND_TIME_BIT) !== 0
export const isTransactional = (b: Buffer, p = 0): boolean =>
  (attributesOf(b, p) & TRANSACTIONAL_BIT) !== 0
export const isControlBatch = (b: Buffer, p = 0): boolean =>
  (attributesOf(b, p) & CONTROL_BIT) !== 0
export const hasDeleteHorizon = (b: Buffer, p = 0): boolean =>
  (attributesOf(b, p) & DELETE_HORIZON_BIT) !== 0

/** Checksum that the batch at `position` should carry; the whole batch must be in the buffer. */
export function computeBatchCrc(b: Buffer, p = 0): number {
  return crc32c(b.subarray(p + ATTRIBUTES_POSITION, p + batchSizeOf(b, p)))
}

export const isBatchCrcValid = (b: Buffer, p = 0): boolean => computeBatchCrc(b, p) === crcOf(b, p)

/** Sequence after `sequence`, which wraps from 2^31-1 to 0. */
export function addSequence(sequence: number, by: number): number {
  const sum = sequence + by
  return sum > 0x7fffffff ? sum - 0x8000_0000 : sum
}

/** Sequence of the last record of the batch, or -1 without idempotence. */
export function lastSequenceOf(b: Buffer, p = 0): number {
  const base = baseSequenceOf(b, p)
  return base < 0 ? -1 : addSequence(base, lastOffsetDeltaOf(b, p))
}

/**
 * Why the header at `position` cannot be a batch, or undefined when it can. Looks at the header
 * only; the bytes of the whole batch need not be there yet.
 */
export function batchHeaderFault(b: Buffer, p: number, sizeMax: number): string | undefined {
  const length = b.readInt32BE(p + BATCH_LENGTH_POSITION)
  if (length < BATCH_OVERHEAD - LOG_OVERHEAD) return `batch length ${length} is below the header's`
  if (length + LOG_OVERHEAD > sizeMax) return `batch length ${length} is beyond the end`
  if (magicOf(b, p) !== MAGIC) return `magic ${magicOf(b, p)} is not 2`
  return undefined
}
