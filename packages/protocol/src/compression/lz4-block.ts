/**
 * LZ4 blocks in plain JavaScript: the stand-in where WebAssembly cannot be had, and its oracle.
 *
 *   sequence   token (literals << 4 | match - 4) | literal length+ | literals | offset LE16
 *              | match length+
 *
 * Lengths of 15 go on in bytes of 255. A block ends with literals only; a match may overlap what it
 * produces.
 */
import { CorruptCompressionError } from './compression-errors.ts'

const MATCH_MIN = 4
/** A block must end with this many literals, and the last match must start this far from it. */
const LAST_LITERALS = 5
const MATCH_START_MIN = 12
const HASH_BITS = 14
const OFFSET_MAX = 65535

const corrupt = (reason: string) => new CorruptCompressionError('lz4', reason)

/** Largest output that `size` bytes of one block can stand for. */
export const lz4BlockSizeMax = (size: number): number => size * 255 + 64

/** One compressed block of at most 64 KiB: a view that may be valid until the next call only. */
export type BlockEncoder = (block: Uint8Array) => Uint8Array

export interface BlockDecoder {
  /**
   * What a block stands for, at most `sizeMax` bytes: a view that is valid until the next call.
   * Its matches reach back to the start of `history`, what lies before it. Throws a
   * CorruptCompressionError.
   */
  decode(block: Uint8Array, history: Uint8Array, sizeMax: number): Uint8Array
}

let scratch = Buffer.alloc(0)

export const plainBlockDecoder: BlockDecoder = {
  decode(block, history, sizeMax) {
    const limit = history.length + sizeMax
    if (scratch.length < limit) scratch = Buffer.allocUnsafeSlow(limit)
    scratch.set(history)
    return scratch.subarray(history.length, decodeBlock(block, scratch, history.length, limit))
  },
}

/** Decodes a block to target[at, limit) and returns where the output ends. */
function decodeBlock(source: Uint8Array, target: Buffer, at: number, limit: number): number {
  const end = source.length
  let from = 0
  let to = at
  while (from < end) {
    const token = source[from++] as number
    let literals = token >>> 4
    if (literals === 15) {
      let more: number
      do {
        if (from >= end) throw corrupt('literal length is cut off')
        more = source[from++] as number
        literals += more
      } while (more === 255)
    }
    if (literals > end - from) throw corrupt('literals are cut off')
    if (literals > limit - to) throw corrupt('block is larger than its frame allows')
    if (literals > 32) target.set(source.subarray(from, from + literals), to)
    else for (let i = 0; i < literals; i++) target[to + i] = source[from + i] as number
    from += literals
    to += literals
    if (from === end) return to
    if (end - from < 2) throw corrupt('match offset is cut off')
    const offset = (source[from] as number) | ((source[from + 1] as number) << 8)
    from += 2
    if (offset === 0 || offset > to) throw corrupt(`match offset ${offset} is outside the output`)
    let length = token & 15
    if (length === 15) {
      let more: number
      do {
        if (from >= end) throw corrupt('match length is cut off')
        more = source[from++] as number
        length += more
      } while (more === 255)
    }
    length += MATCH_MIN
    if (length > limit - to) throw corrupt('block is larger than its frame allows')
    if (offset >= length && length > 32) target.copyWithin(to, to - offset, to - offset + length)
    else
      for (let i = to, last = to + length; i < last; i++) target[i] = target[i - offset] as number
    to += length
  }
  throw corrupt('block does not end with literals')
}

function wordAt(bytes: Uint8Array, p: number): number {
  return (
    (bytes[p] as number) |
    ((bytes[p + 1] as number) << 8) |
    ((bytes[p + 2] as number) << 16) |
    ((bytes[p + 3] as number) << 24)
  )
}

/** Writes a length that did not fit its four bits of the token. */
function writeLength(target: Uint8Array, at: number, length: number): number {
  let position = at
  let rest = length - 15
  for (; rest >= 255; rest -= 255) target[position++] = 255
  target[position++] = rest
  return position
}

/** One compressed block; greedy, one hash table, no chains. */
export function encodeLz4Block(source: Uint8Array): Buffer {
  const target = Buffer.allocUnsafe(source.length + Math.ceil(source.length / 255) + 16)
  const seen = new Int32Array(1 << HASH_BITS).fill(-1)
  const matchEnd = source.length - LAST_LITERALS
  let [at, anchor, position] = [0, 0, 0]
  while (position < source.length - MATCH_START_MIN) {
    const word = wordAt(source, position)
    const slot = Math.imul(word, 0x9e3779b1) >>> (32 - HASH_BITS)
    const candidate = seen[slot] as number
    seen[slot] = position
    const isMatch =
      candidate >= 0 && position - candidate <= OFFSET_MAX && wordAt(source, candidate) === word
    if (!isMatch) {
      position++
      continue
    }
    let length = MATCH_MIN
    while (position + length < matchEnd && source[candidate + length] === source[position + length])
      length++
    const literals = position - anchor
    const token = at++
    if (literals >= 15) at = writeLength(target, at, literals)
    target.set(source.subarray(anchor, position), at)
    at += literals
    target[at++] = (position - candidate) & 0xff
    target[at++] = (position - candidate) >>> 8
    if (length - MATCH_MIN >= 15) at = writeLength(target, at, length - MATCH_MIN)
    target[token] = (Math.min(literals, 15) << 4) | Math.min(length - MATCH_MIN, 15)
    position += length
    anchor = position
  }
  return finishBlock(target, at, source.subarray(anchor))
}

function finishBlock(target: Buffer, at: number, literals: Uint8Array): Buffer {
  target[at] = Math.min(literals.length, 15) << 4
  const position = literals.length >= 15 ? writeLength(target, at + 1, literals.length) : at + 1
  target.set(literals, position)
  return target.subarray(0, position + literals.length)
}
