/**
 * Random blocks, written here one sequence at a time so that every kind of match occurs (near and
 * far, overlapping, into blocks before), through both decoders; then the same blocks damaged.
 */
import { SeededRandom } from '@ottla/base'
import { describe, expect, test } from 'vitest'
import { CorruptCompressionError } from './compression-errors.ts'
import { compressLz4, decompressLz4 } from './lz4.ts'
import {
  type BlockDecoder,
  type BlockEncoder,
  encodeLz4Block,
  plainBlockDecoder,
} from './lz4-block.ts'
import { wasmBlockDecoder } from './lz4-decoder.ts'
import { wasmBlockEncoder } from './lz4-encoder.ts'

const wasm = wasmBlockDecoder() as BlockDecoder
const decoders = [wasm, plainBlockDecoder]
const encoders = [wasmBlockEncoder() as BlockEncoder, encodeLz4Block]
const OFFSET_MAX = 65_535
const MATCH_MIN = 4

/** Mostly short, now and then beyond what one or two bytes of length can say. */
function randomLength(random: SeededRandom): number {
  if (random.chance(0.05)) return random.integer(1_000)
  return random.integer(random.chance(0.2) ? 70 : 18)
}

const more = (length: number): number[] =>
  length < 15 ? [] : [...new Array(Math.floor((length - 15) / 255)).fill(255), (length - 15) % 255]

/** A block and, appended to `content`, what it stands for; matches reach back to `base`. */
function randomBlock(random: SeededRandom, content: number[], base: number): Buffer {
  const block: number[] = []
  for (let left = random.integer(60); left >= 0; left--) {
    const literals = random.bytes(randomLength(random))
    content.push(...literals)
    const reach = Math.min(OFFSET_MAX, content.length - base)
    const isLast = left === 0 || reach === 0
    const length = isLast ? MATCH_MIN : MATCH_MIN + randomLength(random)
    block.push((Math.min(15, literals.length) << 4) | Math.min(15, length - MATCH_MIN))
    block.push(...more(literals.length), ...literals)
    if (isLast) break
    const near = random.chance(0.7) ? Math.min(reach, 24) : reach
    const offset = 1 + random.integer(near)
    block.push(offset & 0xff, offset >> 8, ...more(length - MATCH_MIN))
    for (let i = 0; i < length; i++) content.push(content[content.length - offset] as number)
  }
  return Buffer.from(block)
}

/** What a decoder makes of a block: its bytes, or undefined for damage it has noticed. */
function outcome(decoder: BlockDecoder, block: Buffer, history: Buffer, sizeMax: number) {
  try {
    return Buffer.from(decoder.decode(block, history, sizeMax)).toString('latin1')
  } catch (error) {
    expect(error).toBeInstanceOf(CorruptCompressionError)
    return undefined
  }
}

describe('lz4 blocks', () => {
  test('are decoded as they were written, with and without what lies before them', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = new SeededRandom(seed)
      const content: number[] = []
      let base = 0
      for (let i = 0; i < 4; i++) {
        if (random.chance(0.4)) base = content.length
        const start = content.length
        const block = randomBlock(random, content, base)
        const whole = Buffer.from(content)
        const history = whole.subarray(Math.max(base, start - OFFSET_MAX), start)
        const sizeMax = whole.length - start + random.integer(20)
        for (const decoder of decoders) {
          const decoded = decoder.decode(block, history, sizeMax)
          expect(whole.subarray(start).equals(decoded), `seed ${seed}, block ${i}`).toBe(true)
        }
      }
    }
  })

  test('that are damaged or too large are refused by both decoders, or read alike', () => {
    let refused = 0
    for (let seed = 1; seed <= 1_500; seed++) {
      const random = new SeededRandom(seed)
      const content: number[] = [...random.bytes(random.integer(40))]
      const history = Buffer.from(content)
      const block = randomBlock(random, content, 0)
      const size = content.length - history.length
      const damaged = block.subarray(
        0,
        random.chance(0.3) ? random.integer(block.length) : undefined,
      )
      const sizeMax = random.chance(0.2) ? random.integer(size + 1) : size
      for (let i = random.integer(3); i > 0 && damaged.length > 0; i--) {
        damaged[random.integer(damaged.length)] = random.integer(256)
      }
      const [first, second] = decoders.map((d) => outcome(d, damaged, history, sizeMax))
      expect(first, `seed ${seed}`).toBe(second)
      if (first === undefined) refused++
      // A decoder that has refused one block reads the next.
      const whole = outcome(wasm, Buffer.from([0x20, 7, 8]), history, 2)
      expect(whole).toBe('\x07\x08')
    }
    expect(refused).toBeGreaterThan(300)
  })

  test('of both encoders come back, from noise to nothing but zeros', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = new SeededRandom(seed)
      const content = Buffer.alloc(random.integer(random.chance(0.5) ? 300_000 : 60))
      const step = 1 + random.integer(64)
      const noise = random.integer(step + 1)
      for (let at = 0; at < content.length; at += step)
        content.set(random.bytes(noise).subarray(0, content.length - at), at)
      for (const encode of encoders) {
        const frame = compressLz4(content, { encode })
        for (const decoder of decoders) {
          const back = decompressLz4(frame, content.length, { decoder })
          expect(back.equals(content), `seed ${seed}`).toBe(true)
        }
      }
    }
  })

  test('of the encoder end as the format asks', () => {
    for (let seed = 1; seed <= 400; seed++) {
      const random = new SeededRandom(seed)
      const unit = random.bytes(1 + random.integer(9))
      const content = Buffer.alloc(random.integer(seed), unit)
      if (random.chance(0.5)) content.set(random.bytes(random.integer(content.length + 1)))
      const block = Buffer.from((encoders[0] as BlockEncoder)(content))
      const { start, end } = lastMatch(block)
      if (end === 0) continue
      expect(content.length - start, `seed ${seed}`).toBeGreaterThanOrEqual(12)
      expect(content.length - end, `seed ${seed}`).toBeGreaterThanOrEqual(5)
    }
  })
})

/** Where the last match of a block begins and ends in what the block stands for. */
function lastMatch(block: Buffer): { start: number; end: number } {
  let [at, size] = [0, 0]
  const long = (length: number) => {
    let sum = length
    for (let byte = 255; length === 15 && byte === 255; sum += byte) byte = block[at++] as number
    return sum
  }
  let last = { start: 0, end: 0 }
  while (at < block.length) {
    const token = block[at++] as number
    const literals = long(token >> 4)
    at += literals
    size += literals
    if (at === block.length) break
    at += 2
    const start = size
    size += long(token & 15) + MATCH_MIN
    last = { start, end: size }
  }
  return last
}
