import { array, bool, type Infer, int16, int32, int64, message, string } from '../schema/schema.ts'

/** DescribeLogDirsRequest (api key 35), versions 1-5, flexible 2+. */
export const DescribeLogDirsRequest = message({
  name: 'DescribeLogDirsRequest',
  apiKey: 35,
  versions: '1-5',
  flexible: '2+',
  listeners: ['broker'],
  fields: {
    topics: array(
      '0+',
      { topic: string('0+'), partitions: array('0+', 'int32') },
      { nullable: '0+' },
    ),
  },
})
export interface DescribeLogDirsRequest extends Infer<typeof DescribeLogDirsRequest> {}

/** DescribeLogDirsResponse (api key 35), versions 1-5, flexible 2+. */
export const DescribeLogDirsResponse = message({
  name: 'DescribeLogDirsResponse',
  apiKey: 35,
  versions: '1-5',
  flexible: '2+',
  fields: {
    throttleTimeMs: int32('0+'),
    errorCode: int16('3+'),
    results: array('0+', {
      errorCode: int16('0+'),
      logDir: string('0+'),
      topics: array('0+', {
        name: string('0+'),
        partitions: array('0+', {
          partitionIndex: int32('0+'),
          partitionSize: int64('0+'),
          offsetLag: int64('0+'),
          isFutureKey: bool('0+'),
        }),
      }),
      totalBytes: int64('4+', { default: -1 }),
      usableBytes: int64('4+', { default: -1 }),
      isCordoned: bool('5+', { default: false }),
    }),
  },
})
export interface DescribeLogDirsResponse extends Infer<typeof DescribeLogDirsResponse> {}
