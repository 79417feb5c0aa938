import { SeededRandom } from '@ottla/base'
import { describe, expect, test } from 'vitest'
import {
  encodeEpochCheckpoint,
  readEpochCheckpoint,
  readOffsetCheckpoint,
  writeOffsetCheckpoint,
} from './checkpoint-file.ts'
import { readWholeFile, writeAndSync } from './file-system.ts'
import { LeaderEpochCache } from './leader-epoch-cache.ts'
import { MemoryFileSystem } from './memory-file-system.ts'
import { encodePartitionMetadata, ensureMetaProperties } from './meta-properties.ts'
import { OffsetIndex } from './offset-index.ts'
import { decodeProducerSnapshot, encodeProducerSnapshot } from './producer-snapshot.ts'
import { TimeIndex } from './time-index.ts'
import { decodeTransactionIndex, encodeTransactionIndex } from './transaction-index.ts'

test('an offset index has 8 bytes per entry and finds the place before an offset', () => {
  const index = new OffsetIndex()
  for (let i = 1; i <= 100; i++) index.append(i * 10, i * 4096)
  expect(index.bytes().subarray(0, 16).toString('hex')).toBe('0000000a000010000000001400002000')
  expect([0, 9, 10, 11, 19, 20, 5000].map((offset) => index.lookup(offset))).toEqual([
    0, 0, 4096, 4096, 4096, 8192, 409_600,
  ])
  expect(index.fault(409_601)).toBeUndefined()
  expect(index.fault(409_600)).toMatch(/behind/)
  expect(new OffsetIndex(Buffer.alloc(24)).fault(10)).toMatch(/does not grow/)
})

test('a time index has 12 bytes per entry with timestamps that grow', () => {
  const index = new TimeIndex()
  index.maybeAppend(1000, 1)
  index.maybeAppend(1000, 2)
  index.maybeAppend(1500, 3)
  expect(index.bytes().toString('hex')).toBe('00000000000003e80000000100000000000005dc00000003')
  expect([999, 1000, 1001, 1500, 1501].map((time) => index.lookupBefore(time))).toEqual([
    0, 0, 1, 1, 3,
  ])
})

test('a transaction index has 34 bytes per entry', () => {
  const entry = { producerId: 258, firstOffset: 1, lastOffset: 3, lastStableOffset: 4 }
  const bytes = encodeTransactionIndex([entry])
  expect(bytes.toString('hex')).toBe(
    '00000000000000000102000000000000000100000000000000030000000000000004',
  )
  expect(decodeTransactionIndex(bytes)).toEqual([entry])
  expect(decodeTransactionIndex(bytes.subarray(1))).toBeUndefined()
})

test('a producer snapshot has 46 bytes per producer and a checksum', () => {
  const batch = {
    firstSequence: 0x7ffffffe,
    lastSequence: 1,
    lastOffset: 99,
    offsetDelta: 3,
    timestamp: 1_700_000_000_000,
  }
  const entry = {
    producerId: 5,
    producerEpoch: 2,
    batches: [batch],
    lastTimestamp: batch.timestamp,
    coordinatorEpoch: -1,
    currentTxnFirstOffset: 96,
  }
  const bytes = encodeProducerSnapshot([entry], 1)
  expect(bytes.length).toBe(56)
  expect(decodeProducerSnapshot(bytes)).toEqual([entry])
  for (let i = 0; i < bytes.length; i++) {
    const damaged = Buffer.from(bytes)
    damaged[i] = (damaged[i] as number) ^ 1
    expect(decodeProducerSnapshot(damaged)).toBeUndefined()
  }
})

describe('checkpoints', () => {
  test('are text with version, count and a line per partition', async () => {
    const fileSystem = new MemoryFileSystem()
    const offsets = new Map([
      ['a-b-0', 5],
      ['__proto__-12', 7],
    ])
    await writeOffsetCheckpoint(fileSystem, '/file', offsets)
    expect(readWholeFile(fileSystem, '/file')?.toString()).toBe('0\n2\na-b 0 5\n__proto__ 12 7\n')
    expect(readOffsetCheckpoint(fileSystem, '/file')).toEqual(offsets)
  })

  test.each(['1\n0\n', '0\n2\na 0 1\n', '0\n1\na 0\n', '0\n1\na 0 x\n'])(
    'malformed text is an error: %j',
    async (text) => {
      const fileSystem = new MemoryFileSystem()
      await writeAndSync(fileSystem, '/file', Buffer.from(text))
      expect(() => readOffsetCheckpoint(fileSystem, '/file')).toThrow(/file/)
    },
  )

  test('an empty file is how Apache Kafka begins one', async () => {
    const fileSystem = new MemoryFileSystem()
    await writeAndSync(fileSystem, '/file', Buffer.alloc(0))
    expect(readOffsetCheckpoint(fileSystem, '/file')).toEqual(new Map())
  })

  test('leader epochs', async () => {
    const fileSystem = new MemoryFileSystem()
    const entries = [
      { epoch: 0, startOffset: 0 },
      { epoch: 3, startOffset: 20 },
    ]
    await writeAndSync(fileSystem, '/epochs', encodeEpochCheckpoint(entries))
    expect(readWholeFile(fileSystem, '/epochs')?.toString()).toBe('0\n2\n0 0\n3 20\n')
    expect(readEpochCheckpoint(fileSystem, '/epochs')).toEqual(entries)
  })
})

test('OffsetForLeaderEpoch answers with the end of the epoch asked for or the one below', () => {
  const cache = new LeaderEpochCache()
  cache.maybeAssign(1, 0)
  cache.maybeAssign(4, 10)
  cache.maybeAssign(4, 15)
  cache.maybeAssign(6, 20)
  const ends = [0, 1, 2, 4, 5, 6, 7].map((epoch) => cache.endOffsetFor(epoch, 30))
  expect(ends.map((end) => [end.leaderEpoch, end.endOffset])).toEqual([
    [0, 0],
    [1, 10],
    [1, 10],
    [4, 20],
    [4, 20],
    [6, 30],
    [-1, -1],
  ])
  cache.truncateFromEnd(20)
  expect(cache.latest).toBe(4)
  cache.truncateFromStart(12)
  expect(cache.entries).toEqual([{ epoch: 4, startOffset: 12 }])
})

test('meta.properties is made once and read by Java Properties rules', async () => {
  const fileSystem = new MemoryFileSystem()
  fileSystem.makeDirectory('/data')
  const random = new SeededRandom(3)
  const made = await ensureMetaProperties(fileSystem, '/data', random, { nodeId: 7 })
  const again = await ensureMetaProperties(fileSystem, '/data', random, { nodeId: 7 })
  expect(again).toEqual(made)
  const text =
    '#Sun Nov 22\ndirectory.id=AAECAwQFBgcICQoLDA0ODw\nnode.id = 7\nversion:1\ncluster.id=c\n'
  await writeAndSync(fileSystem, '/data/meta.properties', Buffer.from(text))
  expect(await ensureMetaProperties(fileSystem, '/data', random, { nodeId: 7 })).toEqual({
    clusterId: 'c',
    nodeId: 7,
    directoryId: 'AAECAwQFBgcICQoLDA0ODw',
  })
  expect(encodePartitionMetadata('x').toString()).toBe('version: 0\ntopic_id: x')
})
