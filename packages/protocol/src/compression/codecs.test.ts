import { gzipSync } from 'node:zlib'
import { AssertionError, SeededRandom } from '@ottla/base'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  COMPRESSION,
  compress,
  compressionName,
  decompress,
  isCodecReady,
  loadCodec,
} from './codecs.ts'
import { CorruptCompressionError, DecompressedTooLargeError } from './compression-errors.ts'

const sizeMax = 8 * 1024 * 1024
const random = new SeededRandom(20_26)

/** Text that compresses, noise that does not, and the sizes around block borders. */
const samples: readonly (readonly [string, Buffer])[] = [
  ['nothing', Buffer.alloc(0)],
  ['one byte', Buffer.from([7])],
  ['a line', Buffer.from('the quick brown fox')],
  ['zeros', Buffer.alloc(200_000)],
  ['text', Buffer.from(Array.from({ length: 20_000 }, (_, i) => `line ${i % 97}`).join('\n'))],
  ['noise', Buffer.from(random.bytes(150_001))],
  ...[32_767, 32_768, 32_769, 65_535, 65_536, 65_537].map(
    (size) => [`${size} bytes`, Buffer.from(random.bytes(size))] as const,
  ),
]

describe.each(Object.entries(COMPRESSION))('%s', (name, codec) => {
  beforeAll(() => loadCodec(codec))

  test.each(samples)('gives back %s', (_, bytes) => {
    expect(compressionName(codec)).toBe(name)
    expect(decompress(codec, compress(codec, bytes), { sizeMax }).equals(bytes)).toBe(true)
  })

  test('takes a limit beyond every buffer', () => {
    const bytes = Buffer.from('no limit to speak of')
    const unlimited = { sizeMax: Number.MAX_SAFE_INTEGER }
    expect(decompress(codec, compress(codec, bytes), unlimited)).toEqual(bytes)
  })

  test('refuses output above the limit, whatever the input claims', () => {
    const bomb = compress(codec, Buffer.alloc(2_000_000))
    expect(() => decompress(codec, bomb, { sizeMax: 1_999_999 })).toThrow(DecompressedTooLargeError)
    expect(decompress(codec, bomb, { sizeMax: 2_000_000 })).toHaveLength(2_000_000)
  })

  if (codec !== COMPRESSION.none)
    test('refuses damaged bytes with a typed error', () => {
      const bytes = Buffer.from(
        'some text that is long enough to be compressed, compressed. '.repeat(50),
      )
      const good = compress(codec, bytes)
      const damage = new SeededRandom(codec)
      for (let i = 0; i < 400; i++) {
        const bad = Buffer.from(good.subarray(0, 1 + damage.integer(good.length)))
        const at = damage.integer(bad.length)
        bad[at] = damage.integer(256)
        try {
          expect(decompress(codec, bad, { sizeMax: 100_000 }).length).toBeLessThanOrEqual(100_000)
        } catch (error) {
          const isTyped =
            error instanceof CorruptCompressionError || error instanceof DecompressedTooLargeError
          expect(isTyped, String(error)).toBe(true)
        }
      }
    })
})

describe('codecs', () => {
  test('gzip reads concatenated members', () => {
    const two = Buffer.concat([gzipSync('one '), gzipSync('two')])
    expect(decompress(COMPRESSION.gzip, two, { sizeMax }).toString()).toBe('one two')
  })

  test('levels make a difference where a codec has them', async () => {
    await loadCodec(COMPRESSION.zstd)
    const text = samples[4]?.[1] as Buffer
    for (const codec of [COMPRESSION.gzip, COMPRESSION.zstd]) {
      const fast = compress(codec, text, { level: 1 })
      const small = compress(codec, text, { level: 9 })
      expect(fast.length).not.toBe(small.length)
      expect(decompress(codec, fast, { sizeMax }).equals(text)).toBe(true)
    }
  })

  test('numbers without a codec are refused', () => {
    expect(compressionName(5)).toBeUndefined()
    expect(isCodecReady(COMPRESSION.lz4)).toBe(true)
    expect(() => compress(5, Buffer.alloc(1))).toThrow(AssertionError)
    expect(() => decompress(7, Buffer.alloc(1), { sizeMax })).toThrow(CorruptCompressionError)
  })
})
