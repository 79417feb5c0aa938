import { createRequire } from 'node:module'

/**
 * CRC-32C (Castagnoli). The native package carries its binaries inside npm; where none fits the
 * machine (musl, rare CPUs) a table in JavaScript takes over.
 */
export type Crc32c = (bytes: Uint8Array, initial?: number) => number

/** Byte-at-a-time CRC-32C in plain JavaScript: the fallback, and the oracle of the native one. */
export function crc32cPlain(bytes: Uint8Array, initial = 0): number {
  let crc = ~initial
  for (let i = 0; i < bytes.length; i++) {
    crc = (TABLE[(crc ^ (bytes[i] as number)) & 0xff] as number) ^ (crc >>> 8)
  }
  return ~crc >>> 0
}

const TABLE = Int32Array.from({ length: 256 }, (_, n) => {
  let crc = n
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  return crc
})

function load(): Crc32c {
  try {
    const native = createRequire(import.meta.url)('@node-rs/crc32') as { crc32c: Crc32c }
    return native.crc32c
  } catch {
    // No binary for this platform: slower, but every checksum is the same.
    return crc32cPlain
  }
}

/** CRC-32C of `bytes`, as an unsigned 32-bit number. */
export const crc32c: Crc32c = load()
