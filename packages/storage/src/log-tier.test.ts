import { describe, expect, test } from 'vitest'
import type { LogConfig } from './log-config.ts'
import type { LogTier } from './log-tier.ts'
import { MemoryFileSystem } from './memory-file-system.ts'
import type { PartitionLog } from './partition-log.ts'
import { makeBatch, makeMarker } from './testing-batches.ts'
import { appendDurably, createLog, openLogs } from './testing-logs.ts'

/** A segment takes three batches of 101 bytes. */
const TIERED: Partial<LogConfig> = {
  segmentBytes: 350,
  tier: 'copied',
  localRetentionBytes: 0,
  fileDeleteDelayMs: 0,
}

/** An archive that says how far it reaches, and notes what it is asked. */
function fakeTier(endOffset: number): LogTier & { readonly asked: number[] } {
  const asked: number[] = []
  return {
    endOffset,
    isReady: true,
    asked,
    ready: async () => undefined,
    read: async (offset) => {
      asked.push(offset)
      return { chunks: [], size: 0, abortedTransactions: null, release: () => undefined }
    },
    offsetForTimestamp: async (timestamp) =>
      timestamp < 100 ? { offset: 1, timestamp, leaderEpoch: 0 } : undefined,
  }
}

async function filled(count: number, config: Partial<LogConfig> = {}) {
  const opened = await openLogs()
  const log = await createLog(opened.manager, { ...TIERED, ...config })
  for (let i = 0; i < count; i++) await appendDurably(log, makeBatch({ seed: i }))
  return { ...opened, log }
}

/** Has reads of files wait between `begin` and `end`. */
function holdReads(fileSystem: MemoryFileSystem) {
  let held: Promise<void> | undefined
  let letGo = () => {}
  const open = fileSystem.open.bind(fileSystem)
  fileSystem.open = (path, mode) => {
    const file = open(path, mode)
    const readAsync = async (target: Buffer, position: number) => {
      const read = await file.readAsync(target, position)
      await held
      return read
    }
    return { ...file, readAsync }
  }
  return {
    begin: () => {
      held = new Promise((resolve) => {
        letGo = resolve
      })
    },
    end: () => letGo(),
  }
}

const bases = (log: PartitionLog) => log.state.segments.map(({ baseOffset }) => baseOffset)
const READ = { bytesMax: 1000, upTo: 'high-watermark', atLeastOneBatch: true } as const

