import { type Infer, int16, int32, message, string } from '../schema/schema.ts'

/** UnregisterControllerRequest (api key 94), versions 0, flexible 0+. */
export const UnregisterControllerRequest = message({
  name: 'UnregisterControllerRequest',
  apiKey: 94,
  versions: '0',
  flexible: '0+',
  listeners: ['broker', 'controller'],
  fields: { controllerId: int32('0+') },
})
export interface UnregisterControllerRequest extends Infer<typeof UnregisterControllerRequest> {}

/** UnregisterControllerResponse (api key 94), versions 0, flexible 0+. */
export const UnregisterControllerResponse = message({
  name: 'UnregisterControllerResponse',
  apiKey: 94,
  versions: '0',
  flexible: '0+',
  fields: {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    errorMessage: string('0+', { nullable: '0+' }),
  },
})
export interface UnregisterControllerResponse extends Infer<typeof UnregisterControllerResponse> {}
