import { describe, expect, test } from 'vitest'
import { CorruptCompressionError, DecompressedTooLargeError } from './compression-errors.ts'
import { compressSnappy, decompressSnappy, plainSnappyBlocks, snappyBlocks } from './snappy.ts'

const text = Buffer.from('a record, another record, and the same record again; '.repeat(2000))
const sizeMax = 1 << 20
const both = [snappyBlocks()[0], plainSnappyBlocks()]

describe('snappy', () => {
  test('is written in 32 KiB blocks behind the header of the Java library', () => {
    const written = compressSnappy(text)
    expect(written.subarray(0, 16).toString('hex')).toBe('82534e41505059000000000100000001')
    let [position, blocks] = [16, 0]
    for (; position < written.length; blocks++) position += 4 + written.readInt32BE(position)
    expect([position, blocks]).toEqual([written.length, Math.ceil(text.length / 32768)])
  })

  test('is read by the native and the JavaScript implementation alike', () => {
    for (const writer of both) {
      for (const reader of both) {
        expect(decompressSnappy(compressSnappy(text, writer), sizeMax, reader).equals(text)).toBe(
          true,
        )
      }
    }
  })

  test('is read as a raw block without framing', () => {
    const raw = Buffer.from(both[0]?.compress(text) as Uint8Array)
    expect(decompressSnappy(raw, sizeMax).equals(text)).toBe(true)
  })

  test('is read when streams were concatenated', () => {
    const joined = Buffer.concat([compressSnappy(text), compressSnappy(Buffer.from('end'))])
    expect(decompressSnappy(joined, sizeMax).toString().endsWith('; end')).toBe(true)
  })

  test('does not allocate what a false size claims', () => {
    const claims = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0x00])
    expect(() => decompressSnappy(claims, sizeMax)).toThrow(DecompressedTooLargeError)
    expect(() => decompressSnappy(claims, 2 ** 40)).toThrow(CorruptCompressionError)
    const framed = Buffer.concat([
      compressSnappy(text).subarray(0, 16),
      Buffer.from('ffffffff', 'hex'),
    ])
    expect(() => decompressSnappy(framed, sizeMax)).toThrow(CorruptCompressionError)
  })
})
