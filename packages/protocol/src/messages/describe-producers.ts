import { array, type Infer, int16, int32, int64, message, string } from '../schema/schema.ts'

/** DescribeProducersRequest (api key 61), versions 0, flexible 0+. */
export const DescribeProducersRequest = message({
  name: 'DescribeProducersRequest',
  apiKey: 61,
  versions: '0',
  flexible: '0+',
  listeners: ['broker'],
  fields: { topics: array('0+', { name: string('0+'), partitionIndexes: array('0+', 'int32') }) },
})
export interface DescribeProducersRequest extends Infer<typeof DescribeProducersRequest> {}

/** DescribeProducersResponse (api key 61), versions 0, flexible 0+. */
export const DescribeProducersResponse = message({
  name: 'DescribeProducersResponse',
  apiKey: 61,
  versions: '0',
  flexible: '0+',
  fields: {
    throttleTimeMs: int32('0+'),
    topics: array('0+', {
      name: string('0+'),
      partitions: array('0+', {
        partitionIndex: int32('0+'),
        errorCode: int16('0+'),
        errorMessage: string('0+', { nullable: '0+', default: null }),
        activeProducers: array('0+', {
          producerId: int64('0+'),
          producerEpoch: int32('0+'),
          lastSequence: int32('0+', { default: -1 }),
          lastTimestamp: int64('0+', { default: -1 }),
          coordinatorEpoch: int32('0+'),
          currentTxnStartOffset: int64('0+', { default: -1 }),
        }),
      }),
    }),
  },
})
export interface DescribeProducersResponse extends Infer<typeof DescribeProducersResponse> {}
