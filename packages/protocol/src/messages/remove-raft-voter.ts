import { type Infer, int16, int32, message, string, uuid } from '../schema/schema.ts'

/** RemoveRaftVoterRequest (api key 81), versions 0, flexible 0+. */
export const RemoveRaftVoterRequest = message({
  name: 'RemoveRaftVoterRequest',
  apiKey: 81,
  versions: '0',
  flexible: '0+',
  listeners: ['controller', 'broker'],
  fields: {
    clusterId: string('0+', { nullable: '0+' }),
    voterId: int32('0+'),
    voterDirectoryId: uuid('0+'),
  },
})
export interface RemoveRaftVoterRequest extends Infer<typeof RemoveRaftVoterRequest> {}

/** RemoveRaftVoterResponse (api key 81), versions 0, flexible 0+. */
export const RemoveRaftVoterResponse = message({
  name: 'RemoveRaftVoterResponse',
  apiKey: 81,
  versions: '0',
  flexible: '0+',
  fields: {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    errorMessage: string('0+', { nullable: '0+' }),
  },
})
export interface RemoveRaftVoterResponse extends Infer<typeof RemoveRaftVoterResponse> {}
