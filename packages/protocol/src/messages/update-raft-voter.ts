import {
  array,
  type Infer,
  int16,
  int32,
  message,
  string,
  struct,
  uint16,
  uuid,
} from '../schema/schema.ts'

/** UpdateRaftVoterRequest (api key 82), versions 0, flexible 0+. */
export const UpdateRaftVoterRequest = message({
  name: 'UpdateRaftVoterRequest',
  apiKey: 82,
  versions: '0',
  flexible: '0+',
  listeners: ['controller'],
  fields: {
    clusterId: string('0+', { nullable: '0+' }),
    currentLeaderEpoch: int32('0+'),
    voterId: int32('0+'),
    voterDirectoryId: uuid('0+'),
    listeners: array('0+', { name: string('0+'), host: string('0+'), port: uint16('0+') }),
    kRaftVersionFeature: struct('0+', {
      minSupportedVersion: int16('0+'),
      maxSupportedVersion: int16('0+'),
    }),
  },
})
export interface UpdateRaftVoterRequest extends Infer<typeof UpdateRaftVoterRequest> {}

/** UpdateRaftVoterResponse (api key 82), versions 0, flexible 0+. */
export const UpdateRaftVoterResponse = message({
  name: 'UpdateRaftVoterResponse',
  apiKey: 82,
  versions: '0',
  flexible: '0+',
  fields: {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    currentLeader: struct(
      '0+',
      {
        leaderId: int32('0+', { default: -1 }),
        leaderEpoch: int32('0+', { default: -1 }),
        host: string('0+'),
        port: int32('0+'),
      },
      { tag: 0 },
    ),
  },
})
export interface UpdateRaftVoterResponse extends Infer<typeof UpdateRaftVoterResponse> {}
