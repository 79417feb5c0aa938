import { SeededRandom } from '@ottla/base'
import { describe, expect, test } from 'vitest'
import { CorruptCompressionError, DecompressedTooLargeError } from './compression-errors.ts'
import { compressLz4, decompressLz4 } from './lz4.ts'
import { type BlockDecoder, encodeLz4Block, plainBlockDecoder } from './lz4-block.ts'
import { wasmBlockDecoder } from './lz4-decoder.ts'
import { wasmBlockEncoder } from './lz4-encoder.ts'
import { xxh32 } from './xxh32.ts'

const text = Buffer.from('a record, another record, and the same record again; '.repeat(4000))
const sizeMax = 1 << 24
const decoders = [wasmBlockDecoder() as BlockDecoder, plainBlockDecoder]

interface FrameOptions {
  readonly linked?: boolean
  readonly blockChecksum?: boolean
  readonly contentSize?: boolean
  readonly contentChecksum?: boolean
  readonly blockCode?: number
}

const le32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value >>> 0)
  return bytes
}

/** A frame in any variant of the format, from independently compressed blocks. */
function frame(content: Buffer, options: FrameOptions): Buffer {
  const code = options.blockCode ?? 4
  const flags =
    0x40 |
    (options.linked ? 0 : 0x20) |
    (options.blockChecksum ? 0x10 : 0) |
    (options.contentSize ? 0x08 : 0) |
    (options.contentChecksum ? 0x04 : 0)
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(BigInt(content.length))
  const descriptor = Buffer.concat([
    Buffer.from([flags, code << 4]),
    options.contentSize ? size : Buffer.alloc(0),
  ])
  const chunks = [le32(0x184d2204), descriptor, Buffer.from([(xxh32(descriptor) >>> 8) & 0xff])]
  const blockSize = 1 << (8 + 2 * code)
  for (let at = 0; at < content.length; at += blockSize) {
    const block = encodeLz4Block(content.subarray(at, at + blockSize))
    chunks.push(le32(block.length), block)
    if (options.blockChecksum) chunks.push(le32(xxh32(block)))
  }
  chunks.push(le32(0))
  if (options.contentChecksum) chunks.push(le32(xxh32(content)))
  return Buffer.concat(chunks)
}

describe('lz4 frames', () => {
  test('are written with independent 64 KiB blocks and no checksums', () => {
    const written = compressLz4(text)
    expect(written.subarray(0, 7).toString('hex')).toBe('04224d18604082')
    expect(written.subarray(-4).toString('hex')).toBe('00000000')
  })

  test('the header checksum is that of xxHash32', () => {
    expect(xxh32(Buffer.alloc(0))).toBe(0x02cc5d05)
    expect(xxh32(Buffer.from('abc'))).toBe(0x32d153ff)
    expect(xxh32(Buffer.from('Nobody inspects the spammish repetition'))).toBe(0xe2293b2f)
  })

  const variants: FrameOptions[] = [
    {},
    { linked: true },
    { blockChecksum: true },
    { contentSize: true },
    { contentChecksum: true },
    { blockChecksum: true, contentSize: true, contentChecksum: true, blockCode: 7 },
    { linked: true, contentChecksum: true, blockCode: 5 },
  ]
  test.each(variants)('of variant %j are read', (options) => {
    for (const decoder of decoders) {
      expect(decompressLz4(frame(text, options), sizeMax, { decoder }).equals(text)).toBe(true)
    }
  })

  test('follow each other, with skippable ones between', () => {
    const skippable = Buffer.concat([le32(0x184d2a53), le32(5), Buffer.from('notes')])
    const joined = Buffer.concat([compressLz4(text), skippable, frame(text, { linked: true })])
    expect(decompressLz4(joined, sizeMax).equals(Buffer.concat([text, text]))).toBe(true)
  })

  test('with a false checksum or content size are refused', () => {
    for (const options of [{ blockChecksum: true }, { contentChecksum: true }]) {
      const bad = frame(text, options)
      const at = bad.length - (options.contentChecksum ? 1 : 5)
      bad[at] = (bad[at] as number) ^ 1
      expect(() => decompressLz4(bad, sizeMax)).toThrow(CorruptCompressionError)
    }
    expect(() => decompressLz4(frame(text, { contentSize: true }), 1000)).toThrow(
      DecompressedTooLargeError,
    )
  })

  test('both encoders are read by both decoders', () => {
    const random = new SeededRandom(4)
    for (let size = 0; size < 3000; size = size * 2 + 1 + random.integer(7)) {
      const noise = Buffer.from(random.bytes(size))
      const repeating = Buffer.alloc(size * 3, 'ab'.repeat(1 + random.integer(4)))
      for (const bytes of [noise, repeating, Buffer.concat([repeating, noise, repeating])]) {
        for (const encode of [wasmBlockEncoder(), encodeLz4Block]) {
          for (const decoder of decoders) {
            const back = decompressLz4(compressLz4(bytes, { encode }), sizeMax, { decoder })
            expect(back.equals(bytes)).toBe(true)
          }
        }
      }
    }
  })

  test('memory is asked for once where the sizes of the blocks say how much it takes', () => {
    const sizes: number[] = []
    const allocate = (size: number) => {
      sizes.push(size)
      return Buffer.alloc(size)
    }
    const random = new SeededRandom(5)
    const halfNoise = Buffer.alloc(300_000)
    for (let at = 0; at < halfNoise.length; at += 100) halfNoise.set(random.bytes(50), at)
    for (const content of [halfNoise, halfNoise.subarray(0, 10_000)]) {
      sizes.length = 0
      const back = decompressLz4(compressLz4(content), sizeMax, { allocate })
      expect(back.equals(content)).toBe(true)
      expect(sizes).toHaveLength(1)
      expect(sizes[0]).toBeLessThan(content.length + 64 * 1024)
    }
    // Nothing is believed of a content that shrank by more: the memory grows with what there is.
    const zeros = Buffer.alloc(3_000_000)
    expect(decompressLz4(compressLz4(zeros), sizeMax, { allocate }).equals(zeros)).toBe(true)
    expect(Math.max(...sizes)).toBeLessThan(2 * zeros.length)
  })
})
