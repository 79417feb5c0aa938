import { array, type Infer, int16, int32, message, string } from '../schema/schema.ts'

/** OffsetDeleteRequest (api key 47), versions 0, not flexible. */
export const OffsetDeleteRequest = message({
  name: 'OffsetDeleteRequest',
  apiKey: 47,
  versions: '0',
  flexible: 'none',
  listeners: ['broker'],
  fields: {
    groupId: string('0+'),
    topics: array('0+', {
      name: string('0+'),
      partitions: array('0+', { partitionIndex: int32('0+') }),
    }),
  },
})
export interface OffsetDeleteRequest extends Infer<typeof OffsetDeleteRequest> {}

/** OffsetDeleteResponse (api key 47), versions 0, not flexible. */
export const OffsetDeleteResponse = message({
  name: 'OffsetDeleteResponse',
  apiKey: 47,
  versions: '0',
  flexible: 'none',
  fields: {
    errorCode: int16('0+'),
    throttleTimeMs: int32('0+'),
    topics: array('0+', {
      name: string('0+'),
      partitions: array('0+', { partitionIndex: int32('0+'), errorCode: int16('0+') }),
    }),
  },
})
export interface OffsetDeleteResponse extends Infer<typeof OffsetDeleteResponse> {}
