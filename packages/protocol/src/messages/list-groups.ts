import { array, type Infer, int16, int32, message, string } from '../schema/schema.ts'

/** ListGroupsRequest (api key 16), versions 0-5, flexible 3+. */
export const ListGroupsRequest = message({
  name: 'ListGroupsRequest',
  apiKey: 16,
  versions: '0-5',
  flexible: '3+',
  listeners: ['broker'],
  fields: { statesFilter: array('4+', 'string'), typesFilter: array('5+', 'string') },
})
export interface ListGroupsRequest extends Infer<typeof ListGroupsRequest> {}

/** ListGroupsResponse (api key 16), versions 0-5, flexible 3+. */
export const ListGroupsResponse = message({
  name: 'ListGroupsResponse',
  apiKey: 16,
  versions: '0-5',
  flexible: '3+',
  fields: {
    throttleTimeMs: int32('1+'),
    errorCode: int16('0+'),
    groups: array('0+', {
      groupId: string('0+'),
      protocolType: string('0+'),
      groupState: string('4+'),
      groupType: string('5+'),
    }),
  },
})
export interface ListGroupsResponse extends Infer<typeof ListGroupsResponse> {}
