import { describe, expect, test } from 'vitest'
import { writeFully } from './file-system.ts'
import { MemoryFileSystem } from './memory-file-system.ts'
import { makeBatch } from './testing-batches.ts'
import { appendDurably, createLog, openLogs, readAll } from './testing-logs.ts'

const random = { integer: () => 0, bytes: () => new Uint8Array(16) }
const SEGMENT = '/data/t-0/00000000000000000000.log'
const SIZE = 101

/** Ten batches of 101 bytes; `synced` of them below the recovery point when the crash comes. */
async function crashed(synced: number): Promise<MemoryFileSystem> {
  const fileSystem = new MemoryFileSystem()
  const { manager } = await openLogs(fileSystem)
  const log = await createLog(manager)
  for (let i = 0; i < 10; i++) {
    await appendDurably(log, makeBatch({ seed: i }))
    if (i + 1 === synced) await manager.checkpoint()
  }
  return fileSystem.crash({ bytes: 'kept', names: 'kept', random })
}

function damage(fileSystem: MemoryFileSystem, position: number, bytes: Buffer): void {
  const file = fileSystem.open(SEGMENT, 'update')
  writeFully(file, [bytes], position)
  file.close()
}

async function reopen(fileSystem: MemoryFileSystem) {
  const { manager } = await openLogs(fileSystem)
  const log = manager.get('t', 0)
  if (!log) throw new Error('no log')
  await log.ready()
  return { manager, log }
}

describe('torn tail', () => {
  test('is cut above the recovery point, wherever it begins', async () => {
    for (let cut = 5 * SIZE; cut < 10 * SIZE; cut += 1) {
      const fileSystem = await crashed(5)
      const file = fileSystem.open(SEGMENT, 'update')
      file.truncate(cut)
      file.close()
      const { log } = await reopen(fileSystem)
      expect(log.logEndOffset).toBe(Math.floor(cut / SIZE))
      expect(log.droppedBytes).toBe(cut % SIZE)
      expect(fileSystem.stat(SEGMENT)?.size).toBe(log.logEndOffset * SIZE)
    }
  })

  test('a hole of zeros in front of good data ends the log', async () => {
    const fileSystem = await crashed(5)
    damage(fileSystem, 7 * SIZE, Buffer.alloc(SIZE))
    const { log, manager } = await reopen(fileSystem)
    expect(log.logEndOffset).toBe(7)
    expect(log.droppedBytes).toBe(3 * SIZE)
    expect(manager.counters.recoveryTruncatedBytes).toBe(3 * SIZE)
  })
})

describe('corruption below the recovery point', () => {
  test('a broken header is reported and nothing behind it deleted', async () => {
    const fileSystem = await crashed(10)
    damage(fileSystem, 4 * SIZE + 8, Buffer.alloc(12, 0xff))
    const { log } = await reopen(fileSystem)
    expect(log.logEndOffset).toBe(10)
    expect(log.droppedBytes).toBe(0)
    expect(log.corruptRanges).toMatchObject([{ from: 4, to: 5 }])
    expect(fileSystem.stat(SEGMENT)?.size).toBe(10 * SIZE)
    const options = { bytesMax: 1000, upTo: 'high-watermark', atLeastOneBatch: true } as const
    await expect(log.read(4, options)).rejects.toMatchObject({ code: 'CORRUPT_MESSAGE' })
    expect(await log.read(0, options)).toMatchObject({ size: 4 * SIZE })
    expect(await log.read(5, options)).toMatchObject({ size: 5 * SIZE })
    expect(await appendDurably(log, makeBatch())).toBe(10)
  })

  test('a flipped bit in a record fails the read of that batch only', async () => {
    const fileSystem = await crashed(10)
    damage(fileSystem, 4 * SIZE + 90, Buffer.from([0xaa]))
    const { log, manager } = await reopen(fileSystem)
    const options = { bytesMax: 1000, upTo: 'high-watermark', atLeastOneBatch: true } as const
    expect(await log.read(2, options)).toMatchObject({ size: 2 * SIZE })
    await expect(log.read(4, options)).rejects.toMatchObject({ code: 'CORRUPT_MESSAGE' })
    expect(await log.read(5, options)).toMatchObject({ size: 5 * SIZE })
    expect(manager.counters.corruptReads).toBe(1)
  })

  test('a file that lost its end keeps its offsets from being used again', async () => {
    const fileSystem = await crashed(10)
    const file = fileSystem.open(SEGMENT, 'update')
    file.truncate(6 * SIZE)
    file.close()
    const { log, manager } = await reopen(fileSystem)
    expect(log.logEndOffset).toBe(10)
    expect(log.corruptRanges).toMatchObject([{ from: 6, to: 10 }])
    expect(await appendDurably(log, makeBatch({ seed: 77 }))).toBe(10)
    const options = { bytesMax: 1000, upTo: 'high-watermark', atLeastOneBatch: true } as const
    expect(await log.read(10, options)).toMatchObject({ size: SIZE })
    await expect((async () => log.read(7, options))()).rejects.toMatchObject({
      code: 'CORRUPT_MESSAGE',
    })
    await manager.close()
  })
})

describe('the sync journal', () => {
  test('is a closer recovery point than the checkpoint', async () => {
    const fileSystem = new MemoryFileSystem()
    const { manager, clock } = await openLogs(fileSystem)
    const log = await createLog(manager)
    for (let i = 0; i < 10; i++) await appendDurably(log, makeBatch({ seed: i }))
    clock.advance(200)
    const image = fileSystem.crash({ bytes: 'kept', names: 'kept', random })
    damage(image, 4 * SIZE + 8, Buffer.alloc(12, 0xff))
    const again = await reopen(image)
    expect(again.log.logEndOffset).toBe(10)
    expect(again.log.corruptRanges.length).toBe(1)
  })
})

test('a log that lost all its indexes is read all the same', async () => {
  const fileSystem = new MemoryFileSystem()
  const first = await openLogs(fileSystem)
  const log = await createLog(first.manager, { segmentBytes: 300 })
  const sent: Buffer[] = []
  for (let i = 0; i < 12; i++) {
    const batch = makeBatch({ seed: i })
    await appendDurably(log, batch)
    sent.push(batch)
  }
  await first.manager.close()
  for (const { name } of fileSystem.list('/data/t-0') ?? []) {
    if (/index$/.test(name)) fileSystem.unlink(`/data/t-0/${name}`)
  }
  const { log: reopened } = await reopen(fileSystem)
  expect(await readAll(reopened)).toEqual(Buffer.concat(sent))
})
