/**
 * Requests that no well-behaved client sends, and the error each gets: which of several faults is
 * told is part of the protocol too. Holds for Apache Kafka (BROKER=apache), as the differential
 * test shows for many more.
 */
import { connect, type Socket } from 'node:net'
import {
  type Api,
  apis,
  BatchBuilder,
  decodeResponse,
  encodeRequest,
  errorName,
  type Fields,
  type FieldsInput,
} from '@ottla/protocol'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startTestBroker, type TestBroker } from '../support/broker.ts'

const NAME = 'refused'
const NO_ID = 'AAAAAAAAAAAAAAAAAAAAAA'
const STRANGE_ID = 'AAAAAAAAAAAAAAAAAAAAMA'

let broker: TestBroker
let socket: Socket

beforeAll(async () => {
  broker = await startTestBroker()
  const [host, port] = broker.bootstrap.split(':')
  socket = connect(Number(port), host)
  await ask(apis.createTopics, 7, {
    topics: [{ name: NAME, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
    timeoutMs: 10_000,
  })
}, 90_000)
afterAll(async () => {
  socket?.destroy()
  await broker?.stop()
})

function ask(api: unknown, version: number, body: FieldsInput<Fields>): Promise<string[]> {
  const header = { correlationId: 1, clientId: 'refusals' }
  const frame = Buffer.concat(encodeRequest(api as Api, version, header, body))
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0)
    socket.removeAllListeners()
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('closed')))
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      if (received.length < 4 || received.length < received.readInt32BE(0) + 4) return
      resolve(errorsIn(decodeResponse(api as Api, version, received.subarray(4))))
    })
    socket.write(frame)
  })
}

/** Every error code of an answer, from the outside in; NONE where there is no error. */
function errorsIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(errorsIn)
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return []
  return Object.entries(value).flatMap(([key, inner]) =>
    key.endsWith('rrorCode') ? [errorName(inner as number)] : errorsIn(inner),
  )
}

const batch = new BatchBuilder()
batch.append(Date.now(), 'key', 'value')
const good = batch.finish()
const withByte = (at: number, byte: number) => {
  const copy = Buffer.from(good)
  copy[at] = byte
  return copy
}
const MAGIC = 16
const ATTRIBUTES = 22

