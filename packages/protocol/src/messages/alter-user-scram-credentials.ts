import { array, bytes, type Infer, int8, int16, int32, message, string } from '../schema/schema.ts'

/** AlterUserScramCredentialsRequest (api key 51), versions 0, flexible 0+. */
export const AlterUserScramCredentialsRequest = message({
  name: 'AlterUserScramCredentialsRequest',
  apiKey: 51,
  versions: '0',
  flexible: '0+',
  listeners: ['broker', 'controller'],
  fields: {
    deletions: array('0+', { name: string('0+'), mechanism: int8('0+') }),
    upsertions: array('0+', {
      name: string('0+'),
      mechanism: int8('0+'),
      iterations: int32('0+'),
      salt: bytes('0+'),
      saltedPassword: bytes('0+'),
    }),
  },
})
export interface AlterUserScramCredentialsRequest
  extends Infer<typeof AlterUserScramCredentialsRequest> {}

/** AlterUserScramCredentialsResponse (api key 51), versions 0, flexible 0+. */
export const AlterUserScramCredentialsResponse = message({
  name: 'AlterUserScramCredentialsResponse',
  apiKey: 51,
  versions: '0',
  flexible: '0+',
  fields: {
    throttleTimeMs: int32('0+'),
    results: array('0+', {
      user: string('0+'),
      errorCode: int16('0+'),
      errorMessage: string('0+', { nullable: '0+' }),
    }),
  },
})
export interface AlterUserScramCredentialsResponse
  extends Infer<typeof AlterUserScramCredentialsResponse> {}
