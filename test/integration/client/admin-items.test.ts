/**
 * Admin calls about several things, of which some fail: with `perItem` each has its own result, in
 * the order of the question; without it the call throws the first error. What can be done is done.
 */
import { type ItemOptions, type ItemResult, Kafka } from '@ottla/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { createTopic, uniqueName } from '../support/topics.ts'

let broker: TestBroker
let kafka: Kafka
let brokerId: number

beforeAll(async () => {
  broker = await startTestBroker({
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:ANONYMOUS',
    'offsets.topic.replication.factor': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
  })
  kafka = new Kafka({ brokers: broker.bootstrap })
  const { brokers } = await kafka.admin.describeCluster()
  brokerId = brokers[0]?.id ?? -1
}, 90_000)
afterAll(async () => {
  await kafka.close()
  await broker.stop()
})

const MISSING = 'no-such-topic'
const PER_ITEM = { perItem: true } as const
const UNKNOWN = 'UNKNOWN_TOPIC_OR_PARTITION'

interface Play {
  /** A topic with one partition and one record. */
  readonly topic: string
  /** A group with an offset committed there. */
  readonly group: string
  readonly transactionalId: string
}

interface Call {
  readonly name: string
  readonly ask: (play: Play, options: ItemOptions) => Promise<unknown>
  /** Code of the error of each item in the order of the question, `none` where there is none. */
  readonly codes: readonly string[]
}

