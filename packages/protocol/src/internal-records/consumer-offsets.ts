import {
  array,
  bytes,
  type Infer,
  int8,
  int32,
  int64,
  message,
  roundedInt64,
  string,
  struct,
  uuid,
} from '../schema/schema.ts'

/** ConsumerGroupCurrentMemberAssignmentKey (record type 8), versions 0, not flexible. */
export const ConsumerGroupCurrentMemberAssignmentKey = message({
  name: 'ConsumerGroupCurrentMemberAssignmentKey',
  apiKey: 8,
  versions: '0',
  flexible: 'none',
  fields: { groupId: string('0'), memberId: string('0') },
})
export interface ConsumerGroupCurrentMemberAssignmentKey
  extends Infer<typeof ConsumerGroupCurrentMemberAssignmentKey> {}

const topicPartitions = {
  topicId: uuid('0+'),
  partitions: array('0+', 'int32'),
  assignmentEpochs: array('0+', 'int32', { nullable: '0+', tag: 0 }),
} as const
/** ConsumerGroupCurrentMemberAssignmentValue (record type 8), versions 0, flexible 0+. */
export const ConsumerGroupCurrentMemberAssignmentValue = message({
  name: 'ConsumerGroupCurrentMemberAssignmentValue',
  apiKey: 8,
  versions: '0',
  flexible: '0+',
  fields: {
    memberEpoch: int32('0+'),
    previousMemberEpoch: int32('0+'),
    state: int8('0+'),
    assignedPartitions: array('0+', topicPartitions),
    partitionsPendingRevocation: array('0+', topicPartitions),
  },
})
export interface ConsumerGroupCurrentMemberAssignmentValue
  extends Infer<typeof ConsumerGroupCurrentMemberAssignmentValue> {}

/** ConsumerGroupMemberMetadataKey (record type 5), versions 0, not flexible. */
export const ConsumerGroupMemberMetadataKey = message({
  name: 'ConsumerGroupMemberMetadataKey',
  apiKey: 5,
  versions: '0',
  flexible: 'none',
  fields: { groupId: string('0'), memberId: string('0') },
})
export interface ConsumerGroupMemberMetadataKey
  extends Infer<typeof ConsumerGroupMemberMetadataKey> {}

/** ConsumerGroupMemberMetadataValue (record type 5), versions 0, flexible 0+. */
export const ConsumerGroupMemberMetadataValue = message({
  name: 'ConsumerGroupMemberMetadataValue',
  apiKey: 5,
  versions: '0',
  flexible: '0+',
  fields: {
    instanceId: string('0+', { nullable: '0+' }),
    rackId: string('0+', { nullable: '0+' }),
    clientId: string('0+'),
    clientHost: string('0+'),
    subscribedTopicNames: array('0+', 'string'),
    subscribedTopicRegex: string('0+', { nullable: '0+' }),
    rebalanceTimeoutMs: int32('0+', { default: -1 }),
    serverAssignor: string('0+', { nullable: '0+' }),
    classicMemberMetadata: struct(
      '0+',
      {
        sessionTimeoutMs: int32('0+'),
        supportedProtocols: array('0+', { name: string('0+'), metadata: bytes('0+') }),
      },
      { nullable: '0+', tag: 0, default: null },
    ),
  },
})
export interface ConsumerGroupMemberMetadataValue
  extends Infer<typeof ConsumerGroupMemberMetadataValue> {}

/** ConsumerGroupMetadataKey (record type 3), versions 0, not flexible. */
export const ConsumerGroupMetadataKey = message({
  name: 'ConsumerGroupMetadataKey',
  apiKey: 3,
  versions: '0',
  flexible: 'none',
  fields: { groupId: string('0') },
})
export interface ConsumerGroupMetadataKey extends Infer<typeof ConsumerGroupMetadataKey> {}

