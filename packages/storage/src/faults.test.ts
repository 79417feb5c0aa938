import { describe, expect, test } from 'vitest'
import { type Fault, FaultyFileSystem, type FileCall } from './faulty-file-system.ts'
import { MemoryFileSystem } from './memory-file-system.ts'
import { makeBatch } from './testing-batches.ts'
import { appendDurably, createLog, openLogs, readAll } from './testing-logs.ts'

const client = { origin: 'client', leaderEpoch: 0 } as const
const producer = (sequence: number, seed = sequence) =>
  makeBatch({ producerId: 5, sequence, seed, bodySize: 30 + (seed % 50) })

/** Appends 30 batches, rolling often; retries what was refused. Returns what was acknowledged. */
async function workload(fault: (call: FileCall, n: number) => Fault, retries: number) {
  const memory = new MemoryFileSystem()
  const disk = new FaultyFileSystem(memory)
  const { manager, fatal } = await openLogs(disk, { tailCacheBytesMax: 500 })
  const log = await createLog(manager, { segmentBytes: 400 })
  let calls = 0
  disk.decide = (call) => fault(call, ++calls)
  const acknowledged: Buffer[] = []
  for (let i = 0; i < 30 && fatal.length === 0; i++) {
    for (let tries = 0; tries <= retries; tries++) {
      const batch = producer(i)
      try {
        const result = log.append(batch, client)
        if (result.kind === 'refused') break
        await log.whenDurable(result.lastOffset)
        acknowledged.push(batch)
        break
      } catch (error) {
        expect(error).toMatchObject({ code: 'KAFKA_STORAGE_ERROR' })
      }
    }
  }
  disk.decide = () => undefined
  return { memory, disk, manager, log, fatal, acknowledged, calls }
}

/** What was acknowledged is there after a crash that loses everything unsynced. */
async function expectRecovered(memory: MemoryFileSystem, acknowledged: readonly Buffer[]) {
  const random = { integer: () => 0, bytes: () => new Uint8Array() }
  const image = memory.crash({ bytes: 'lost', names: 'lost', random })
  const { manager } = await openLogs(image)
  const log = manager.get('t', 0)
  await log?.ready()
  const wanted = Buffer.concat(acknowledged)
  expect(log && (await readAll(log)).subarray(0, wanted.length)).toEqual(wanted)
}

describe('every call fails once', () => {
  test('EIO fences the log at once, and nothing acknowledged is lost', async () => {
    const { calls } = await workload(() => undefined, 0)
    for (let n = 1; n <= calls; n++) {
      const run = await workload((call, at) => {
        const isAppending = call !== 'read' && call !== 'unlink'
        return at === n && isAppending ? { kind: 'error', code: 'EIO' } : undefined
      }, 0)
      if (run.fatal.length > 0) {
        expect(run.log.append(producer(99), client)).toMatchObject({
          kind: 'refused',
          error: 'KAFKA_STORAGE_ERROR',
        })
        await run.manager.close()
        expect(run.memory.stat('/data/.kafka_cleanshutdown')).toBeUndefined()
      }
      expect(run.fatal.length).toBeLessThanOrEqual(1)
      await expectRecovered(run.memory, run.acknowledged)
    }
    expect(calls).toBeGreaterThan(60)
  })

  test('a full disk refuses the round; the same producer goes on when space returns', async () => {
    const { calls } = await workload(() => undefined, 0)
    for (let n = 1; n <= calls; n++) {
      const run = await workload((call, at) => {
        if (call !== 'write' && call !== 'open') return undefined
        return at >= n && at < n + 3 ? { kind: 'error', code: 'ENOSPC' } : undefined
      }, 5)
      expect(run.fatal).toEqual([])
      expect(run.acknowledged.length).toBe(30)
      expect(await readAll(run.log)).toEqual(Buffer.concat(run.acknowledged))
      await expectRecovered(run.memory, run.acknowledged)
      await run.manager.close()
      const again = await openLogs(run.memory)
      const log = again.manager.get('t', 0)
      await log?.ready()
      expect(log && (await readAll(log))).toEqual(Buffer.concat(run.acknowledged))
    }
  }, 60_000)

  test('short writes are continued', async () => {
    const run = await workload(
      (call) => (call === 'write' ? { kind: 'short', size: 7 } : undefined),
      0,
    )
    expect(run.acknowledged.length).toBe(30)
    expect(await readAll(run.log)).toEqual(Buffer.concat(run.acknowledged))
    await run.manager.close()
  })
})

