import { describe, expect, test } from 'vitest'
import { CorruptCompressionError, DecompressedTooLargeError } from './compression-errors.ts'
import { compressZstd, decompressZstd, loadZstd, wasmZstd } from './zstd.ts'

const text = Buffer.from('a record, another record, and the same record again; '.repeat(20_000))

describe('zstd', () => {
  test('native and WebAssembly implementations read each other', async () => {
    await loadZstd()
    const wasm = await wasmZstd()
    expect(decompressZstd(wasm.compress(text, 3), 2 ** 24).equals(text)).toBe(true)
    expect(wasm.decompress(compressZstd(text), 2 ** 24).equals(text)).toBe(true)
  })

  test('reads frames without a content size, and several of them', async () => {
    const wasm = await wasmZstd()
    // A raw block of three bytes in a frame whose header gives a window but no content size.
    const open = Buffer.from('28b52ffd0058190000616263', 'hex')
    expect(wasm.decompress(open, 100).toString()).toBe('abc')
    expect(wasm.decompress(Buffer.concat([open, open]), 100).toString()).toBe('abcabc')
  })

  test('takes the content size of a frame for a hint only', async () => {
    const wasm = await wasmZstd()
    const [empty, full] = [wasm.compress(Buffer.alloc(0), 3), wasm.compress(text, 3)]
    const joined = Buffer.concat([empty, empty, full, full])
    expect(wasm.decompress(joined, 2 ** 24)).toHaveLength(text.length * 2)
  })

  test('raises its guess of the output up to the limit', async () => {
    const wasm = await wasmZstd()
    const bomb = wasm.compress(Buffer.alloc(5_000_000), 3)
    expect(bomb.length).toBeLessThan(1000)
    expect(wasm.decompress(bomb, 5_000_000)).toHaveLength(5_000_000)
    expect(() => wasm.decompress(bomb, 4_999_999)).toThrow(DecompressedTooLargeError)
    expect(() => wasm.decompress(Buffer.from('not zstd'), 100)).toThrow(CorruptCompressionError)
  })
})
