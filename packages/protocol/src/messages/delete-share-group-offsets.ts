import { array, type Infer, int16, int32, message, string, uuid } from '../schema/schema.ts'

/** DeleteShareGroupOffsetsRequest (api key 92), versions 0, flexible 0+. */
export const DeleteShareGroupOffsetsRequest = message({
  name: 'DeleteShareGroupOffsetsRequest',
  apiKey: 92,
  versions: '0',
  flexible: '0+',
  listeners: ['broker'],
  fields: { groupId: string('0+'), topics: array('0+', { topicName: string('0+') }) },
})
export interface DeleteShareGroupOffsetsRequest
  extends Infer<typeof DeleteShareGroupOffsetsRequest> {}

/** DeleteShareGroupOffsetsResponse (api key 92), versions 0, flexible 0+. */
export const DeleteShareGroupOffsetsResponse = message({
  name: 'DeleteShareGroupOffsetsResponse',
  apiKey: 92,
  versions: '0',
  flexible: '0+',
  fields: {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    errorMessage: string('0+', { nullable: '0+', default: null }),
    responses: array('0+', {
      topicName: string('0+'),
      topicId: uuid('0+'),
      errorCode: int16('0+'),
      errorMessage: string('0+', { nullable: '0+', default: null }),
    }),
  },
})
export interface DeleteShareGroupOffsetsResponse
  extends Infer<typeof DeleteShareGroupOffsetsResponse> {}
