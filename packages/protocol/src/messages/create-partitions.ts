import { array, bool, type Infer, int16, int32, message, string } from '../schema/schema.ts'

/** CreatePartitionsRequest (api key 37), versions 0-3, flexible 2+. */
export const CreatePartitionsRequest = message({
  name: 'CreatePartitionsRequest',
  apiKey: 37,
  versions: '0-3',
  flexible: '2+',
  listeners: ['broker', 'controller'],
  fields: {
    topics: array('0+', {
      name: string('0+'),
      count: int32('0+'),
      assignments: array('0+', { brokerIds: array('0+', 'int32') }, { nullable: '0+' }),
    }),
    timeoutMs: int32('0+'),
    validateOnly: bool('0+'),
  },
})
export interface CreatePartitionsRequest extends Infer<typeof CreatePartitionsRequest> {}

/** CreatePartitionsResponse (api key 37), versions 0-3, flexible 2+. */
export const CreatePartitionsResponse = message({
  name: 'CreatePartitionsResponse',
  apiKey: 37,
  versions: '0-3',
  flexible: '2+',
  fields: {
    throttleTimeMs: int32('0+'),
    results: array('0+', {
      name: string('0+'),
      errorCode: int16('0+'),
      errorMessage: string('0+', { nullable: '0+', default: null }),
    }),
  },
})
export interface CreatePartitionsResponse extends Infer<typeof CreatePartitionsResponse> {}
