import { array, type Infer, int16, int32, int64, message, string, uuid } from '../schema/schema.ts'

/** AlterShareGroupOffsetsRequest (api key 91), versions 0, flexible 0+. */
export const AlterShareGroupOffsetsRequest = message({
  name: 'AlterShareGroupOffsetsRequest',
  apiKey: 91,
  versions: '0',
  flexible: '0+',
  listeners: ['broker'],
  fields: {
    groupId: string('0+'),
    topics: array('0+', {
      topicName: string('0+'),
      partitions: array('0+', { partitionIndex: int32('0+'), startOffset: int64('0+') }),
    }),
  },
})
export interface AlterShareGroupOffsetsRequest
  extends Infer<typeof AlterShareGroupOffsetsRequest> {}

/** AlterShareGroupOffsetsResponse (api key 91), versions 0, flexible 0+. */
export const AlterShareGroupOffsetsResponse = message({
  name: 'AlterShareGroupOffsetsResponse',
  apiKey: 91,
  versions: '0',
  flexible: '0+',
  fields: {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    errorMessage: string('0+', { nullable: '0+', default: null }),
    responses: array('0+', {
      topicName: string('0+'),
      topicId: uuid('0+'),
      partitions: array('0+', {
        partitionIndex: int32('0+'),
        errorCode: int16('0+'),
        errorMessage: string('0+', { nullable: '0+', default: null }),
      }),
    }),
  },
})
export interface AlterShareGroupOffsetsResponse
  extends Infer<typeof AlterShareGroupOffsetsResponse> {}
