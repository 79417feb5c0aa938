import {
  array,
  bool,
  float64,
  type Infer,
  int8,
  int16,
  int32,
  message,
  string,
} from '../schema/schema.ts'

/** DescribeClientQuotasRequest (api key 48), versions 0-1, flexible 1+. */
export const DescribeClientQuotasRequest = message({
  name: 'DescribeClientQuotasRequest',
  apiKey: 48,
  versions: '0-1',
  flexible: '1+',
  listeners: ['broker'],
  fields: {
    components: array('0+', {
      entityType: string('0+'),
      matchType: int8('0+'),
      match: string('0+', { nullable: '0+' }),
    }),
    strict: bool('0+'),
  },
})
export interface DescribeClientQuotasRequest extends Infer<typeof DescribeClientQuotasRequest> {}

/** DescribeClientQuotasResponse (api key 48), versions 0-1, flexible 1+. */
export const DescribeClientQuotasResponse = message({
  name: 'DescribeClientQuotasResponse',
  apiKey: 48,
  versions: '0-1',
  flexible: '1+',
  fields: {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    errorMessage: string('0+', { nullable: '0+' }),
    entries: array(
      '0+',
      {
        entity: array('0+', {
          entityType: string('0+'),
          entityName: string('0+', { nullable: '0+' }),
        }),
        values: array('0+', { key: string('0+'), value: float64('0+') }),
      },
      { nullable: '0+' },
    ),
  },
})
export interface DescribeClientQuotasResponse extends Infer<typeof DescribeClientQuotasResponse> {}
