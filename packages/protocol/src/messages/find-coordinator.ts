import { array, type Infer, int8, int16, int32, message, string } from '../schema/schema.ts'

/** FindCoordinatorRequest (api key 10), versions 0-6, flexible 3+. */
export const FindCoordinatorRequest = message({
  name: 'FindCoordinatorRequest',
  apiKey: 10,
  versions: '0-6',
  flexible: '3+',
  listeners: ['broker'],
  fields: {
    key: string('0-3'),
    keyType: int8('1+', { default: 0 }),
    coordinatorKeys: array('4+', 'string'),
  },
})
export interface FindCoordinatorRequest extends Infer<typeof FindCoordinatorRequest> {}

/** FindCoordinatorResponse (api key 10), versions 0-6, flexible 3+. */
export const FindCoordinatorResponse = message({
  name: 'FindCoordinatorResponse',
  apiKey: 10,
  versions: '0-6',
  flexible: '3+',
  fields: {
    throttleTimeMs: int32('1+'),
    errorCode: int16('0-3'),
    errorMessage: string('1-3', { nullable: '1-3' }),
    nodeId: int32('0-3'),
    host: string('0-3'),
    port: int32('0-3'),
    coordinators: array('4+', {
      key: string('4+'),
      nodeId: int32('4+'),
      host: string('4+'),
      port: int32('4+'),
      errorCode: int16('4+'),
      errorMessage: string('4+', { nullable: '4+' }),
    }),
  },
})
export interface FindCoordinatorResponse extends Infer<typeof FindCoordinatorResponse> {}