/** ConsumerGroupMetadataValue (record type 3), versions 0, flexible 0+. */
export const ConsumerGroupMetadataValue = message({
  name: 'ConsumerGroupMetadataValue',
  apiKey: 3,
  versions: '0',
  flexible: '0+',
  fields: { epoch: int32('0+'), metadataHash: roundedInt64('0+', { tag: 0, default: 0 }) },
})
export interface ConsumerGroupMetadataValue extends Infer<typeof ConsumerGroupMetadataValue> {}

/** ConsumerGroupPartitionMetadataKey (record type 4), versions 0, not flexible. */
export const ConsumerGroupPartitionMetadataKey = message({
  name: 'ConsumerGroupPartitionMetadataKey',
  apiKey: 4,
  versions: '0',
  flexible: 'none',
  fields: { groupId: string('0') },
})
export interface ConsumerGroupPartitionMetadataKey
  extends Infer<typeof ConsumerGroupPartitionMetadataKey> {}

/** ConsumerGroupPartitionMetadataValue (record type 4), versions 0, flexible 0+. */
export const ConsumerGroupPartitionMetadataValue = message({
  name: 'ConsumerGroupPartitionMetadataValue',
  apiKey: 4,
  versions: '0',
  flexible: '0+',
  fields: {
    topics: array('0+', {
      topicId: uuid('0+'),
      topicName: string('0+'),
      numPartitions: int32('0+'),
      partitionMetadata: array('0+', { partition: int32('0+'), racks: array('0+', 'string') }),
    }),
  },
})
export interface ConsumerGroupPartitionMetadataValue
  extends Infer<typeof ConsumerGroupPartitionMetadataValue> {}

/** ConsumerGroupRegularExpressionKey (record type 16), versions 0, not flexible. */
export const ConsumerGroupRegularExpressionKey = message({
  name: 'ConsumerGroupRegularExpressionKey',
  apiKey: 16,
  versions: '0',
  flexible: 'none',
  fields: { groupId: string('0'), regularExpression: string('0') },
})
export interface ConsumerGroupRegularExpressionKey
  extends Infer<typeof ConsumerGroupRegularExpressionKey> {}

/** ConsumerGroupRegularExpressionValue (record type 16), versions 0, flexible 0+. */
export const ConsumerGroupRegularExpressionValue = message({
  name: 'ConsumerGroupRegularExpressionValue',
  apiKey: 16,
  versions: '0',
  flexible: '0+',
  fields: { topics: array('0+', 'string'), version: int64('0+'), timestamp: int64('0+') },
})
export interface ConsumerGroupRegularExpressionValue
  extends Infer<typeof ConsumerGroupRegularExpressionValue> {}

/** ConsumerGroupTargetAssignmentMemberKey (record type 7), versions 0, not flexible. */
export const ConsumerGroupTargetAssignmentMemberKey = message({
  name: 'ConsumerGroupTargetAssignmentMemberKey',
  apiKey: 7,
  versions: '0',
  flexible: 'none',
  fields: { groupId: string('0'), memberId: string('0') },
})
export interface ConsumerGroupTargetAssignmentMemberKey
  extends Infer<typeof ConsumerGroupTargetAssignmentMemberKey> {}

/** ConsumerGroupTargetAssignmentMemberValue (record type 7), versions 0, flexible 0+. */
export const ConsumerGroupTargetAssignmentMemberValue = message({
  name: 'ConsumerGroupTargetAssignmentMemberValue',
  apiKey: 7,
  versions: '0',
  flexible: '0+',
  fields: {
    topicPartitions: array('0+', { topicId: uuid('0+'), partitions: array('0+', 'int32') }),
  },
})
export interface ConsumerGroupTargetAssignmentMemberValue
  extends Infer<typeof ConsumerGroupTargetAssignmentMemberValue> {}

/** ConsumerGroupTargetAssignmentMetadataKey (record type 6), versions 0, not flexible. */
export const ConsumerGroupTargetAssignmentMetadataKey = message({
  name: 'ConsumerGroupTargetAssignmentMetadataKey',
  apiKey: 6,
  versions: '0',
  flexible: 'none',
  fields: { groupId: string('0') },
})
export interface ConsumerGroupTargetAssignmentMetadataKey
  extends Infer<typeof ConsumerGroupTargetAssignmentMetadataKey> {}

