import { bytes, type Infer, int16, message } from '../schema/schema.ts'

/** EnvelopeRequest (api key 58), versions 0, flexible 0+. */
export const EnvelopeRequest = message({
  name: 'EnvelopeRequest',
  apiKey: 58,
  versions: '0',
  flexible: '0+',
  listeners: ['controller'],
  fields: {
    requestData: bytes('0+'),
    requestPrincipal: bytes('0+', { nullable: '0+' }),
    clientHostAddress: bytes('0+'),
  },
})
export interface EnvelopeRequest extends Infer<typeof EnvelopeRequest> {}

/** EnvelopeResponse (api key 58), versions 0, flexible 0+. */
export const EnvelopeResponse = message({
  name: 'EnvelopeResponse',
  apiKey: 58,
  versions: '0',
  flexible: '0+',
  fields: { responseData: bytes('0+', { nullable: '0+', default: null }), errorCode: int16('0+') },
})
export interface EnvelopeResponse extends Infer<typeof EnvelopeResponse> {}
