import { bool, type Infer, int16, int32, int64, message, string } from '../schema/schema.ts'

/** InitProducerIdRequest (api key 22), versions 0-6, flexible 2+. */
export const InitProducerIdRequest = message({
  name: 'InitProducerIdRequest',
  apiKey: 22,
  versions: '0-6',
  flexible: '2+',
  unstable: true,
  listeners: ['broker'],
  fields: {
    transactionalId: string('0+', { nullable: '0+' }),
    transactionTimeoutMs: int32('0+'),
    producerId: int64('3+', { default: -1 }),
    producerEpoch: int16('3+', { default: -1 }),
    enable2Pc: bool('6+', { default: false }),
    keepPreparedTxn: bool('6+', { default: false }),
  },
})
export interface InitProducerIdRequest extends Infer<typeof InitProducerIdRequest> {}

/** InitProducerIdResponse (api key 22), versions 0-6, flexible 2+. */
export const InitProducerIdResponse = message({
  name: 'InitProducerIdResponse',
  apiKey: 22,
  versions: '0-6',
  flexible: '2+',
  fields: {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    producerId: int64('0+', { default: -1 }),
    producerEpoch: int16('0+'),
    ongoingTxnProducerId: int64('6+', { default: -1 }),
    ongoingTxnProducerEpoch: int16('6+', { default: -1 }),
  },
})
export interface InitProducerIdResponse extends Infer<typeof InitProducerIdResponse> {}
