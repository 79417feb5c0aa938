import { array, type Infer, int16, int32, message, string, uuid } from '../schema/schema.ts'

/** DeleteTopicsRequest (api key 20), versions 1-6, flexible 4+. */
export const DeleteTopicsRequest = message({
  name: 'DeleteTopicsRequest',
  apiKey: 20,
  versions: '1-6',
  flexible: '4+',
  listeners: ['broker', 'controller'],
  fields: {
    topics: array('6+', {
      name: string('6+', { nullable: '6+', default: null }),
      topicId: uuid('6+'),
    }),
    topicNames: array('0-5', 'string'),
    timeoutMs: int32('0+'),
  },
})
export interface DeleteTopicsRequest extends Infer<typeof DeleteTopicsRequest> {}

/** DeleteTopicsResponse (api key 20), versions 1-6, flexible 4+. */
export const DeleteTopicsResponse = message({
  name: 'DeleteTopicsResponse',
  apiKey: 20,
  versions: '1-6',
  flexible: '4+',
  fields: {
    throttleTimeMs: int32('1+'),
    responses: array('0+', {
      name: string('0+', { nullable: '6+' }),
      topicId: uuid('6+'),
      errorCode: int16('0+'),
      errorMessage: string('5+', { nullable: '5+', default: null }),
    }),
  },
})
export interface DeleteTopicsResponse extends Infer<typeof DeleteTopicsResponse> {}
