import { isTransactional } from '@ottla/protocol'
import { describe, expect, test } from 'vitest'
import { MemoryFileSystem } from './memory-file-system.ts'
import { makeBatch, makeMarker } from './testing-batches.ts'
import { appendDurably, createLog, openLogs, readAll } from './testing-logs.ts'

const client = { origin: 'client', leaderEpoch: 0 } as const
const all = { bytesMax: 1 << 20, upTo: 'high-watermark', atLeastOneBatch: true } as const

describe('append', () => {
  test('gives offsets and is visible only when durable', async () => {
    const { manager } = await openLogs()
    const log = await createLog(manager)
    const result = log.append(makeBatch({ records: 3 }), client)
    expect(result).toMatchObject({ kind: 'appended', baseOffset: 0, lastOffset: 2 })
    expect(log.logEndOffset).toBe(3)
    expect(log.highWatermark).toBe(0)
    expect(await log.read(0, all)).toMatchObject({ size: 0 })
    await log.whenDurable(2)
    expect(log.highWatermark).toBe(3)
    expect(await log.read(0, all)).toMatchObject({ size: 101 })
    await manager.close()
  })

  test('appends of one turn share a round, later ones the next', async () => {
    const { manager } = await openLogs()
    const log = await createLog(manager)
    const before = manager.commitRounds
    for (let i = 0; i < 10; i++) log.append(makeBatch({ seed: i }), client)
    await log.whenDurable(9)
    expect(manager.commitRounds - before).toBe(1)
    await manager.close()
  })

  test.each([
    ['a wrong checksum', (b: Buffer) => b.writeUInt32BE(1, 17), 'CORRUPT_MESSAGE'],
    ['an old magic', (b: Buffer) => b.writeInt8(1, 16), 'INVALID_RECORD'],
    ['a base offset', (b: Buffer) => b.writeInt32BE(5, 4), 'INVALID_RECORD'],
    ['a wrong length', (b: Buffer) => b.writeInt32BE(2000, 8), 'CORRUPT_MESSAGE'],
  ])('refuses %s', async (_name, damage, error) => {
    const { manager } = await openLogs()
    const log = await createLog(manager)
    const batch = makeBatch()
    damage(batch)
    expect(log.append(batch, client)).toMatchObject({ kind: 'refused', error })
    expect(log.logEndOffset).toBe(0)
  })

  test('refuses what is too large or too far in the future', async () => {
    const { manager } = await openLogs()
    const log = await createLog(manager, { maxMessageBytes: 200 })
    const large = log.append(makeBatch({ bodySize: 300 }), client)
    expect(large).toMatchObject({ error: 'MESSAGE_TOO_LARGE' })
    const late = log.append(makeBatch({ timestamp: 1_700_000_000_000 + 3_600_001 }), client)
    expect(late).toMatchObject({ error: 'INVALID_TIMESTAMP' })
  })

  test('stamps LogAppendTime', async () => {
    const { manager, clock } = await openLogs()
    const log = await createLog(manager, { messageTimestampType: 'LogAppendTime' })
    clock.advance(5)
    const result = log.append(makeBatch(), client)
    expect(result).toMatchObject({ logAppendTimeMs: 1_700_000_000_005 })
    await log.whenDurable(0)
    expect((await readAll(log)).readInt16BE(21) & 8).toBe(8)
  })
})

