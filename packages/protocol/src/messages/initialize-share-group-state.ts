import { array, type Infer, int16, int32, int64, message, string, uuid } from '../schema/schema.ts'

/** InitializeShareGroupStateRequest (api key 83), versions 0, flexible 0+. */
export const InitializeShareGroupStateRequest = message({
  name: 'InitializeShareGroupStateRequest',
  apiKey: 83,
  versions: '0',
  flexible: '0+',
  listeners: ['broker'],
  fields: {
    groupId: string('0+'),
    topics: array('0+', {
      topicId: uuid('0+'),
      partitions: array('0+', {
        partition: int32('0+'),
        stateEpoch: int32('0+'),
        startOffset: int64('0+'),
      }),
    }),
  },
})
export interface InitializeShareGroupStateRequest
  extends Infer<typeof InitializeShareGroupStateRequest> {}

/** InitializeShareGroupStateResponse (api key 83), versions 0, flexible 0+. */
export const InitializeShareGroupStateResponse = message({
  name: 'InitializeShareGroupStateResponse',
  apiKey: 83,
  versions: '0',
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
export interface InitializeShareGroupStateResponse
  extends Infer<typeof InitializeShareGroupStateResponse> {}
