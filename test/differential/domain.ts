/**
 * Values that mean something, by the name of the field: a random request made of them is legal now
 * and then, and illegal in the ways clients are. What each broker gives out itself (topic ids,
 * producer ids, member ids) stands here as a reference and is looked up per broker.
 */
import { BatchBuilder } from '@ottla/protocol'
import { Reference } from './reference.ts'

export const TOPICS = ['dif-a', 'dif-b', 'dif-c'] as const
export const GROUPS = ['g-classic', 'g-share', 'g-other']
/** Of live members of share groups alone: nobody deletes it, and no transaction writes to it. */
export const SHARED_TOPIC = 'dif-shared'
export const SHARED_PARTITIONS = 2
/** Groups of live members, which random requests ask about but do not join. */
export const LIVE_GROUPS = ['g-consumer', 'g-members', 'g-mixed', 'g-sharing', 'g-streams']
export const TRANSACTIONS = ['tx-a', 'tx-b']
const ZEROS = 'AAAAAAAAAAAAAAAAAAAAAA'
export const UNKNOWN_ID = 'AAAAAAAAAAAAAAAAAAAAMA'

const topicNames = [...TOPICS, ...TOPICS, 'dif-missing', 'bad name!', '', '.', 'x'.repeat(250)]
const topicIds = [
  ...TOPICS.map((name) => new Reference('topicId', name)),
  ...TOPICS.map((name) => new Reference('topicId', name)),
  UNKNOWN_ID,
  ZEROS,
]
const partitions = [0, 0, 0, 1, 1, 2, 7, -1]
const offsets = [0, 0, 1, 2, 5, 1000, -1, -2]
const brokerIds = [1, 1, 1, 2, -1]
const memberIds = ['', '', 'nobody', new Reference('memberId', 'g-classic')]
const liveMembers = ['consumer-1', 'classic-1', 'mixed-1', 'mixed-3', 'streams-1']
const someGroups = [...GROUPS, ...LIVE_GROUPS, 'g-missing', '']
const someMemberIds = [
  ...memberIds,
  ...liveMembers.map((member) => new Reference('memberId', member)),
]
const producerIds = [
  new Reference('producerId', 'tx-a'),
  new Reference('producerId', 'tx-b'),
  -1,
  4_000_000,
]
const logDirs = [new Reference('logDir', '0'), '/no/such/directory', '']
const producerEpochs = [new Reference('producerEpoch', 'tx-a'), 0, 0, 1, -1]
export const CONFIG_NAMES = [
  'retention.ms',
  'cleanup.policy',
  'max.message.bytes',
  'segment.bytes',
  'min.insync.replicas',
  'no.such.setting',
  '',
]
const configValues = ['60000', 'delete', 'compact', '-5', 'abc', '', '1048588', null]
const acks = [-1, -1, 1, 5]

/** One batch with `count` records of an idempotent producer, or of none. */
function batch(count: number): Buffer {
  const builder = new BatchBuilder()
  for (let i = 0; i < count; i++) builder.append(1_700_000_000_000 + i, 'key', `value ${i}`)
  return builder.finish()
}

const damaged = (bytes: Buffer, at: number): Buffer => {
  const copy = Buffer.from(bytes)
  copy[at] = (copy[at] as number) ^ 0x55
  return copy
}
const one = batch(1)
const three = batch(3)
/** Never null: no client sends that, and what becomes of it is not told. */
const recordBytes = [
  one,
  three,
  one,
  three,
  damaged(three, 17),
  damaged(three, three.length - 1),
  damaged(three, 16),
  damaged(three, 26),
  three.subarray(0, 40),
  Buffer.concat([one, three]),
  Buffer.alloc(0),
]

