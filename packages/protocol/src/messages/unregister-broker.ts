import { type Infer, int16, int32, message, string } from '../schema/schema.ts'

/** UnregisterBrokerRequest (api key 64), versions 0, flexible 0+. */
export const UnregisterBrokerRequest = message({
  name: 'UnregisterBrokerRequest',
  apiKey: 64,
  versions: '0',
  flexible: '0+',
  listeners: ['broker', 'controller'],
  fields: { brokerId: int32('0+') },
})
export interface UnregisterBrokerRequest extends Infer<typeof UnregisterBrokerRequest> {}

/** UnregisterBrokerResponse (api key 64), versions 0, flexible 0+. */
export const UnregisterBrokerResponse = message({
  name: 'UnregisterBrokerResponse',
  apiKey: 64,
  versions: '0',
  flexible: '0+',
  fields: {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    errorMessage: string('0+', { nullable: '0+' }),
  },
})
export interface UnregisterBrokerResponse extends Infer<typeof UnregisterBrokerResponse> {}
