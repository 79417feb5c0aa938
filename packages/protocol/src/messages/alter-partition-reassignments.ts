import { array, bool, type Infer, int16, int32, message, string } from '../schema/schema.ts'

/** AlterPartitionReassignmentsRequest (api key 45), versions 0-1, flexible 0+. */
export const AlterPartitionReassignmentsRequest = message({
  name: 'AlterPartitionReassignmentsRequest',
  apiKey: 45,
  versions: '0-1',
  flexible: '0+',
  listeners: ['broker', 'controller'],
  fields: {
    timeoutMs: int32('0+', { default: 60000 }),
    allowReplicationFactorChange: bool('1+', { default: true }),
    topics: array('0+', {
      name: string('0+'),
      partitions: array('0+', {
        partitionIndex: int32('0+'),
        replicas: array('0+', 'int32', { nullable: '0+', default: null }),
      }),
    }),
  },
})
export interface AlterPartitionReassignmentsRequest
  extends Infer<typeof AlterPartitionReassignmentsRequest> {}

/** AlterPartitionReassignmentsResponse (api key 45), versions 0-1, flexible 0+. */
export const AlterPartitionReassignmentsResponse = message({
  name: 'AlterPartitionReassignmentsResponse',
  apiKey: 45,
  versions: '0-1',
  flexible: '0+',
  fields: {
    throttleTimeMs: int32('0+'),
    allowReplicationFactorChange: bool('1+', { default: true }),
    errorCode: int16('0+'),
    errorMessage: string('0+', { nullable: '0+' }),
    responses: array('0+', {
      name: string('0+'),
      partitions: array('0+', {
        partitionIndex: int32('0+'),
        errorCode: int16('0+'),
        errorMessage: string('0+', { nullable: '0+' }),
      }),
    }),
  },
})
export interface AlterPartitionReassignmentsResponse
  extends Infer<typeof AlterPartitionReassignmentsResponse> {}
