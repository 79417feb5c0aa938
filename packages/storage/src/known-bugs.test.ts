/** Bugs that Apache Kafka once had; docs/internals/known-bugs.md lists all of them. */
import { expect, test } from 'vitest'
import { MemoryFileSystem } from './memory-file-system.ts'
import { makeBatch, makeMarker } from './testing-batches.ts'
import { appendDurably, createLog, openLogs } from './testing-logs.ts'

const client = { origin: 'client', leaderEpoch: 0 } as const
const coordinator = { origin: 'coordinator', leaderEpoch: 0 } as const

test('a producer is known after its records are gone (KAFKA-7190, KIP-360)', async () => {
  const { manager, clock } = await openLogs(new MemoryFileSystem())
  const log = await createLog(manager, { segmentBytes: 300, retentionMs: 1000 })
  const quiet = (sequence: number) => makeBatch({ producerId: 7, sequence })
  await appendDurably(log, quiet(0))
  for (let i = 0; i < 10; i++) await appendDurably(log, makeBatch({ seed: i }))
  clock.advance(700_000)
  await manager.applyRetention(clock.now())
  expect(log.logStartOffset).toBe(11)
  expect(log.append(quiet(0), client)).toMatchObject({ kind: 'duplicate', baseOffset: 0 })
  expect(log.append(quiet(1), client)).toMatchObject({ kind: 'appended' })
  await manager.close()
})

test('what comes after the marker of its transaction opens none (KAFKA-14402)', async () => {
  const { manager } = await openLogs(new MemoryFileSystem())
  const log = await createLog(manager)
  const late = (sequence: number) =>
    makeBatch({ producerId: 4, producerEpoch: 0, sequence, isTransactional: true })
  await appendDurably(log, late(0))
  // The marker of a transaction that was aborted for its producer carries the next epoch.
  log.append(makeMarker({ isAbort: true, producerId: 4, producerEpoch: 1 }), coordinator)
  await log.whenDurable(1)
  expect(log.append(late(1), client)).toMatchObject({ error: 'INVALID_PRODUCER_EPOCH' })
  expect(log.lastStableOffset).toBe(log.logEndOffset)
  await manager.close()
})

test('a producer with an open transaction is not forgotten (KAFKA-9144)', async () => {
  const { manager, clock } = await openLogs(new MemoryFileSystem())
  const log = await createLog(manager)
  await appendDurably(log, makeBatch({ producerId: 4, sequence: 0, isTransactional: true }))
  clock.advance(30 * 24 * 3_600_000)
  await manager.applyRetention(clock.now())
  expect(log.lastStableOffset).toBe(0)
  log.append(makeMarker({ isAbort: true, producerId: 4 }), coordinator)
  await log.whenDurable(1)
  expect(log.lastStableOffset).toBe(2)
  await manager.close()
})
