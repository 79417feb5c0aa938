import { SeededRandom, silentLogger, type Uuid, VirtualClock } from '@ottla/base'
import { describe, expect, test } from 'vitest'
import { FaultyFileSystem } from './faulty-file-system.ts'
import type { FileSystem } from './file-system.ts'
import { defaultLogConfig } from './log-config.ts'
import { LogDirectories } from './log-directories.ts'
import { MemoryFileSystem } from './memory-file-system.ts'
import type { PartitionLog } from './partition-log.ts'
import { makeBatch } from './testing-batches.ts'
import { appendDurably, readAll, TOPIC_ID } from './testing-logs.ts'

const CONFIG = { ...defaultLogConfig, segmentBytes: 500, indexIntervalBytes: 0 }

async function openDirectories(fileSystem: FileSystem) {
  const fatal: Error[] = []
  const directories = await LogDirectories.open({
    fileSystem,
    clock: new VirtualClock(),
    random: new SeededRandom(2),
    logger: silentLogger,
    logDirs: ['/a', '/b'],
    privateDir: '/private',
    nodeId: 1,
    flushPolicy: 'fsync',
    onFatal: (error) => fatal.push(error),
    schedule: queueMicrotask,
  })
  return { directories, fatal }
}

const idOf = (directories: LogDirectories, path: string): Uuid =>
  directories.directories().find((directory) => directory.path === path)?.id as Uuid

const placed = (directoryId: Uuid) => ({ topicId: TOPIC_ID, config: CONFIG, directoryId })

/** A partition in /a with some segments, and what was put into it. */
async function filled(directories: LogDirectories, count = 12) {
  const log = directories.create('t', 0, placed(idOf(directories, '/a')))
  await log.ready()
  for (let i = 0; i < count; i++) await appendDurably(log, makeBatch({ seed: i }))
  await log.deleteRecordsBefore(3)
  return log
}

const places = (fileSystem: FileSystem) =>
  ['/a', '/b'].filter((path) => fileSystem.stat(`${path}/t-0`) !== undefined)

async function moveTo(directories: LogDirectories, path: string): Promise<void> {
  const target = directories.managerOf(path)
  if (!target) throw new Error(`${path} is offline`)
  await directories.moves.start('t', 0, target)
}

describe('a move between log directories', () => {
  test('keeps everything, and takes the partition along', async () => {
    const fileSystem = new MemoryFileSystem()
    const { directories } = await openDirectories(fileSystem)
    const assigned: Uuid[] = []
    await directories.moves.settleAfterStart([], async (_topic, _partition, id) => {
      assigned.push(id)
    })
    const log = await filled(directories)
    const before = await readAll(log)
    await moveTo(directories, '/b')
    expect(assigned).toEqual([idOf(directories, '/b')])
    expect(places(fileSystem)).toEqual(['/b'])
    expect(directories.get('t', 0)).toBe(log)
    expect(log.logStartOffset).toBe(3)
    expect(await readAll(log)).toEqual(before)
    expect(await appendDurably(log, makeBatch({ seed: 99 }))).toBe(12)
    const after = await readAll(log)
    await directories.close()
    const again = await openDirectories(fileSystem)
    const reopened = again.directories.get('t', 0) as PartitionLog
    await reopened.ready()
    expect(reopened.logStartOffset).toBe(3)
    expect(await readAll(reopened)).toEqual(after)
    await moveTo(again.directories, '/a')
    expect(places(fileSystem)).toEqual(['/a'])
    expect(await readAll(reopened)).toEqual(after)
    await again.directories.close()
    expect(fileSystem.openFiles).toBe(0)
  })

  test('goes on while records come, which are told to wait at its end', async () => {
    const { directories } = await openDirectories(new MemoryFileSystem())
    const log = await filled(directories)
    let isThere = false
    const moving = moveTo(directories, '/b').then(() => {
      isThere = true
    })
    let appended = 12
    const refusals = new Set<string>()
    while (!isThere) {
      const result = log.append(makeBatch({ seed: appended }), {
        origin: 'client',
        leaderEpoch: 0,
      })
      if (result.kind === 'refused') refusals.add(result.error)
      else {
        appended++
        await log.whenDurable(result.lastOffset)
      }
      await new Promise((resolve) => setImmediate(resolve))
    }
    await moving
    expect([...refusals].filter((error) => error !== 'NOT_LEADER_OR_FOLLOWER')).toEqual([])
    expect(appended).toBeGreaterThan(12)
    expect(log.logEndOffset).toBe(appended)
    const bytes = await readAll(log)
    expect(bytes.length / (appended - 3)).toBe(bytes.readInt32BE(8) + 12)
    await directories.close()
  })

  test('ends without a trace when the partition is deleted', async () => {
    const fileSystem = new MemoryFileSystem()
    const { directories } = await openDirectories(fileSystem)
    await filled(directories)
    const moving = moveTo(directories, '/b').catch((error: Error) => error.message)
    await directories.delete('t', 0)
    await moving
    expect(places(fileSystem)).toEqual([])
    const names = (fileSystem.list('/b') ?? []).map(({ name }) => name)
    expect(names.filter((name) => name.endsWith('-future'))).toEqual([])
    await directories.close()
  })

  test('stays where it was when the target fails', async () => {
    const fileSystem = new FaultyFileSystem(new MemoryFileSystem())
    const { directories, fatal } = await openDirectories(fileSystem)
    const log = await filled(directories)
    fileSystem.decide = (call, path) =>
      call === 'sync' && path.startsWith('/b/') ? { kind: 'error', code: 'EIO' } : undefined
    await expect(moveTo(directories, '/b')).rejects.toThrow('The copy cannot be written')
    expect(directories.directories().map(({ isOnline }) => isOnline)).toEqual([true, false])
    expect(fatal).toEqual([])
    expect(await appendDurably(log, makeBatch({ seed: 50 }))).toBe(12)
    await directories.close()
  })
})

