import { expect, it } from 'vitest'
import { javaHashCode, partitionForKey } from './partition-for-key.ts'

// Values of String.hashCode as any JVM prints them.
it.each([
  ['', 0],
  ['a', 97],
  ['hello', 99162322],
  ['polygenelubricants', -2147483648],
  ['группа', 1749938458],
])('hashes "%s" as Java does', (text, hash) => {
  expect(javaHashCode(text)).toBe(hash)
})

it('takes the smallest integer for 0, as Kafka does', () => {
  expect(partitionForKey('polygenelubricants', 50)).toBe(0)
  expect(partitionForKey('hello', 50)).toBe(99162322 % 50)
})
