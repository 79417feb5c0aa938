import { array, type Infer, int16, message, string } from '../schema/schema.ts'

/** SaslHandshakeRequest (api key 17), versions 0-1, not flexible. */
export const SaslHandshakeRequest = message({
  name: 'SaslHandshakeRequest',
  apiKey: 17,
  versions: '0-1',
  flexible: 'none',
  listeners: ['broker', 'controller'],
  fields: { mechanism: string('0+') },
})
export interface SaslHandshakeRequest extends Infer<typeof SaslHandshakeRequest> {}

/** SaslHandshakeResponse (api key 17), versions 0-1, not flexible. */
export const SaslHandshakeResponse = message({
  name: 'SaslHandshakeResponse',
  apiKey: 17,
  versions: '0-1',
  flexible: 'none',
  fields: { errorCode: int16('0+'), mechanisms: array('0+', 'string') },
})
export interface SaslHandshakeResponse extends Infer<typeof SaslHandshakeResponse> {}
