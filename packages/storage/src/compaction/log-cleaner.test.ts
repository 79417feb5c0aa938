import { BatchBuilder, readBatches } from '@ottla/protocol'
import { describe, expect, test } from 'vitest'
import { readOffsetCheckpoint } from '../checkpoint-file.ts'
import { defaultLogConfig, type LogConfig } from '../log-config.ts'
import { MemoryFileSystem } from '../memory-file-system.ts'
import type { PartitionLog } from '../partition-log.ts'
import {
  appendDurably,
  COMPACTED,
  createLog,
  openLogs,
  readAll,
  type TestLogs,
} from '../testing-logs.ts'
import { CLEANER_OFFSET_FILE, defaultCleanerSettings } from './log-cleaner.ts'

const HOUR = 3_600_000

/** A batch of about 100 bytes per record: two of them fill a segment. */
function batchOf(logs: TestLogs, ...entries: [key: string, value: string | null][]): Buffer {
  const builder = new BatchBuilder()
  for (const [key, value] of entries) builder.append(logs.clock.now(), key, value)
  return builder.finish()
}

const clean = (logs: TestLogs, settings = defaultCleanerSettings) =>
  logs.manager.cleaner.cleanOne(logs.clock.now(), settings)

async function recordsOf(log: PartitionLog): Promise<string[]> {
  return readBatches(await readAll(log)).flatMap((batch) =>
    batch.records().map(({ offset, key, value }) => `${offset} ${key} ${value}`),
  )
}

async function filled(config: Partial<LogConfig> = {}): Promise<[TestLogs, PartitionLog]> {
  const logs = await openLogs()
  const log = await createLog(logs.manager, { ...COMPACTED, ...config })
  for (const [key, value] of [
    ['a', '1'],
    ['b', '1'],
    ['a', '2'],
    ['c', null],
    ['a', '3'],
    ['b', '2'],
    ['d', '1'],
    ['d', '2'],
  ] as const) {
    await appendDurably(log, batchOf(logs, [key, value]))
  }
  return [logs, log]
}

