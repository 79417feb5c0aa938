import { array, bool, type Infer, int8, int16, int32, message, string } from '../schema/schema.ts'

/** AlterConfigsRequest (api key 33), versions 0-2, flexible 2+. */
export const AlterConfigsRequest = message({
  name: 'AlterConfigsRequest',
  apiKey: 33,
  versions: '0-2',
  flexible: '2+',
  listeners: ['broker', 'controller'],
  fields: {
    resources: array('0+', {
      resourceType: int8('0+'),
      resourceName: string('0+'),
      configs: array('0+', { name: string('0+'), value: string('0+', { nullable: '0+' }) }),
    }),
    validateOnly: bool('0+'),
  },
})
export interface AlterConfigsRequest extends Infer<typeof AlterConfigsRequest> {}

/** AlterConfigsResponse (api key 33), versions 0-2, flexible 2+. */
export const AlterConfigsResponse = message({
  name: 'AlterConfigsResponse',
  apiKey: 33,
  versions: '0-2',
  flexible: '2+',
  fields: {
    throttleTimeMs: int32('0+'),
    responses: array('0+', {
      errorCode: int16('0+'),
      errorMessage: string('0+', { nullable: '0+' }),
      resourceType: int8('0+'),
      resourceName: string('0+'),
    }),
  },
})
export interface AlterConfigsResponse extends Infer<typeof AlterConfigsResponse> {}
