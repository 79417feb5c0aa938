/** Short form; `npm run test:consistency` runs for as long as one likes, and every mutant. */
import { describe, expect, it } from 'vitest'
import { runMutant } from './mutants.ts'
import { type RunOptions, runHistory } from './run-history.ts'

it.each<RunOptions>([
  { seed: 1, kind: 'power cut', kills: 5 },
  { seed: 2, kind: 'kill -9', kills: 2 },
])('shows no anomaly through $kills times $kind', async (options) => {
  const result = await runHistory(options)
  const { anomalies, failure, acknowledged, kills, reads, compactedAway } = result
  expect({ anomalies, failure }).toEqual({ anomalies: [], failure: undefined })
  expect(kills).toBe(options.kills + 1)
  expect(acknowledged).toBeGreaterThan(100)
  expect(reads).toBeGreaterThan(acknowledged)
  expect(compactedAway).toBeGreaterThan(10)
})

describe('catches a broker that breaks a rule', () => {
  it.each([
    'acknowledged before fsync',
    'producers forgotten at a restart',
    'last stable offset is the high watermark',
    'compaction drops a marker',
  ])('%s', async (name) => {
    const { result } = await runMutant(name, 1, 10)
    expect(result).toBeDefined()
  })
})
