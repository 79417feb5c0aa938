import { array, type Infer, int8, int16, int32, message, string } from '../schema/schema.ts'

/** DescribeUserScramCredentialsRequest (api key 50), versions 0, flexible 0+. */
export const DescribeUserScramCredentialsRequest = message({
  name: 'DescribeUserScramCredentialsRequest',
  apiKey: 50,
  versions: '0',
  flexible: '0+',
  listeners: ['broker', 'controller'],
  fields: { users: array('0+', { name: string('0+') }, { nullable: '0+' }) },
})
export interface DescribeUserScramCredentialsRequest
  extends Infer<typeof DescribeUserScramCredentialsRequest> {}

/** DescribeUserScramCredentialsResponse (api key 50), versions 0, flexible 0+. */
export const DescribeUserScramCredentialsResponse = message({
  name: 'DescribeUserScramCredentialsResponse',
  apiKey: 50,
  versions: '0',
  flexible: '0+',
  fields: {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    errorMessage: string('0+', { nullable: '0+' }),
    results: array('0+', {
      user: string('0+'),
      errorCode: int16('0+'),
      errorMessage: string('0+', { nullable: '0+' }),
      credentialInfos: array('0+', { mechanism: int8('0+'), iterations: int32('0+') }),
    }),
  },
})
export interface DescribeUserScramCredentialsResponse
  extends Infer<typeof DescribeUserScramCredentialsResponse> {}
