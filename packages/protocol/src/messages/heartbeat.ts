import { type Infer, int16, int32, message, string } from '../schema/schema.ts'

/** HeartbeatRequest (api key 12), versions 0-4, flexible 4+. */
export const HeartbeatRequest = message({
  name: 'HeartbeatRequest',
  apiKey: 12,
  versions: '0-4',
  flexible: '4+',
  listeners: ['broker'],
  fields: {
    groupId: string('0+'),
    generationId: int32('0+'),
    memberId: string('0+'),
    groupInstanceId: string('3+', { nullable: '3+', default: null }),
  },
})
export interface HeartbeatRequest extends Infer<typeof HeartbeatRequest> {}

/** HeartbeatResponse (api key 12), versions 0-4, flexible 4+. */
export const HeartbeatResponse = message({
  name: 'HeartbeatResponse',
  apiKey: 12,
  versions: '0-4',
  flexible: '4+',
  fields: { throttleTimeMs: int32('1+'), errorCode: int16('0+') },
})
export interface HeartbeatResponse extends Infer<typeof HeartbeatResponse> {}