/** ConsumerGroupTargetAssignmentMetadataValue (record type 6), versions 0, flexible 0+. */
export const ConsumerGroupTargetAssignmentMetadataValue = message({
  name: 'ConsumerGroupTargetAssignmentMetadataValue',
  apiKey: 6,
  versions: '0',
  flexible: '0+',
  fields: {
    assignmentEpoch: int32('0+'),
    assignmentTimestamp: int64('0+', { tag: 0, default: 0 }),
  },
})
export interface ConsumerGroupTargetAssignmentMetadataValue
  extends Infer<typeof ConsumerGroupTargetAssignmentMetadataValue> {}

/** GroupMetadataKey (record type 2), versions 0, not flexible. */
export const GroupMetadataKey = message({
  name: 'GroupMetadataKey',
  apiKey: 2,
  versions: '0',
  flexible: 'none',
  fields: { group: string('0') },
})
export interface GroupMetadataKey extends Infer<typeof GroupMetadataKey> {}

const memberMetadata = {
  memberId: string('0+'),
  groupInstanceId: string('3+', { nullable: '3+', default: null }),
  clientId: string('0+'),
  clientHost: string('0+'),
  rebalanceTimeout: int32('1+', { default: -1 }),
  sessionTimeout: int32('0+'),
  subscription: bytes('0+'),
  assignment: bytes('0+'),
} as const
/** GroupMetadataValue (record type 2), versions 0-4, flexible 4+. */
export const GroupMetadataValue = message({
  name: 'GroupMetadataValue',
  apiKey: 2,
  versions: '0-4',
  flexible: '4+',
  fields: {
    protocolType: string('0+'),
    generation: int32('0+'),
    protocol: string('0+', { nullable: '0+' }),
    leader: string('0+', { nullable: '0+' }),
    currentStateTimestamp: int64('2+', { default: -1 }),
    members: array('0+', memberMetadata),
  },
})
export interface GroupMetadataValue extends Infer<typeof GroupMetadataValue> {}

/** LegacyOffsetCommitKey (record type 0), versions 0, not flexible. */
export const LegacyOffsetCommitKey = message({
  name: 'LegacyOffsetCommitKey',
  apiKey: 0,
  versions: '0',
  flexible: 'none',
  fields: { group: string('0'), topic: string('0'), partition: int32('0') },
})
export interface LegacyOffsetCommitKey extends Infer<typeof LegacyOffsetCommitKey> {}

/** LegacyOffsetCommitValue (record type 0), versions 0, not flexible. */
export const LegacyOffsetCommitValue = message({
  name: 'LegacyOffsetCommitValue',
  apiKey: 0,
  versions: '0',
  flexible: 'none',
  fields: { offset: int64('0'), metadata: string('0'), commitTimestamp: int64('0') },
})
export interface LegacyOffsetCommitValue extends Infer<typeof LegacyOffsetCommitValue> {}

/** OffsetCommitKey (record type 1), versions 0, not flexible. */
export const OffsetCommitKey = message({
  name: 'OffsetCommitKey',
  apiKey: 1,
  versions: '0',
  flexible: 'none',
  fields: { group: string('0'), topic: string('0'), partition: int32('0') },
})
export interface OffsetCommitKey extends Infer<typeof OffsetCommitKey> {}

/** OffsetCommitValue (record type 1), versions 0-4, flexible 4+. */
export const OffsetCommitValue = message({
  name: 'OffsetCommitValue',
  apiKey: 1,
  versions: '0-4',
  flexible: '4+',
  fields: {
    offset: int64('0+'),
    leaderEpoch: int32('3+', { default: -1 }),
    metadata: string('0+'),
    commitTimestamp: int64('0+'),
    expireTimestamp: int64('1', { default: -1 }),
    topicId: uuid('4+', { tag: 0 }),
  },
})
export interface OffsetCommitValue extends Infer<typeof OffsetCommitValue> {}
