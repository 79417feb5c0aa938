import {
  array,
  type Infer,
  int8,
  int32,
  int64,
  message,
  roundedInt64,
  string,
  uuid,
} from '../schema/schema.ts'

/** ShareGroupCurrentMemberAssignmentKey (record type 14), versions 0, not flexible. */
export const ShareGroupCurrentMemberAssignmentKey = message({
  name: 'ShareGroupCurrentMemberAssignmentKey',
  apiKey: 14,
  versions: '0',
  flexible: 'none',
  fields: { groupId: string('0'), memberId: string('0') },
})
export interface ShareGroupCurrentMemberAssignmentKey
  extends Infer<typeof ShareGroupCurrentMemberAssignmentKey> {}

const topicPartitions = { topicId: uuid('0+'), partitions: array('0+', 'int32') } as const
/** ShareGroupCurrentMemberAssignmentValue (record type 14), versions 0, flexible 0+. */
export const ShareGroupCurrentMemberAssignmentValue = message({
  name: 'ShareGroupCurrentMemberAssignmentValue',
  apiKey: 14,
  versions: '0',
  flexible: '0+',
  fields: {
    memberEpoch: int32('0+'),
    previousMemberEpoch: int32('0+'),
    state: int8('0+'),
    assignedPartitions: array('0+', topicPartitions),
  },
})
export interface ShareGroupCurrentMemberAssignmentValue
  extends Infer<typeof ShareGroupCurrentMemberAssignmentValue> {}

/** ShareGroupMemberMetadataKey (record type 10), versions 0, not flexible. */
export const ShareGroupMemberMetadataKey = message({
  name: 'ShareGroupMemberMetadataKey',
  apiKey: 10,
  versions: '0',
  flexible: 'none',
  fields: { groupId: string('0'), memberId: string('0') },
})
export interface ShareGroupMemberMetadataKey extends Infer<typeof ShareGroupMemberMetadataKey> {}

/** ShareGroupMemberMetadataValue (record type 10), versions 0, flexible 0+. */
export const ShareGroupMemberMetadataValue = message({
  name: 'ShareGroupMemberMetadataValue',
  apiKey: 10,
  versions: '0',
  flexible: '0+',
  fields: {
    rackId: string('0+', { nullable: '0+' }),
    clientId: string('0+'),
    clientHost: string('0+'),
    subscribedTopicNames: array('0+', 'string'),
  },
})
export interface ShareGroupMemberMetadataValue
  extends Infer<typeof ShareGroupMemberMetadataValue> {}

/** ShareGroupMetadataKey (record type 11), versions 0, not flexible. */
export const ShareGroupMetadataKey = message({
  name: 'ShareGroupMetadataKey',
  apiKey: 11,
  versions: '0',
  flexible: 'none',
  fields: { groupId: string('0') },
})
export interface ShareGroupMetadataKey extends Infer<typeof ShareGroupMetadataKey> {}

/** ShareGroupMetadataValue (record type 11), versions 0, flexible 0+. */
export const ShareGroupMetadataValue = message({
  name: 'ShareGroupMetadataValue',
  apiKey: 11,
  versions: '0',
  flexible: '0+',
  fields: { epoch: int32('0+'), metadataHash: roundedInt64('0+') },
})
export interface ShareGroupMetadataValue extends Infer<typeof ShareGroupMetadataValue> {}

/** ShareGroupStatePartitionMetadataKey (record type 15), versions 0, not flexible. */
export const ShareGroupStatePartitionMetadataKey = message({
  name: 'ShareGroupStatePartitionMetadataKey',
  apiKey: 15,
  versions: '0',
  flexible: 'none',
  fields: { groupId: string('0') },
})
export interface ShareGroupStatePartitionMetadataKey
  extends Infer<typeof ShareGroupStatePartitionMetadataKey> {}

const topicPartitionsInfo = {
  topicId: uuid('0+'),
  topicName: string('0+'),
  partitions: array('0+', 'int32'),
} as const

const topicInfo = { topicId: uuid('0+'), topicName: string('0+') } as const
/** ShareGroupStatePartitionMetadataValue (record type 15), versions 0, flexible 0+. */
export const ShareGroupStatePartitionMetadataValue = message({
  name: 'ShareGroupStatePartitionMetadataValue',
  apiKey: 15,
  versions: '0',
  flexible: '0+',
  fields: {
    initializingTopics: array('0+', topicPartitionsInfo),
    initializedTopics: array('0+', topicPartitionsInfo),
    deletingTopics: array('0+', topicInfo),
  },
})
export interface ShareGroupStatePartitionMetadataValue
  extends Infer<typeof ShareGroupStatePartitionMetadataValue> {}

/** ShareGroupTargetAssignmentMemberKey (record type 13), versions 0, not flexible. */
export const ShareGroupTargetAssignmentMemberKey = message({
  name: 'ShareGroupTargetAssignmentMemberKey',
  apiKey: 13,
  versions: '0',
  flexible: 'none',
  fields: { groupId: string('0'), memberId: string('0') },
})
export interface ShareGroupTargetAssignmentMemberKey
  extends Infer<typeof ShareGroupTargetAssignmentMemberKey> {}

/** ShareGroupTargetAssignmentMemberValue (record type 13), versions 0, flexible 0+. */
export const ShareGroupTargetAssignmentMemberValue = message({
  name: 'ShareGroupTargetAssignmentMemberValue',
  apiKey: 13,
  versions: '0',
  flexible: '0+',
  fields: {
    topicPartitions: array('0+', { topicId: uuid('0+'), partitions: array('0+', 'int32') }),
  },
})
export interface ShareGroupTargetAssignmentMemberValue
  extends Infer<typeof ShareGroupTargetAssignmentMemberValue> {}

/** ShareGroupTargetAssignmentMetadataKey (record type 12), versions 0, not flexible. */
export const ShareGroupTargetAssignmentMetadataKey = message({
  name: 'ShareGroupTargetAssignmentMetadataKey',
  apiKey: 12,
  versions: '0',
  flexible: 'none',
  fields: { groupId: string('0') },
})
export interface ShareGroupTargetAssignmentMetadataKey
  extends Infer<typeof ShareGroupTargetAssignmentMetadataKey> {}

/** ShareGroupTargetAssignmentMetadataValue (record type 12), versions 0, flexible 0+. */
export const ShareGroupTargetAssignmentMetadataValue = message({
  name: 'ShareGroupTargetAssignmentMetadataValue',
  apiKey: 12,
  versions: '0',
  flexible: '0+',
  fields: {
    assignmentEpoch: int32('0+'),
    assignmentTimestamp: int64('0+', { tag: 0, default: 0 }),
  },
})
export interface ShareGroupTargetAssignmentMetadataValue
  extends Infer<typeof ShareGroupTargetAssignmentMetadataValue> {}
