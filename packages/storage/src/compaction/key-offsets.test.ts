import { SeededRandom } from '@ottla/base'
import { expect, test } from 'vitest'
import { KeyOffsets, type KeyOffsetsOptions } from './key-offsets.ts'

const make = (options: Partial<KeyOffsetsOptions> = {}) =>
  new KeyOffsets({ bytesMax: 4_000_000, loadFactor: 0.9, seed: 7, ...options })

const set = (keys: KeyOffsets, key: string, offset: number) => {
  const bytes = Buffer.from(`..${key}..`)
  return keys.set(bytes, 2, bytes.length - 4, offset)
}
const get = (keys: KeyOffsets, key: string) => {
  const bytes = Buffer.from(key)
  return keys.get(bytes, 0, bytes.length)
}

test('keeps the newest offset of each key, as a map does', () => {
  const random = new SeededRandom(1)
  const keys = make()
  const oracle = new Map<string, number>()
  for (let offset = 0; offset < 50_000; offset++) {
    const key = 'k'.repeat(random.integer(3)) + random.integer(8000)
    oracle.set(key, offset)
    expect(set(keys, key, offset)).toBe(true)
  }
  expect(keys.count).toBe(oracle.size)
  for (const [key, offset] of oracle) expect(get(keys, key)).toBe(offset)
  expect(get(keys, 'missing')).toBe(-1)
})

test('tells keys apart that differ in length, and knows the empty one', () => {
  const keys = make()
  for (const [offset, key] of ['', '\0', '\0\0', 'a', 'a\0'].entries()) set(keys, key, offset)
  for (const [offset, key] of ['', '\0', '\0\0', 'a', 'a\0'].entries()) {
    expect(get(keys, key)).toBe(offset)
  }
})

test('keeps offsets beyond 32 bits, no further than that from the first', () => {
  for (const first of [0, 2 ** 32 - 1, 2 ** 52 + 12345]) {
    const keys = make()
    for (const offset of [first, first + 2 ** 31, first + 2 ** 32 - 1]) {
      expect(set(keys, 'a', offset)).toBe(true)
      expect(get(keys, 'a')).toBe(offset)
    }
    expect(set(keys, 'a', first + 2 ** 32)).toBe(false)
    expect(get(keys, 'a')).toBe(first + 2 ** 32 - 1)
  }
})

test('keeps keys whose size takes more than a byte', () => {
  const keys = make()
  const sizes = [31, 32, 33, 254, 255, 256, 70_000]
  for (const size of sizes) expect(set(keys, 'k'.repeat(size), size)).toBe(true)
  for (const size of sizes) expect(get(keys, 'k'.repeat(size))).toBe(size)
})

test.each([
  [6, 21],
  [11, 26.7],
  [36, 53],
  [60, 78],
])('needs for a key of %i bytes no more than %d bytes', (size, bytesPerKey) => {
  const bytesMax = 4_000_000
  const keys = make({ bytesMax })
  let count = 0
  while (set(keys, String(count).padStart(size, '0').slice(-size), count)) {
    if (++count === 10 ** size) break
  }
  expect(keys.bytes).toBeLessThanOrEqual(bytesMax)
  expect(bytesMax / keys.count).toBeLessThan(bytesPerKey)
})

test('refuses a key that finds no room, and goes on for those it knows', () => {
  const keys = make({ bytesMax: 200_000 })
  let count = 0
  while (set(keys, `key ${count}`, count)) count++
  expect(count).toBeGreaterThan(2000)
  expect(keys.bytes).toBeLessThanOrEqual(200_000)
  expect(set(keys, 'key 5', 9_999)).toBe(true)
  expect(get(keys, 'key 5')).toBe(9_999)
  expect(set(keys, 'another one', 10_000)).toBe(false)
  expect(get(keys, 'another one')).toBe(-1)
})