it.each([
  ['acks are looked at after the batch', 5, good.subarray(0, 40), 'INVALID_RECORD'],
  ['acks must be known', 5, good, 'INVALID_REQUIRED_ACKS'],
  ['what is no batch spoils the request', 1, withByte(MAGIC, 9), 'CORRUPT_MESSAGE'],
  ['magic 1 is too old', 1, withByte(MAGIC, 1), 'INVALID_RECORD'],
  ['exactly one batch', 1, Buffer.concat([good, good]), 'INVALID_RECORD'],
  [
    'a transaction needs a name',
    1,
    withByte(ATTRIBUTES, 0x10),
    'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  ],
])('Produce: %s', async (_, acks, records, error) => {
  const body = {
    transactionalId: null,
    acks,
    timeoutMs: 5000,
    topicData: [{ name: NAME, partitionData: [{ index: 0, records }] }],
  }
  expect(await ask(apis.produce, 9, body)).toEqual([error])
})

const topicByBoth = { topicId: STRANGE_ID, name: NAME }

it.each([
  [
    'Metadata 11 has a field for topic ids, but does not take any',
    apis.metadata,
    11,
    { topics: [topicByBoth], allowAutoTopicCreation: false },
    ['INVALID_REQUEST', 'NONE'],
  ],
  [
    'Metadata 12 asks by id alone once there is one',
    apis.metadata,
    12,
    { topics: [topicByBoth, { topicId: NO_ID, name: NAME }], allowAutoTopicCreation: false },
    ['UNKNOWN_TOPIC_ID', 'NONE'],
  ],
  [
    'ListOffsets refuses a timestamp of a later version before it looks for the topic',
    apis.listOffsets,
    6,
    { topics: [{ name: 'nowhere', partitions: [{ partitionIndex: 0, timestamp: -3 }] }] },
    ['UNSUPPORTED_VERSION'],
  ],
  [
    'DescribeTopicPartitions wants the topic of the cursor among those asked for',
    apis.describeTopicPartitions,
    0,
    {
      topics: [{ name: NAME }],
      responsePartitionLimit: 10,
      cursor: { topicName: 'other', partitionIndex: 0 },
    },
    ['INVALID_REQUEST'],
  ],
  [
    'DescribeConfigs answers nothing beside a type that nobody knows',
    apis.describeConfigs,
    4,
    {
      resources: [
        { resourceType: 2, resourceName: NAME, configurationKeys: null },
        { resourceType: 99, resourceName: 'x', configurationKeys: null },
      ],
    },
    ['INVALID_REQUEST', 'INVALID_REQUEST'],
  ],
  [
    'CreateTopics looks at settings before numbers',
    apis.createTopics,
    7,
    {
      topics: [
        {
          name: 'new',
          numPartitions: 0,
          replicationFactor: 7,
          assignments: [],
          configs: [{ name: 'nope', value: '1' }],
        },
      ],
      timeoutMs: 5000,
    },
    ['INVALID_CONFIG', 'NONE'],
  ],
  [
    'EndTxn wants a transactional id',
    apis.endTxn,
    3,
    { transactionalId: '', producerId: 1, producerEpoch: 0, committed: true },
    ['INVALID_REQUEST'],
  ],
  [
    'DescribeProducers tells a bad name from an unknown one',
    apis.describeProducers,
    0,
    { topics: [{ name: 'bad name!', partitionIndexes: [0] }] },
    ['INVALID_TOPIC_EXCEPTION'],
  ],
  [
    'DescribeCluster knows brokers and controllers',
    apis.describeCluster,
    1,
    { includeClusterAuthorizedOperations: false, endpointType: 7 },
    ['UNSUPPORTED_ENDPOINT_TYPE'],
  ],
  [
    'ApiVersions 5 takes a cluster and a node, or neither',
    apis.apiVersions,
    5,
    { clientSoftwareName: 'a', clientSoftwareVersion: '1', clusterId: null, nodeId: 1 },
    ['INVALID_REQUEST'],
  ],
  [
    'share states of a group without a name are not looked for',
    apis.deleteShareGroupState,
    0,
    { groupId: '', topics: [{ topicId: STRANGE_ID, partitions: [{ partition: 0 }] }] },
    [],
  ],
] as [string, unknown, number, FieldsInput<Fields>, string[]][])(
  '%s',
  async (_, api, version, body, expected) => {
    expect(await ask(api, version, body)).toEqual(expected)
  },
)

it('JoinGroup looks at protocols before members, also where a group only keeps offsets', async () => {
  const groupId = 'keeps-offsets'
  await ask(apis.findCoordinator, 4, { keyType: 0, coordinatorKeys: [groupId] })
  const partitions = [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }]
  const commit = () => ask(apis.offsetCommit, 8, { groupId, topics: [{ name: NAME, partitions }] })
  await expect.poll(commit, { timeout: 30_000 }).toEqual(['NONE'])
  const join = (protocolType: string, names: readonly string[]) =>
    ask(apis.joinGroup, 5, {
      groupId,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 500,
      memberId: 'nobody',
      protocolType,
      protocols: names.map((name) => ({ name, metadata: Buffer.alloc(0) })),
    })
  expect(await join('consumer', [])).toEqual(['INCONSISTENT_GROUP_PROTOCOL'])
  expect(await join('', ['range'])).toEqual(['INCONSISTENT_GROUP_PROTOCOL'])
  expect(await join('consumer', ['range'])).toEqual(['UNKNOWN_MEMBER_ID'])
}, 60_000)
