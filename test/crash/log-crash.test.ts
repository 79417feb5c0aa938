import { describe, expect, test } from 'vitest'
import { runCrashTest } from './log-crash.ts'
import { MUTANTS, runMutant } from './log-crash-mutants.ts'

describe('crash states of the log', () => {
  test('nothing visible is lost, altered or duplicated', async () => {
    const report = await runCrashTest({ seed: 1, points: 1500 })
    expect(report.violations).toEqual([])
    expect(report.points).toBeGreaterThanOrEqual(1500)
  })

  test.each(Object.keys(MUTANTS))('the mutant "%s" is caught', async (name) => {
    const report = await runMutant(name, 1, 3000)
    expect(report.violations).not.toEqual([])
  })
})
