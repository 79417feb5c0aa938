/**
 * The one record of a transaction marker batch, always uncompressed:
 *
 *   varint length | int8 attributes | varlong timestampDelta | varint offsetDelta
 *   | varint 4, key: int16 version, int16 type (0 ABORT, 1 COMMIT)
 *   | varint 6, value: int16 version, int32 coordinatorEpoch | varint headers
 */
import { BATCH_OVERHEAD } from '@ottla/protocol'

export interface EndTransactionRecord {
  readonly isAbort: boolean
  readonly coordinatorEpoch: number
}

/** Reads the marker in the control batch at `at`; undefined for control records of other types. */
export function readEndTransaction(batch: Buffer, at: number): EndTransactionRecord | undefined {
  let position = at + BATCH_OVERHEAD
  const end = batch.length
  const skipVarint = () => {
    while (position < end && (batch[position] as number) >= 0x80) position++
    position++
  }
  skipVarint() // length
  position++ // attributes
  skipVarint() // timestamp delta
  skipVarint() // offset delta
  skipVarint() // key length, 4
  if (position + 4 > end) return undefined
  const type = batch.readInt16BE(position + 2)
  if (type !== 0 && type !== 1) return undefined
  position += 4
  skipVarint() // value length
  if (position + 6 > end) return undefined
  return { isAbort: type === 0, coordinatorEpoch: batch.readInt32BE(position + 2) }
}
