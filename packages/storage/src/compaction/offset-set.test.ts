import { SeededRandom } from '@ottla/base'
import { expect, test } from 'vitest'
import { OffsetSet } from './offset-set.ts'

test.each([0, 5, 2 ** 40 + 3])('has what was added, from %i on', (first) => {
  const random = new SeededRandom(1)
  const last = first + 1000
  const offsets = new OffsetSet(first, last)
  const oracle = new Set<number>()
  for (let i = 0; i < 400; i++) {
    const offset = first + random.integer(1001)
    offsets.add(offset)
    oracle.add(offset)
  }
  for (let offset = first; offset <= last; offset++) {
    expect(offsets.has(offset)).toBe(oracle.has(offset))
  }
  expect(offsets.bytes).toBe(126)
})

test('leaves out what is beyond its range', () => {
  const offsets = new OffsetSet(8, 15)
  for (const offset of [7, 16, 2 ** 40]) {
    offsets.add(offset)
    expect(offsets.has(offset)).toBe(false)
  }
  expect(offsets.bytes).toBe(1)
})
