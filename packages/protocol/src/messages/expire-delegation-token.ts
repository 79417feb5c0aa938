import { bytes, type Infer, int16, int32, int64, message } from '../schema/schema.ts'

/** ExpireDelegationTokenRequest (api key 40), versions 1-2, flexible 2+. */
export const ExpireDelegationTokenRequest = message({
  name: 'ExpireDelegationTokenRequest',
  apiKey: 40,
  versions: '1-2',
  flexible: '2+',
  listeners: ['broker', 'controller'],
  fields: { hmac: bytes('0+'), expiryTimePeriodMs: int64('0+') },
})
export interface ExpireDelegationTokenRequest extends Infer<typeof ExpireDelegationTokenRequest> {}

/** ExpireDelegationTokenResponse (api key 40), versions 1-2, flexible 2+. */
export const ExpireDelegationTokenResponse = message({
  name: 'ExpireDelegationTokenResponse',
  apiKey: 40,
  versions: '1-2',
  flexible: '2+',
  fields: { errorCode: int16('0+'), expiryTimestampMs: int64('0+'), throttleTimeMs: int32('0+') },
})
export interface ExpireDelegationTokenResponse
  extends Infer<typeof ExpireDelegationTokenResponse> {}