/** Every call asks about something that is there and something that is not. */
const CALLS: readonly Call[] = [
  {
    name: 'createTopics',
    ask: ({ topic }, options) =>
      kafka.admin.createTopics(
        [
          { topic: uniqueName('new') },
          { topic },
          { topic: uniqueName('new'), configs: { 'no.such': 1 } },
          { topic: uniqueName('new'), replicationFactor: 7 },
        ],
        options,
      ),
    codes: ['none', 'TOPIC_ALREADY_EXISTS', 'INVALID_CONFIG', 'INVALID_REPLICATION_FACTOR'],
  },
  {
    name: 'deleteTopics',
    ask: ({ topic }, options) => kafka.admin.deleteTopics([MISSING, topic], options),
    codes: [UNKNOWN, 'none'],
  },
  {
    name: 'createPartitions',
    ask: ({ topic }, options) =>
      kafka.admin.createPartitions(
        [
          { topic: MISSING, partitions: 2 },
          { topic, add: 1 },
        ],
        options,
      ),
    codes: [UNKNOWN, 'none'],
  },
  {
    name: 'createPartitions to fewer',
    ask: ({ topic }, options) =>
      kafka.admin.createPartitions([{ topic, partitions: 1, assignments: [] }], options),
    codes: ['INVALID_PARTITIONS'],
  },
  {
    name: 'describeTopics',
    ask: ({ topic }, options) => kafka.admin.describeTopics([topic, MISSING], options),
    codes: ['none', UNKNOWN],
  },
  {
    name: 'listOffsets',
    ask: ({ topic }, options) =>
      kafka.admin.listOffsets(
        [
          { topic: MISSING, partition: 0, at: 'latest' },
          { topic, partition: 0, at: 'latest' },
          { topic, partition: 7, at: 'earliest' },
        ],
        options,
      ),
    codes: [UNKNOWN, 'none', UNKNOWN],
  },
  {
    name: 'deleteRecords',
    ask: ({ topic }, options) =>
      kafka.admin.deleteRecords(
        [
          { topic: MISSING, partition: 0, before: 1 },
          { topic, partition: 0, before: 'latest' },
        ],
        options,
      ),
    codes: [UNKNOWN, 'none'],
  },
  {
    name: 'deleteRecords behind the end',
    ask: ({ topic }, options) =>
      kafka.admin.deleteRecords([{ topic, partition: 0, before: 99 }], options),
    codes: ['OFFSET_OUT_OF_RANGE'],
  },
  {
    name: 'listEpochEnds',
    ask: ({ topic }) =>
      kafka.admin.listEpochEnds([
        { topic: MISSING, partition: 0, leaderEpoch: 0 },
        { topic, partition: 0, leaderEpoch: 0 },
      ]),
    codes: [UNKNOWN, 'none'],
  },
  {
    name: 'describeConfigs',
    ask: ({ topic }, options) =>
      kafka.admin.describeConfigs(
        [
          { type: 'topic', name: MISSING },
          { type: 'topic', name: topic },
          { type: 'broker', name: String(brokerId) },
        ],
        options,
      ),
    codes: [UNKNOWN, 'none', 'none'],
  },
  {
    name: 'incrementalAlterConfigs',
    ask: ({ topic }, options) => {
      const configs = [{ name: 'retention.ms', value: 60_000 }]
      return kafka.admin.incrementalAlterConfigs(
        [
          { type: 'topic', name: topic, configs },
          { type: 'topic', name: MISSING, configs },
        ],
        options,
      )
    },
    codes: ['none', UNKNOWN],
  },
  {
    name: 'alterConfigs',
    ask: ({ topic }, options) =>
      kafka.admin.alterConfigs(
        [
          { type: 'topic', name: MISSING, configs: {} },
          { type: 'topic', name: topic, configs: { 'retention.ms': 60_000 } },
        ],
        options,
      ),
    codes: [UNKNOWN, 'none'],
  },
  {
    name: 'describeGroups',
    ask: ({ group }, options) => kafka.admin.describeGroups([uniqueName('none'), group], options),
    codes: ['GROUP_ID_NOT_FOUND', 'none'],
  },
  {
    name: 'describeShareGroups',
    ask: ({ group }, options) => kafka.admin.describeShareGroups([group], options),
    codes: ['GROUP_ID_NOT_FOUND'],
  },
  {
    name: 'deleteGroups',
    ask: ({ group }, options) => kafka.admin.deleteGroups([uniqueName('none'), group], options),
    codes: ['GROUP_ID_NOT_FOUND', 'none'],
  },
  {
    name: 'listGroupOffsets',
    ask: ({ topic, group }, options) =>
      kafka.admin.listGroupOffsets(group, { ...options, partitions: [{ topic, partition: 0 }] }),
    codes: ['none'],
  },
  {
    name: 'alterGroupOffsets',
    ask: ({ topic, group }, options) =>
      kafka.admin.alterGroupOffsets(
        group,
        [
          { topic: MISSING, partition: 0, offset: 0 },
          { topic, partition: 0, offset: 0n },
        ],
        options,
      ),
    codes: [UNKNOWN, 'none'],
  },
  {
    name: 'deleteGroupOffsets',
    ask: ({ topic, group }, options) =>
      kafka.admin.deleteGroupOffsets(
        group,
        [
          { topic: MISSING, partition: 0 },
          { topic, partition: 0 },
        ],
        options,
      ),
    codes: [UNKNOWN, 'none'],
  },
  {
    name: 'removeMembers',
    ask: ({ group }, options) =>
      kafka.admin.removeMembers(
        group,
        [{ memberId: 'nobody' }, { groupInstanceId: 'nowhere' }],
        options,
      ),
    codes: ['UNKNOWN_MEMBER_ID', 'UNKNOWN_MEMBER_ID'],
  },
  {
    name: 'describeTransactions',
    ask: ({ transactionalId }, options) =>
      kafka.admin.describeTransactions([uniqueName('none'), transactionalId], options),
    codes: ['TRANSACTIONAL_ID_NOT_FOUND', 'none'],
  },
  {
    name: 'fenceProducers',
    ask: ({ transactionalId }, options) =>
      kafka.admin.fenceProducers([transactionalId, ''], options),
    codes: ['none', 'INVALID_REQUEST'],
  },
  {
    name: 'describeProducers',
    ask: ({ topic }, options) =>
      kafka.admin.describeProducers(
        [
          { topic, partition: 7 },
          { topic, partition: 0 },
        ],
        options,
      ),
    codes: [UNKNOWN, 'none'],
  },
  {
    name: 'writeTransactionMarkers',
    ask: ({ topic }, options) => {
      const marker = { producerId: 99n, producerEpoch: 0, coordinatorEpoch: 0 }
      return kafka.admin.writeTransactionMarkers(
        [
          { ...marker, topic: MISSING, partition: 0, type: 'commit' },
          { ...marker, topic, partition: 0, type: 'abort' },
        ],
        options,
      )
    },
    codes: [UNKNOWN, 'none'],
  },
  {
    name: 'createAcls',
    ask: (_play, options) => {
      const acl = { principal: 'User:zoe', resourceType: 'topic', operation: 'read' } as const
      return kafka.admin.createAcls(
        [
          { ...acl, resourceName: uniqueName('acl'), principal: 'zoe' },
          { ...acl, resourceName: uniqueName('acl') },
        ],
        options,
      )
    },
    codes: ['INVALID_REQUEST', 'none'],
  },
  {
    name: 'deleteAcls',
    ask: (_play, options) => kafka.admin.deleteAcls([{ principal: 'User:nobody' }], options),
    codes: ['none'],
  },
  {
    name: 'describeScramCredentials',
    ask: (_play, options) => kafka.admin.describeScramCredentials([uniqueName('none')], options),
    codes: ['RESOURCE_NOT_FOUND'],
  },
  {
    name: 'alterScramUsers',
    ask: (_play, options) =>
      kafka.admin.alterScramUsers(
        [
          { user: uniqueName('none'), mechanism: 'SCRAM-SHA-256', delete: true },
          { user: uniqueName('user'), password: 'secret', iterations: 4096 },
        ],
        options,
      ),
    codes: ['RESOURCE_NOT_FOUND', 'none'],
  },
  {
    name: 'alterClientQuotas',
    ask: (_play, options) =>
      kafka.admin.alterClientQuotas(
        [
          { entity: { user: 'zoe' }, values: { none_such: 1 } },
          { entity: { 'client-id': null, user: 'zoe' }, values: { producer_byte_rate: 9 } },
        ],
        options,
      ),
    codes: ['INVALID_REQUEST', 'none'],
  },
  {
    name: 'describeLogDirs',
    ask: ({ topic }, options) =>
      kafka.admin.describeLogDirs({ ...options, partitions: [{ topic, partition: 0 }] }),
    codes: ['none'],
  },
]

