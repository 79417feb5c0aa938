import { array, type Infer, int16, int32, message, string } from '../schema/schema.ts'

/** ListPartitionReassignmentsRequest (api key 46), versions 0, flexible 0+. */
export const ListPartitionReassignmentsRequest = message({
  name: 'ListPartitionReassignmentsRequest',
  apiKey: 46,
  versions: '0',
  flexible: '0+',
  listeners: ['broker', 'controller'],
  fields: {
    timeoutMs: int32('0+', { default: 60000 }),
    topics: array(
      '0+',
      { name: string('0+'), partitionIndexes: array('0+', 'int32') },
      { nullable: '0+', default: null },
    ),
  },
})
export interface ListPartitionReassignmentsRequest
  extends Infer<typeof ListPartitionReassignmentsRequest> {}

/** ListPartitionReassignmentsResponse (api key 46), versions 0, flexible 0+. */
export const ListPartitionReassignmentsResponse = message({
  name: 'ListPartitionReassignmentsResponse',
  apiKey: 46,
  versions: '0',
  flexible: '0+',
  fields: {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    errorMessage: string('0+', { nullable: '0+' }),
    topics: array('0+', {
      name: string('0+'),
      partitions: array('0+', {
        partitionIndex: int32('0+'),
        replicas: array('0+', 'int32'),
        addingReplicas: array('0+', 'int32'),
        removingReplicas: array('0+', 'int32'),
      }),
    }),
  },
})
export interface ListPartitionReassignmentsResponse
  extends Infer<typeof ListPartitionReassignmentsResponse> {}
