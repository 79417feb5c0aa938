import { array, bool, type Infer, int8, int16, int32, message, string } from '../schema/schema.ts'

/** IncrementalAlterConfigsRequest (api key 44), versions 0-1, flexible 1+. */
export const IncrementalAlterConfigsRequest = message({
  name: 'IncrementalAlterConfigsRequest',
  apiKey: 44,
  versions: '0-1',
  flexible: '1+',
  listeners: ['broker', 'controller'],
  fields: {
    resources: array('0+', {
      resourceType: int8('0+'),
      resourceName: string('0+'),
      configs: array('0+', {
        name: string('0+'),
        configOperation: int8('0+'),
        value: string('0+', { nullable: '0+' }),
      }),
    }),
    validateOnly: bool('0+'),
  },
})
export interface IncrementalAlterConfigsRequest
  extends Infer<typeof IncrementalAlterConfigsRequest> {}

/** IncrementalAlterConfigsResponse (api key 44), versions 0-1, flexible 1+. */
export const IncrementalAlterConfigsResponse = message({
  name: 'IncrementalAlterConfigsResponse',
  apiKey: 44,
  versions: '0-1',
  flexible: '1+',
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
export interface IncrementalAlterConfigsResponse
  extends Infer<typeof IncrementalAlterConfigsResponse> {}
