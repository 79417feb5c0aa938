import { SeededRandom } from '@ottla/base'
import { expect, it } from 'vitest'
import { killNine } from './kill-nine.ts'

it('loses and repeats nothing when the broker is killed with -9 under load', async () => {
  const random = new SeededRandom(1)
  const result = await killNine({ kills: 8, random: () => random.float() })
  expect(result.faults).toEqual([])
  expect(result.acknowledged).toBeGreaterThan(100)
}, 120_000)
