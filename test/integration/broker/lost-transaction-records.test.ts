/**
 * A V2 producer's batch and the record that names its partition go to the disk side by side. Here
 * the power fails, or the disk is full, when the batch is there and the record is not.
 */
import { SeededRandom } from '@ottla/base'
import { Broker } from '@ottla/broker'
import { apis, errorName } from '@ottla/protocol'
import {
  FaultyFileSystem,
  type FileHandle,
  type FileSystem,
  MemoryFileSystem,
  type OpenMode,
  type PartitionLog,
} from '@ottla/storage'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { BrokerServices } from '../../../packages/broker/src/broker-services.ts'
import { TransactionService } from '../../../packages/broker/src/coordinator/transaction-service.ts'
import { TransactionWriter } from '../../../packages/broker/src/coordinator/transaction-writer.ts'
import { Connection } from '../../consistency/connection.ts'
import { batchOf, type Identity, initProducer, produce } from '../../consistency/producing.ts'
import { TOPIC } from '../../consistency/topic.ts'

/** What the mutants break. */
interface Private {
  restore(record: unknown, opened: ReadonlyMap<number, unknown>): void
}

const ID = 'pay'
const GROUP = 'readers'
const OFFSETS = '__consumer_offsets'
const isRecord = (path: string) => path.includes('/__transaction_state-') && path.endsWith('.log')

/** After so many syncs of records none ends any more; all others do. */
class HeldDisk extends MemoryFileSystem {
  syncsLeft = Number.POSITIVE_INFINITY

  override open(path: string, mode: OpenMode): FileHandle {
    const handle = super.open(path, mode)
    if (!isRecord(path)) return handle
    return { ...handle, sync: () => (this.syncsLeft-- > 0 ? handle.sync() : new Promise(() => {})) }
  }

  /** What is left of it when the power fails now: what was synced and nothing else. */
  afterPowerCut(): MemoryFileSystem {
    return this.crash({ bytes: 'lost', names: 'lost', random: new SeededRandom(1) })
  }
}

class Running implements AsyncDisposable {
  readonly broker: Broker
  readonly connection: Connection
  private sequence = 0

  private constructor(broker: Broker) {
    this.broker = broker
    this.connection = new Connection(broker.port)
  }

  static async start(fileSystem: FileSystem): Promise<Running> {
    const settings = {
      listeners: 'PLAINTEXT://127.0.0.1:0',
      'transaction.state.log.num.partitions': 1,
      'offsets.topic.num.partitions': 1,
      'transaction.abort.timed.out.transaction.cleanup.interval.ms': 3_600_000,
    }
    return new Running(await Broker.start({ dataDir: '/data', fileSystem, settings }))
  }

  private get services(): BrokerServices {
    return (this.broker as unknown as { services: BrokerServices }).services
  }

  log(topic = TOPIC): PartitionLog {
    return this.services.partitions.get(topic, 0) as PartitionLog
  }

  /** The transaction as its coordinator knows it. */
  async known() {
    const { coordinator } = this.services.transactions
    await this.services.transactions.loadAll()
    await expect.poll(() => coordinator.isChanging(ID)).toBe(false)
    return coordinator.transactions.get(ID)
  }

  async begin(): Promise<Identity> {
    const topic = { name: TOPIC, numPartitions: 1, replicationFactor: 1 }
    const topics = [{ ...topic, assignments: [], configs: [] }]
    await this.connection.ask(apis.createTopics, 7, { topics })
    const coordinators = [
      { keyType: 1, coordinatorKeys: [ID] },
      { keyType: 0, coordinatorKeys: [GROUP] },
    ]
    for (const which of coordinators) await this.connection.ask(apis.findCoordinator, 4, which)
    return this.init()
  }

  async init(): Promise<Identity> {
    let identity: Identity | undefined
    await expect.poll(async () => (identity = await initProducer(this.connection, ID))).toBeTruthy()
    return identity as Identity
  }

