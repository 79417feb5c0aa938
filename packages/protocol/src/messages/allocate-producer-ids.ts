import { type Infer, int16, int32, int64, message } from '../schema/schema.ts'

/** AllocateProducerIdsRequest (api key 67), versions 0, flexible 0+. */
export const AllocateProducerIdsRequest = message({
  name: 'AllocateProducerIdsRequest',
  apiKey: 67,
  versions: '0',
  flexible: '0+',
  listeners: ['controller'],
  fields: { brokerId: int32('0+'), brokerEpoch: int64('0+', { default: -1 }) },
})
export interface AllocateProducerIdsRequest extends Infer<typeof AllocateProducerIdsRequest> {}

/** AllocateProducerIdsResponse (api key 67), versions 0, flexible 0+. */
export const AllocateProducerIdsResponse = message({
  name: 'AllocateProducerIdsResponse',
  apiKey: 67,
  versions: '0',
  flexible: '0+',
  fields: {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    producerIdStart: int64('0+'),
    producerIdLen: int32('0+'),
  },
})
export interface AllocateProducerIdsResponse extends Infer<typeof AllocateProducerIdsResponse> {}
