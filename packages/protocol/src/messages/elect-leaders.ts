import { array, type Infer, int8, int16, int32, message, string } from '../schema/schema.ts'

/** ElectLeadersRequest (api key 43), versions 0-2, flexible 2+. */
export const ElectLeadersRequest = message({
  name: 'ElectLeadersRequest',
  apiKey: 43,
  versions: '0-2',
  flexible: '2+',
  listeners: ['broker', 'controller'],
  fields: {
    electionType: int8('1+'),
    topicPartitions: array(
      '0+',
      { topic: string('0+'), partitions: array('0+', 'int32') },
      { nullable: '0+' },
    ),
    timeoutMs: int32('0+', { default: 60000 }),
  },
})
export interface ElectLeadersRequest extends Infer<typeof ElectLeadersRequest> {}

/** ElectLeadersResponse (api key 43), versions 0-2, flexible 2+. */
export const ElectLeadersResponse = message({
  name: 'ElectLeadersResponse',
  apiKey: 43,
  versions: '0-2',
  flexible: '2+',
  fields: {
    throttleTimeMs: int32('0+'),
    errorCode: int16('1+'),
    replicaElectionResults: array('0+', {
      topic: string('0+'),
      partitionResult: array('0+', {
        partitionId: int32('0+'),
        errorCode: int16('0+'),
        errorMessage: string('0+', { nullable: '0+' }),
      }),
    }),
  },
})
export interface ElectLeadersResponse extends Infer<typeof ElectLeadersResponse> {}
