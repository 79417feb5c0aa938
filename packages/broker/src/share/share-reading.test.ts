import { silentLogger, VirtualClock } from '@ottla/base'
import { BatchBuilder, readBatches } from '@ottla/protocol'
import type { PartitionLog, ReadOptions, ReadResult } from '@ottla/storage'
import { expect, it } from 'vitest'
import type { DeadLetters } from './dead-letters.ts'
import { HeldPartition } from './held-partition.ts'
import { SharePartition } from './share-partition.ts'
import { type ReadingLimits, type SharePartitions, ShareReading } from './share-reading.ts'
import { ShareSession } from './share-sessions.ts'
import type { ShareStateService } from './share-state-service.ts'

const SETTINGS = {
  lockDurationMs: 30_000,
  deliveryCountMax: 5,
  recordLocksMax: 1_000,
  isCommittedOnly: false,
  mayRenew: true,
  offsetReset: 'earliest',
}

const LIMITS: ReadingLimits = {
  epoch: 0,
  maxBytes: 1_000_000,
  minBytes: 1,
  maxRecords: 500,
  batchSize: 500,
  isRecordLimit: false,
}

/** Batches of four records; reads of it end when the test says so, if it wants. */
class FakeLog {
  readonly logStartOffset = 0
  readonly batches: Buffer[] = []
  readonly reads: ReadOptions[] = []
  reading: Promise<void> | undefined
  private readonly listeners = new Set<() => void>()

  get highWatermark(): number {
    return this.batches.length * 4
  }

  get lastStableOffset(): number {
    return this.highWatermark
  }

  append(): void {
    const builder = new BatchBuilder()
    for (let i = 0; i < 4; i++) builder.append(1_000, null, 'value')
    const batch = builder.finish()
    batch.writeBigInt64BE(BigInt(this.highWatermark), 0)
    this.batches.push(batch)
    for (const listener of [...this.listeners]) listener()
  }

  onHighWatermark(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }

  async read(offset: number, options: ReadOptions): Promise<ReadResult> {
    this.reads.push(options)
    await this.reading
    const chunks: Buffer[] = []
    let size = 0
    for (const batch of this.batches.slice(Math.floor(offset / 4))) {
      const isForced = chunks.length === 0 && options.atLeastOneBatch
      if (size + batch.length > options.bytesMax && !isForced) break
      chunks.push(batch)
      size += batch.length
    }
    return { chunks, size, abortedTransactions: null, release: () => undefined }
  }
}

class Scene implements SharePartitions {
  readonly logs = [new FakeLog(), new FakeLog()]
  readonly topicId = 'AAAAAAAAAAAAAAAAAAAAAQ'
  private readonly held = new Map<number, HeldPartition>()

  logOf(_topicId: string, partition: number) {
    return (this.logs[partition] as unknown as PartitionLog) ?? 'UNKNOWN_TOPIC_OR_PARTITION'
  }
  find({ partition }: { readonly partition: number }) {
    return this.held.get(partition)
  }
  settingsOf() {
    return SETTINGS
  }
  lockDeadlineMs() {
    return 30_000
  }
  async open({ partition }: { readonly partition: number }) {
    const held = new HeldPartition({
      key: { groupId: 'g', topicId: this.topicId, partition },
      log: this.logOf('', partition) as PartitionLog,
      partition: new SharePartition({ startOffset: 0, batches: [] }),
      stateEpoch: 0,
      leaderEpoch: 0,
      states: undefined as unknown as ShareStateService,
      clock: new VirtualClock(),
      logger: silentLogger,
      deadLetters: undefined as unknown as DeadLetters,
      deliveryCountMax: () => SETTINGS.deliveryCountMax,
      onFenced: () => undefined,
    })
    this.held.set(partition, held)
    return held
  }

  reading(limits: Partial<ReadingLimits> = {}, partitions = [0, 1]): ShareReading {
    const session = new ShareSession('g', `m${Math.random()}`)
    for (const partition of partitions) session.add(this.topicId, partition)
    return new ShareReading(this, session, { ...LIMITS, ...limits })
  }

  async openAll(): Promise<void> {
    for (const partition of [0, 1]) await this.open({ partition })
  }
}

/** What a round has acquired, as `partition: first-last`. */
async function play(reading: ShareReading, isLast = false): Promise<string[]> {
  const { readings } = await reading.round(isLast)
  return readings.flatMap(({ target, acquired, error }) => [
    ...(error ? [`${target.partition}: ${error}`] : []),
    ...acquired.map((range) => `${target.partition}: ${range.firstOffset}-${range.lastOffset}`),
  ])
}

