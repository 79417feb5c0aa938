import { array, type Infer, int16, int32, int64, message, string } from '../schema/schema.ts'

/** DeleteRecordsRequest (api key 21), versions 0-2, flexible 2+. */
export const DeleteRecordsRequest = message({
  name: 'DeleteRecordsRequest',
  apiKey: 21,
  versions: '0-2',
  flexible: '2+',
  listeners: ['broker'],
  fields: {
    topics: array('0+', {
      name: string('0+'),
      partitions: array('0+', { partitionIndex: int32('0+'), offset: int64('0+') }),
    }),
    timeoutMs: int32('0+'),
  },
})
export interface DeleteRecordsRequest extends Infer<typeof DeleteRecordsRequest> {}

/** DeleteRecordsResponse (api key 21), versions 0-2, flexible 2+. */
export const DeleteRecordsResponse = message({
  name: 'DeleteRecordsResponse',
  apiKey: 21,
  versions: '0-2',
  flexible: '2+',
  fields: {
    throttleTimeMs: int32('0+'),
    topics: array('0+', {
      name: string('0+'),
      partitions: array('0+', {
        partitionIndex: int32('0+'),
        lowWatermark: int64('0+'),
        errorCode: int16('0+'),
      }),
    }),
  },
})
export interface DeleteRecordsResponse extends Infer<typeof DeleteRecordsResponse> {}
