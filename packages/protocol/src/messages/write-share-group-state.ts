import {
  array,
  type Infer,
  int8,
  int16,
  int32,
  int64,
  message,
  string,
  uuid,
} from '../schema/schema.ts'

/** WriteShareGroupStateRequest (api key 85), versions 0-1, flexible 0+. */
export const WriteShareGroupStateRequest = message({
  name: 'WriteShareGroupStateRequest',
  apiKey: 85,
  versions: '0-1',
  flexible: '0+',
  listeners: ['broker'],
  fields: {
    groupId: string('0+'),
    topics: array('0+', {
      topicId: uuid('0+'),
      partitions: array('0+', {
        partition: int32('0+'),
        stateEpoch: int32('0+'),
        leaderEpoch: int32('0+'),
        startOffset: int64('0+'),
        deliveryCompleteCount: int32('1+', { default: -1 }),
        stateBatches: array('0+', {
          firstOffset: int64('0+'),
          lastOffset: int64('0+'),
          deliveryState: int8('0+'),
          deliveryCount: int16('0+'),
        }),
      }),
    }),
  },
})
export interface WriteShareGroupStateRequest extends Infer<typeof WriteShareGroupStateRequest> {}

/** WriteShareGroupStateResponse (api key 85), versions 0-1, flexible 0+. */
export const WriteShareGroupStateResponse = message({
  name: 'WriteShareGroupStateResponse',
  apiKey: 85,
  versions: '0-1',
  flexible: '0+',
  fields: {
    results: array('0+', {
      topicId: uuid('0+'),
      partitions: array('0+', {
        partition: int32('0+'),
        errorCode: int16('0+'),
        errorMessage: string('0+', { nullable: '0+', default: null }),
      }),
    }),
  },
})
export interface WriteShareGroupStateResponse extends Infer<typeof WriteShareGroupStateResponse> {}
