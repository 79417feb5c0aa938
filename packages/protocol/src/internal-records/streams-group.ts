import {
  array,
  type Infer,
  int8,
  int16,
  int32,
  int64,
  message,
  roundedInt64,
  string,
  struct,
  uint16,
} from '../schema/schema.ts'

/** StreamsGroupCurrentMemberAssignmentKey (record type 22), versions 0, not flexible. */
export const StreamsGroupCurrentMemberAssignmentKey = message({
  name: 'StreamsGroupCurrentMemberAssignmentKey',
  apiKey: 22,
  versions: '0',
  flexible: 'none',
  fields: { groupId: string('0'), memberId: string('0') },
})
export interface StreamsGroupCurrentMemberAssignmentKey
  extends Infer<typeof StreamsGroupCurrentMemberAssignmentKey> {}

const taskIds = {
  subtopologyId: string('0+'),
  partitions: array('0+', 'int32'),
  assignmentEpochs: array('0+', 'int32', { nullable: '0+', tag: 0 }),
} as const
/** StreamsGroupCurrentMemberAssignmentValue (record type 22), versions 0, flexible 0+. */
export const StreamsGroupCurrentMemberAssignmentValue = message({
  name: 'StreamsGroupCurrentMemberAssignmentValue',
  apiKey: 22,
  versions: '0',
  flexible: '0+',
  fields: {
    memberEpoch: int32('0+'),
    previousMemberEpoch: int32('0+'),
    state: int8('0+'),
    activeTasks: array('0+', taskIds),
    standbyTasks: array('0+', taskIds),
    warmupTasks: array('0+', taskIds),
    activeTasksPendingRevocation: array('0+', taskIds),
    standbyTasksPendingRevocation: array('0+', taskIds),
    warmupTasksPendingRevocation: array('0+', taskIds),
  },
})
export interface StreamsGroupCurrentMemberAssignmentValue
  extends Infer<typeof StreamsGroupCurrentMemberAssignmentValue> {}

/** StreamsGroupMemberMetadataKey (record type 19), versions 0, not flexible. */
export const StreamsGroupMemberMetadataKey = message({
  name: 'StreamsGroupMemberMetadataKey',
  apiKey: 19,
  versions: '0',
  flexible: 'none',
  fields: { groupId: string('0'), memberId: string('0') },
})
export interface StreamsGroupMemberMetadataKey
  extends Infer<typeof StreamsGroupMemberMetadataKey> {}

const endpoint = { host: string('0+'), port: uint16('0+') } as const

const keyValue = { key: string('0+'), value: string('0+') } as const
/** StreamsGroupMemberMetadataValue (record type 19), versions 0, flexible 0+. */
export const StreamsGroupMemberMetadataValue = message({
  name: 'StreamsGroupMemberMetadataValue',
  apiKey: 19,
  versions: '0',
  flexible: '0+',
  fields: {
    instanceId: string('0+', { nullable: '0+' }),
    rackId: string('0+', { nullable: '0+' }),
    clientId: string('0+'),
    clientHost: string('0+'),
    rebalanceTimeoutMs: int32('0+', { default: -1 }),
    topologyEpoch: int32('0+'),
    processId: string('0+'),
    userEndpoint: struct('0+', endpoint, { nullable: '0+', default: null }),
    clientTags: array('0+', keyValue),
  },
})
export interface StreamsGroupMemberMetadataValue
  extends Infer<typeof StreamsGroupMemberMetadataValue> {}

/** StreamsGroupMetadataKey (record type 17), versions 0, not flexible. */
export const StreamsGroupMetadataKey = message({
  name: 'StreamsGroupMetadataKey',
  apiKey: 17,
  versions: '0',
  flexible: 'none',
  fields: { groupId: string('0') },
})
export interface StreamsGroupMetadataKey extends Infer<typeof StreamsGroupMetadataKey> {}

const lastAssignmentConfig = { key: string('0+'), value: string('0+') } as const
/** StreamsGroupMetadataValue (record type 17), versions 0, flexible 0+. */
export const StreamsGroupMetadataValue = message({
  name: 'StreamsGroupMetadataValue',
  apiKey: 17,
  versions: '0',
  flexible: '0+',
  fields: {
    epoch: int32('0+'),
    metadataHash: roundedInt64('0+'),
    validatedTopologyEpoch: int32('0+', { tag: 0, default: -1 }),
    lastAssignmentConfigs: array('0+', lastAssignmentConfig, { nullable: '0+', tag: 1 }),
    storedDescriptionTopologyEpoch: int32('0+', { tag: 2, default: -1 }),
    failedDescriptionTopologyEpoch: int32('0+', { tag: 3, default: -1 }),
  },
})
export interface StreamsGroupMetadataValue extends Infer<typeof StreamsGroupMetadataValue> {}

