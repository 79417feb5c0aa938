import { expect, test } from 'vitest'
import {
  formatBytes,
  formatCount,
  formatDuration,
  parseCount,
  parseDuration,
  parseSize,
  tryParseDuration,
  tryParseSize,
} from './quantity.ts'

test.each([
  ['250ms', 250],
  ['10s', 10_000],
  ['1h30m', 5_400_000],
  ['7d', 604_800_000],
  ['1.5h', 5_400_000],
  ['2w', 1_209_600_000],
])('reads the duration %s', (text, ms) => {
  expect(tryParseDuration(text)).toBe(ms)
})

test.each(['', '10', '7 days', 'h', '-1s', '10x'])('does not take %j for a duration', (text) => {
  expect(tryParseDuration(text)).toBeUndefined()
})

test.each([
  ['64MB', 67_108_864],
  ['64 mib', 67_108_864],
  ['16k', 16_384],
  ['1.5GB', 1_610_612_736],
  ['12B', 12],
])('reads the size %s', (text, bytes) => {
  expect(tryParseSize(text)).toBe(bytes)
})

test('options take bare numbers and say what they would take instead', () => {
  expect(parseDuration('1500', '--timeout')).toBe(1_500)
  expect(parseSize('100', '--size')).toBe(100)
  expect(parseCount('1_000', '-n')).toBe(1_000)
  expect(parseCount('2M', '-n')).toBe(2_000_000)
  expect(() => parseDuration('soon', '--timeout')).toThrow('--timeout soon is not a duration')
  expect(() => parseSize('big', '--size')).toThrow('--size big is not a size')
  expect(() => parseCount('-3', '-n')).toThrow('-n -3 is not a number')
})

test('writes numbers for people', () => {
  expect([0, 999, 1_000, 18_204, 1_234_567n].map(formatCount)).toEqual([
    '0',
    '999',
    '1 000',
    '18 204',
    '1 234 567',
  ])
  expect([34, 1_536, 67_108_864, 200 * 1024 ** 3].map(formatBytes)).toEqual([
    '34 B',
    '1.5 KB',
    '64.0 MB',
    '200 GB',
  ])
  expect([5, 1_000, 5_400_000, 604_800_000].map(formatDuration)).toEqual([
    '5ms',
    '1s',
    '1h30m',
    '7d',
  ])
})
