/** Admin calls that answer item by item: what is fine and what is not, in one call. */
import { type ItemResult, Kafka } from '@ottla/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { createTopic, uniqueName } from '../support/topics.ts'

let broker: TestBroker
let kafka: Kafka
let brokerId: number

beforeAll(async () => {
  broker = await startTestBroker({ 'group.share.assignment.interval.ms': '0' })
  kafka = new Kafka({ brokers: broker.bootstrap })
  const { brokers } = await kafka.admin.describeCluster()
  brokerId = brokers[0]?.id ?? -1
}, 90_000)
afterAll(async () => {
  await kafka.close()
  await broker.stop()
})

const MISSING = 'no-such-topic'
/** Code of the error of each item, `none` where there is none. */
const codes = (results: readonly ItemResult<object>[]): string[] =>
  results.map(({ error }) => error?.code ?? 'none').sort()

interface Call {
  readonly name: string
  /** Asks about one thing that is there and one that is not. */
  readonly ask: (topic: string) => Promise<readonly ItemResult<object>[]>
  readonly codes: readonly string[]
}

const CALLS: readonly Call[] = [
  {
    name: 'electLeaders preferred',
    ask: (topic) =>
      kafka.admin.electLeaders('preferred', [
        { topic, partition: 0 },
        { topic: MISSING, partition: 0 },
      ]),
    codes: ['ELECTION_NOT_NEEDED', 'UNKNOWN_TOPIC_OR_PARTITION'],
  },
  {
    name: 'electLeaders unclean',
    ask: (topic) => kafka.admin.electLeaders('unclean', [{ topic, partition: 1 }]),
    codes: ['ELECTION_NOT_NEEDED'],
  },
  {
    name: 'electLeaders of all that need it',
    ask: () => kafka.admin.electLeaders('preferred'),
    codes: [],
  },
  {
    name: 'alterPartitionReassignments',
    ask: (topic) =>
      kafka.admin.alterPartitionReassignments([
        { topic, partition: 0, replicas: [brokerId] },
        { topic, partition: 1, replicas: [brokerId, 77] },
        { topic: MISSING, partition: 0, replicas: [brokerId] },
      ]),
    codes: ['INVALID_REPLICA_ASSIGNMENT', 'UNKNOWN_TOPIC_OR_PARTITION', 'none'],
  },
  {
    name: 'alterPartitionReassignments calling off',
    ask: (topic) =>
      kafka.admin.alterPartitionReassignments([{ topic, partition: 0, replicas: null }]),
    codes: ['NO_REASSIGNMENT_IN_PROGRESS'],
  },
  {
    name: 'alterReplicaLogDirs',
    ask: async (topic) => {
      const [dir] = await kafka.admin.describeLogDirs()
      return kafka.admin.alterReplicaLogDirs([
        { broker: brokerId, path: dir?.path ?? '', topic, partition: 0 },
        { broker: brokerId, path: '/no-such-directory', topic, partition: 1 },
      ])
    },
    codes: ['LOG_DIR_NOT_FOUND', 'none'],
  },
  {
    name: 'listEpochEnds',
    ask: (topic) => kafka.admin.listEpochEnds([{ topic, partition: 0, leaderEpoch: 0 }]),
    codes: ['none'],
  },
  {
    name: 'findCoordinators of groups',
    ask: () => kafka.admin.findCoordinators('group', ['a', 'b']),
    codes: ['none', 'none'],
  },
  {
    name: 'findCoordinators of transactional ids',
    ask: () => kafka.admin.findCoordinators('transaction', ['a']),
    codes: ['none'],
  },
  {
    name: 'alterShareGroupOffsets',
    ask: (topic) =>
      kafka.admin.alterShareGroupOffsets(uniqueName('share'), [
        { topic, partition: 0, startOffset: 0 },
        { topic: MISSING, partition: 0, startOffset: 0 },
      ]),
    codes: ['UNKNOWN_TOPIC_OR_PARTITION', 'none'],
  },
  {
    name: 'updateFeatures',
    ask: () =>
      kafka.admin.updateFeatures([{ feature: 'no.such.feature', level: 1 }], {
        validateOnly: true,
      }),
    codes: ['INVALID_UPDATE_VERSION'],
  },
]