  /** One record of the producer's; `baseSequence` is the next one unless it comes again. */
  send(producer: Identity, baseSequence = this.sequence++): Promise<string> {
    const fields = { ...producer, baseSequence, isTransactional: true }
    const batch = batchOf([{ key: 0, value: baseSequence }], fields)
    return produce(this.connection, batch, { version: 12, transactionalId: ID })
  }

  async commitOffset(producer: Identity, committedOffset: number): Promise<string> {
    const partition = { partitionIndex: 0, committedOffset, committedMetadata: null }
    const answer = await this.connection.ask(apis.txnOffsetCommit, 5, {
      ...producer,
      transactionalId: ID,
      groupId: GROUP,
      memberId: '',
      groupInstanceId: null,
      topics: [{ name: TOPIC, partitions: [partition] }],
    })
    return errorName(answer.topics[0]?.partitions[0]?.errorCode ?? -1)
  }

  async committedOffset(): Promise<number> {
    const topics = [{ name: TOPIC, partitionIndexes: [0] }]
    const answer = await this.connection.ask(apis.offsetFetch, 7, { groupId: GROUP, topics })
    return answer.topics[0]?.partitions[0]?.committedOffset ?? -2
  }

  async end(producer: Identity, committed = true): Promise<Identity> {
    const request = { transactionalId: ID, ...producer, committed }
    const { errorCode, producerId, producerEpoch } = await this.connection.ask(
      apis.endTxn,
      5,
      request,
    )
    expect(errorName(errorCode)).toBe('NONE')
    this.sequence = 0
    return { producerId, producerEpoch }
  }

  /** Whether everything that is there was decided. */
  async isDecided(topic = TOPIC): Promise<boolean> {
    const log = this.log(topic)
    await log.ready()
    return log.lastStableOffset === log.highWatermark
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.connection.close()
    await this.broker.stop()
  }
}

/** A producer's first batch is on the disk, and the record of its partition will never be. */
async function firstBatchOnly(disk: HeldDisk): Promise<{ running: Running; producer: Identity }> {
  disk.makeDirectory('/data')
  await disk.syncDirectory('/')
  const running = await Running.start(disk)
  const producer = await running.begin()
  disk.syncsLeft = 0
  running.send(producer).catch(() => undefined)
  await expect.poll(() => running.log().highWatermark).toBe(1)
  return { running, producer }
}

/**
 * The decision of a first transaction gets to the disk. That it was carried out does not, nor the
 * record of the second one, whose batches do.
 */
async function decisionOnly(disk: HeldDisk): Promise<{ running: Running; second: Identity }> {
  disk.makeDirectory('/data')
  await disk.syncDirectory('/')
  const running = await Running.start(disk)
  const first = await running.begin()
  expect(await running.send(first)).toBe('NONE')
  expect(await running.commitOffset(first, 11)).toBe('NONE')
  disk.syncsLeft = 1
  const ending = running.end(first)
  const second = { ...first, producerEpoch: first.producerEpoch + 1 }
  running.send(second, 0).catch(() => undefined)
  running.commitOffset(second, 22).catch(() => undefined)
  expect(await ending).toEqual(second)
  await expect.poll(() => running.log().highWatermark).toBe(3)
  await expect.poll(() => running.log(OFFSETS).highWatermark).toBe(3)
  return { running, second }
}

/** The broker never gets an answer from its disk, so it cannot be stopped in good order. */
const abandon = ({ broker, connection }: Running): void => {
  connection.close()
  broker.stop().catch(() => undefined)
}