describe('a cleaning', () => {
  test('keeps the newest record of each key, and the active segment as it is', async () => {
    const [logs, log] = await filled()
    expect(await clean(logs)).toBe(true)
    const active = log.state.activeSegment.baseOffset
    expect(active).toBe(6)
    expect(await recordsOf(log)).toEqual(['3 c null', '4 a 3', '5 b 2', '6 d 1', '7 d 2'])
    const path = `/data/${CLEANER_OFFSET_FILE}`
    expect(readOffsetCheckpoint(logs.fileSystem, path).get('t-0')).toBe(active)
    expect(await clean(logs)).toBe(false)
    const { cleanings, cleanedRecordsDropped, failedCleanings } = logs.manager.counters
    expect({ cleanings, cleanedRecordsDropped, failedCleanings }).toEqual({
      cleanings: 1,
      cleanedRecordsDropped: 3,
      failedCleanings: 0,
    })
    const { cleanedBytesBefore, cleanedBytesAfter } = logs.manager.counters
    expect(cleanedBytesAfter).toBeGreaterThan(0)
    expect(cleanedBytesAfter).toBeLessThan(cleanedBytesBefore)
  })

  test('keeps a tombstone for delete.retention.ms after it met it first', async () => {
    const [logs, log] = await filled()
    await clean(logs)
    const [marked] = readBatches(await readAll(log)).filter((batch) => batch.baseOffset === 3)
    expect(marked?.deleteHorizon).toBe(logs.clock.now() + HOUR)
    const more = async () => {
      for (const key of ['x', 'y', 'z']) await appendDurably(log, batchOf(logs, [key, '1']))
      await clean(logs)
      return (await recordsOf(log)).includes('3 c null')
    }
    logs.clock.advance(HOUR - 1)
    expect(await more()).toBe(true)
    logs.clock.advance(2)
    expect(await more()).toBe(false)
  })

  test('goes on in a second pass where the keys found no more room', async () => {
    const logs = await openLogs()
    const log = await createLog(logs.manager, { ...COMPACTED, segmentBytes: 20_000 })
    for (let i = 0; i < 3000; i++)
      await appendDurably(log, batchOf(logs, [`key ${i % 1500}`, `${i}`]))
    const small = { ...defaultCleanerSettings, dedupeBufferBytes: 1 }
    let passes = 0
    while (await clean(logs, small)) passes++
    expect(passes).toBeGreaterThan(1)
    const active = log.state.activeSegment.baseOffset
    const expected = Array.from({ length: 3000 }, (_, i) => i)
      .filter((i) => i >= active || i + 1500 >= active)
      .map((i) => `${i} key ${i % 1500} ${i}`)
    expect(await recordsOf(log)).toEqual(expected)
  }, 30_000)

  test('is not due below min.cleanable.dirty.ratio, unless max.compaction.lag.ms has passed', async () => {
    const [logs] = await filled({ minCleanableDirtyRatio: 1 })
    expect(await clean(logs)).toBe(false)
    const [late] = await filled({ minCleanableDirtyRatio: 1, maxCompactionLagMs: HOUR })
    expect(await clean(late)).toBe(false)
    late.clock.advance(HOUR + 1)
    expect(await clean(late)).toBe(true)
  })

  test('leaves records alone that are younger than min.compaction.lag.ms', async () => {
    const [logs, log] = await filled({ minCompactionLagMs: HOUR })
    expect(await clean(logs)).toBe(false)
    logs.clock.advance(HOUR + 1)
    expect(await clean(logs)).toBe(true)
    expect(await recordsOf(log)).not.toContain('0 a 1')
  })

  test('leaves logs alone that are not compacted', async () => {
    const [logs] = await filled({ cleanupPolicy: ['delete'] })
    expect(await clean(logs)).toBe(false)
  })

  test('of a damaged log is given up, and the log is read on', async () => {
    const [logs, log] = await filled()
    const [first] = log.state.segments
    const file = logs.fileSystem.open(first?.path('log') as string, 'update')
    file.write([Buffer.from([0xff])], 70)
    file.close()
    expect(await clean(logs)).toBe(true)
    expect(await clean(logs)).toBe(false)
    expect(log.state.segments[0]).toBe(first)
    const names = logs.fileSystem.list('/data/t-0')?.map(({ name }) => name)
    expect(names?.filter((name) => name.endsWith('.cleaned'))).toEqual([])
  })

  test('and a deletion of the topic do not meet', async () => {
    const [logs] = await filled()
    const cleaning = clean(logs)
    await logs.manager.delete('t', 0)
    expect(await cleaning).toBe(false)
    await logs.manager.close()
    expect((logs.fileSystem as MemoryFileSystem).openFiles).toBe(0)
  })
})

test('what Apache Kafka left half-way is undone or completed at a start', async () => {
  const fileSystem = new MemoryFileSystem()
  const logs = await openLogs(fileSystem)
  const log = await createLog(logs.manager, { ...defaultLogConfig, ...COMPACTED })
  for (const value of ['1', '2', '3', '4']) await appendDurably(log, batchOf(logs, ['a', value]))
  await logs.manager.close()
  const copy = (from: string, to: string) => {
    const source = fileSystem.open(`/data/t-0/${from}`, 'read')
    const bytes = Buffer.alloc(source.size())
    source.read(bytes, 0)
    const target = fileSystem.open(`/data/t-0/${to}`, 'write')
    target.write([bytes], 0)
    source.close()
    target.close()
  }
  // The log was renamed and its index not yet: everything is as before.
  copy('00000000000000000002.log', '00000000000000000000.log.swap')
  copy('00000000000000000000.index', '00000000000000000000.index.cleaned')
  const again = await openLogs(fileSystem)
  const reopened = again.manager.get('t', 0) as PartitionLog
  await reopened.ready()
  expect(await recordsOf(reopened)).toEqual(['0 a 1', '1 a 2', '2 a 3', '3 a 4'])
  const names = fileSystem.list('/data/t-0')?.map(({ name }) => name) ?? []
  expect(names.filter((name) => /swap|cleaned/.test(name))).toEqual([])
})