describe('each item has its own answer', () => {
  test.each(CALLS)('$name', async ({ ask, codes: expected }) => {
    const topic = await createTopic(kafka, 2)
    // A coordinator may hear of a new topic a little later than whoever made it.
    await expect.poll(async () => codes(await ask(topic)), { timeout: 15_000 }).toEqual(expected)
  })
})

interface Refusal {
  readonly name: string
  readonly ask: () => Promise<unknown>
  readonly code: string
}

/** Without a login there are no tokens; a quorum that is fixed in the settings cannot grow. */
const REFUSALS: readonly Refusal[] = [
  {
    name: 'createDelegationToken',
    ask: () => kafka.admin.createDelegationToken({ renewers: ['User:bob'] }),
    code: 'DELEGATION_TOKEN_REQUEST_NOT_ALLOWED',
  },
  {
    name: 'describeDelegationTokens',
    ask: () => kafka.admin.describeDelegationTokens(['User:alice']),
    code: 'DELEGATION_TOKEN_REQUEST_NOT_ALLOWED',
  },
  {
    name: 'renewDelegationToken',
    ask: () => kafka.admin.renewDelegationToken(Buffer.from('x'), { periodMs: 1_000 }),
    code: 'DELEGATION_TOKEN_REQUEST_NOT_ALLOWED',
  },
  {
    name: 'expireDelegationToken',
    ask: () => kafka.admin.expireDelegationToken(Buffer.from('x')),
    code: 'DELEGATION_TOKEN_REQUEST_NOT_ALLOWED',
  },
  {
    name: 'unregisterBroker',
    ask: () => kafka.admin.unregisterBroker(77),
    code: 'BROKER_ID_NOT_REGISTERED',
  },
  {
    name: 'alterShareGroupOffsets of another kind of group',
    ask: async () => {
      const topic = await createTopic(kafka)
      const group = uniqueName('group')
      await kafka.admin.alterGroupOffsets(group, [{ topic, partition: 0, offset: 0 }])
      return kafka.admin.alterShareGroupOffsets(group, [{ topic, partition: 0, startOffset: 0 }])
    },
    code: 'GROUP_ID_NOT_FOUND',
  },
  {
    name: 'deleteShareGroupOffsets of no group',
    ask: () => kafka.admin.deleteShareGroupOffsets(uniqueName('none'), ['t']),
    code: 'GROUP_ID_NOT_FOUND',
  },
  {
    name: 'describeShareGroups of no group',
    ask: () => kafka.admin.describeShareGroups([uniqueName('none')]),
    code: 'GROUP_ID_NOT_FOUND',
  },
]

describe('the whole call is refused', () => {
  test.each(REFUSALS)('$name', async ({ ask, code }) => {
    await expect(ask()).rejects.toMatchObject({ code })
  })

  test('a principal without a type is none', () => {
    expect(() => kafka.admin.describeDelegationTokens(['alice'])).toThrow('User:alice')
  })
})

describe('the cluster', () => {
  test('tells its features, and what a broker could do', async () => {
    const features = await kafka.admin.describeFeatures({ broker: brokerId })
    const metadata = features.find(({ feature }) => feature === 'metadata.version')
    expect(metadata?.level).toBeGreaterThan(0)
    expect(metadata?.supported?.max).toBeGreaterThanOrEqual(metadata?.level ?? 0)
    expect(features.map(({ feature }) => feature)).toContain('share.version')
  })

  test('takes a level it has already, or says that nothing changes', async () => {
    const features = await kafka.admin.describeFeatures()
    const update = { feature: 'group.version', level: 1 }
    expect(features.find(({ feature }) => feature === update.feature)?.level).toBe(1)
    const results = await kafka.admin.updateFeatures([update], { validateOnly: true })
    expect(results).toMatchObject([{ ...update, error: undefined }])
  })

  test('tells the versions of its APIs', async () => {
    const versions = await kafka.admin.describeApiVersions({ broker: brokerId })
    expect(versions.find(({ name }) => name === 'ShareFetch')).toMatchObject({ apiKey: 78, max: 2 })
  })

  test('describes the quorum of controllers', async () => {
    const quorum = await kafka.admin.describeMetadataQuorum()
    expect(quorum.leader).toBe(brokerId)
    expect(quorum.voters.map(({ id }) => id)).toEqual([brokerId])
    expect(quorum.highWatermark).toBeGreaterThan(0n)
    expect(quorum.voters[0]?.logEndOffset).toBeGreaterThanOrEqual(quorum.highWatermark)
  })

  test('has no reassignments under way', async () => {
    const topic = await createTopic(kafka)
    expect(await kafka.admin.listPartitionReassignments()).toEqual([])
    expect(await kafka.admin.listPartitionReassignments([{ topic, partition: 0 }])).toEqual([])
  })

  test('tells where an epoch ends', async () => {
    const topic = await createTopic(kafka)
    await using producer = kafka.producer()
    await producer.send(topic, [{ value: 'a' }, { value: 'b' }])
    const ends = await kafka.admin.listEpochEnds([{ topic, partition: 0, leaderEpoch: 0 }])
    expect(ends).toEqual([{ topic, partition: 0, leaderEpoch: 0, endOffset: 2n, error: undefined }])
  })
})

