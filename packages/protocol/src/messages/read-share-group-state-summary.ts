import { array, type Infer, int16, int32, int64, message, string, uuid } from '../schema/schema.ts'

/** ReadShareGroupStateSummaryRequest (api key 87), versions 0-1, flexible 0+. */
export const ReadShareGroupStateSummaryRequest = message({
  name: 'ReadShareGroupStateSummaryRequest',
  apiKey: 87,
  versions: '0-1',
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
export interface ReadShareGroupStateSummaryRequest
  extends Infer<typeof ReadShareGroupStateSummaryRequest> {}

/** ReadShareGroupStateSummaryResponse (api key 87), versions 0-1, flexible 0+. */
export const ReadShareGroupStateSummaryResponse = message({
  name: 'ReadShareGroupStateSummaryResponse',
  apiKey: 87,
  versions: '0-1',
  flexible: '0+',
  fields: {
    results: array('0+', {
      topicId: uuid('0+'),
      partitions: array('0+', {
        partition: int32('0+'),
        errorCode: int16('0+'),
        errorMessage: string('0+', { nullable: '0+', default: null }),
        stateEpoch: int32('0+'),
        leaderEpoch: int32('0+'),
        startOffset: int64('0+'),
        deliveryCompleteCount: int32('1+', { default: -1 }),
      }),
    }),
  },
})
export interface ReadShareGroupStateSummaryResponse
  extends Infer<typeof ReadShareGroupStateSummaryResponse> {}
