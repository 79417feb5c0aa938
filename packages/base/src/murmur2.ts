/**
 * The hash behind Kafka's choice of partition for a key. All clients must agree on it, or records
 * of one key would end up in two partitions.
 */
const SEED = 0x9747b28c | 0
const M = 0x5bd1e995

/** murmur2 of the bytes in [start, end), as a signed 32-bit integer. */
export function murmur2(bytes: Uint8Array, start = 0, end = bytes.length): number {
  const length = end - start
  let h = SEED ^ length
  const blocksEnd = start + (length & ~3)
  for (let i = start; i < blocksEnd; i += 4) {
    let k =
      (bytes[i] as number) |
      ((bytes[i + 1] as number) << 8) |
      ((bytes[i + 2] as number) << 16) |
      ((bytes[i + 3] as number) << 24)
    k = Math.imul(k, M)
    k ^= k >>> 24
    h = Math.imul(h, M) ^ Math.imul(k, M)
  }
  const tail = length & 3
  if (tail >= 3) h ^= (bytes[blocksEnd + 2] as number) << 16
  if (tail >= 2) h ^= (bytes[blocksEnd + 1] as number) << 8
  if (tail >= 1) h = Math.imul(h ^ (bytes[blocksEnd] as number), M)
  h = Math.imul(h ^ (h >>> 13), M)
  return h ^ (h >>> 15)
}

/** The partition of a key among `count`. */
export const partitionOfKey = (key: Uint8Array, count: number): number =>
  (murmur2(key) & 0x7fffffff) % count