describe('idempotent producers', () => {
  const from = (sequence: number, epoch = 0) =>
    makeBatch({ producerId: 9, producerEpoch: epoch, sequence, seed: sequence })

  test('a repeated batch is answered with its first offset', async () => {
    const { manager } = await openLogs()
    const log = await createLog(manager)
    for (let i = 0; i < 6; i++) log.append(from(i), client)
    expect(log.append(from(1), client)).toMatchObject({ kind: 'duplicate', baseOffset: 1 })
    expect(log.append(from(0), client)).toMatchObject({ error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' })
    expect(log.append(from(7), client)).toMatchObject({ error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' })
    expect(log.append(from(6), client)).toMatchObject({ kind: 'appended', baseOffset: 6 })
    expect(log.append(from(3, 1), client)).toMatchObject({ error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' })
    expect(log.append(from(0, 1), client)).toMatchObject({ kind: 'appended' })
    expect(log.append(from(7, 0), client)).toMatchObject({ error: 'INVALID_PRODUCER_EPOCH' })
  })

  test('state survives a clean restart and a crash', async () => {
    const fileSystem = new MemoryFileSystem()
    const first = await openLogs(fileSystem)
    const log = await createLog(first.manager)
    for (let i = 0; i < 3; i++) await appendDurably(log, from(i))
    await first.manager.close()
    for (const isClean of [true, false]) {
      const { manager } = await openLogs(fileSystem)
      expect(manager.wasCleanShutdown).toBe(isClean)
      const again = manager.get('t', 0)
      await again?.ready()
      expect(again?.logEndOffset).toBe(3)
      expect(again?.append(from(2), client)).toMatchObject({ kind: 'duplicate', baseOffset: 2 })
      expect(again?.append(from(4), client)).toMatchObject({ kind: 'refused' })
      // No close: the next opening finds no clean marker. The lock would be gone with the process.
      ;(fileSystem as unknown as { locks: Set<string> }).locks.clear()
    }
  })
})

describe('transactions', () => {
  test('hold the last stable offset and note what was aborted', async () => {
    const { manager, fileSystem } = await openLogs()
    const log = await createLog(manager)
    await appendDurably(log, makeBatch())
    const tx = { producerId: 4, isTransactional: true }
    await appendDurably(log, makeBatch({ ...tx, sequence: 0, records: 2 }))
    expect(log.highWatermark).toBe(3)
    expect(log.lastStableOffset).toBe(1)
    const abort = makeMarker({ isAbort: true, producerId: 4 })
    expect(isTransactional(abort)).toBe(true)
    log.append(abort, { origin: 'coordinator', leaderEpoch: 0 })
    expect(log.lastStableOffset).toBe(1)
    await log.whenDurable(3)
    expect(log.lastStableOffset).toBe(4)
    const read = await log.read(0, { ...all, upTo: 'last-stable-offset' })
    expect(read.abortedTransactions).toEqual([
      { producerId: 4, firstOffset: 1, lastOffset: 3, lastStableOffset: 4 },
    ])
    expect(fileSystem.stat('/data/t-0/00000000000000000000.txnindex')?.size).toBe(34)
    await manager.close()
  })
})

describe('reading', () => {
  test('serves the same bytes from cache, file, and after a restart', async () => {
    const fileSystem = new MemoryFileSystem()
    const { manager } = await openLogs(fileSystem)
    const log = await createLog(manager, { segmentBytes: 600 })
    const sent: Buffer[] = []
    for (let i = 0; i < 40; i++) {
      const batch = makeBatch({ records: 1 + (i % 3), seed: i, bodySize: 10 + i * 3 })
      await appendDurably(log, batch)
      sent.push(batch)
    }
    expect(log.segmentCount).toBeGreaterThan(5)
    expect(await readAll(log)).toEqual(Buffer.concat(sent))
    await manager.close()
    const again = await openLogs(fileSystem, { tailCacheBytesMax: 0 })
    const reopened = again.manager.get('t', 0)
    await reopened?.ready()
    for (let offset = 0; offset < (reopened?.logEndOffset ?? 0); offset++) {
      const result = await reopened?.read(offset, { ...all, bytesMax: 1 })
      const batch = result?.chunks[0] as Buffer
      const base = Number(batch.readBigInt64BE(0))
      expect(base).toBeLessThanOrEqual(offset)
      expect(base + batch.readInt32BE(23)).toBeGreaterThanOrEqual(offset)
    }
    if (reopened) expect(await readAll(reopened)).toEqual(Buffer.concat(sent))
    await again.manager.close()
    expect(fileSystem.openFiles).toBe(0)
  })

  test('a large batch is returned only when at least one is asked for', async () => {
    const { manager } = await openLogs(undefined, { tailCacheBytesMax: 0 })
    const log = await createLog(manager)
    await appendDurably(log, makeBatch({ bodySize: 50_000 }))
    expect(await log.read(0, { ...all, bytesMax: 100, atLeastOneBatch: false })).toMatchObject({
      size: 0,
    })
    expect(await log.read(0, { ...all, bytesMax: 100 })).toMatchObject({ size: 50_061 })
  })

  test('finds offsets by timestamp', async () => {
    const { manager } = await openLogs()
    const log = await createLog(manager, { segmentBytes: 500 })
    const start = 1_699_999_000_000
    for (let i = 0; i < 20; i++) await appendDurably(log, makeBatch({ timestamp: start + i * 10 }))
    expect(await log.offsetForTimestamp(start + 95)).toMatchObject({ offset: 10 })
    expect(await log.offsetForTimestamp(start)).toMatchObject({ offset: 0 })
    expect(await log.offsetForTimestamp(start + 191)).toBeUndefined()
    expect(await log.offsetOfMaxTimestamp()).toMatchObject({ offset: 19, timestamp: start + 190 })
  })

  test('finds no offset by timestamp that was deleted', async () => {
    const { manager } = await openLogs()
    const log = await createLog(manager)
    const timestamp = 1_700_000_000_000
    await appendDurably(log, makeBatch({ timestamp, records: 5 }))
    await log.deleteRecordsBefore(3)
    expect(await log.offsetForTimestamp(timestamp)).toMatchObject({ offset: 3 })
  })
})

describe('removing', () => {
  test('retention by size and time deletes whole segments', async () => {
    const { manager, clock, fileSystem } = await openLogs()
    const log = await createLog(manager, { segmentBytes: 300, retentionBytes: 500 })
    for (let i = 0; i < 20; i++) await appendDurably(log, makeBatch({ seed: i }))
    await manager.applyRetention(clock.now())
    expect(log.sizeBytes).toBeLessThanOrEqual(800)
    expect(log.logStartOffset).toBeGreaterThan(0)
    manager.setConfig('t', { ...log.config, retentionBytes: -1, retentionMs: 1000 })
    clock.advance(700_000)
    await manager.applyRetention(clock.now())
    expect(log.sizeBytes).toBe(0)
    expect(log.logStartOffset).toBe(20)
    clock.advance(60_000)
    const names = fileSystem.list('/data/t-0')?.map((entry) => entry.name)
    expect(names?.filter((name) => name.endsWith('.deleted'))).toEqual([])
    expect(names?.filter((name) => name.endsWith('.log'))).toEqual(['00000000000000000020.log'])
  })

  test('deleted records stay deleted after a crash', async () => {
    const fileSystem = new MemoryFileSystem()
    const { manager } = await openLogs(fileSystem)
    const log = await createLog(manager)
    for (let i = 0; i < 5; i++) await appendDurably(log, makeBatch({ seed: i }))
    expect(await log.deleteRecordsBefore(3)).toBe(3)
    await expect(log.deleteRecordsBefore(6)).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' })
    ;(fileSystem as unknown as { locks: Set<string> }).locks.clear()
    const again = await openLogs(fileSystem)
    await again.manager.get('t', 0)?.ready()
    expect(again.manager.get('t', 0)?.logStartOffset).toBe(3)
  })

  test('a deleted partition can be made anew at once', async () => {
    const { manager, clock, fileSystem } = await openLogs()
    const log = await createLog(manager)
    await appendDurably(log, makeBatch())
    await manager.checkpoint()
    await manager.delete('t', 0)
    expect(manager.get('t', 0)).toBeUndefined()
    const fresh = await createLog(manager)
    expect(fresh.logEndOffset).toBe(0)
    clock.advance(60_000)
    expect(fileSystem.list('/data')?.filter((e) => e.name.endsWith('-delete'))).toEqual([])
    await manager.close()
  })
})
