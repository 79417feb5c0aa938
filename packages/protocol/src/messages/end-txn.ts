import { bool, type Infer, int16, int32, int64, message, string } from '../schema/schema.ts'

/** EndTxnRequest (api key 26), versions 0-5, flexible 3+. */
export const EndTxnRequest = message({
  name: 'EndTxnRequest',
  apiKey: 26,
  versions: '0-5',
  flexible: '3+',
  listeners: ['broker'],
  fields: {
    transactionalId: string('0+'),
    producerId: int64('0+'),
    producerEpoch: int16('0+'),
    committed: bool('0+'),
  },
})
export interface EndTxnRequest extends Infer<typeof EndTxnRequest> {}

/** EndTxnResponse (api key 26), versions 0-5, flexible 3+. */
export const EndTxnResponse = message({
  name: 'EndTxnResponse',
  apiKey: 26,
  versions: '0-5',
  flexible: '3+',
  fields: {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    producerId: int64('5+', { default: -1 }),
    producerEpoch: int16('5+', { default: -1 }),
  },
})
export interface EndTxnResponse extends Infer<typeof EndTxnResponse> {}
