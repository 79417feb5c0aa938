import { silentLogger, VirtualClock } from '@ottla/base'
import { readBatches } from '@ottla/protocol'
import type { PartitionLog } from '@ottla/storage'
import { beforeEach, expect, it } from 'vitest'
import type { MetadataImage } from '../metadata/metadata-image.ts'
import { SHARE_STATE_TOPIC } from '../metadata/topic-names.ts'
import type { Partitions } from '../partitions.ts'
import type { TopicAdmin } from '../topic-admin.ts'
import { ShareStateService } from './share-state-service.ts'

const UPDATES_PER_SNAPSHOT = 2

/** A log that is durable when the test says so, and can be slow to read. */
class FakeLog {
  logStartOffset = 0
  highWatermark = 0
  isDurableAtOnce = true
  reading: Promise<void> | undefined
  private readonly batches: Buffer[] = []
  private readonly waiting: (() => void)[] = []

  get logEndOffset(): number {
    const last = this.batches.at(-1)
    return last ? ([...readBatches(last)][0]?.lastOffset ?? 0) + 1 : 0
  }

  async ready(): Promise<void> {}

  append(batch: Buffer) {
    const baseOffset = this.logEndOffset
    batch.writeBigInt64BE(BigInt(baseOffset), 0)
    this.batches.push(batch)
    if (this.isDurableAtOnce) this.sync()
    return { kind: 'appended', baseOffset, lastOffset: this.logEndOffset - 1 }
  }

  sync(): void {
    this.highWatermark = this.logEndOffset
    for (const resolve of this.waiting.splice(0)) resolve()
  }

  whenDurable(offset: number): Promise<void> {
    if (offset < this.highWatermark) return Promise.resolve()
    return new Promise((resolve) => this.waiting.push(resolve))
  }

  async read(offset: number) {
    await this.reading
    const isWanted = (batch: Buffer) => ([...readBatches(batch)][0]?.lastOffset ?? 0) >= offset
    return { chunks: this.batches.filter(isWanted) }
  }

  async deleteRecordsBefore(offset: number): Promise<void> {
    this.logStartOffset = Math.max(this.logStartOffset, offset)
  }
}

let log = new FakeLog()
beforeEach(() => {
  log = new FakeLog()
})

/** As after a start of the broker. */
function service(): ShareStateService {
  const all = [log as unknown as PartitionLog]
  const topics = new Map([[SHARE_STATE_TOPIC, { partitions: [{ leaderEpoch: 0 }] }]])
  return new ShareStateService({
    partitions: { get: () => all[0], of: () => all } as unknown as Partitions,
    image: { topics } as unknown as MetadataImage,
    topics: undefined as unknown as TopicAdmin,
    clock: new VirtualClock(),
    logger: silentLogger,
    updatesPerSnapshot: UPDATES_PER_SNAPSHOT,
    pruneIntervalMs: 1_000_000,
  })
}

const keyOf = (partition: number) => ({
  groupId: 'g',
  topicId: 'AAAAAAAAAAAAAAAAAAAAAQ',
  partition,
})

const initialize = (states: ShareStateService, partition: number) =>
  states.perform(keyOf(partition), (all, nowMs) =>
    all.initialize(keyOf(partition), { stateEpoch: 0, startOffset: 0 }, nowMs),
  )

const write = (states: ShareStateService, partition: number, startOffset: number) =>
  states.perform(keyOf(partition), (all, nowMs) =>
    all.write(
      keyOf(partition),
      { stateEpoch: 0, leaderEpoch: 0, startOffset, deliveryCompleteCount: 0, stateBatches: [] },
      nowMs,
    ),
  )

/** Start offset of a state as a broker finds it that starts now. */
async function found(partition: number): Promise<number | undefined> {
  const states = service()
  await states.load(keyOf(partition))
  return states.states.get(keyOf(partition))?.startOffset
}

it('deletes what no state needs', async () => {
  const states = service()
  await initialize(states, 0)
  for (let i = 1; i <= 20; i++) await write(states, 0, i)
  await states.prune()
  expect(log.logStartOffset).toBeGreaterThan(10)
  expect(await found(0)).toBe(20)
})

it('writes a state anew that would hold back the others', async () => {
  const states = service()
  await initialize(states, 1)
  await initialize(states, 0)
  for (let i = 1; i <= 40; i++) await write(states, 0, i)
  await states.prune()
  expect(log.logStartOffset).toBeGreaterThan(30)
  expect(await found(1)).toBe(0)
  expect(await found(0)).toBe(40)
})

it('deletes nothing of what is just being loaded', async () => {
  const before = service()
  await initialize(before, 0)
  await write(before, 0, 7)
  let read = () => {}
  log.reading = new Promise((resolve) => {
    read = resolve
  })
  const states = service()
  const loading = states.load(keyOf(0))
  const pruning = states.prune()
  read()
  await Promise.all([loading, pruning])
  expect(await found(0)).toBe(7)
})

it('keeps a state that is made while others are written anew', async () => {
  const states = service()
  await initialize(states, 1)
  await initialize(states, 0)
  for (let i = 1; i <= 40; i++) await write(states, 0, i)
  log.isDurableAtOnce = false
  const pruning = states.prune()
  const making = initialize(states, 2)
  await new Promise(setImmediate)
  log.isDurableAtOnce = true
  log.sync()
  await Promise.all([pruning, making])
  for (const partition of [0, 1, 2]) expect(await found(partition)).toBeDefined()
})

it('keeps the last durable snapshot while the next one is on its way', async () => {
  const states = service()
  await initialize(states, 0)
  for (let i = 1; i <= UPDATES_PER_SNAPSHOT; i++) await write(states, 0, i)
  log.isDurableAtOnce = false
  const writing = write(states, 0, 9)
  await Promise.resolve()
  await Promise.resolve()
  expect(states.states.get(keyOf(0))?.snapshotOffset).toBe(log.highWatermark)
  await states.prune()
  expect(log.logStartOffset).toBe(0)
  log.sync()
  await writing
  await states.prune()
  expect(log.logStartOffset).toBe(UPDATES_PER_SNAPSHOT + 1)
  expect(await found(0)).toBe(9)
})
