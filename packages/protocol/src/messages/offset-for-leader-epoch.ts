import { array, type Infer, int16, int32, int64, message, string } from '../schema/schema.ts'

/** OffsetForLeaderEpochRequest (api key 23), versions 2-4, flexible 4+. */
export const OffsetForLeaderEpochRequest = message({
  name: 'OffsetForLeaderEpochRequest',
  apiKey: 23,
  versions: '2-4',
  flexible: '4+',
  listeners: ['broker'],
  fields: {
    replicaId: int32('3+', { default: -2 }),
    topics: array('0+', {
      topic: string('0+'),
      partitions: array('0+', {
        partition: int32('0+'),
        currentLeaderEpoch: int32('2+', { default: -1 }),
        leaderEpoch: int32('0+'),
      }),
    }),
  },
})
export interface OffsetForLeaderEpochRequest extends Infer<typeof OffsetForLeaderEpochRequest> {}

/** OffsetForLeaderEpochResponse (api key 23), versions 2-4, flexible 4+. */
export const OffsetForLeaderEpochResponse = message({
  name: 'OffsetForLeaderEpochResponse',
  apiKey: 23,
  versions: '2-4',
  flexible: '4+',
  fields: {
    throttleTimeMs: int32('2+'),
    topics: array('0+', {
      topic: string('0+'),
      partitions: array('0+', {
        errorCode: int16('0+'),
        partition: int32('0+'),
        leaderEpoch: int32('1+', { default: -1 }),
        endOffset: int64('0+', { default: -1 }),
      }),
    }),
  },
})
export interface OffsetForLeaderEpochResponse extends Infer<typeof OffsetForLeaderEpochResponse> {}