describe('a record that a power cut has taken', () => {
  it('is written again, so that a new producer aborts what the old one left', async () => {
    const disk = new HeldDisk()
    const { running, producer } = await firstBatchOnly(disk)
    await using next = await Running.start(disk.afterPowerCut())
    abandon(running)
    const newer = await next.init()
    expect(newer.producerId).toBe(producer.producerId)
    expect(newer.producerEpoch).toBeGreaterThan(producer.producerEpoch)
    await expect.poll(() => next.isDecided()).toBe(true)
    expect(next.log().abortedTransactions(0, 9)).toMatchObject([{ firstOffset: 0 }])
  })

  it('is there for the producer that has lived on', async () => {
    const disk = new HeldDisk()
    const { running, producer } = await firstBatchOnly(disk)
    await using next = await Running.start(disk.afterPowerCut())
    abandon(running)
    expect(await next.known()).toMatchObject({ state: 'Ongoing', ...producer })
    // Its first batch comes again, since nobody has acknowledged it.
    expect(await next.send(producer, 0)).toBe('NONE')
    await next.end(producer)
    await expect.poll(() => next.isDecided()).toBe(true)
    expect(next.log().abortedTransactions(0, 9)).toEqual([])
    expect(next.log().highWatermark).toBe(2)
  })

  it('does not let the outcome of the transaction before reach its records', async () => {
    const disk = new HeldDisk()
    const { running, second } = await decisionOnly(disk)
    await using next = await Running.start(disk.afterPowerCut())
    abandon(running)
    expect(await next.known()).toMatchObject({ state: 'Ongoing', ...second })
    await next.log().ready()
    expect(next.log().lastStableOffset).toBe(2)
    expect(await next.committedOffset()).toBe(11)
    await next.init()
    await expect.poll(() => next.isDecided()).toBe(true)
    await expect.poll(() => next.isDecided(OFFSETS)).toBe(true)
    expect(next.log().abortedTransactions(0, 9)).toMatchObject([{ firstOffset: 2 }])
    expect(await next.committedOffset()).toBe(11)
  })
})

describe('a broker that does not look for it', () => {
  afterEach(() => vi.restoreAllMocks())

  it('is left with a transaction that never ends', async () => {
    const service = TransactionService.prototype as unknown as Private
    const { restore } = service
    vi.spyOn(service, 'restore').mockImplementation(function (this: unknown, record) {
      return restore.call(this, record, new Map())
    })
    const disk = new HeldDisk()
    const { running } = await firstBatchOnly(disk)
    await using next = await Running.start(disk.afterPowerCut())
    abandon(running)
    const producer = await next.init()
    await next.end(producer, false)
    expect((await next.known())?.state).toBe('CompleteAbort')
    expect(await next.isDecided()).toBe(false)
  })

  it('commits what was never committed, when it writes markers twice', async () => {
    const { writeMarker } = TransactionWriter.prototype
    const writer = vi.spyOn(TransactionWriter.prototype, 'writeMarker')
    writer.mockImplementation(function (this: TransactionWriter, topic, partition, end) {
      return writeMarker.call(this, topic, partition, end)
    })
    const disk = new HeldDisk()
    const { running } = await decisionOnly(disk)
    await using next = await Running.start(disk.afterPowerCut())
    abandon(running)
    await next.known()
    expect(await next.isDecided()).toBe(true)
    expect(next.log().abortedTransactions(0, 9)).toEqual([])
    expect(await next.committedOffset()).toBe(22)
  })
})

describe('a record for which the disk has no room', () => {
  async function refused(disk: FaultyFileSystem) {
    disk.makeDirectory('/data')
    const running = await Running.start(disk)
    const producer = await running.begin()
    disk.decide = (call, path) =>
      call === 'write' && isRecord(path) ? { kind: 'error', code: 'ENOSPC' } : undefined
    expect(await running.send(producer)).toBe('COORDINATOR_NOT_AVAILABLE')
    expect(running.log().highWatermark).toBe(1)
    return { running, producer }
  }
  const room = () => undefined

  it('is written when there is room again', async () => {
    const disk = new FaultyFileSystem(new MemoryFileSystem())
    const { running, producer } = await refused(disk)
    await using _ = running
    disk.decide = room
    expect(await running.send(producer, 0)).toBe('NONE')
    await running.end(producer)
    await expect.poll(() => running.isDecided()).toBe(true)
    expect(running.log().abortedTransactions(0, 9)).toEqual([])
    expect(running.log().highWatermark).toBe(2)
  })

  it('is not forgotten when the broker stops before that', async () => {
    const disk = new FaultyFileSystem(new MemoryFileSystem())
    const { running, producer } = await refused(disk)
    await running[Symbol.asyncDispose]()
    disk.decide = room
    await using next = await Running.start(disk)
    expect(await next.known()).toMatchObject({ state: 'Ongoing', ...producer })
  })
})
