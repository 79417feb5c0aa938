import { array, type Infer, int16, int32, int64, message, string } from '../schema/schema.ts'

/** DescribeTransactionsRequest (api key 65), versions 0, flexible 0+. */
export const DescribeTransactionsRequest = message({
  name: 'DescribeTransactionsRequest',
  apiKey: 65,
  versions: '0',
  flexible: '0+',
  listeners: ['broker'],
  fields: { transactionalIds: array('0+', 'string') },
})
export interface DescribeTransactionsRequest extends Infer<typeof DescribeTransactionsRequest> {}

/** DescribeTransactionsResponse (api key 65), versions 0, flexible 0+. */
export const DescribeTransactionsResponse = message({
  name: 'DescribeTransactionsResponse',
  apiKey: 65,
  versions: '0',
  flexible: '0+',
  fields: {
    throttleTimeMs: int32('0+'),
    transactionStates: array('0+', {
      errorCode: int16('0+'),
      transactionalId: string('0+'),
      transactionState: string('0+'),
      transactionTimeoutMs: int32('0+'),
      transactionStartTimeMs: int64('0+'),
      producerId: int64('0+'),
      producerEpoch: int16('0+'),
      topics: array('0+', { topic: string('0+'), partitions: array('0+', 'int32') }),
    }),
  },
})
export interface DescribeTransactionsResponse extends Infer<typeof DescribeTransactionsResponse> {}
