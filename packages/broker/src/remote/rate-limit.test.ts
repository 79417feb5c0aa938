import { VirtualClock } from '@ottla/base'
import { expect, test } from 'vitest'
import { RateLimit } from './rate-limit.ts'

/** Moves time on until the work is done; returns the seconds that took. */
async function secondsFor(clock: VirtualClock, work: Promise<void>): Promise<number> {
  let isDone = false
  const done = work.then(() => {
    isDone = true
  })
  const startMs = clock.monotonicMs()
  while (!isDone) {
    for (let i = 0; i < 50; i++) await Promise.resolve()
    if (!isDone) clock.advance(100)
  }
  await done
  return (clock.monotonicMs() - startMs) / 1000
}

test('holds bytes to a rate, and lets a pause be made up for within the window', async () => {
  const clock = new VirtualClock()
  const limit = new RateLimit(clock, () => 1000, 2)
  const take = async (times: number) => {
    for (let i = 0; i < times; i++) await limit.take(500)
  }
  expect(await secondsFor(clock, take(25))).toBeCloseTo(10, 0)
  clock.advance(3_600_000)
  // Four come at once from the window, and the rest at the rate.
  expect(await secondsFor(clock, take(25))).toBeCloseTo(10, 0)
  expect(await secondsFor(clock, take(2))).toBeCloseTo(1, 0)
})

test('does nothing without a limit', async () => {
  const limit = new RateLimit(new VirtualClock(), () => 2 ** 63, 11)
  for (let i = 0; i < 1000; i++) await limit.take(2 ** 30)
})
