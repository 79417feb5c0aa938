import {
  array,
  bool,
  type Infer,
  int8,
  int16,
  int32,
  int64,
  message,
  string,
} from '../schema/schema.ts'

/** WriteTxnMarkersRequest (api key 27), versions 1-2, flexible 1+. */
export const WriteTxnMarkersRequest = message({
  name: 'WriteTxnMarkersRequest',
  apiKey: 27,
  versions: '1-2',
  flexible: '1+',
  listeners: ['broker'],
  fields: {
    markers: array('0+', {
      producerId: int64('0+'),
      producerEpoch: int16('0+'),
      transactionResult: bool('0+'),
      topics: array('0+', { name: string('0+'), partitionIndexes: array('0+', 'int32') }),
      coordinatorEpoch: int32('0+'),
      transactionVersion: int8('2+', { default: 0 }),
    }),
  },
})
export interface WriteTxnMarkersRequest extends Infer<typeof WriteTxnMarkersRequest> {}

/** WriteTxnMarkersResponse (api key 27), versions 1-2, flexible 1+. */
export const WriteTxnMarkersResponse = message({
  name: 'WriteTxnMarkersResponse',
  apiKey: 27,
  versions: '1-2',
  flexible: '1+',
  fields: {
    markers: array('0+', {
      producerId: int64('0+'),
      topics: array('0+', {
        name: string('0+'),
        partitions: array('0+', { partitionIndex: int32('0+'), errorCode: int16('0+') }),
      }),
    }),
  },
})
export interface WriteTxnMarkersResponse extends Infer<typeof WriteTxnMarkersResponse> {}
