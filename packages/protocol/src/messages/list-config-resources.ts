import { array, type Infer, int8, int16, int32, message, string } from '../schema/schema.ts'

/** ListConfigResourcesRequest (api key 74), versions 0-1, flexible 0+. */
export const ListConfigResourcesRequest = message({
  name: 'ListConfigResourcesRequest',
  apiKey: 74,
  versions: '0-1',
  flexible: '0+',
  listeners: ['broker'],
  fields: { resourceTypes: array('1+', 'int8') },
})
export interface ListConfigResourcesRequest extends Infer<typeof ListConfigResourcesRequest> {}

/** ListConfigResourcesResponse (api key 74), versions 0-1, flexible 0+. */
export const ListConfigResourcesResponse = message({
  name: 'ListConfigResourcesResponse',
  apiKey: 74,
  versions: '0-1',
  flexible: '0+',
  fields: {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    configResources: array('0+', {
      resourceName: string('0+'),
      resourceType: int8('1+', { default: 16 }),
    }),
  },
})
export interface ListConfigResourcesResponse extends Infer<typeof ListConfigResourcesResponse> {}
