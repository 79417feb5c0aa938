import { describe, expect, test } from 'vitest'
import { COMPACTION_MUTANTS, runCompactionHistories } from './compaction-history.ts'

const HISTORIES = 60

describe('histories of a compacted log', () => {
  test('tell of every key what a map knows', async () => {
    const report = await runCompactionHistories(HISTORIES)
    expect(report.violations).toEqual([])
    expect(report.cleanings).toBeGreaterThan(HISTORIES)
    expect(report.crashes).toBeGreaterThan(HISTORIES / 2)
  }, 120_000)

  test.each(Object.entries(COMPACTION_MUTANTS))(
    'the mutant "%s" is caught',
    async (_, engine) => {
      const { violations } = await runCompactionHistories(HISTORIES, engine)
      expect(violations).not.toEqual([])
    },
    120_000,
  )
})
