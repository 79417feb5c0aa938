/**
 * What a leader checks in a batch before it appends it, beyond the checksum: the facts that the
 * header states about the records, and the rules for each record. Works on compressed batches,
 * which are decompressed for it, so the broker calls it only where a rule needs the records.
 */
import { messageOf } from '@ottla/base'
import {
  CorruptCompressionError,
  DecompressedTooLargeError,
} from '../compression/compression-errors.ts'
import type { ErrorName } from '../error-codes.ts'
import { MalformedMessageError } from '../wire/malformed-message-error.ts'
import { BATCH_OVERHEAD, batchHeaderFault, lastOffsetDeltaOf } from './batch-header.ts'
import { RecordBatch } from './batch-reader.ts'

export interface RecordRules {
  /** Compacted topics take no records without a key. */
  readonly requireKeys?: boolean
  /** Most bytes the records may decompress to. */
  readonly sizeMax: number
  /** Timestamps outside these bounds are refused (-1, "no timestamp", is not). */
  readonly timestampMin?: number
  readonly timestampMax?: number
}

/** A record that breaks a rule, by its index in the batch, as Produce reports it. */
export interface RecordFault {
  readonly batchIndex: number
  readonly message: string
}

export type RecordValidation =
  | {
      readonly kind: 'valid'
      readonly maxTimestamp: number
      /** First record that has the maximum timestamp. */
      readonly offsetOfMaxTimestamp: number
    }
  | {
      readonly kind: 'invalid'
      readonly error: ErrorName
      readonly message: string
      readonly recordErrors: readonly RecordFault[]
    }

const invalid = (
  error: ErrorName,
  message: string,
  recordErrors: readonly RecordFault[] = [],
): RecordValidation => ({ kind: 'invalid', error, message, recordErrors })

/**
 * What the header of a producer's batch says wrong, or undefined. Cheap: 61 bytes are read, the
 * records stay packed.
 */
export function producerBatchFault(buffer: Buffer, position = 0): string | undefined {
  if (buffer.length - position < BATCH_OVERHEAD) return 'batch is cut off in its header'
  const headerFault = batchHeaderFault(buffer, position, buffer.length - position)
  if (headerFault) return headerFault
  const batch = new RecordBatch(buffer, position)
  if (batch.isControl) return 'clients cannot write control batches'
  if (batch.compression > 4) return `no codec has the number ${batch.compression}`
  if (batch.baseOffset !== 0) return `base offset ${batch.baseOffset} is not 0`
  if (batch.recordsCount <= 0) return `batch of ${batch.recordsCount} records`
  const delta = lastOffsetDeltaOf(buffer, position)
  if (delta !== batch.recordsCount - 1) {
    return `last offset delta ${delta} does not fit ${batch.recordsCount} records`
  }
  if (batch.producerId >= 0) {
    if (batch.producerEpoch < 0) return 'producer id without an epoch'
    if (batch.baseSequence < 0) return `invalid sequence ${batch.baseSequence}`
  } else if (batch.isTransactional) return 'transactional batch without a producer id'
  return undefined
}

/** Checks every record of the batch at `position`. The codec must have been loaded. */
export function validateRecords(
  buffer: Buffer,
  position: number,
  rules: RecordRules,
): RecordValidation {
  try {
    return validateDecoded(new RecordBatch(buffer, position), rules)
  } catch (error) {
    if (error instanceof DecompressedTooLargeError) {
      return invalid('MESSAGE_TOO_LARGE', error.message)
    }
    if (error instanceof CorruptCompressionError || error instanceof MalformedMessageError) {
      return invalid('CORRUPT_MESSAGE', messageOf(error))
    }
    throw error
  }
}

function validateDecoded(batch: RecordBatch, rules: RecordRules): RecordValidation {
  const cursor = batch.cursor(rules.sizeMax)
  const faults: RecordFault[] = []
  const { timestampMin = Number.NEGATIVE_INFINITY, timestampMax = Number.POSITIVE_INFINITY } = rules
  let [maxTimestamp, offsetOfMaxTimestamp] = [-1, batch.baseOffset]
  let error: ErrorName = 'INVALID_RECORD'
  for (let batchIndex = 0; cursor.next(); batchIndex++) {
    if (cursor.headerCount > 0) cursor.headers()
    const { timestamp, offsetDelta } = cursor
    if (offsetDelta !== batchIndex) {
      faults.push({ batchIndex, message: `offset delta ${offsetDelta} is not ${batchIndex}` })
    } else if (rules.requireKeys && cursor.keySize < 0) {
      faults.push({ batchIndex, message: 'compacted topics take no records without a key' })
    } else if (timestamp !== -1 && (timestamp < timestampMin || timestamp > timestampMax)) {
      faults.push({ batchIndex, message: `timestamp ${timestamp} is out of range` })
      error = 'INVALID_TIMESTAMP'
    }
    if (timestamp > maxTimestamp) {
      maxTimestamp = timestamp
      offsetOfMaxTimestamp = cursor.offset
    }
  }
  if (faults.length > 0) {
    return invalid(error, 'one or more records of the batch were rejected', faults)
  }
  return { kind: 'valid', maxTimestamp, offsetOfMaxTimestamp }
}

export interface TimestampAndOffset {
  readonly timestamp: number
  readonly offset: number
}

/**
 * The first record of a batch whose timestamp is at least `timestamp` and whose offset is at least
 * `startingOffset`; undefined when there is none.
 */
export function findRecordByTimestamp(
  batch: RecordBatch,
  timestamp: number,
  startingOffset = 0,
): TimestampAndOffset | undefined {
  if (batch.maxTimestamp < timestamp || batch.lastOffset < startingOffset) return undefined
  const cursor = batch.cursor()
  while (cursor.next()) {
    if (cursor.timestamp >= timestamp && cursor.offset >= startingOffset) {
      return { timestamp: cursor.timestamp, offset: cursor.offset }
    }
  }
  return undefined
}

/** The first record that carries the maximum timestamp of its batch. */
export function findMaxTimestamp(batch: RecordBatch): TimestampAndOffset | undefined {
  return findRecordByTimestamp(batch, batch.maxTimestamp)
}
