/**
 * One batch without the records that a cleaning removes. What stays keeps its offset: base offset,
 * last offset, sequences, producer and leader epoch are those of the original, and records are
 * copied as they are. Pure.
 *
 * A batch that keeps tombstones, or a marker that decides nothing any more, gets a delete horizon
 * at its first cleaning: a bit in the attributes, and the base timestamp says until when they stay.
 */
import {
  ATTRIBUTES_POSITION,
  BASE_TIMESTAMP_POSITION,
  BATCH_LENGTH_POSITION,
  BATCH_OVERHEAD,
  BatchBuilder,
  CRC_POSITION,
  compress,
  computeBatchCrc,
  LAST_OFFSET_DELTA_POSITION,
  LOG_OVERHEAD,
  MAX_TIMESTAMP_POSITION,
  RECORDS_COUNT_POSITION,
  type RecordBatch,
  type RecordCursor,
  writeInt64,
} from '@ottla/protocol'

export interface BatchFilter {
  /** Does the record under the cursor stay? */
  readonly keeps: (cursor: RecordCursor) => boolean
  /** A batch of which nothing stays is kept as a bare header. */
  readonly keepsEmpty: boolean
  /** Horizon for a batch that needs one and has none. */
  readonly newHorizonMs: number
  /** The batch is a marker that decides nothing any more. */
  readonly isIdleMarker: boolean
}

const DELETE_HORIZON_BIT = 0x40

/** The batch as it stays: the same object when nothing changes, undefined when it goes. */
export function filterBatch(batch: RecordBatch, filter: BatchFilter): Buffer | undefined {
  const kept = new KeptRecords(batch.cursor())
  kept.select(filter)
  if (kept.count === 0) return filter.keepsEmpty ? emptyBatch(batch) : undefined
  const needsHorizon = (kept.hasTombstone || filter.isIdleMarker) && !hasHorizon(batch)
  if (needsHorizon) return withHorizon(batch, filter)
  return kept.isWhole ? batch.bytes() : rebuilt(batch, kept)
}

const hasHorizon = (batch: RecordBatch): boolean => batch.deleteHorizon !== undefined

/** Which records stay, as ranges of the (decompressed) bytes. */
class KeptRecords {
  count = 0
  bytes = 0
  maxTimestamp = -1
  hasTombstone = false
  isWhole = true
  readonly ranges: number[] = []
  readonly source: Buffer
  private readonly cursor: RecordCursor

  constructor(cursor: RecordCursor) {
    this.cursor = cursor
    this.source = cursor.bytes
  }

  select(filter: BatchFilter): void {
    const { cursor, ranges } = this
    let start = cursor.position
    while (cursor.next()) {
      if (filter.keeps(cursor)) {
        this.count++
        this.bytes += cursor.recordEnd - start
        if (cursor.valueSize < 0) this.hasTombstone = true
        if (cursor.timestamp > this.maxTimestamp) this.maxTimestamp = cursor.timestamp
        if (ranges.length > 0 && ranges[ranges.length - 1] === start) {
          ranges[ranges.length - 1] = cursor.recordEnd
        } else ranges.push(start, cursor.recordEnd)
      } else this.isWhole = false
      start = cursor.recordEnd
    }
  }

  copyTo(target: Buffer, position: number): void {
    let at = position
    for (let i = 0; i < this.ranges.length; i += 2) {
      at += this.source.copy(target, at, this.ranges[i], this.ranges[i + 1])
    }
  }
}

function rebuilt(batch: RecordBatch, kept: KeptRecords): Buffer {
  let result = Buffer.allocUnsafeSlow(BATCH_OVERHEAD + kept.bytes)
  kept.copyTo(result, BATCH_OVERHEAD)
  if (batch.compression !== 0) {
    const packed = compress(batch.compression, result.subarray(BATCH_OVERHEAD))
    result = Buffer.allocUnsafeSlow(BATCH_OVERHEAD + packed.length)
    packed.copy(result, BATCH_OVERHEAD)
  }
  batch.buffer.copy(result, 0, batch.position, batch.position + BATCH_OVERHEAD)
  writeInt64(result, MAX_TIMESTAMP_POSITION, kept.maxTimestamp)
  return sealed(result, kept.count)
}

/** Written anew, since the deltas of the timestamps now count from the horizon. */
function withHorizon(batch: RecordBatch, filter: BatchFilter): Buffer {
  const builder = new BatchBuilder({
    compression: batch.compression,
    baseTimestamp: filter.newHorizonMs,
    sizeInitial: batch.size + 64,
  })
  const cursor = batch.cursor()
  while (cursor.next()) {
    if (!filter.keeps(cursor)) continue
    builder.appendAt(cursor.offsetDelta, {
      timestamp: cursor.timestamp,
      key: cursor.key(),
      value: cursor.value(),
      headers: cursor.headers(),
    })
  }
  const { maxTimestamp, count } = builder
  const result = builder.finish()
  batch.buffer.copy(result, 0, batch.position, batch.position + BATCH_OVERHEAD)
  result.writeInt16BE(batch.attributes | DELETE_HORIZON_BIT, ATTRIBUTES_POSITION)
  writeInt64(result, BASE_TIMESTAMP_POSITION, filter.newHorizonMs)
  writeInt64(result, MAX_TIMESTAMP_POSITION, maxTimestamp)
  return sealed(result, count)
}

/** Only what says which offsets, sequences and producer there were. */
function emptyBatch(batch: RecordBatch): Buffer {
  const result = Buffer.alloc(BATCH_OVERHEAD)
  batch.buffer.copy(result, 0, batch.position, batch.position + BATCH_OVERHEAD)
  const kept = batch.attributes & ~(DELETE_HORIZON_BIT | 0x07)
  result.writeInt16BE(kept, ATTRIBUTES_POSITION)
  writeInt64(result, BASE_TIMESTAMP_POSITION, -1)
  result.writeInt32BE(batch.lastOffset - batch.baseOffset, LAST_OFFSET_DELTA_POSITION)
  return sealed(result, 0)
}

function sealed(batch: Buffer, count: number): Buffer {
  batch.writeInt32BE(batch.length - LOG_OVERHEAD, BATCH_LENGTH_POSITION)
  batch.writeInt32BE(count, RECORDS_COUNT_POSITION)
  batch.writeUInt32BE(computeBatchCrc(batch), CRC_POSITION)
  return batch
}
