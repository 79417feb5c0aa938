import { array, type Infer, int16, int32, message, string, struct, uuid } from '../schema/schema.ts'

/** ShareGroupHeartbeatRequest (api key 76), versions 1, flexible 0+. */
export const ShareGroupHeartbeatRequest = message({
  name: 'ShareGroupHeartbeatRequest',
  apiKey: 76,
  versions: '1',
  flexible: '0+',
  listeners: ['broker'],
  fields: {
    groupId: string('0+'),
    memberId: string('0+'),
    memberEpoch: int32('0+'),
    rackId: string('0+', { nullable: '0+', default: null }),
    subscribedTopicNames: array('0+', 'string', { nullable: '0+', default: null }),
  },
})
export interface ShareGroupHeartbeatRequest extends Infer<typeof ShareGroupHeartbeatRequest> {}

const topicPartitions = { topicId: uuid('0+'), partitions: array('0+', 'int32') } as const
/** ShareGroupHeartbeatResponse (api key 76), versions 1, flexible 0+. */
export const ShareGroupHeartbeatResponse = message({
  name: 'ShareGroupHeartbeatResponse',
  apiKey: 76,
  versions: '1',
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
export interface ShareGroupHeartbeatResponse extends Infer<typeof ShareGroupHeartbeatResponse> {}