async function prepare(): Promise<Play> {
  const topic = await createTopic(kafka)
  const [group, transactionalId] = [uniqueName('group'), uniqueName('tx')]
  await using producer = kafka.producer({ transactionalId })
  await producer.transaction((tx) => tx.send(topic, { value: 'x' }))
  await kafka.admin.alterGroupOffsets(group, [{ topic, partition: 0, offset: 0 }])
  return { topic, group, transactionalId }
}

const codesOf = (results: unknown): string[] =>
  (results as ItemResult<object>[]).map(({ error }) => error?.code ?? 'none')

describe.each(CALLS)('$name', ({ name, ask, codes }) => {
  test('tells of each what became of it', async () => {
    const play = await prepare()
    expect(codesOf(await ask(play, PER_ITEM))).toEqual(codes)
  })

  // The results of this one are told one by one in any case.
  if (name === 'listEpochEnds') return

  test('without perItem throws the first error', async () => {
    const play = await prepare()
    const first = codes.find((code) => code !== 'none')
    const asked = ask(play, {})
    if (first === undefined) await expect(asked).resolves.not.toThrow()
    else await expect(asked).rejects.toMatchObject({ code: first })
  })
})

test('a part that is done stays done, and values come with their keys', async () => {
  const { topic, group } = await prepare()
  const [offset, missing] = await kafka.admin.listOffsets(
    [
      { topic, partition: 0, at: 'earliest' },
      { topic: MISSING, partition: 3, at: 'latest' },
    ],
    PER_ITEM,
  )
  expect(offset).toMatchObject({ topic, partition: 0, offset: 0n, error: undefined })
  expect(missing).toMatchObject({ topic: MISSING, partition: 3, error: { code: UNKNOWN } })
  await expect(kafka.admin.deleteGroups([uniqueName('none'), group])).rejects.toMatchObject({
    code: 'GROUP_ID_NOT_FOUND',
  })
  await expect
    .poll(async () => (await kafka.admin.listGroups()).map((found) => found.group))
    .not.toContain(group)
})

