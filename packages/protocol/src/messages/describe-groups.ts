import { array, bool, bytes, type Infer, int16, int32, message, string } from '../schema/schema.ts'

/** DescribeGroupsRequest (api key 15), versions 0-6, flexible 5+. */
export const DescribeGroupsRequest = message({
  name: 'DescribeGroupsRequest',
  apiKey: 15,
  versions: '0-6',
  flexible: '5+',
  listeners: ['broker'],
  fields: { groups: array('0+', 'string'), includeAuthorizedOperations: bool('3+') },
})
export interface DescribeGroupsRequest extends Infer<typeof DescribeGroupsRequest> {}

/** DescribeGroupsResponse (api key 15), versions 0-6, flexible 5+. */
export const DescribeGroupsResponse = message({
  name: 'DescribeGroupsResponse',
  apiKey: 15,
  versions: '0-6',
  flexible: '5+',
  fields: {
    throttleTimeMs: int32('1+'),
    groups: array('0+', {
      errorCode: int16('0+'),
      errorMessage: string('6+', { nullable: '6+', default: null }),
      groupId: string('0+'),
      groupState: string('0+'),
      protocolType: string('0+'),
      protocolData: string('0+'),
      members: array('0+', {
        memberId: string('0+'),
        groupInstanceId: string('4+', { nullable: '4+', default: null }),
        clientId: string('0+'),
        clientHost: string('0+'),
        memberMetadata: bytes('0+'),
        memberAssignment: bytes('0+'),
      }),
      authorizedOperations: int32('3+', { default: -2147483648 }),
    }),
  },
})
export interface DescribeGroupsResponse extends Infer<typeof DescribeGroupsResponse> {}
