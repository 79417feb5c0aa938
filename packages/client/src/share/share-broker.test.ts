/** One broker of a share consumer, against answers that are made up here. */
import { BufferPool, realClock, realRandom, silentLogger } from '@ottla/base'
import { type Api, apis, type ErrorName, errorCode, writeInt64 } from '@ottla/protocol'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Node } from '../cluster/client-context.ts'
import { Cluster } from '../cluster/cluster.ts'
import type { ConnectionPool } from '../cluster/connection-pool.ts'
import { ClientMetrics } from '../metrics/client-metrics.ts'
import { RecordWriter, sealBatch } from '../producer/record-writer.ts'
import { topicOf } from '../serde/topic.ts'
import type { ShareBatch } from './share-batch.ts'
import { ShareBroker, type ShareCommitResult } from './share-broker.ts'
import { resolveShareOptions } from './share-options.ts'

interface SentRequest {
  readonly name: string
  readonly shareSessionEpoch: number
  readonly isRenewAck: boolean
  readonly maxRecords?: number
  readonly topics: readonly {
    readonly partitions: readonly { readonly acknowledgementBatches: readonly unknown[] }[]
  }[]
  readonly forgottenTopicsData?: readonly unknown[]
}

const TOPIC_ID = 'aaaaaaaaaaaaaaaaaaaaaa'
const node: Node = { id: 1, host: 'h', port: 9092, rack: null }
const at = (partition: number) => ({ topic: 't', topicId: TOPIC_ID, partition })
const pool = new BufferPool()

function recordsAt(offset: number, count: number): Buffer {
  const writer = new RecordWriter(pool, 100)
  for (let i = 0; i < count; i++) writer.append(null, `v${offset + i}`, null, 1_000)
  const batch = Buffer.from(writer.finish(0, undefined))
  sealBatch(batch, -1, 0, 0)
  writeInt64(batch, 0, offset)
  return batch
}

interface Answer {
  readonly errorCode?: number
  readonly partitions?: readonly object[]
}

const acquired = (firstOffset: number, count: number, deliveryCount = 1) => ({
  records: [recordsAt(firstOffset, count)],
  acquiredRecords: [{ firstOffset, lastOffset: firstOffset + count - 1, deliveryCount }],
})

/** A broker with made-up answers, and what it was asked. */
class World {
  readonly sent: SentRequest[] = []
  readonly batches: ShareBatch[] = []
  readonly results: ShareCommitResult[] = []
  readonly errors: Error[] = []
  answers: (Answer | Error)[] = []
  version = 2
  connection = this.connect()
  readonly cluster = new Cluster({
    clientId: 'test',
    brokers: [{ host: 'h', port: 9092 }],
    tls: undefined,
    sasl: undefined,
    openSocket: undefined,
    clock: realClock,
    random: realRandom,
    logger: silentLogger,
    requestTimeoutMs: 1_000,
    apiTimeoutMs: 1_000,
    connectTimeoutMs: 1_000,
    metadataMaxAgeMs: 1_000,
    tracing: undefined,
    metrics: new ClientMetrics(realClock),
    allowAutoTopicCreation: true,
    onRequest: undefined,
    retryBackoff: { minMs: 1, maxMs: 1 },
    reconnectBackoff: { minMs: 1, maxMs: 1 },
  })
  readonly stale: string[] = []
  readonly broker: ShareBroker

  constructor(acquireMode: 'batch-optimized' | 'record-limit' = 'batch-optimized') {
    this.cluster.markStale = (topic) => void this.stale.push(topic)
    const getting = {
      get: async () => ({
        node,
        connection: this.connection,
        versions: { pick: () => this.version },
      }),
    }
    const options = resolveShareOptions({ group: 'g', acquireMode })
    this.broker = new ShareBroker(this.cluster, getting as unknown as ConnectionPool, options, {
      node,
      memberId: 'm',
      events: {
        topicOf,
        onBatch: (batch) => this.batches.push(batch),
        onResult: (result) => this.results.push(result),
        onError: (error) => this.errors.push(error),
        onProgress: () => {},
      },
    })
    this.broker.wanted = [at(0)]
  }

  connect() {
    return {
      broker: 'h:9092',
      isClosed: false,
      request: async (api: Api, _version: number, body: object) => {
        this.sent.push({ name: api.name, ...body } as SentRequest)
        const answer = this.answers.shift() ?? {}
        if (answer instanceof Error) throw answer
        return responseOf(answer)
      },
    }
  }

  get epochs(): string[] {
    return this.sent.map(({ name, shareSessionEpoch }) => `${name} ${shareSessionEpoch}`)
  }

