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

/** ReadShareGroupStateRequest (api key 84), versions 0, flexible 0+. */
export const ReadShareGroupStateRequest = message({
  name: 'ReadShareGroupStateRequest',
  apiKey: 84,
  versions: '0',
  flexible: '0+',
  listeners: ['broker'],
  fields: {
    groupId: string('0+'),
    topics: array('0+', {
      topicId: uuid('0+'),
      partitions: array('0+', { partition: int32('0+'), leaderEpoch: int32('0+') }),
    }),
  },
})
export interface ReadShareGroupStateRequest extends Infer<typeof ReadShareGroupStateRequest> {}

/** ReadShareGroupStateResponse (api key 84), versions 0, flexible 0+. */
export const ReadShareGroupStateResponse = message({
  name: 'ReadShareGroupStateResponse',
  apiKey: 84,
  versions: '0',
  flexible: '0+',
  fields: {
    results: array('0+', {
      topicId: uuid('0+'),
      partitions: array('0+', {
        partition: int32('0+'),
        errorCode: int16('0+'),
        errorMessage: string('0+', { nullable: '0+', default: null }),
        stateEpoch: int32('0+'),
        startOffset: int64('0+'),
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
export interface ReadShareGroupStateResponse extends Infer<typeof ReadShareGroupStateResponse> {}
