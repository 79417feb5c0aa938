/**
 * SaslHandshake (key 17), versions 0-1, and SaslAuthenticate (key 36), versions 0-2.
 *
 * Behaviour: on a PLAINTEXT listener there is nothing to negotiate, and both are
 * ILLEGAL_SASL_STATE; the connection goes on.
 */
import { apis, errorCode } from '@ottla/protocol'
import { handler } from '../handler.ts'

export const saslHandshake = handler(apis.saslHandshake, { lowest: 0, highest: 1 }, () => ({
  errorCode: errorCode('ILLEGAL_SASL_STATE'),
  mechanisms: [],
}))

export const saslAuthenticate = handler(apis.saslAuthenticate, { lowest: 0, highest: 2 }, () => ({
  errorCode: errorCode('ILLEGAL_SASL_STATE'),
  errorMessage: 'SaslAuthenticate request received after successful authentication',
  authBytes: Buffer.alloc(0),
  sessionLifetimeMs: 0,
}))
