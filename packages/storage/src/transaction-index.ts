/**
 * `%020d.txnindex`: the transactions whose ABORT marker lies in the segment. The file exists only
 * when there is one.
 *
 *   34 bytes per entry, big-endian
 *   int16 version 0 | int64 producerId | int64 firstOffset | int64 lastOffset (the marker's)
 *   | int64 lastStableOffset (when the marker was appended)
 */
import { readInt64, writeInt64 } from '@ottla/protocol'

const ENTRY = 34

export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
  readonly lastOffset: number
  readonly lastStableOffset: number
}

export function encodeTransactionIndex(entries: readonly AbortedTransaction[]): Buffer {
  const bytes = Buffer.alloc(entries.length * ENTRY)
  entries.forEach((entry, i) => {
    writeInt64(bytes, i * ENTRY + 2, entry.producerId)
    writeInt64(bytes, i * ENTRY + 10, entry.firstOffset)
    writeInt64(bytes, i * ENTRY + 18, entry.lastOffset)
    writeInt64(bytes, i * ENTRY + 26, entry.lastStableOffset)
  })
  return bytes
}

/** The entries of the file, or undefined when the bytes are not a transaction index. */
export function decodeTransactionIndex(bytes: Buffer): AbortedTransaction[] | undefined {
  if (bytes.length % ENTRY !== 0) return undefined
  const entries: AbortedTransaction[] = []
  for (let at = 0; at < bytes.length; at += ENTRY) {
    if (bytes.readInt16BE(at) !== 0) return undefined
    const firstOffset = readInt64(bytes, at + 10)
    const lastOffset = readInt64(bytes, at + 18)
    if (firstOffset > lastOffset) return undefined
    const producerId = readInt64(bytes, at + 2)
    entries.push({
      producerId,
      firstOffset,
      lastOffset,
      lastStableOffset: readInt64(bytes, at + 26),
    })
  }
  return entries
}
