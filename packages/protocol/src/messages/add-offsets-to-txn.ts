import { type Infer, int16, int32, int64, message, string } from '../schema/schema.ts'

/** AddOffsetsToTxnRequest (api key 25), versions 0-4, flexible 3+. */
export const AddOffsetsToTxnRequest = message({
  name: 'AddOffsetsToTxnRequest',
  apiKey: 25,
  versions: '0-4',
  flexible: '3+',
  listeners: ['broker'],
  fields: {
    transactionalId: string('0+'),
    producerId: int64('0+'),
    producerEpoch: int16('0+'),
    groupId: string('0+'),
  },
})
export interface AddOffsetsToTxnRequest extends Infer<typeof AddOffsetsToTxnRequest> {}

/** AddOffsetsToTxnResponse (api key 25), versions 0-4, flexible 3+. */
export const AddOffsetsToTxnResponse = message({
  name: 'AddOffsetsToTxnResponse',
  apiKey: 25,
  versions: '0-4',
  flexible: '3+',
  fields: { throttleTimeMs: int32('0+'), errorCode: int16('0+') },
})
export interface AddOffsetsToTxnResponse extends Infer<typeof AddOffsetsToTxnResponse> {}
