import { array, bytes, type Infer, int16, int32, message, string } from '../schema/schema.ts'

/** SyncGroupRequest (api key 14), versions 0-5, flexible 4+. */
export const SyncGroupRequest = message({
  name: 'SyncGroupRequest',
  apiKey: 14,
  versions: '0-5',
  flexible: '4+',
  listeners: ['broker'],
  fields: {
    groupId: string('0+'),
    generationId: int32('0+'),
    memberId: string('0+'),
    groupInstanceId: string('3+', { nullable: '3+', default: null }),
    protocolType: string('5+', { nullable: '5+', default: null }),
    protocolName: string('5+', { nullable: '5+', default: null }),
    assignments: array('0+', { memberId: string('0+'), assignment: bytes('0+') }),
  },
})
export interface SyncGroupRequest extends Infer<typeof SyncGroupRequest> {}

/** SyncGroupResponse (api key 14), versions 0-5, flexible 4+. */
export const SyncGroupResponse = message({
  name: 'SyncGroupResponse',
  apiKey: 14,
  versions: '0-5',
  flexible: '4+',
  fields: {
    throttleTimeMs: int32('1+'),
    errorCode: int16('0+'),
    protocolType: string('5+', { nullable: '5+', default: null }),
    protocolName: string('5+', { nullable: '5+', default: null }),
    assignment: bytes('0+'),
  },
})
export interface SyncGroupResponse extends Infer<typeof SyncGroupResponse> {}
