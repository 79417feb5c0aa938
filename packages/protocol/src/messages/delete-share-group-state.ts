import { array, type Infer, int16, int32, message, string, uuid } from '../schema/schema.ts'

/** DeleteShareGroupStateRequest (api key 86), versions 0, flexible 0+. */
export const DeleteShareGroupStateRequest = message({
  name: 'DeleteShareGroupStateRequest',
  apiKey: 86,
  versions: '0',
  flexible: '0+',
  listeners: ['broker'],
  fields: {
    groupId: string('0+'),
    topics: array('0+', {
      topicId: uuid('0+'),
      partitions: array('0+', { partition: int32('0+') }),
    }),
  },
})
export interface DeleteShareGroupStateRequest extends Infer<typeof DeleteShareGroupStateRequest> {}

/** DeleteShareGroupStateResponse (api key 86), versions 0, flexible 0+. */
export const DeleteShareGroupStateResponse = message({
  name: 'DeleteShareGroupStateResponse',
  apiKey: 86,
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
export interface DeleteShareGroupStateResponse
  extends Infer<typeof DeleteShareGroupStateResponse> {}
