/** Batches for the tests of this package: real headers and checksums, opaque records. */
import {
  ATTRIBUTES_POSITION,
  BASE_SEQUENCE_POSITION,
  BASE_TIMESTAMP_POSITION,
  BATCH_LENGTH_POSITION,
  BATCH_OVERHEAD,
  CONTROL_BIT,
  CRC_POSITION,
  computeBatchCrc,
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

export interface TestBatch {
  readonly records?: number
  /** Bytes of the records section. */
  readonly bodySize?: number
  /** Fills the body, so that two batches differ. */
  readonly seed?: number
  readonly timestamp?: number
  readonly producerId?: number
  readonly producerEpoch?: number
  readonly sequence?: number
  readonly isTransactional?: boolean
}

export function makeBatch(options: TestBatch = {}): Buffer {
  const body = Buffer.alloc(options.bodySize ?? 40, (options.seed ?? 7) & 0xff)
  if (body.length >= 4) body.writeUInt32BE((options.seed ?? 7) >>> 0, 0)
  return seal(body, {
    attributes: options.isTransactional ? TRANSACTIONAL_BIT : 0,
    ...options,
    records: options.records ?? 1,
  })
}

/** A COMMIT or ABORT marker, as the transaction coordinator writes it. */
export function makeMarker(options: {
  isAbort: boolean
  producerId: number
  producerEpoch?: number
  coordinatorEpoch?: number
}): Buffer {
  const body = Buffer.alloc(17)
  body.set([32, 0, 0, 0, 8, 0, 0, 0, options.isAbort ? 0 : 1, 12, 0, 0])
  body.writeInt32BE(options.coordinatorEpoch ?? 0, 12)
  body[16] = 0
  return seal(body, {
    attributes: TRANSACTIONAL_BIT | CONTROL_BIT,
    producerId: options.producerId,
    producerEpoch: options.producerEpoch ?? 0,
    records: 1,
  })
}

function seal(body: Buffer, fields: TestBatch & { attributes: number; records: number }): Buffer {
  const batch = Buffer.alloc(BATCH_OVERHEAD + body.length)
  body.copy(batch, BATCH_OVERHEAD)
  batch.writeInt32BE(batch.length - LOG_OVERHEAD, BATCH_LENGTH_POSITION)
  batch.writeInt32BE(-1, LEADER_EPOCH_POSITION)
  batch.writeInt8(MAGIC, MAGIC_POSITION)
  batch.writeInt16BE(fields.attributes, ATTRIBUTES_POSITION)
  batch.writeInt32BE(fields.records - 1, LAST_OFFSET_DELTA_POSITION)
  writeInt64(batch, BASE_TIMESTAMP_POSITION, fields.timestamp ?? 1_700_000_000_000)
  writeInt64(batch, MAX_TIMESTAMP_POSITION, fields.timestamp ?? 1_700_000_000_000)
  writeInt64(batch, PRODUCER_ID_POSITION, fields.producerId ?? -1)
  batch.writeInt16BE(
    fields.producerEpoch ?? (fields.producerId === undefined ? -1 : 0),
    PRODUCER_EPOCH_POSITION,
  )
  batch.writeInt32BE(fields.sequence ?? -1, BASE_SEQUENCE_POSITION)
  batch.writeInt32BE(fields.records, RECORDS_COUNT_POSITION)
  batch.writeUInt32BE(computeBatchCrc(batch), CRC_POSITION)
  return batch
}