  acksOf(request: SentRequest | undefined): unknown[] {
    return (request?.topics ?? []).flatMap(({ partitions }) =>
      partitions.flatMap(({ acknowledgementBatches }) => acknowledgementBatches),
    )
  }
}

const responseOf = ({ errorCode: code = 0, partitions = [] }: Answer) => ({
  errorCode: code,
  errorMessage: null,
  acquisitionLockTimeoutMs: 30_000,
  responses: [
    {
      topicId: TOPIC_ID,
      partitions: partitions.map((partition) => ({
        partitionIndex: 0,
        errorCode: 0,
        errorMessage: null,
        acknowledgeErrorCode: 0,
        currentLeader: { leaderId: 0, leaderEpoch: 0 },
        records: [],
        acquiredRecords: [],
        ...partition,
      })),
    },
  ],
})

let world: World
beforeEach(() => {
  world = new World()
})

describe('one broker of a share consumer', () => {
  test('a fetch tells what was said along, and counts in the session', async () => {
    world.answers = [{ partitions: [acquired(5, 3)] }, { partitions: [{}] }]
    await world.broker.fetch()
    expect(world.batches.map(({ count }) => count)).toEqual([3])
    expect(world.broker.lockTimeoutMs).toBe(30_000)
    world.batches[0]?.accept()
    await world.broker.fetch()
    await world.broker.acknowledge()
    expect(world.epochs).toEqual(['ShareFetch 0', 'ShareFetch 1'])
    expect(world.acksOf(world.sent[1])).toEqual([
      { firstOffset: 5, lastOffset: 7, acknowledgeTypes: [1] },
    ])
    expect(world.results).toEqual([{ topic: 't', partition: 0, error: undefined }])
  })

  test('a renewal goes out by itself, and the record is held on', async () => {
    world.answers = [{ partitions: [acquired(0, 2)] }, {}, { partitions: [acquired(2, 1)] }]
    await world.broker.fetch()
    world.batches[0]?.renew()
    await world.broker.fetch()
    expect(world.epochs).toEqual(['ShareFetch 0', 'ShareAcknowledge 1', 'ShareFetch 2'])
    expect(world.sent[1]?.isRenewAck).toBe(true)
    expect(world.acksOf(world.sent[2])).toEqual([])
    world.batches[0]?.accept()
    await world.broker.acknowledge()
    expect(world.acksOf(world.sent[3])).toEqual([
      { firstOffset: 0, lastOffset: 1, acknowledgeTypes: [1] },
    ])
  })

  test('what belongs to a partition that is not read any more is told by itself', async () => {
    world.answers = [{ partitions: [acquired(0, 1)] }]
    await world.broker.fetch()
    world.batches[0]?.accept()
    world.broker.wanted = [at(1)]
    await world.broker.fetch()
    expect(world.epochs).toEqual(['ShareFetch 0', 'ShareAcknowledge 1', 'ShareFetch 2'])
    expect(world.sent[2]?.forgottenTopicsData).toEqual([{ topicId: TOPIC_ID, partitions: [0] }])
  })

  test('closing tells what was said and ends the session', async () => {
    world.answers = [{ partitions: [acquired(0, 3)] }]
    await world.broker.fetch()
    const [first, second] = [...(world.batches[0] ?? [])]
    first?.accept()
    second?.renew()
    await world.broker.close()
    expect(world.epochs).toEqual(['ShareFetch 0', 'ShareAcknowledge -1'])
    expect(world.acksOf(world.sent[1])).toEqual([
      { firstOffset: 0, lastOffset: 0, acknowledgeTypes: [1] },
    ])
    expect(world.results).toMatchObject([{ error: undefined }])
  })

  test.each([
    'SHARE_SESSION_NOT_FOUND',
    'INVALID_SHARE_SESSION_EPOCH',
    'SHARE_SESSION_LIMIT_REACHED',
  ] satisfies ErrorName[])('%s is followed by a new session', async (name) => {
    world.answers = [{ partitions: [acquired(0, 2)] }, { errorCode: errorCode(name) }]
    await world.broker.fetch()
    const [first, second] = [...(world.batches[0] ?? [])]
    first?.accept()
    await world.broker.fetch()
    expect(world.results).toMatchObject([{ topic: 't', partition: 0, error: { code: name } }])
    second?.accept()
    expect(world.results[1]).toMatchObject({ error: { code: 'SHARE_SESSION_NOT_FOUND' } })
    await world.broker.fetch()
    expect(world.epochs).toEqual(['ShareFetch 0', 'ShareFetch 1', 'ShareFetch 0'])
    expect(world.acksOf(world.sent[2])).toEqual([])
    expect(world.errors).toEqual([])
  })

  test('a session ends with its connection', async () => {
    world.answers = [{ partitions: [acquired(0, 1)] }]
    await world.broker.fetch()
    world.batches[0]?.accept()
    world.connection = world.connect()
    await world.broker.acknowledge()
    expect(world.results).toMatchObject([{ error: { code: 'SHARE_SESSION_NOT_FOUND' } }])
    await world.broker.fetch()
    expect(world.epochs).toEqual(['ShareFetch 0', 'ShareFetch 0'])
  })

  test('a leader that has moved is looked for, and the answer may say where it is', async () => {
    const moved = { errorCode: errorCode('NOT_LEADER_OR_FOLLOWER') }
    world.answers = [{ partitions: [moved] }]
    await world.broker.fetch()
    expect(world.stale).toEqual(['t'])
    expect(world.errors).toEqual([])
    expect(world.broker.notBeforeMs).toBeGreaterThan(0)
  })

  test('what a broker could not write down is told again', async () => {
    const failing = { acknowledgeErrorCode: errorCode('COORDINATOR_NOT_AVAILABLE') }
    world.answers = [{ partitions: [acquired(0, 1)] }, { partitions: [failing] }, {}]
    await world.broker.fetch()
    world.batches[0]?.accept()
    await world.broker.fetch()
    expect([world.results, world.broker.hasMarks]).toEqual([[], true])
    await world.broker.acknowledge()
    expect(world.acksOf(world.sent[2])).toEqual(world.acksOf(world.sent[1]))
    expect(world.results).toMatchObject([{ error: undefined }])
  })

  test('an acknowledgement the broker refuses is a result, with the error', async () => {
    const refused = { acknowledgeErrorCode: errorCode('INVALID_RECORD_STATE') }
    world.answers = [{ partitions: [acquired(0, 1)] }, { partitions: [refused] }]
    await world.broker.fetch()
    world.batches[0]?.accept()
    await world.broker.fetch()
    expect(world.results).toMatchObject([{ error: { code: 'INVALID_RECORD_STATE' } }])
    expect(world.broker.hasMarks).toBe(false)
  })

  test('records that come again are not held twice', async () => {
    world.answers = [{ partitions: [acquired(0, 2)] }, { partitions: [acquired(0, 2, 2)] }]
    await world.broker.fetch()
    await world.broker.fetch()
    world.batches[0]?.accept()
    expect(world.results).toMatchObject([{ error: { code: 'INVALID_RECORD_STATE' } }])
    world.batches[1]?.accept()
    await world.broker.acknowledge()
    expect(world.acksOf(world.sent[2])).toHaveLength(1)
  })

  test('a broken checksum is an error for the loop, and the others are held on', async () => {
    const broken = acquired(0, 1)
    const [bytes] = broken.records
    if (bytes) bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) ^ 1
    world.broker.wanted = [at(0), at(1)]
    const fine = { ...acquired(0, 1), partitionIndex: 1 }
    world.answers = [{ partitions: [broken, fine] }]
    await world.broker.fetch()
    expect(world.errors.map((error) => error.message)).toEqual([
      't-0 at offset 0: the checksum of the batch does not match',
    ])
    expect(world.batches.map(({ partition }) => partition)).toEqual([1])
  })

  test('an error that nobody can mend reaches the loop', async () => {
    const refused = { errorCode: errorCode('TOPIC_AUTHORIZATION_FAILED') }
    world.answers = [{ partitions: [refused] }]
    await world.broker.fetch()
    expect(world.errors).toMatchObject([{ code: 'TOPIC_AUTHORIZATION_FAILED' }])
  })
})

describe('a broker that is older', () => {
  test('is not asked for a record limit', async () => {
    world = new World('record-limit')
    world.version = 1
    await world.broker.fetch()
    expect(world.sent).toEqual([])
    expect(world.errors).toMatchObject([{ code: 'UNSUPPORTED_VERSION' }])
  })

  test('is not told of renewals', async () => {
    world.version = 1
    world.answers = [{ partitions: [acquired(0, 1)] }]
    await world.broker.fetch()
    world.batches[0]?.renew()
    await world.broker.acknowledge()
    expect(world.epochs).toEqual([`${apis.shareFetch.name} 0`])
    expect(world.errors).toMatchObject([{ code: 'UNSUPPORTED_VERSION' }])
  })
})
