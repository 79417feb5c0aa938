import { array, bytes, type Infer, int16, int32, int64, message, string } from '../schema/schema.ts'

/** DescribeDelegationTokenRequest (api key 41), versions 1-3, flexible 2+. */
export const DescribeDelegationTokenRequest = message({
  name: 'DescribeDelegationTokenRequest',
  apiKey: 41,
  versions: '1-3',
  flexible: '2+',
  listeners: ['broker', 'controller'],
  fields: {
    owners: array(
      '0+',
      { principalType: string('0+'), principalName: string('0+') },
      { nullable: '0+' },
    ),
  },
})
export interface DescribeDelegationTokenRequest
  extends Infer<typeof DescribeDelegationTokenRequest> {}

/** DescribeDelegationTokenResponse (api key 41), versions 1-3, flexible 2+. */
export const DescribeDelegationTokenResponse = message({
  name: 'DescribeDelegationTokenResponse',
  apiKey: 41,
  versions: '1-3',
  flexible: '2+',
  fields: {
    errorCode: int16('0+'),
    tokens: array('0+', {
      principalType: string('0+'),
      principalName: string('0+'),
      tokenRequesterPrincipalType: string('3+'),
      tokenRequesterPrincipalName: string('3+'),
      issueTimestamp: int64('0+'),
      expiryTimestamp: int64('0+'),
      maxTimestamp: int64('0+'),
      tokenId: string('0+'),
      hmac: bytes('0+'),
      renewers: array('0+', { principalType: string('0+'), principalName: string('0+') }),
    }),
    throttleTimeMs: int32('0+'),
  },
})
export interface DescribeDelegationTokenResponse
  extends Infer<typeof DescribeDelegationTokenResponse> {}