/** Values by field, or by `Message.field` or `Message.array.field` where a name means more. */
export const VALUES: Readonly<Record<string, readonly unknown[]>> = {
  name: topicNames,
  topic: topicNames,
  topicName: topicNames,
  topicNames,
  topics: topicNames,
  topicId: topicIds,
  // Apache Kafka fails over a topic id of zeros here, which no client sends.
  'FetchRequest.topicId': topicIds.filter((id) => id !== ZEROS),
  // It also fails over a topic without a name where no cursor is given.
  'DescribeTopicPartitionsRequest.name': topicNames.filter((name) => name !== ''),
  // It asks its share coordinator again and again for partitions that do not exist.
  'DescribeShareGroupOffsetsRequest.partitions': [0],
  // A share group that was asked to go to a partition that does not exist cannot be deleted there.
  'AlterShareGroupOffsetsRequest.partitionIndex': [0],
  topicIds,
  partition: partitions,
  partitions,
  partitionIndex: partitions,
  partitionIndexes: partitions,
  partitionId: partitions,
  index: partitions,
  offset: offsets,
  fetchOffset: offsets,
  startOffset: [0, 0, 1, 5, -1],
  committedOffset: offsets,
  committedMetadata: ['', 'note', null],
  startPartitionIndex: partitions,
  partitionMaxBytes: [1_000_000, 1, 0],
  maxBytes: [1_000_000, 1, 0],
  minBytes: [0, 1],
  maxWaitMs: [0, 50],
  isolationLevel: [0, 0, 1],
  replicaId: [-1],
  currentLeaderEpoch: [-1, -1, 0, 4],
  leaderEpoch: [-1, 0, 0, 3],
  committedLeaderEpoch: [-1, 0],
  lastFetchedEpoch: [-1],
  logStartOffset: [-1],
  sessionId: [0],
  sessionEpoch: [-1, -1, 0],
  timestamp: [-1, -2, -3, -4, -5, 0, 1_700_000_000_001],
  acks,
  records: recordBytes,
  timeoutMs: [5000, 30_000],
  groupId: [...GROUPS, ...GROUPS, '', 'g-missing'],
  group: GROUPS,
  groups: someGroups,
  groupIds: someGroups,
  groupsNames: someGroups,
  'OffsetFetchRequest.groupId': someGroups,
  'OffsetFetchRequest.groups.groupId': someGroups,
  'OffsetCommitRequest.groupId': someGroups,
  'OffsetDeleteRequest.groupId': someGroups,
  'TxnOffsetCommitRequest.groupId': someGroups,
  'HeartbeatRequest.groupId': someGroups,
  'SyncGroupRequest.groupId': someGroups,
  'LeaveGroupRequest.groupId': someGroups,
  'OffsetFetchRequest.memberId': someMemberIds,
  'OffsetCommitRequest.memberId': someMemberIds,
  'TxnOffsetCommitRequest.memberId': someMemberIds,
  'HeartbeatRequest.memberId': someMemberIds,
  'SyncGroupRequest.memberId': someMemberIds,
  subscribedTopicRegex: ['dif-.*', '(', '', null],
  path: logDirs,
  key: [...GROUPS, ...TRANSACTIONS, ''],
  coordinatorKeys: [...GROUPS, ...TRANSACTIONS, new Reference('shareKey', 'g-share dif-a')],
  keyType: [0, 1, 2, 9],
  memberId: memberIds,
  groupInstanceId: [null, null, 'static-1'],
  generationId: [-1, 0, 1, 5],
  generationIdOrMemberEpoch: [-1, -1, 0, 1],
  memberEpoch: [-1, 0, 1],
  protocolType: ['consumer', 'consumer', 'other', ''],
  protocolName: ['range', 'other', null],
  sessionTimeoutMs: [10_000, 10_000, 1, 10_000_000],
  rebalanceTimeoutMs: [500],
  transactionalId: [...TRANSACTIONS, ...TRANSACTIONS, null, ''],
  transactionalIds: [...TRANSACTIONS, 'tx-missing'],
  transactionTimeoutMs: [60_000, 60_000, 0, 2_000_000_000],
  producerId: producerIds,
  producerEpoch: producerEpochs,
  committed: [true, false],
  numPartitions: [1, 2, -1, 0],
  count: [2, 3, 1, 0, -1],
  replicationFactor: [1, -1, 0, 2],
  brokerIds,
  replicas: brokerIds,
  brokerId: brokerIds,
  // Loggers (8) are a matter of what a broker is made of.
  resourceType: [2, 4, 2, 32, 16, 99],
  ownerPrincipalType: ['User', 'User', ''],
  ownerPrincipalName: ['a', ''],
  resourceName: [...TOPICS, '1', '', 'g-classic'],
  configurationKeys: CONFIG_NAMES,
  'IncrementalAlterConfigsRequest.name': CONFIG_NAMES,
  'AlterConfigsRequest.name': CONFIG_NAMES,
  'CreateTopicsRequest.configs.name': ['retention.ms', 'cleanup.policy', 'no.such.setting'],
  'CreateTopicsRequest.configs.value': ['60000', 'delete', 'compact', 'abc', null],
  value: configValues,
  // -1: whoever answers.
  nodeId: [-1, -1, 1, 9],
  configOperation: [0, 0, 1, 2, 3],
  electionType: [0, 1, 5],
  validateOnly: [true, false],
  statesFilter: ['Stable', 'Empty', 'nonsense'],
  typesFilter: ['classic', 'consumer', 'share', 'streams', 'nonsense'],
  stateFilters: ['Empty', 'Ongoing', 'nonsense'],
  producerIdFilters: producerIds,
  mechanism: ['PLAIN', 'SCRAM-SHA-256', ''],
  clientSoftwareName: ['apache-kafka-java', 'bad name!', ''],
  clientSoftwareVersion: ['4.4.0', ''],
}

/** Fields that keep the default of the table: they reach into other parts of the system. */
export const DEFAULTED = new Set(['rackId', 'clusterId', 'replicaState', 'forgottenTopicsData'])