describe('full disk', () => {
  test('reads are served while appends are refused', async () => {
    const disk = new FaultyFileSystem(new MemoryFileSystem())
    const { manager, fatal } = await openLogs(disk)
    const log = await createLog(manager)
    await appendDurably(log, producer(0))
    disk.decide = (call) => (call === 'write' ? { kind: 'error', code: 'ENOSPC' } : undefined)
    const refused = log.append(producer(1), client)
    expect(refused.kind).toBe('appended')
    const later = log.append(producer(2), client)
    await expect(log.whenDurable(1)).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' })
    await expect(log.whenDurable(2)).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' })
    expect(later.kind).toBe('appended')
    expect(log.logEndOffset).toBe(1)
    expect((await readAll(log)).length).toBeGreaterThan(0)
    disk.decide = () => undefined
    expect(await appendDurably(log, producer(1))).toBe(1)
    expect(fatal).toEqual([])
    await manager.close()
  })

  test('a failed sync is never repeated', async () => {
    const disk = new FaultyFileSystem(new MemoryFileSystem())
    const { manager, fatal } = await openLogs(disk)
    const log = await createLog(manager)
    let syncs = 0
    disk.decide = (call, path) => {
      if (call !== 'sync' || !path.endsWith('.log')) return undefined
      syncs++
      return { kind: 'error', code: 'ENOSPC' }
    }
    log.append(producer(0), client)
    await expect(log.whenDurable(0)).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' })
    expect(fatal.length).toBe(1)
    await manager.close()
    expect(syncs).toBe(1)
  })
})

describe('reads', () => {
  const options = { bytesMax: 1000, upTo: 'high-watermark', atLeastOneBatch: true } as const

  test('a failed read is an error of that partition only', async () => {
    const disk = new FaultyFileSystem(new MemoryFileSystem())
    const { manager, fatal } = await openLogs(disk, { tailCacheBytesMax: 0 })
    const log = await createLog(manager)
    const other = await createLog(manager, {}, 1)
    await appendDurably(log, producer(0))
    await appendDurably(other, producer(0))
    disk.decide = (call, path) =>
      call === 'read' && path.includes('t-0/') ? { kind: 'error', code: 'EIO' } : undefined
    await expect(log.read(0, options)).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' })
    expect(await other.read(0, options)).toMatchObject({ size: 91 })
    expect(fatal).toEqual([])
    expect(await appendDurably(log, producer(1))).toBe(1)
    await manager.close()
  })

  test('a deleted log answers with errors, not with a crash', async () => {
    const { manager } = await openLogs()
    const log = await createLog(manager)
    await appendDurably(log, producer(0))
    await manager.delete('t', 0)
    expect(log.isOpen).toBe(false)
    expect(log.highWatermark).toBe(1)
    expect(() => log.read(0, options)).toThrow(/deleted/)
    await expect(log.ready()).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' })
    expect(log.append(producer(1), client)).toMatchObject({ error: 'UNKNOWN_TOPIC_OR_PARTITION' })
    await manager.close()
  })

  test('a log that is deleted while it is read lets the read finish', async () => {
    const { manager } = await openLogs(undefined, { tailCacheBytesMax: 0 })
    const log = await createLog(manager)
    await appendDurably(log, producer(0))
    const reading = log.read(0, options)
    await manager.delete('t', 0)
    expect(await reading).toMatchObject({ size: 91 })
  })
})
