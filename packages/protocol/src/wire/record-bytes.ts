import { assert } from '@ottla/base'

/**
 * Record batches on their way through: one buffer as read from a frame, or the list of buffers a
 * log read gave, which is written to the socket without being joined.
 */
export type RecordBytes = Buffer | readonly Buffer[]

export function sizeOfRecords(records: RecordBytes | null): number {
  if (records === null) return 0
  if (Buffer.isBuffer(records)) return records.length
  assert(Array.isArray(records), 'bytes are a Buffer or a list of Buffers')
  let size = 0
  for (const chunk of records as readonly Buffer[]) {
    assert(Buffer.isBuffer(chunk), 'bytes are a Buffer or a list of Buffers')
    size += chunk.length
  }
  return size
}

/** One buffer with all bytes; copies only when there are several chunks. */
export function contiguousRecords(records: RecordBytes | null): Buffer {
  if (records === null) return Buffer.alloc(0)
  if (Buffer.isBuffer(records)) return records
  return records.length === 1 ? (records[0] as Buffer) : Buffer.concat(records)
}
