/** Bugs that Apache Kafka's log cleaner once had; docs/internals/known-bugs.md lists them all. */
import { VirtualClock } from '@ottla/base'
import { BatchBuilder, buildEndTransactionMarker, readBatches } from '@ottla/protocol'
import { expect, test } from 'vitest'
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
import { cleanLog } from './clean-log.ts'
import { defaultCleanerSettings } from './log-cleaner.ts'
import { Throttle } from './throttle.ts'

const HOUR = 3_600_000

type Entry = readonly [key: string | Buffer, value: string | null]

class CompactedLog {
  readonly logs: TestLogs
  readonly log: PartitionLog

  constructor(logs: TestLogs, log: PartitionLog) {
    this.logs = logs
    this.log = log
  }

  static async open(): Promise<CompactedLog> {
    const logs = await openLogs(new MemoryFileSystem())
    return new CompactedLog(logs, await createLog(logs.manager, COMPACTED))
  }

  async write(entries: readonly Entry[], producerId?: number, sequence = 0): Promise<void> {
    for (const [i, [key, value]] of entries.entries()) {
      const builder = new BatchBuilder()
      builder.append(this.logs.clock.now(), key, value)
      const fields = { producerEpoch: 0, baseSequence: sequence + i, isTransactional: true }
      await appendDurably(
        this.log,
        builder.finish(producerId === undefined ? {} : { producerId, ...fields }),
      )
    }
  }

  async end(producerId: number, isCommit: boolean): Promise<void> {
    const end = { isCommit, producerId, producerEpoch: 0, coordinatorEpoch: 0 }
    const marker = buildEndTransactionMarker(end, { timestamp: this.logs.clock.now() })
    const result = this.log.append(marker, { origin: 'coordinator', leaderEpoch: 0 })
    if (result.kind !== 'appended') throw new Error(result.kind)
    await this.log.whenDurable(result.lastOffset)
  }

  /** Enough that everything before lies in sealed segments. */
  fill = () => this.write([1, 2, 3].map((i) => [`filler ${i}`, '1'] as const))

  async clean(): Promise<void> {
    const { manager, clock } = this.logs
    while (await manager.cleaner.cleanOne(clock.now(), defaultCleanerSettings)) {
      // Until nothing is dirty.
    }
  }

  async batches() {
    return readBatches(await readAll(this.log))
  }

  /** Offsets of the markers that are left. */
  async markers(): Promise<number[]> {
    return (await this.batches()).filter((b) => b.isControl).map((b) => b.baseOffset)
  }
}

test('a marker is not taken for a record with the same key (KAFKA-14055)', async () => {
  const topic = await CompactedLog.open()
  await topic.write([['a', '1']], 7)
  await topic.end(7, true)
  // The key of a COMMIT marker: version 0, type 1.
  await topic.write([[Buffer.from([0, 0, 0, 1]), 'mine']])
  await topic.fill()
  await topic.clean()
  expect(await topic.markers()).toEqual([1])
})

test('transactions are followed across merged segments (KAFKA-8351)', async () => {
  const topic = await CompactedLog.open()
  await topic.write(
    [1, 2, 3, 4, 5, 6].map((i) => [`key ${i}`, 'aborted'] as const),
    7,
  )
  await topic.end(7, false)
  await topic.fill()
  expect(topic.log.segmentCount).toBeGreaterThan(4)
  await topic.clean()
  const left = (await topic.batches()).filter((b) => b.isTransactional && !b.isControl)
  // The producer's last batch stays without its records.
  expect(left.map((b) => [b.lastOffset, b.recordsCount])).toEqual([[5, 0]])
  expect(await topic.markers()).toEqual([6])
})

test('a marker goes when a horizon has passed since its records went (KIP-534)', async () => {
  const topic = await CompactedLog.open()
  await topic.write([['a', '1']], 7)
  await topic.end(7, true)
  await topic.write([['a', '2']], 7, 1)
  await topic.end(7, true)
  await topic.write([['a', '3']])
  await topic.fill()
  await topic.clean()
  const again = async () => {
    await topic.fill()
    await topic.clean()
    return await topic.markers()
  }
  expect(await again()).toEqual([1, 3])
  topic.logs.clock.advance(HOUR - 1)
  expect(await again()).toEqual([1, 3])
  topic.logs.clock.advance(2)
  // The other one belongs to the producer's last batch, which stays as long as the producer.
  expect(await again()).toEqual([3])
})

