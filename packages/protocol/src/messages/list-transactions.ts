import { array, type Infer, int16, int32, int64, message, string } from '../schema/schema.ts'

/** ListTransactionsRequest (api key 66), versions 0-2, flexible 0+. */
export const ListTransactionsRequest = message({
  name: 'ListTransactionsRequest',
  apiKey: 66,
  versions: '0-2',
  flexible: '0+',
  listeners: ['broker'],
  fields: {
    stateFilters: array('0+', 'string'),
    producerIdFilters: array('0+', 'int64'),
    durationFilter: int64('1+', { default: -1 }),
    transactionalIdPattern: string('2+', { nullable: '2+', default: null }),
  },
})
export interface ListTransactionsRequest extends Infer<typeof ListTransactionsRequest> {}

/** ListTransactionsResponse (api key 66), versions 0-2, flexible 0+. */
export const ListTransactionsResponse = message({
  name: 'ListTransactionsResponse',
  apiKey: 66,
  versions: '0-2',
  flexible: '0+',
  fields: {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    unknownStateFilters: array('0+', 'string'),
    transactionStates: array('0+', {
      transactionalId: string('0+'),
      producerId: int64('0+'),
      transactionState: string('0+'),
    }),
  },
})
export interface ListTransactionsResponse extends Infer<typeof ListTransactionsResponse> {}
