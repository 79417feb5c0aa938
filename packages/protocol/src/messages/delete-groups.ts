import { array, type Infer, int16, int32, message, string } from '../schema/schema.ts'

/** DeleteGroupsRequest (api key 42), versions 0-3, flexible 2+. */
export const DeleteGroupsRequest = message({
  name: 'DeleteGroupsRequest',
  apiKey: 42,
  versions: '0-3',
  flexible: '2+',
  listeners: ['broker'],
  fields: { groupsNames: array('0+', 'string') },
})
export interface DeleteGroupsRequest extends Infer<typeof DeleteGroupsRequest> {}

/** DeleteGroupsResponse (api key 42), versions 0-3, flexible 2+. */
export const DeleteGroupsResponse = message({
  name: 'DeleteGroupsResponse',
  apiKey: 42,
  versions: '0-3',
  flexible: '2+',
  fields: {
    throttleTimeMs: int32('0+'),
    results: array('0+', {
      groupId: string('0+'),
      errorCode: int16('0+'),
      errorMessage: string('3+', { nullable: '3+', default: null }),
    }),
  },
})
export interface DeleteGroupsResponse extends Infer<typeof DeleteGroupsResponse> {}
