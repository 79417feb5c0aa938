import { describe, expect, test } from 'vitest'
import { runArchiveCrashTest } from './archive-crash.ts'
import { ARCHIVE_MUTANTS, runArchiveMutant } from './archive-crash-mutants.ts'

describe('kills between two steps of the archive', () => {
  test('no record is lost, and no orphan is left', async () => {
    const report = await runArchiveCrashTest({ seed: 1, kills: 60 })
    expect(report.violations).toEqual([])
    expect(report.kills).toBeGreaterThanOrEqual(60)
    expect(report.copied).toBeGreaterThan(10)
    expect(report.deleted).toBeGreaterThan(0)
    expect(report.tieredStates).toBeGreaterThan(5)
  }, 60_000)

  test.each(Object.keys(ARCHIVE_MUTANTS))(
    'the mutant "%s" is caught',
    async (name) => {
      const report = await runArchiveMutant(name, 1, 200)
      expect(report.violations).not.toEqual([])
    },
    60_000,
  )
})
