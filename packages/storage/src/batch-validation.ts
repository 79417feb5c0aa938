/**
 * What can be said against a client's batch by its header alone, in the order in which Apache
 * Kafka looks (ProduceRequest, UnifiedLog, LogValidator).
 *
 * HOT: guarded by bench/micro/storage-append.bench.ts
 */
import {
  ATTRIBUTES_POSITION,
  attributesOf,
  BATCH_OVERHEAD,
  baseOffsetOf,
  baseSequenceOf,
  baseTimestampOf,
  batchSizeOf,
  CRC_POSITION,
  compressionOf,
  computeBatchCrc,
  isBatchCrcValid,
  isControlBatch,
  isLogAppendTime,
  isTransactional,
  LOG_APPEND_TIME_BIT,
  lastOffsetDeltaOf,
  MAGIC,
  MAX_TIMESTAMP_POSITION,
  magicOf,
  maxTimestampOf,
  producerEpochOf,
  producerIdOf,
  recordsCountOf,
  writeInt64,
} from '@ottla/protocol'
import type { LogConfig } from './log-config.ts'
import type { BatchRefusal } from './log-context.ts'

const COMPRESSION_MAX = 4

/** Why the batch cannot be taken, or undefined when its header is good. */
export function clientBatchFault(
  batch: Buffer,
  config: LogConfig,
  nowMs: number,
): BatchRefusal | undefined {
  const size = batch.length
  if (size < BATCH_OVERHEAD) {
    return { error: 'CORRUPT_MESSAGE', message: `${size} bytes are no record batch` }
  }
  if (magicOf(batch) !== MAGIC) {
    const message = `Only record batches with magic 2 are accepted, not ${magicOf(batch)}`
    return { error: 'INVALID_RECORD', message }
  }
  const declared = batchSizeOf(batch)
  if (declared < size && declared >= BATCH_OVERHEAD) {
    const message = 'Exactly one record batch per partition is accepted'
    return { error: 'INVALID_RECORD', message }
  }
  if (declared !== size) {
    const message = `The batch announces ${declared} bytes and has ${size}`
    return { error: 'CORRUPT_MESSAGE', message }
  }
  if (size > config.maxMessageBytes) {
    const message = `A batch of ${size} bytes, but max.message.bytes is ${config.maxMessageBytes}`
    return { error: 'MESSAGE_TOO_LARGE', message }
  }
  if (size > config.segmentBytes) {
    const message = `A batch of ${size} bytes does not fit a segment of ${config.segmentBytes}`
    return { error: 'RECORD_LIST_TOO_LARGE', message }
  }
  if (!isBatchCrcValid(batch)) {
    return { error: 'CORRUPT_MESSAGE', message: 'Record batch checksum does not agree' }
  }
  return countsFault(batch) ?? producerFieldsFault(batch) ?? timestampFault(batch, config, nowMs)
}

function countsFault(batch: Buffer): BatchRefusal | undefined {
  const invalid = (message: string): BatchRefusal => ({ error: 'INVALID_RECORD', message })
  if (baseOffsetOf(batch) !== 0) return invalid('The base offset of a new batch must be 0')
  const count = recordsCountOf(batch)
  if (count <= 0) return invalid(`A batch of ${count} records`)
  if (count !== lastOffsetDeltaOf(batch) + 1) {
    return invalid(`${count} records, but a last offset delta of ${lastOffsetDeltaOf(batch)}`)
  }
  if (isControlBatch(batch)) return invalid('Clients cannot write control batches')
  if (compressionOf(batch) > COMPRESSION_MAX) {
    return invalid(`Unknown compression codec ${compressionOf(batch)}`)
  }
  return undefined
}

function producerFieldsFault(batch: Buffer): BatchRefusal | undefined {
  const producerId = producerIdOf(batch)
  if (producerId < 0) {
    if (!isTransactional(batch)) return undefined
    return { error: 'INVALID_RECORD', message: 'A transactional batch without producer id' }
  }
  if (!Number.isSafeInteger(producerId)) {
    return { error: 'INVALID_RECORD', message: 'The producer id is beyond what was ever given out' }
  }
  if (producerEpochOf(batch) >= 0 && baseSequenceOf(batch) >= 0) return undefined
  const message = `Producer ${producerId} without epoch or sequence`
  return { error: 'INVALID_RECORD', message }
}

function timestampFault(batch: Buffer, config: LogConfig, nowMs: number): BatchRefusal | undefined {
  const invalid = (message: string): BatchRefusal => ({
    error: 'INVALID_TIMESTAMP',
    message,
    recordErrors: [{ batchIndex: 0, message }],
  })
  if (isLogAppendTime(batch)) return invalid('A producer must not set the type LogAppendTime')
  if (config.messageTimestampType === 'LogAppendTime') return undefined
  const newest = maxTimestampOf(batch)
  if (newest - nowMs > config.messageTimestampAfterMaxMs) {
    return invalid(
      `Timestamp ${newest} is more than ${config.messageTimestampAfterMaxMs} ms ahead of ${nowMs}`,
    )
  }
  const oldest = baseTimestampOf(batch)
  if (oldest >= 0 && nowMs - oldest > config.messageTimestampBeforeMaxMs) {
    return invalid(
      `Timestamp ${oldest} is more than ${config.messageTimestampBeforeMaxMs} ms behind ${nowMs}`,
    )
  }
  return undefined
}

/** Sets the type LogAppendTime and the time itself, and computes the checksum anew. */
export function setLogAppendTime(batch: Buffer, nowMs: number): void {
  batch.writeInt16BE(attributesOf(batch) | LOG_APPEND_TIME_BIT, ATTRIBUTES_POSITION)
  writeInt64(batch, MAX_TIMESTAMP_POSITION, nowMs)
  batch.writeUInt32BE(computeBatchCrc(batch), CRC_POSITION)
}
