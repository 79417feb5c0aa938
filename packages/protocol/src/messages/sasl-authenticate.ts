import { bytes, type Infer, int16, int64, message, string } from '../schema/schema.ts'

/** SaslAuthenticateRequest (api key 36), versions 0-2, flexible 2+. */
export const SaslAuthenticateRequest = message({
  name: 'SaslAuthenticateRequest',
  apiKey: 36,
  versions: '0-2',
  flexible: '2+',
  listeners: ['broker', 'controller'],
  fields: { authBytes: bytes('0+') },
})
export interface SaslAuthenticateRequest extends Infer<typeof SaslAuthenticateRequest> {}

/** SaslAuthenticateResponse (api key 36), versions 0-2, flexible 2+. */
export const SaslAuthenticateResponse = message({
  name: 'SaslAuthenticateResponse',
  apiKey: 36,
  versions: '0-2',
  flexible: '2+',
  fields: {
    errorCode: int16('0+'),
    errorMessage: string('0+', { nullable: '0+' }),
    authBytes: bytes('0+'),
    sessionLifetimeMs: int64('1+', { default: 0 }),
  },
})
export interface SaslAuthenticateResponse extends Infer<typeof SaslAuthenticateResponse> {}
