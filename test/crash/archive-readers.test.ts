import { describe, expect, test } from 'vitest'
import { runArchiveReaders } from './archive-readers.ts'
import { READERS_MUTANTS, runReadersMutant } from './archive-readers-mutants.ts'

describe('readers while segments leave the disk', () => {
  test('get every record once, as it was written', async () => {
    const report = await runArchiveReaders({ seed: 1, histories: 10 })
    expect(report.violations).toEqual([])
    expect(report.tieredReads).toBeGreaterThan(1000)
    expect(report.overtaken).toBeGreaterThan(10)
    expect(report.aborted).toBeGreaterThan(100)
    expect(report.deleted).toBeGreaterThan(10)
  }, 60_000)

  test.each(Object.keys(READERS_MUTANTS))(
    'the mutant "%s" is caught',
    async (name) => {
      const report = await runReadersMutant(name)
      expect(report.violations).not.toEqual([])
    },
    60_000,
  )
})
