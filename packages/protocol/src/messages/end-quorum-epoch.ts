import { array, type Infer, int16, int32, message, string, uint16, uuid } from '../schema/schema.ts'

/** EndQuorumEpochRequest (api key 54), versions 0-1, flexible 1+. */
export const EndQuorumEpochRequest = message({
  name: 'EndQuorumEpochRequest',
  apiKey: 54,
  versions: '0-1',
  flexible: '1+',
  listeners: ['controller'],
  fields: {
    clusterId: string('0+', { nullable: '0+', default: null }),
    topics: array('0+', {
      topicName: string('0+'),
      partitions: array('0+', {
        partitionIndex: int32('0+'),
        leaderId: int32('0+'),
        leaderEpoch: int32('0+'),
        preferredSuccessors: array('0', 'int32'),
        preferredCandidates: array('1+', {
          candidateId: int32('1+'),
          candidateDirectoryId: uuid('1+'),
        }),
      }),
    }),
    leaderEndpoints: array('1+', { name: string('1+'), host: string('1+'), port: uint16('1+') }),
  },
})
export interface EndQuorumEpochRequest extends Infer<typeof EndQuorumEpochRequest> {}

/** EndQuorumEpochResponse (api key 54), versions 0-1, flexible 1+. */
export const EndQuorumEpochResponse = message({
  name: 'EndQuorumEpochResponse',
  apiKey: 54,
  versions: '0-1',
  flexible: '1+',
  fields: {
    errorCode: int16('0+'),
    topics: array('0+', {
      topicName: string('0+'),
      partitions: array('0+', {
        partitionIndex: int32('0+'),
        errorCode: int16('0+'),
        leaderId: int32('0+'),
        leaderEpoch: int32('0+'),
      }),
    }),
    nodeEndpoints: array(
      '1+',
      { nodeId: int32('1+'), host: string('1+'), port: uint16('1+') },
      { tag: 0 },
    ),
  },
})
export interface EndQuorumEpochResponse extends Infer<typeof EndQuorumEpochResponse> {}
