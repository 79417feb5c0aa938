import { array, type Infer, int16, int32, message, string, uint16, uuid } from '../schema/schema.ts'

/** BeginQuorumEpochRequest (api key 53), versions 0-1, flexible 1+. */
export const BeginQuorumEpochRequest = message({
  name: 'BeginQuorumEpochRequest',
  apiKey: 53,
  versions: '0-1',
  flexible: '1+',
  listeners: ['controller'],
  fields: {
    clusterId: string('0+', { nullable: '0+', default: null }),
    voterId: int32('1+', { default: -1 }),
    topics: array('0+', {
      topicName: string('0+'),
      partitions: array('0+', {
        partitionIndex: int32('0+'),
        voterDirectoryId: uuid('1+'),
        leaderId: int32('0+'),
        leaderEpoch: int32('0+'),
      }),
    }),
    leaderEndpoints: array('1+', { name: string('1+'), host: string('1+'), port: uint16('1+') }),
  },
})
export interface BeginQuorumEpochRequest extends Infer<typeof BeginQuorumEpochRequest> {}

/** BeginQuorumEpochResponse (api key 53), versions 0-1, flexible 1+. */
export const BeginQuorumEpochResponse = message({
  name: 'BeginQuorumEpochResponse',
  apiKey: 53,
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
export interface BeginQuorumEpochResponse extends Infer<typeof BeginQuorumEpochResponse> {}