describe('a log with an archive', () => {
  test('keeps on disk what the archive does not have', async () => {
    const { log, clock } = await filled(10)
    expect(bases(log)).toEqual([0, 3, 6, 9])
    log.tier = { ...fakeTier(8), isReady: false }
    await log.applyRetention(clock.now())
    expect(bases(log)).toEqual([0, 3, 6, 9])
    log.tier = fakeTier(4)
    await log.applyRetention(clock.now())
    expect(bases(log)).toEqual([3, 6, 9])
    log.tier = fakeTier(8)
    await log.applyRetention(clock.now())
    expect(bases(log)).toEqual([9])
    expect([log.logStartOffset, log.localLogStartOffset]).toEqual([0, 9])
  })

  test('keeps what local retention wants to be on disk', async () => {
    const { log, clock } = await filled(10, { localRetentionBytes: 400 })
    log.tier = fakeTier(8)
    await log.applyRetention(clock.now())
    expect(bases(log)).toEqual([6, 9])
  })

  test('follows retention.ms where local retention does not say', async () => {
    const config = { localRetentionBytes: -2, localRetentionMs: -2, retentionMs: 1000 }
    const { log } = await filled(10, config)
    log.tier = fakeTier(8)
    await log.applyRetention(1_700_000_001_000)
    expect(bases(log)).toEqual([0, 3, 6, 9])
    await log.applyRetention(1_700_000_001_001)
    expect(bases(log)).toEqual([9])
  })

  test('asks the archive for what is not here, and begins there after a restart too', async () => {
    const { log, clock, manager, fileSystem } = await filled(10)
    log.tier = fakeTier(8)
    await log.applyRetention(clock.now())
    const check = async (tiered: PartitionLog) => {
      const tier = fakeTier(8)
      tiered.tier = tier
      expect([tiered.logStartOffset, tiered.localLogStartOffset]).toEqual([0, 9])
      await tiered.read(4, READ)
      expect(tier.asked).toEqual([4])
      expect(await tiered.read(9, READ)).toMatchObject({ size: 101 })
      expect(await tiered.offsetForTimestamp(50)).toMatchObject({ offset: 1 })
      expect(await tiered.offsetForTimestamp(1_700_000_000_000)).toMatchObject({ offset: 9 })
      tiered.tier = undefined
      expect(() => tiered.read(4, READ)).toThrow(/archive is not open/)
    }
    await check(log)
    await manager.close()
    const again = await openLogs(fileSystem)
    again.manager.setConfig('t', log.config)
    const reopened = again.manager.get('t', 0) as PartitionLog
    await reopened.ready()
    await check(reopened)
  })

  test('begins where its files do once it has no archive any more', async () => {
    const { log, clock, manager, fileSystem } = await filled(10)
    log.tier = fakeTier(8)
    await log.applyRetention(clock.now())
    await manager.close()
    const again = await openLogs(fileSystem)
    again.manager.setConfig('t', { ...log.config, tier: 'none' })
    const reopened = again.manager.get('t', 0) as PartitionLog
    await reopened.ready()
    expect(reopened.logStartOffset).toBe(9)
  })

  test('what is not copied any more goes after what was', async () => {
    const config = { tier: 'read-only', retentionBytes: 0, localRetentionBytes: -2 } as const
    const { log, clock } = await filled(10, config)
    log.tier = fakeTier(2)
    await log.applyRetention(clock.now())
    expect(bases(log)).toEqual([3, 6, 9])
    await log.deleteRecordsBefore(3)
    await log.applyRetention(clock.now())
    expect([log.localLogStartOffset, log.logStartOffset]).toEqual([10, 3])
  })

  test('a read that is overtaken by its segment on the way out goes to the archive', async () => {
    const fileSystem = new MemoryFileSystem()
    const held = holdReads(fileSystem)
    const { manager, clock } = await openLogs(fileSystem, { tailCacheBytesMax: 0 })
    const log = await createLog(manager, TIERED)
    const tier = fakeTier(2)
    log.tier = tier
    await appendDurably(log, makeBatch({ producerId: 9, sequence: 0, isTransactional: true }))
    const abort = makeMarker({ isAbort: true, producerId: 9 })
    log.append(abort, { origin: 'coordinator', leaderEpoch: 0 })
    for (let i = 0; i < 3; i++) await appendDurably(log, makeBatch({ seed: i }))
    expect(bases(log)).toEqual([0, 3])
    held.begin()
    const committed = log.read(0, { ...READ, upTo: 'last-stable-offset' })
    const everything = log.read(0, READ)
    await log.applyRetention(clock.now())
    expect(bases(log)).toEqual([3])
    held.end()
    // Which records are aborted was told by an index that went with the segment.
    await committed
    expect(tier.asked).toEqual([0])
    expect((await everything).size).toBeGreaterThan(200)
  })

  test('DeleteRecords takes segments away, archived or not', async () => {
    const { log, clock } = await filled(10)
    log.tier = fakeTier(-1)
    await log.deleteRecordsBefore(7)
    await log.applyRetention(clock.now())
    expect(bases(log)).toEqual([6, 9])
    expect([log.logStartOffset, log.localLogStartOffset]).toEqual([7, 7])
  })

  test('offers for copying what is sealed, on disk and decided', async () => {
    const { log, manager } = await filled(7, { segmentBytes: 350 })
    const offered = (from = 0) => log.sealedSegments(from).map(({ baseOffset }) => baseOffset)
    expect(offered()).toEqual([0, 3])
    expect(offered(2)).toEqual([0, 3])
    expect(offered(3)).toEqual([3])
    // Rolled, and its indexes not written yet.
    const open = { producerId: 9, sequence: 0, isTransactional: true }
    await appendDurably(log, makeBatch(open))
    await appendDurably(log, makeBatch({ seed: 1 }))
    log.rollNow()
    expect(offered()).toEqual([0, 3])
    await log.flush()
    // The transaction that begins at 7 keeps its segment here.
    expect(offered()).toEqual([0, 3])
    log.append(makeMarker({ isAbort: true, producerId: 9 }), {
      origin: 'coordinator',
      leaderEpoch: 0,
    })
    await log.flush()
    expect(offered()).toEqual([0, 3, 6])
    const [first, , third] = log.sealedSegments(0)
    expect(third?.hasAbortedTransactions).toBe(false)
    expect(first?.path('snapshot')).toMatch(/00000000000000000003\.snapshot$/)
    expect(log.fileSystem.stat(first?.path('snapshot') ?? '')).toBeDefined()
    expect(log.fileSystem.stat(first?.path('index') ?? '')).toBeDefined()
    await manager.close()
  })
})
