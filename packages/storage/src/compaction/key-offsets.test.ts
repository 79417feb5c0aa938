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

test('keeps offsets beyond 32 bits', () => {
  const keys = make()
  for (const offset of [2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 52 + 12345]) {
    set(keys, 'a', offset)
    expect(get(keys, 'a')).toBe(offset)
  }
})

test('refuses a key that finds no room, and goes on for those it knows', () => {
  const keys = make({ bytesMax: 200_000 })
  let count = 0
  while (set(keys, `key ${count}`, count)) count++
  expect(count).toBeGreaterThan(2000)
  expect(keys.bytes).toBeLessThanOrEqual(200_000)
  expect(set(keys, 'key 5', 9_999)).toBe(true)
  expect(get(keys, 'key 5')).toBe(9_999)
  expect(set(keys, 'another', 10_000)).toBe(false)
  expect(get(keys, 'another')).toBe(-1)
})
