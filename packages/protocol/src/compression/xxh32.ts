/**
 * xxHash32, the checksum of the LZ4 frame format. Works on the bytes from `start` to `end` with
 * seed 0; 32-bit products are taken with Math.imul so that nothing leaves the integer range.
 */
const PRIME_1 = 0x9e3779b1
const PRIME_2 = 0x85ebca77
const PRIME_3 = 0xc2b2ae3d
const PRIME_4 = 0x27d4eb2f
const PRIME_5 = 0x165667b1

const rotate = (value: number, bits: number): number => (value << bits) | (value >>> (32 - bits))

const round = (lane: number, word: number): number =>
  Math.imul(rotate((lane + Math.imul(word, PRIME_2)) | 0, 13), PRIME_1)

function wordAt(bytes: Uint8Array, p: number): number {
  return (
    (bytes[p] as number) |
    ((bytes[p + 1] as number) << 8) |
    ((bytes[p + 2] as number) << 16) |
    ((bytes[p + 3] as number) << 24)
  )
}

/** The hash as an unsigned 32-bit number. */
export function xxh32(bytes: Uint8Array, start = 0, end = bytes.length): number {
  let position = start
  let hash = PRIME_5
  if (end - start >= 16) {
    let [a, b, c, d] = [(PRIME_1 + PRIME_2) | 0, PRIME_2 | 0, 0, -PRIME_1 | 0]
    for (const last = end - 16; position <= last; position += 16) {
      a = round(a, wordAt(bytes, position))
      b = round(b, wordAt(bytes, position + 4))
      c = round(c, wordAt(bytes, position + 8))
      d = round(d, wordAt(bytes, position + 12))
    }
    hash = rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18)
  }
  hash = (hash + (end - start)) | 0
  for (; position + 4 <= end; position += 4) {
    hash = (hash + Math.imul(wordAt(bytes, position), PRIME_3)) | 0
    hash = Math.imul(rotate(hash, 17), PRIME_4)
  }
  for (; position < end; position++) {
    hash = (hash + Math.imul(bytes[position] as number, PRIME_5)) | 0
    hash = Math.imul(rotate(hash, 11), PRIME_1)
  }
  hash = Math.imul(hash ^ (hash >>> 15), PRIME_2)
  hash = Math.imul(hash ^ (hash >>> 13), PRIME_3)
  return (hash ^ (hash >>> 16)) >>> 0
}
