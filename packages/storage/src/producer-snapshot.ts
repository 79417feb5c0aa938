/**
 * `%020d.snapshot`: the producers of a partition at an offset (exclusive), which names the file.
 *
 *   int16 version 1 | uint32 CRC-32C of what follows | int32 number of entries, then 46 bytes each:
 *   int64 producerId | int16 producerEpoch | int32 lastSequence | int64 lastOffset
 *   | int32 offsetDelta | int64 timestamp | int32 coordinatorEpoch | int64 currentTxnFirstOffset
 *
 * Only the last batch of each producer is in it (I7).
 */
import { crc32c, readInt64, writeInt64 } from '@ottla/protocol'
import type { ProducerBatch, ProducerEntry } from './producer-state.ts'

const HEADER = 10
const ENTRY = 46
const CRC_AT = 2
const CRC_FROM = 6

export function encodeProducerSnapshot(entries: Iterable<ProducerEntry>, count: number): Buffer {
  const bytes = Buffer.alloc(HEADER + count * ENTRY)
  bytes.writeInt16BE(1, 0)
  bytes.writeInt32BE(count, CRC_FROM)
  let at = HEADER
  for (const entry of entries) {
    const last = entry.batches.at(-1)
    writeInt64(bytes, at, entry.producerId)
    bytes.writeInt16BE(entry.producerEpoch, at + 8)
    bytes.writeInt32BE(last?.lastSequence ?? -1, at + 10)
    writeInt64(bytes, at + 14, last?.lastOffset ?? -1)
    bytes.writeInt32BE(last?.offsetDelta ?? 0, at + 22)
    writeInt64(bytes, at + 26, entry.lastTimestamp)
    bytes.writeInt32BE(entry.coordinatorEpoch, at + 34)
    writeInt64(bytes, at + 38, entry.currentTxnFirstOffset)
    at += ENTRY
  }
  bytes.writeUInt32BE(crc32c(bytes.subarray(CRC_FROM)), CRC_AT)
  return bytes
}

/** The entries, or undefined when version or checksum are wrong. */
export function decodeProducerSnapshot(bytes: Buffer): ProducerEntry[] | undefined {
  if (bytes.length < HEADER || bytes.readInt16BE(0) !== 1) return undefined
  if (bytes.readUInt32BE(CRC_AT) !== crc32c(bytes.subarray(CRC_FROM))) return undefined
  const count = bytes.readInt32BE(CRC_FROM)
  if (count < 0 || bytes.length < HEADER + count * ENTRY) return undefined
  return Array.from({ length: count }, (_, i) => decodeEntry(bytes, HEADER + i * ENTRY))
}

function decodeEntry(bytes: Buffer, at: number): ProducerEntry {
  const lastSequence = bytes.readInt32BE(at + 10)
  const lastOffset = readInt64(bytes, at + 14)
  const offsetDelta = bytes.readInt32BE(at + 22)
  const timestamp = readInt64(bytes, at + 26)
  const first = lastSequence - offsetDelta
  const batch: ProducerBatch = {
    // Sequences wrap from 2^31-1 to 0, so a batch that wrapped began 2^31 higher.
    firstSequence: first < 0 ? first + 0x8000_0000 : first,
    lastSequence,
    lastOffset,
    offsetDelta,
    timestamp,
  }
  return {
    producerId: readInt64(bytes, at),
    producerEpoch: bytes.readInt16BE(at + 8),
    batches: lastOffset >= 0 && lastSequence >= 0 ? [batch] : [],
    lastTimestamp: timestamp,
    coordinatorEpoch: bytes.readInt32BE(at + 34),
    currentTxnFirstOffset: readInt64(bytes, at + 38),
  }
}
