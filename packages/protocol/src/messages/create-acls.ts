import { array, type Infer, int8, int16, int32, message, string } from '../schema/schema.ts'

/** CreateAclsRequest (api key 30), versions 1-3, flexible 2+. */
export const CreateAclsRequest = message({
  name: 'CreateAclsRequest',
  apiKey: 30,
  versions: '1-3',
  flexible: '2+',
  listeners: ['broker', 'controller'],
  fields: {
    creations: array('0+', {
      resourceType: int8('0+'),
      resourceName: string('0+'),
      resourcePatternType: int8('1+', { default: 3 }),
      principal: string('0+'),
      host: string('0+'),
      operation: int8('0+'),
      permissionType: int8('0+'),
    }),
  },
})
export interface CreateAclsRequest extends Infer<typeof CreateAclsRequest> {}

/** CreateAclsResponse (api key 30), versions 1-3, flexible 2+. */
export const CreateAclsResponse = message({
  name: 'CreateAclsResponse',
  apiKey: 30,
  versions: '1-3',
  flexible: '2+',
  fields: {
    throttleTimeMs: int32('0+'),
    results: array('0+', {
      errorCode: int16('0+'),
      errorMessage: string('0+', { nullable: '0+' }),
    }),
  },
})
export interface CreateAclsResponse extends Infer<typeof CreateAclsResponse> {}