test('a producer is known by its last batch after its records were replaced (KAFKA-5490)', async () => {
  const topic = await CompactedLog.open()
  const once = (sequence: number) => {
    const builder = new BatchBuilder()
    builder.append(topic.logs.clock.now(), 'a', `${sequence}`)
    return builder.finish({ producerId: 9, producerEpoch: 0, baseSequence: sequence })
  }
  await appendDurably(topic.log, once(0))
  await appendDurably(topic.log, once(1))
  await topic.write([['a', 'newer']])
  await topic.fill()
  await topic.clean()
  const kept = (await topic.batches()).filter((b) => b.producerId === 9)
  expect(kept.map((b) => [b.baseSequence, b.recordsCount])).toEqual([[1, 0]])
  const client = { origin: 'client', leaderEpoch: 0 } as const
  expect(topic.log.append(once(1), client)).toMatchObject({ kind: 'duplicate', baseOffset: 1 })
  expect(topic.log.append(once(3), client)).toMatchObject({ error: 'OUT_OF_ORDER_SEQUENCE_NUMBER' })
})

test('nothing is cleaned behind an open transaction (KAFKA-13194)', async () => {
  const topic = await CompactedLog.open()
  await topic.write([['a', '0']])
  await topic.write([['a', '1']], 7)
  await topic.write([['a', '2']])
  await topic.fill()
  await topic.clean()
  const values = async () =>
    (await topic.batches()).flatMap((b) => b.records().map((r) => String(r.value)))
  expect((await values()).slice(0, 3)).toEqual(['0', '1', '2'])
  await topic.end(7, false)
  await topic.fill()
  await topic.clean()
  expect((await values())[0]).toBe('2')
})

test('one damaged log does not keep the others from being cleaned (KAFKA-7215)', async () => {
  const topic = await CompactedLog.open()
  const other = new CompactedLog(topic.logs, await createLog(topic.logs.manager, COMPACTED, 1))
  for (const each of [topic, other]) {
    await each.write([1, 2, 3].map((i) => ['a', `${i}`] as const))
    await each.fill()
  }
  const path = topic.log.state.segments[0]?.path('log') as string
  const file = topic.logs.fileSystem.open(path, 'update')
  file.write([Buffer.from([0xff])], 70)
  file.close()
  await topic.clean()
  const [first] = await other.batches()
  expect(first?.records().map((r) => String(r.value))).toEqual(['3'])
})

test('segments whose offsets lie too far apart are not merged (KAFKA-5413)', async () => {
  const fileSystem = new MemoryFileSystem()
  fileSystem.makeDirectory('/t-0')
  const far = 2 ** 31 + 20
  const segments = [0, 10, far].map((baseOffset) => {
    const builder = new BatchBuilder()
    builder.append(1_700_000_000_000, `key ${baseOffset}`, 'v')
    const batch = builder.finish({ baseOffset })
    const file = fileSystem.open(`/t-0/${String(baseOffset).padStart(20, '0')}.log`, 'write')
    file.write([batch], 0)
    file.close()
    return { baseOffset, size: batch.length, indexBytes: 8, modifiedMs: 0 }
  })
  const sources: (readonly number[])[] = []
  const clock = new VirtualClock()
  await cleanLog(
    {
      directory: '/t-0',
      segments,
      firstDirtyOffset: 0,
      endOffset: far + 1,
      highWatermark: far + 1,
      aborted: [],
      producers: [],
      nowMs: clock.now(),
      deleteRetentionMs: HOUR,
      segmentBytes: 1e9,
      segmentIndexBytes: 1e6,
      indexIntervalBytes: 0,
      keysBytesMax: 1e6,
      keysLoadFactor: 0.9,
      seed: 1,
      bytesPerSecondMax: Number.POSITIVE_INFINITY,
    },
    {
      fileSystem,
      throttle: new Throttle(clock, Number.POSITIVE_INFINITY),
      isStopped: () => false,
      onGroup: async (group) => {
        sources.push(group.sources)
        return true
      },
    },
  )
  expect(sources).toEqual([[0], [10], [far]])
})
