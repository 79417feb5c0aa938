import {
  array,
  bool,
  type Infer,
  int16,
  int32,
  message,
  string,
  struct,
  uuid,
} from '../schema/schema.ts'

/** DescribeTopicPartitionsRequest (api key 75), versions 0, flexible 0+. */
export const DescribeTopicPartitionsRequest = message({
  name: 'DescribeTopicPartitionsRequest',
  apiKey: 75,
  versions: '0',
  flexible: '0+',
  listeners: ['broker'],
  fields: {
    topics: array('0+', { name: string('0+') }),
    responsePartitionLimit: int32('0+', { default: 2000 }),
    cursor: struct(
      '0+',
      { topicName: string('0+'), partitionIndex: int32('0+') },
      { nullable: '0+', default: null },
    ),
  },
})
export interface DescribeTopicPartitionsRequest
  extends Infer<typeof DescribeTopicPartitionsRequest> {}

/** DescribeTopicPartitionsResponse (api key 75), versions 0, flexible 0+. */
export const DescribeTopicPartitionsResponse = message({
  name: 'DescribeTopicPartitionsResponse',
  apiKey: 75,
  versions: '0',
  flexible: '0+',
  fields: {
    throttleTimeMs: int32('0+'),
    topics: array('0+', {
      errorCode: int16('0+'),
      name: string('0+', { nullable: '0+' }),
      topicId: uuid('0+'),
      isInternal: bool('0+', { default: false }),
      partitions: array('0+', {
        errorCode: int16('0+'),
        partitionIndex: int32('0+'),
        leaderId: int32('0+'),
        leaderEpoch: int32('0+', { default: -1 }),
        replicaNodes: array('0+', 'int32'),
        isrNodes: array('0+', 'int32'),
        eligibleLeaderReplicas: array('0+', 'int32', { nullable: '0+', default: null }),
        lastKnownElr: array('0+', 'int32', { nullable: '0+', default: null }),
        offlineReplicas: array('0+', 'int32'),
      }),
      topicAuthorizedOperations: int32('0+', { default: -2147483648 }),
    }),
    nextCursor: struct(
      '0+',
      { topicName: string('0+'), partitionIndex: int32('0+') },
      { nullable: '0+', default: null },
    ),
  },
})
export interface DescribeTopicPartitionsResponse
  extends Infer<typeof DescribeTopicPartitionsResponse> {}
