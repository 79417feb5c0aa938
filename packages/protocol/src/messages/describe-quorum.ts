import {
  array,
  type Infer,
  int16,
  int32,
  int64,
  message,
  string,
  uint16,
  uuid,
} from '../schema/schema.ts'

/** DescribeQuorumRequest (api key 55), versions 0-2, flexible 0+. */
export const DescribeQuorumRequest = message({
  name: 'DescribeQuorumRequest',
  apiKey: 55,
  versions: '0-2',
  flexible: '0+',
  listeners: ['broker', 'controller'],
  fields: {
    topics: array('0+', {
      topicName: string('0+'),
      partitions: array('0+', { partitionIndex: int32('0+') }),
    }),
  },
})
export interface DescribeQuorumRequest extends Infer<typeof DescribeQuorumRequest> {}

const replicaState = {
  replicaId: int32('0+'),
  replicaDirectoryId: uuid('2+'),
  logEndOffset: int64('0+'),
  lastFetchTimestamp: int64('1+', { default: -1 }),
  lastCaughtUpTimestamp: int64('1+', { default: -1 }),
} as const
/** DescribeQuorumResponse (api key 55), versions 0-2, flexible 0+. */
export const DescribeQuorumResponse = message({
  name: 'DescribeQuorumResponse',
  apiKey: 55,
  versions: '0-2',
  flexible: '0+',
  fields: {
    errorCode: int16('0+'),
    errorMessage: string('2+', { nullable: '2+' }),
    topics: array('0+', {
      topicName: string('0+'),
      partitions: array('0+', {
        partitionIndex: int32('0+'),
        errorCode: int16('0+'),
        errorMessage: string('2+', { nullable: '2+' }),
        leaderId: int32('0+'),
        leaderEpoch: int32('0+'),
        highWatermark: int64('0+'),
        currentVoters: array('0+', replicaState),
        observers: array('0+', replicaState),
      }),
    }),
    nodes: array('2+', {
      nodeId: int32('2+'),
      listeners: array('2+', { name: string('2+'), host: string('2+'), port: uint16('2+') }),
    }),
  },
})
export interface DescribeQuorumResponse extends Infer<typeof DescribeQuorumResponse> {}
