import {
  array,
  bool,
  float64,
  type Infer,
  int16,
  int32,
  message,
  string,
} from '../schema/schema.ts'

/** AlterClientQuotasRequest (api key 49), versions 0-1, flexible 1+. */
export const AlterClientQuotasRequest = message({
  name: 'AlterClientQuotasRequest',
  apiKey: 49,
  versions: '0-1',
  flexible: '1+',
  listeners: ['broker', 'controller'],
  fields: {
    entries: array('0+', {
      entity: array('0+', {
        entityType: string('0+'),
        entityName: string('0+', { nullable: '0+' }),
      }),
      ops: array('0+', { key: string('0+'), value: float64('0+'), remove: bool('0+') }),
    }),
    validateOnly: bool('0+'),
  },
})
export interface AlterClientQuotasRequest extends Infer<typeof AlterClientQuotasRequest> {}

/** AlterClientQuotasResponse (api key 49), versions 0-1, flexible 1+. */
export const AlterClientQuotasResponse = message({
  name: 'AlterClientQuotasResponse',
  apiKey: 49,
  versions: '0-1',
  flexible: '1+',
  fields: {
    throttleTimeMs: int32('0+'),
    entries: array('0+', {
      errorCode: int16('0+'),
      errorMessage: string('0+', { nullable: '0+' }),
      entity: array('0+', {
        entityType: string('0+'),
        entityName: string('0+', { nullable: '0+' }),
      }),
    }),
  },
})
export interface AlterClientQuotasResponse extends Infer<typeof AlterClientQuotasResponse> {}
