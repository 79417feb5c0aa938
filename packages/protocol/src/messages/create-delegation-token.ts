import { array, bytes, type Infer, int16, int32, int64, message, string } from '../schema/schema.ts'

/** CreateDelegationTokenRequest (api key 38), versions 1-3, flexible 2+. */
export const CreateDelegationTokenRequest = message({
  name: 'CreateDelegationTokenRequest',
  apiKey: 38,
  versions: '1-3',
  flexible: '2+',
  listeners: ['broker', 'controller'],
  fields: {
    ownerPrincipalType: string('3+', { nullable: '3+' }),
    ownerPrincipalName: string('3+', { nullable: '3+' }),
    renewers: array('0+', { principalType: string('0+'), principalName: string('0+') }),
    maxLifetimeMs: int64('0+'),
  },
})
export interface CreateDelegationTokenRequest extends Infer<typeof CreateDelegationTokenRequest> {}

/** CreateDelegationTokenResponse (api key 38), versions 1-3, flexible 2+. */
export const CreateDelegationTokenResponse = message({
  name: 'CreateDelegationTokenResponse',
  apiKey: 38,
  versions: '1-3',
  flexible: '2+',
  fields: {
    errorCode: int16('0+'),
    principalType: string('0+'),
    principalName: string('0+'),
    tokenRequesterPrincipalType: string('3+'),
    tokenRequesterPrincipalName: string('3+'),
    issueTimestampMs: int64('0+'),
    expiryTimestampMs: int64('0+'),
    maxTimestampMs: int64('0+'),
    tokenId: string('0+'),
    hmac: bytes('0+'),
    throttleTimeMs: int32('0+'),
  },
})
export interface CreateDelegationTokenResponse
  extends Infer<typeof CreateDelegationTokenResponse> {}
