import {
  array,
  bool,
  type Infer,
  int8,
  int16,
  int32,
  message,
  string,
  struct,
  uuid,
} from '../schema/schema.ts'

/** ConsumerGroupDescribeRequest (api key 69), versions 0-1, flexible 0+. */
export const ConsumerGroupDescribeRequest = message({
  name: 'ConsumerGroupDescribeRequest',
  apiKey: 69,
  versions: '0-1',
  flexible: '0+',
  listeners: ['broker'],
  fields: { groupIds: array('0+', 'string'), includeAuthorizedOperations: bool('0+') },
})
export interface ConsumerGroupDescribeRequest extends Infer<typeof ConsumerGroupDescribeRequest> {}

const topicPartitions = {
  topicId: uuid('0+'),
  topicName: string('0+'),
  partitions: array('0+', 'int32'),
} as const

const assignment = { topicPartitions: array('0+', topicPartitions) } as const
/** ConsumerGroupDescribeResponse (api key 69), versions 0-1, flexible 0+. */
export const ConsumerGroupDescribeResponse = message({
  name: 'ConsumerGroupDescribeResponse',
  apiKey: 69,
  versions: '0-1',
  flexible: '0+',
  fields: {
    throttleTimeMs: int32('0+'),
    groups: array('0+', {
      errorCode: int16('0+'),
      errorMessage: string('0+', { nullable: '0+', default: null }),
      groupId: string('0+'),
      groupState: string('0+'),
      groupEpoch: int32('0+'),
      assignmentEpoch: int32('0+'),
      assignorName: string('0+'),
      members: array('0+', {
        memberId: string('0+'),
        instanceId: string('0+', { nullable: '0+', default: null }),
        rackId: string('0+', { nullable: '0+', default: null }),
        memberEpoch: int32('0+'),
        clientId: string('0+'),
        clientHost: string('0+'),
        subscribedTopicNames: array('0+', 'string'),
        subscribedTopicRegex: string('0+', { nullable: '0+', default: null }),
        assignment: struct('0+', assignment),
        targetAssignment: struct('0+', assignment),
        memberType: int8('1+', { default: -1 }),
      }),
      authorizedOperations: int32('0+', { default: -2147483648 }),
    }),
  },
})
export interface ConsumerGroupDescribeResponse
  extends Infer<typeof ConsumerGroupDescribeResponse> {}