/** StreamsGroupTargetAssignmentMemberKey (record type 21), versions 0, not flexible. */
export const StreamsGroupTargetAssignmentMemberKey = message({
  name: 'StreamsGroupTargetAssignmentMemberKey',
  apiKey: 21,
  versions: '0',
  flexible: 'none',
  fields: { groupId: string('0'), memberId: string('0') },
})
export interface StreamsGroupTargetAssignmentMemberKey
  extends Infer<typeof StreamsGroupTargetAssignmentMemberKey> {}

const streamsGroupTargetAssignmentMemberValueTaskIds = {
  subtopologyId: string('0+'),
  partitions: array('0+', 'int32'),
} as const
/** StreamsGroupTargetAssignmentMemberValue (record type 21), versions 0, flexible 0+. */
export const StreamsGroupTargetAssignmentMemberValue = message({
  name: 'StreamsGroupTargetAssignmentMemberValue',
  apiKey: 21,
  versions: '0',
  flexible: '0+',
  fields: {
    activeTasks: array('0+', streamsGroupTargetAssignmentMemberValueTaskIds),
    standbyTasks: array('0+', streamsGroupTargetAssignmentMemberValueTaskIds),
    warmupTasks: array('0+', streamsGroupTargetAssignmentMemberValueTaskIds),
  },
})
export interface StreamsGroupTargetAssignmentMemberValue
  extends Infer<typeof StreamsGroupTargetAssignmentMemberValue> {}

/** StreamsGroupTargetAssignmentMetadataKey (record type 20), versions 0, not flexible. */
export const StreamsGroupTargetAssignmentMetadataKey = message({
  name: 'StreamsGroupTargetAssignmentMetadataKey',
  apiKey: 20,
  versions: '0',
  flexible: 'none',
  fields: { groupId: string('0') },
})
export interface StreamsGroupTargetAssignmentMetadataKey
  extends Infer<typeof StreamsGroupTargetAssignmentMetadataKey> {}

/** StreamsGroupTargetAssignmentMetadataValue (record type 20), versions 0, flexible 0+. */
export const StreamsGroupTargetAssignmentMetadataValue = message({
  name: 'StreamsGroupTargetAssignmentMetadataValue',
  apiKey: 20,
  versions: '0',
  flexible: '0+',
  fields: {
    assignmentEpoch: int32('0+'),
    assignmentTimestamp: int64('0+', { tag: 0, default: 0 }),
  },
})
export interface StreamsGroupTargetAssignmentMetadataValue
  extends Infer<typeof StreamsGroupTargetAssignmentMetadataValue> {}

/** StreamsGroupTopologyKey (record type 23), versions 0, not flexible. */
export const StreamsGroupTopologyKey = message({
  name: 'StreamsGroupTopologyKey',
  apiKey: 23,
  versions: '0',
  flexible: 'none',
  fields: { groupId: string('0') },
})
export interface StreamsGroupTopologyKey extends Infer<typeof StreamsGroupTopologyKey> {}

const topicConfig = { key: string('0+'), value: string('0+') } as const

const topicInfo = {
  name: string('0+'),
  partitions: int32('0+'),
  replicationFactor: int16('0+'),
  topicConfigs: array('0+', topicConfig),
} as const
/** StreamsGroupTopologyValue (record type 23), versions 0, flexible 0+. */
export const StreamsGroupTopologyValue = message({
  name: 'StreamsGroupTopologyValue',
  apiKey: 23,
  versions: '0',
  flexible: '0+',
  fields: {
    epoch: int32('0+'),
    subtopologies: array('0+', {
      subtopologyId: string('0+'),
      sourceTopics: array('0+', 'string'),
      sourceTopicRegex: array('0+', 'string'),
      stateChangelogTopics: array('0+', topicInfo),
      repartitionSinkTopics: array('0+', 'string'),
      repartitionSourceTopics: array('0+', topicInfo),
      copartitionGroups: array('0+', {
        sourceTopics: array('0+', 'int16'),
        sourceTopicRegex: array('0+', 'int16'),
        repartitionSourceTopics: array('0+', 'int16'),
      }),
    }),
  },
})
export interface StreamsGroupTopologyValue extends Infer<typeof StreamsGroupTopologyValue> {}
