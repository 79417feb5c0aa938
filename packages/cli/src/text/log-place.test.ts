import { expect, test } from 'vitest'
import { parseLogPlace } from './log-place.ts'

const NOW = Date.UTC(2026, 10, 22, 12)

test.each([
  ['start', { kind: 'start' }],
  ['earliest', { kind: 'start' }],
  ['END', { kind: 'end' }],
  ['latest', { kind: 'end' }],
  ['1200', { kind: 'offset', offset: 1_200n }],
  ['-10', { kind: 'last', count: 10n }],
  ['@10m', { kind: 'time', ms: NOW - 600_000 }],
  ['@1763812800000', { kind: 'time', ms: 1_763_812_800_000 }],
  ['@1763812800', { kind: 'time', ms: 1_763_812_800_000 }],
  ['@2026-11-22T12:00:00Z', { kind: 'time', ms: NOW }],
])('reads %s', (text, place) => {
  expect(parseLogPlace(text, '--from', NOW)).toEqual(place)
})

test('a date with a space is a local time, as one with a T', () => {
  expect(parseLogPlace('@2026-11-22 12:00', '--to', NOW)).toEqual(
    parseLogPlace('@2026-11-22T12:00', '--to', NOW),
  )
})

test.each(['', 'yesterday', '@', '@soon', '1.5', '--3'])('refuses %j', (text) => {
  expect(() => parseLogPlace(text, '--from', NOW)).toThrow('is not a place in a log')
})
