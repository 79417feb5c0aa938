/** Bugs that Apache Kafka once had; docs/internals/known-bugs.md lists all of them. */
import { expect, test } from 'vitest'
import { FaultyFileSystem } from './faulty-file-system.ts'
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

test('a transaction index without space takes the marker back whole (KAFKA-7866)', async () => {
  let isFull = false
  const fileSystem = new FaultyFileSystem(new MemoryFileSystem(), (call, path) =>
    isFull && call === 'open' && path.endsWith('.txnindex')
      ? { kind: 'error', code: 'ENOSPC' }
      : undefined,
  )
  const { manager, fatal } = await openLogs(fileSystem)
  const log = await createLog(manager)
  await appendDurably(log, makeBatch({ producerId: 4, sequence: 0, isTransactional: true }))
  isFull = true
  const abort = () => log.append(makeMarker({ isAbort: true, producerId: 4 }), coordinator)
  abort()
  await expect(log.whenDurable(1)).rejects.toThrow('disk is full')
  expect([log.logEndOffset, log.lastStableOffset]).toEqual([1, 0])
  isFull = false
  expect(abort()).toMatchObject({ kind: 'appended', baseOffset: 1 })
  await log.whenDurable(1)
  expect([log.logEndOffset, log.lastStableOffset]).toEqual([2, 2])
  await manager.close()
  const again = await openLogs(fileSystem)
  const reopened = again.manager.get('t', 0)
  await reopened?.ready()
  const read = { bytesMax: 1000, upTo: 'last-stable-offset', atLeastOneBatch: true } as const
  const result = await reopened?.read(0, read)
  const [entry, ...others] = result?.abortedTransactions ?? []
  expect(entry).toMatchObject({ producerId: 4, firstOffset: 0, lastOffset: 1 })
  expect([others, fatal]).toEqual([[], []])
})
