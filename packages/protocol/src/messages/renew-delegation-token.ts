import { bytes, type Infer, int16, int32, int64, message } from '../schema/schema.ts'

/** RenewDelegationTokenRequest (api key 39), versions 1-2, flexible 2+. */
export const RenewDelegationTokenRequest = message({
  name: 'RenewDelegationTokenRequest',
  apiKey: 39,
  versions: '1-2',
  flexible: '2+',
  listeners: ['broker', 'controller'],
  fields: { hmac: bytes('0+'), renewPeriodMs: int64('0+') },
})
export interface RenewDelegationTokenRequest extends Infer<typeof RenewDelegationTokenRequest> {}

/** RenewDelegationTokenResponse (api key 39), versions 1-2, flexible 2+. */
export const RenewDelegationTokenResponse = message({
  name: 'RenewDelegationTokenResponse',
  apiKey: 39,
  versions: '1-2',
  flexible: '2+',
  fields: { errorCode: int16('0+'), expiryTimestampMs: int64('0+'), throttleTimeMs: int32('0+') },
})
export interface RenewDelegationTokenResponse extends Infer<typeof RenewDelegationTokenResponse> {}