describe('client metrics', () => {
  test('are subscribed to by settings, listed and taken away', async () => {
    const name = uniqueName('metrics')
    const resource = { type: 'client-metrics' as const, name }
    await kafka.admin.incrementalAlterConfigs([
      { ...resource, configs: [{ name: 'interval.ms', value: 10_000 }] },
    ])
    const listed = () => kafka.admin.listConfigResources(['client-metrics'])
    await expect.poll(listed).toContainEqual(resource)
    const [found] = await kafka.admin.describeConfigs([resource])
    expect(found?.configs.find((config) => config.name === 'interval.ms')?.value).toBe('10000')
    await kafka.admin.incrementalAlterConfigs([
      { ...resource, configs: [{ name: 'interval.ms', operation: 'delete' }] },
    ])
    await expect.poll(listed).not.toContainEqual(resource)
  })
})

describe('share groups', () => {
  test('are described with their members, and their offsets set, listed and forgotten', async () => {
    const topic = await createTopic(kafka, 2)
    await using producer = kafka.producer()
    await producer.send(
      topic,
      [0, 0, 0, 1].map((partition) => ({ value: 'x', partition })),
    )
    const group = uniqueName('share')
    const altered = await kafka.admin.alterShareGroupOffsets(group, [
      { topic, partition: 0, startOffset: 1n },
      { topic, partition: 1, startOffset: 0n },
    ])
    expect(codes(altered)).toEqual(['none', 'none'])
    const offsets = () => kafka.admin.listShareGroupOffsets(group)
    const known = (await offsets()).map(({ partition, startOffset }) => [partition, startOffset])
    expect(known.sort()).toEqual([
      [0, 1n],
      [1, 0n],
    ])
    const one = await kafka.admin.listShareGroupOffsets(group, {
      partitions: [{ topic, partition: 0 }],
    })
    expect(one).toMatchObject([{ topic, partition: 0, startOffset: 1n, error: undefined }])
    await using consumer = kafka.shareConsumer({ group })
    const seen: string[] = []
    for await (const batch of consumer.subscribe(topic)) {
      for (const { partition, offset } of batch) seen.push(`${partition}@${offset}`)
      if (seen.length < 3) continue
      const [described] = await kafka.admin.describeShareGroups([group])
      expect(described).toMatchObject({ group, state: 'Stable', coordinator: brokerId })
      expect(described?.members).toMatchObject([{ clientId: 'ottla', topics: [topic] }])
      expect(described?.members[0]?.partitions).toHaveLength(2)
      const listed = await kafka.admin.listGroups({ types: ['share'] })
      expect(listed).toContainEqual({
        group,
        protocolType: 'share',
        state: 'Stable',
        type: 'share',
        coordinator: brokerId,
      })
      await expect(kafka.admin.deleteShareGroupOffsets(group, [topic])).rejects.toMatchObject({
        code: 'NON_EMPTY_GROUP',
      })
      batch.accept()
      break
    }
    expect(seen.sort()).toEqual(['0@1', '0@2', '1@0'])
    await expect
      .poll(async () => (await kafka.admin.describeShareGroups([group]))[0]?.state)
      .toBe('Empty')
    expect(codes(await kafka.admin.deleteShareGroupOffsets(group, [topic, MISSING]))).toEqual([
      ...['UNKNOWN_TOPIC_OR_PARTITION', 'none'],
    ])
    expect(await offsets()).toEqual([])
    await kafka.admin.deleteGroups([group])
    await expect(kafka.admin.describeShareGroups([group])).rejects.toMatchObject({
      code: 'GROUP_ID_NOT_FOUND',
    })
  })
})
