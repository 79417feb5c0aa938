import { array, type Infer, int16, int32, message, string } from '../schema/schema.ts'

/** LeaveGroupRequest (api key 13), versions 0-5, flexible 4+. */
export const LeaveGroupRequest = message({
  name: 'LeaveGroupRequest',
  apiKey: 13,
  versions: '0-5',
  flexible: '4+',
  listeners: ['broker'],
  fields: {
    groupId: string('0+'),
    memberId: string('0-2'),
    members: array('3+', {
      memberId: string('3+'),
      groupInstanceId: string('3+', { nullable: '3+', default: null }),
      reason: string('5+', { nullable: '5+', default: null }),
    }),
  },
})
export interface LeaveGroupRequest extends Infer<typeof LeaveGroupRequest> {}

/** LeaveGroupResponse (api key 13), versions 0-5, flexible 4+. */
export const LeaveGroupResponse = message({
  name: 'LeaveGroupResponse',
  apiKey: 13,
  versions: '0-5',
  flexible: '4+',
  fields: {
    throttleTimeMs: int32('1+'),
    errorCode: int16('0+'),
    members: array('3+', {
      memberId: string('3+'),
      groupInstanceId: string('3+', { nullable: '3+' }),
      errorCode: int16('3+'),
    }),
  },
})
export interface LeaveGroupResponse extends Infer<typeof LeaveGroupResponse> {}
