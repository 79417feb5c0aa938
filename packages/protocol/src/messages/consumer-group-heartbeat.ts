import { array, type Infer, int16, int32, message, string, struct, uuid } from '../schema/schema.ts'

/** ConsumerGroupHeartbeatRequest (api key 68), versions 0-1, flexible 0+. */
export const ConsumerGroupHeartbeatRequest = message({
  name: 'ConsumerGroupHeartbeatRequest',
  apiKey: 68,
  versions: '0-1',
  flexible: '0+',
  listeners: ['broker'],
  fields: {
    groupId: string('0+'),
    memberId: string('0+'),
    memberEpoch: int32('0+'),
    instanceId: string('0+', { nullable: '0+', default: null }),
    rackId: string('0+', { nullable: '0+', default: null }),
    rebalanceTimeoutMs: int32('0+', { default: -1 }),
    subscribedTopicNames: array('0+', 'string', { nullable: '0+', default: null }),
    subscribedTopicRegex: string('1+', { nullable: '1+', default: null }),
    serverAssignor: string('0+', { nullable: '0+', default: null }),
    topicPartitions: array(
      '0+',
      { topicId: uuid('0+'), partitions: array('0+', 'int32') },
      { nullable: '0+', default: null },
    ),
  },
})
export interface ConsumerGroupHeartbeatRequest
  extends Infer<typeof ConsumerGroupHeartbeatRequest> {}

const topicPartitions = { topicId: uuid('0+'), partitions: array('0+', 'int32') } as const
/** ConsumerGroupHeartbeatResponse (api key 68), versions 0-1, flexible 0+. */
export const ConsumerGroupHeartbeatResponse = message({
  name: 'ConsumerGroupHeartbeatResponse',
  apiKey: 68,
  versions: '0-1',
  flexible: '0+',
  fields: {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    errorMessage: string('0+', { nullable: '0+', default: null }),
    memberId: string('0+', { nullable: '0+', default: null }),
    memberEpoch: int32('0+'),
    heartbeatIntervalMs: int32('0+'),
    assignment: struct(
      '0+',
      { topicPartitions: array('0+', topicPartitions) },
      { nullable: '0+', default: null },
    ),
  },
})
export interface ConsumerGroupHeartbeatResponse
  extends Infer<typeof ConsumerGroupHeartbeatResponse> {}
