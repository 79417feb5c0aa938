import {
  array,
  bool,
  type Infer,
  int16,
  int32,
  message,
  string,
  uint16,
  uuid,
} from '../schema/schema.ts'

/** AddRaftVoterRequest (api key 80), versions 0-1, flexible 0+. */
export const AddRaftVoterRequest = message({
  name: 'AddRaftVoterRequest',
  apiKey: 80,
  versions: '0-1',
  flexible: '0+',
  listeners: ['controller', 'broker'],
  fields: {
    clusterId: string('0+', { nullable: '0+' }),
    timeoutMs: int32('0+'),
    voterId: int32('0+'),
    voterDirectoryId: uuid('0+'),
    listeners: array('0+', { name: string('0+'), host: string('0+'), port: uint16('0+') }),
    ackWhenCommitted: bool('1+', { default: true }),
  },
})
export interface AddRaftVoterRequest extends Infer<typeof AddRaftVoterRequest> {}

/** AddRaftVoterResponse (api key 80), versions 0-1, flexible 0+. */
export const AddRaftVoterResponse = message({
  name: 'AddRaftVoterResponse',
  apiKey: 80,
  versions: '0-1',
  flexible: '0+',
  fields: {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    errorMessage: string('0+', { nullable: '0+' }),
  },
})
export interface AddRaftVoterResponse extends Infer<typeof AddRaftVoterResponse> {}