interface CrashState {
  readonly call: string
  readonly image: MemoryFileSystem
  readonly assigned: Uuid
}

/** Every state in which a crash during a move can leave the disk. */
async function crashStates(kind: 'lost' | 'kept' | 'torn', seed: number): Promise<CrashState[]> {
  const fileSystem = new MemoryFileSystem()
  const { directories } = await openDirectories(fileSystem)
  let assigned = idOf(directories, '/a')
  await directories.moves.settleAfterStart([], async (_topic, _partition, id) => {
    assigned = id
  })
  await filled(directories)
  await directories.checkpoint()
  const random = new SeededRandom(seed)
  const states: CrashState[] = []
  fileSystem.onCall = (call, path) => {
    const image = fileSystem.crash({ bytes: kind, names: kind, random })
    states.push({ call: `${call} ${path}`, image, assigned })
  }
  await moveTo(directories, '/b')
  fileSystem.onCall = undefined
  return states
}

async function expectWhole({ call, image, assigned }: CrashState, expected: Buffer) {
  const { directories } = await openDirectories(image)
  let now = assigned
  const again = await directories.moves.settleAfterStart(
    [{ topic: 't', partition: 0, directoryId: assigned }],
    async (_topic, _partition, id) => {
      now = id
    },
  )
  const log = directories.get('t', 0)
  expect(log, call).toBeDefined()
  await log?.ready()
  expect(await readAll(log as PartitionLog), call).toEqual(expected)
  expect(log?.logStartOffset, call).toBe(3)
  expect(places(image).length, call).toBe(1)
  for (const { topic, partition, target } of again) {
    await directories.moves.start(topic, partition, target)
  }
  expect(await readAll(log as PartitionLog), call).toEqual(expected)
  const owner = directories.ownerOf('t', 0)?.directoryId
  expect(owner, call).toBe(now)
  expect(await appendDurably(log as PartitionLog, makeBatch({ seed: 77 })), call).toBe(12)
  await directories.close()
}

describe('a crash during a move', () => {
  test.each([
    ['lost', 1],
    ['kept', 1],
    ['torn', 1],
    ['torn', 2],
    ['torn', 3],
  ] as const)('with what was not synced %s (%i) loses nothing', async (kind, seed) => {
    const { directories } = await openDirectories(new MemoryFileSystem())
    const expected = await readAll(await filled(directories))
    const states = await crashStates(kind, seed)
    expect(states.length).toBeGreaterThan(30)
    for (const state of states) await expectWhole(state, expected)
  })
})

describe('several log directories', () => {
  test('get new partitions where the fewest are', async () => {
    const { directories } = await openDirectories(new MemoryFileSystem())
    const [a, b] = [idOf(directories, '/a'), idOf(directories, '/b')]
    directories.create('x', 0, placed(a))
    directories.create('x', 1, placed(a))
    expect(directories.place(4)).toEqual([b, b, a, b])
    expect(directories.place(2, ['/b'])).toEqual([a, a])
    await directories.close()
  })

  test('fail one by one, and end the process with the first', async () => {
    const fileSystem = new FaultyFileSystem(new MemoryFileSystem())
    const { directories, fatal } = await openDirectories(fileSystem)
    const logs = ['/a', '/b'].map((path, i) =>
      directories.create('t', i, placed(idOf(directories, path))),
    ) as [PartitionLog, PartitionLog]
    for (const log of logs) {
      await log.ready()
      await appendDurably(log, makeBatch({ seed: 1 }))
    }
    const fail = (directory: string) => {
      fileSystem.decide = (call, path) =>
        call === 'sync' && path.startsWith(directory) ? { kind: 'error', code: 'EIO' } : undefined
    }
    fail('/b/')
    await expect(appendDurably(logs[1], makeBatch({ seed: 2 }))).rejects.toThrow('offline')
    expect(logs.map(({ isOffline }) => isOffline)).toEqual([false, true])
    expect(fatal).toEqual([])
    await appendDurably(logs[0], makeBatch({ seed: 2 }))
    fail('/a/')
    await expect(appendDurably(logs[0], makeBatch({ seed: 3 }))).rejects.toThrow('offline')
    expect(fatal.length).toBe(1)
    await directories.close()
  })

  test('go on without one that cannot be opened', async () => {
    const disk = new MemoryFileSystem()
    const first = await openDirectories(disk)
    const missing = idOf(first.directories, '/b')
    await first.directories.close()
    const fileSystem = new FaultyFileSystem(disk, (call, path) =>
      call === 'makeDirectory' && path === '/b' ? { kind: 'error', code: 'EIO' } : undefined,
    )
    const { directories } = await openDirectories(fileSystem)
    expect(directories.directories().map(({ isOnline }) => isOnline)).toEqual([true, false])
    expect(directories.isElsewhere(missing)).toBe(true)
    expect(directories.isElsewhere(idOf(directories, '/a'))).toBe(false)
    const log = directories.offlineLog('t', 0, CONFIG)
    await expect(log.ready()).rejects.toMatchObject({ errorName: 'KAFKA_STORAGE_ERROR' })
    expect(log.isOffline).toBe(true)
    await directories.close()
  })
})
