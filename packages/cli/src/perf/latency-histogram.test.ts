import { expect, test } from 'vitest'
import { LatencyHistogram } from './latency-histogram.ts'
import { Pace } from './pace.ts'

test('percentiles are within three percent above', () => {
  const histogram = new LatencyHistogram()
  for (let i = 1; i <= 10_000; i++) histogram.record(i / 100)
  for (const [percent, exact] of [
    [50, 50],
    [95, 95],
    [99, 99],
  ] as const) {
    expect(histogram.percentile(percent)).toBeGreaterThanOrEqual(exact - 1e-9)
    expect(histogram.percentile(percent)).toBeLessThan(exact * 1.03)
  }
  expect(histogram.summary().maxMs).toBe(100)
  expect(histogram.summary().meanMs).toBeCloseTo(50, 0)
})

test('an empty histogram has zeros', () => {
  expect(new LatencyHistogram().summary()).toMatchObject({ meanMs: 0, p99Ms: 0, maxMs: 0 })
})

test('a pace makes up for pauses', () => {
  const pace = new Pace(1_000, 0)
  expect(pace.dueCount(0)).toBe(1)
  expect(pace.dueCount(99.5)).toBe(100)
  expect(pace.dueMs(100)).toBe(100)
  expect(new Pace(0, 5).dueCount(5)).toBe(Number.POSITIVE_INFINITY)
})