test('nothing asked, nothing sent', async () => {
  await using nowhere = new Kafka({ brokers: '127.0.0.1:1', apiTimeoutMs: 300 })
  expect(await nowhere.admin.createTopics([])).toEqual([])
  expect(await nowhere.admin.deleteTopics([], PER_ITEM)).toEqual([])
})

test('what one may do with a group is told where it is asked', async () => {
  const { group } = await prepare()
  const [plain] = await kafka.admin.describeGroups([group])
  expect(plain?.authorizedOperations).toBe(undefined)
  const [asked] = await kafka.admin.describeGroups([group], { includeAuthorizedOperations: true })
  const all = ['read', 'delete', 'describe', 'describe-configs', 'alter-configs']
  expect(asked?.authorizedOperations).toEqual(all)
})

test('a group whose coordinator cannot be found is an item, with the reason', async () => {
  await using nowhere = new Kafka({ brokers: '127.0.0.1:1', apiTimeoutMs: 300 })
  const [found] = await nowhere.admin.describeGroups(['a'], PER_ITEM)
  expect(found).toMatchObject({ group: 'a', error: { code: 'TIMEOUT' } })
})

test('offsets of groups by ids of topics, which a topic made anew does not have', async () => {
  const { topic, group } = await prepare()
  const idNow = async () => (await kafka.admin.describeTopics([topic]))[0]?.id ?? ''
  const oldId = await idNow()
  await kafka.admin.deleteTopics([topic])
  await expect
    .poll(async () => (await kafka.admin.listTopics()).map(({ name }) => name))
    .not.toContain(topic)
  await kafka.admin.createTopics([{ topic, partitions: 1 }])
  await expect.poll(idNow).not.toBe(oldId)
  const topicId = await idNow()
  const offsets = [
    { topicId: oldId, partition: 0, offset: 1 },
    { topicId, partition: 0, offset: 1n, metadata: 'by id' },
  ]
  const altered = await kafka.admin.alterGroupOffsetsById(group, offsets, PER_ITEM)
  expect(altered).toMatchObject([
    { topicId: oldId, partition: 0, error: { code: 'UNKNOWN_TOPIC_ID' } },
    { topicId, partition: 0, error: undefined },
  ])
  const listed = await kafka.admin.listGroupOffsetsById(group)
  expect(listed).toMatchObject([{ topicId, partition: 0, offset: 1n, metadata: 'by id' }])
  const partitions = [{ topicId, partition: 0 }]
  expect(await kafka.admin.listGroupOffsetsById(group, { partitions })).toEqual(listed)
})

test('a lag does not fail over a topic that has just gone', async () => {
  const { topic, group } = await prepare()
  const gone = await createTopic(kafka)
  await kafka.admin.alterGroupOffsets(group, [{ topic: gone, partition: 0, offset: 0 }])
  expect(await kafka.admin.lag(group, PER_ITEM)).toHaveLength(2)
  await kafka.admin.deleteTopics([gone])
  await expect
    .poll(async () => (await kafka.admin.lag(group)).map((one) => one.topic))
    .toEqual([topic])
  expect((await kafka.admin.lag(group))[0]?.lag).toBeGreaterThan(0n)
})

test('transactional ids are listed by a pattern', async () => {
  const { transactionalId } = await prepare()
  const ids = async (idPattern: string) => {
    const found = await kafka.admin.listTransactions({ idPattern })
    return found.map((one) => one.transactionalId)
  }
  expect(await ids(`${transactionalId.slice(0, 2)}.[0-9]+|${transactionalId}`)).toEqual([
    transactionalId,
  ])
  expect(await ids('nothing-[0-9]+')).toEqual([])
  await expect(ids('(')).rejects.toMatchObject({ code: 'INVALID_REGULAR_EXPRESSION' })
})

test('partitions are added to as many as there are, on brokers that are named', async () => {
  const topic = await createTopic(kafka, 2)
  await kafka.admin.createPartitions([{ topic, add: 2 }])
  await kafka.admin.createPartitions([{ topic, partitions: 5, assignments: [[brokerId]] }])
  await expect
    .poll(async () => (await kafka.admin.describeTopics([topic]))[0]?.partitions.length)
    .toBe(5)
})