it('answers with the first partition it has opened', async () => {
  const scene = new Scene()
  for (const log of scene.logs) log.append()
  const first = scene.reading()
  expect(await play(first)).toEqual([])
  expect(await first.openNext()).toBe(true)
  expect(await play(first)).toEqual(['0: 0-3'])
  const second = scene.reading({ epoch: 1 })
  expect(await play(second)).toEqual([])
  expect(await second.openNext()).toBe(true)
  expect(await play(second)).toEqual(['1: 0-3'])
  expect(await second.openNext()).toBe(false)
})

it('begins with another partition at each epoch', async () => {
  const scene = new Scene()
  await scene.openAll()
  for (const log of scene.logs) log.append()
  expect(await play(scene.reading({ epoch: 1, maxRecords: 1 }))).toEqual(['1: 0-3'])
  expect(await play(scene.reading({ epoch: 2, maxRecords: 1 }))).toEqual(['0: 0-3'])
})

it('parts the bytes among the partitions, and gives the first batch whole', async () => {
  const scene = new Scene()
  await scene.openAll()
  for (const log of scene.logs) for (let i = 0; i < 3; i++) log.append()
  const size = (scene.logs[0] as FakeLog).batches[0]?.length as number
  expect(await play(scene.reading({ maxBytes: size }))).toEqual(['0: 0-3'])
  expect(await play(scene.reading({ maxBytes: 4 * size }))).toEqual(['0: 4-11', '1: 0-7'])
})

it('is done at once when nothing is asked for or nothing is there', async () => {
  const scene = new Scene()
  await scene.openAll()
  for (const log of scene.logs) log.append()
  for (const limits of [{ maxBytes: 0 }, { maxRecords: 0 }]) {
    expect(await scene.reading(limits).round(false)).toEqual({ readings: [], isDone: true })
  }
  const [unknown] = (await scene.reading({}, [7]).round(false)).readings
  expect(unknown?.error).toBe('UNKNOWN_TOPIC_OR_PARTITION')
  expect(await play(scene.reading({}, [0, 7]))).toEqual(['7: UNKNOWN_TOPIC_OR_PARTITION', '0: 0-3'])
})

it('waits for bytes, until the last round', async () => {
  const scene = new Scene()
  await scene.openAll()
  scene.logs[0]?.append()
  const reading = scene.reading({ minBytes: 10_000 })
  expect(await play(reading)).toEqual([])
  expect(await play(reading, true)).toEqual(['0: 0-3'])
})

/** Counts how often somebody who waits is called. */
function watch(reading: ShareReading): { calls: number } {
  const seen = { calls: 0 }
  reading.onHighWatermark(() => {
    seen.calls++
  })
  return seen
}

it('does not wake idle readers for each other', async () => {
  const scene = new Scene()
  await scene.openAll()
  const readings = Array.from({ length: 8 }, () => scene.reading())
  await Promise.all(readings.map((reading) => play(reading)))
  const seen = readings.map(watch)
  for (const reading of readings) expect(await play(reading)).toEqual([])
  expect(seen.map(({ calls }) => calls)).toEqual(Array(8).fill(0))
  expect(scene.logs[0]?.reads).toEqual([])
  scene.logs[0]?.append()
  expect(seen.map(({ calls }) => calls)).toEqual(Array(8).fill(1))
})

it('calls those who came during a turn one after the other', async () => {
  const scene = new Scene()
  await scene.openAll()
  const log = scene.logs[0] as FakeLog
  log.append()
  let finish = () => {}
  log.reading = new Promise((resolve) => {
    finish = resolve
  })
  // There is too little for anybody: everybody gets a turn, and nobody a second one.
  const readings = Array.from({ length: 4 }, () => scene.reading({ minBytes: 10_000 }))
  const [first, ...others] = readings as [ShareReading, ...ShareReading[]]
  const turn = play(first)
  for (const other of others) expect(await play(other)).toEqual([])
  const seen = others.map(watch)
  const calls = () => seen.map((each) => each.calls)
  finish()
  expect(await turn).toEqual([])
  expect(calls()).toEqual([1, 0, 0])
  await play(others[0] as ShareReading)
  expect(calls()).toEqual([1, 1, 0])
  // Who leaves although it was called passes its turn on.
  others[1]?.close()
  expect(calls()).toEqual([1, 1, 1])
  await play(others[2] as ShareReading)
  expect(calls()).toEqual([1, 1, 1])
})

it('hears what happened between a round and the wait after it', async () => {
  const scene = new Scene()
  await scene.openAll()
  const reading = scene.reading()
  expect(await play(reading)).toEqual([])
  scene.logs[1]?.append()
  await new Promise<void>((resolve) => reading.onHighWatermark(resolve))
  expect(await play(reading)).toEqual(['1: 0-3'])
  const chunks = (await scene.reading().round(true)).readings.flatMap(({ records }) => records)
  expect(chunks.flatMap((chunk) => [...readBatches(chunk)])).toEqual([])
})
