import {
  array,
  bool,
  type Infer,
  int16,
  int32,
  int64,
  message,
  string,
  uint16,
  uuid,
} from '../schema/schema.ts'

/** VoteRequest (api key 52), versions 0-2, flexible 0+. */
export const VoteRequest = message({
  name: 'VoteRequest',
  apiKey: 52,
  versions: '0-2',
  flexible: '0+',
  listeners: ['controller'],
  fields: {
    clusterId: string('0+', { nullable: '0+', default: null }),
    voterId: int32('1+', { default: -1 }),
    topics: array('0+', {
      topicName: string('0+'),
      partitions: array('0+', {
        partitionIndex: int32('0+'),
        replicaEpoch: int32('0+'),
        replicaId: int32('0+'),
        replicaDirectoryId: uuid('1+'),
        voterDirectoryId: uuid('1+'),
        lastOffsetEpoch: int32('0+'),
        lastOffset: int64('0+'),
        preVote: bool('2+'),
      }),
    }),
  },
})
export interface VoteRequest extends Infer<typeof VoteRequest> {}

/** VoteResponse (api key 52), versions 0-2, flexible 0+. */
export const VoteResponse = message({
  name: 'VoteResponse',
  apiKey: 52,
  versions: '0-2',
  flexible: '0+',
  fields: {
    errorCode: int16('0+'),
    topics: array('0+', {
      topicName: string('0+'),
      partitions: array('0+', {
        partitionIndex: int32('0+'),
        errorCode: int16('0+'),
        leaderId: int32('0+'),
        leaderEpoch: int32('0+'),
        voteGranted: bool('0+'),
      }),
    }),
    nodeEndpoints: array(
      '1+',
      { nodeId: int32('1+'), host: string('1+'), port: uint16('1+') },
      { tag: 0 },
    ),
  },
})
export interface VoteResponse extends Infer<typeof VoteResponse> {}
