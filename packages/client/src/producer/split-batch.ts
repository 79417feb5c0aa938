import type { BufferPool } from '@ottla/base'
import {
  BATCH_OVERHEAD,
  baseTimestampOf,
  compressionOf,
  decompress,
  recordsCountOf,
} from '@ottla/protocol'
import { RecordCursor } from '../records/record-cursor.ts'
import { ProducerBatch } from './producer-batch.ts'
import { RecordWriter } from './record-writer.ts'

/** Cuts a batch that the broker finds too large into two halves, by number of records. */
export function splitBatch(batch: ProducerBatch, pool: BufferPool): ProducerBatch[] {
  const bytes = batch.wireBytes()
  const codec = compressionOf(bytes)
  const compressed = bytes.subarray(BATCH_OVERHEAD)
  const records = decompress(codec, compressed, { sizeMax: Number.MAX_SAFE_INTEGER })
  const count = recordsCountOf(bytes)
  const baseTimestamp = baseTimestampOf(bytes)
  const half = Math.ceil(count / 2)
  const cursor = new RecordCursor(records, 0, records.length, count)
  const sizes = [half, count - half]
  return sizes.map((size) => {
    const writer = new RecordWriter(pool, Math.ceil(records.length / 2))
    for (let i = 0; i < size; i++) {
      cursor.next()
      const part = (start: number, length: number) =>
        length < 0 ? null : records.subarray(start, start + length)
      const key = part(cursor.keyStart, cursor.keySize)
      const value = part(cursor.valueStart, cursor.valueSize)
      const headers = cursor.headerBytes()
      writer.append(key, value, headers, baseTimestamp + cursor.timestampDelta)
    }
    return new ProducerBatch(writer, batch.codec, batch.createdMs, batch.dueMs)
  })
}
