import { array, type Infer, int16, int32, int64, message, string, uuid } from '../schema/schema.ts'

/** DescribeShareGroupOffsetsRequest (api key 90), versions 0-1, flexible 0+. */
export const DescribeShareGroupOffsetsRequest = message({
  name: 'DescribeShareGroupOffsetsRequest',
  apiKey: 90,
  versions: '0-1',
  flexible: '0+',
  listeners: ['broker'],
  fields: {
    groups: array('0+', {
      groupId: string('0+'),
      topics: array(
        '0+',
        { topicName: string('0+'), partitions: array('0+', 'int32') },
        { nullable: '0+' },
      ),
    }),
  },
})
export interface DescribeShareGroupOffsetsRequest
  extends Infer<typeof DescribeShareGroupOffsetsRequest> {}

/** DescribeShareGroupOffsetsResponse (api key 90), versions 0-1, flexible 0+. */
export const DescribeShareGroupOffsetsResponse = message({
  name: 'DescribeShareGroupOffsetsResponse',
  apiKey: 90,
  versions: '0-1',
  flexible: '0+',
  fields: {
    throttleTimeMs: int32('0+'),
    groups: array('0+', {
      groupId: string('0+'),
      topics: array('0+', {
        topicName: string('0+'),
        topicId: uuid('0+'),
        partitions: array('0+', {
          partitionIndex: int32('0+'),
          startOffset: int64('0+'),
          leaderEpoch: int32('0+'),
          lag: int64('1+', { default: -1 }),
          errorCode: int16('0+'),
          errorMessage: string('0+', { nullable: '0+', default: null }),
        }),
      }),
      errorCode: int16('0+'),
      errorMessage: string('0+', { nullable: '0+', default: null }),
    }),
  },
})
export interface DescribeShareGroupOffsetsResponse
  extends Infer<typeof DescribeShareGroupOffsetsResponse> {}
