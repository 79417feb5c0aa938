import {
  array,
  bool,
  type Infer,
  int16,
  int32,
  int64,
  message,
  string,
  struct,
  uint16,
  uint32,
  uuid,
} from '../schema/schema.ts'

/** AbortedTxn, versions 0, not flexible. */
export const AbortedTxn = message({
  name: 'AbortedTxn',
  versions: '0',
  flexible: 'none',
  fields: {
    producerId: int64('0+'),
    firstOffset: int64('0+'),
    lastOffset: int64('0+'),
    lastStableOffset: int64('0+'),
  },
})
export interface AbortedTxn extends Infer<typeof AbortedTxn> {}

/** ControlRecordTypeSchema, versions 0, not flexible. */
export const ControlRecordTypeSchema = message({
  name: 'ControlRecordTypeSchema',
  versions: '0',
  flexible: 'none',
  fields: { type: int16('0+') },
})
export interface ControlRecordTypeSchema extends Infer<typeof ControlRecordTypeSchema> {}

/** DefaultPrincipalData, versions 0, flexible 0+. */
export const DefaultPrincipalData = message({
  name: 'DefaultPrincipalData',
  versions: '0',
  flexible: '0+',
  fields: { type: string('0+'), name: string('0+'), tokenAuthenticated: bool('0+') },
})
export interface DefaultPrincipalData extends Infer<typeof DefaultPrincipalData> {}

/** EndTxnMarker, versions 0, not flexible. */
export const EndTxnMarker = message({
  name: 'EndTxnMarker',
  versions: '0',
  flexible: 'none',
  fields: { coordinatorEpoch: int32('0+') },
})
export interface EndTxnMarker extends Infer<typeof EndTxnMarker> {}

/** KRaftVersionRecord, versions 0, flexible 0+. */
export const KRaftVersionRecord = message({
  name: 'KRaftVersionRecord',
  versions: '0',
  flexible: '0+',
  fields: { version: int16('0+'), kRaftVersion: int16('0+') },
})
export interface KRaftVersionRecord extends Infer<typeof KRaftVersionRecord> {}

const voter = { voterId: int32('0+'), voterDirectoryId: uuid('1+') } as const
/** LeaderChangeMessage, versions 0-1, flexible 0+. */
export const LeaderChangeMessage = message({
  name: 'LeaderChangeMessage',
  versions: '0-1',
  flexible: '0+',
  fields: {
    version: int16('0+'),
    leaderId: int32('0+'),
    voters: array('0+', voter),
    grantingVoters: array('0+', voter),
  },
})
export interface LeaderChangeMessage extends Infer<typeof LeaderChangeMessage> {}

/** ProducerSnapshot, versions 1, not flexible. */
export const ProducerSnapshot = message({
  name: 'ProducerSnapshot',
  versions: '1',
  flexible: 'none',
  fields: {
    crc: uint32('1'),
    producerEntries: array('1', {
      producerId: int64('1'),
      epoch: int16('1'),
      lastSequence: int32('1'),
      lastOffset: int64('1'),
      offsetDelta: int32('1'),
      timestamp: int64('1'),
      coordinatorEpoch: int32('1'),
      currentTxnFirstOffset: int64('1'),
    }),
  },
})
export interface ProducerSnapshot extends Infer<typeof ProducerSnapshot> {}

/** QuorumStateData, versions 0-1, flexible 0+. */
export const QuorumStateData = message({
  name: 'QuorumStateData',
  versions: '0-1',
  flexible: '0+',
  fields: {
    clusterId: string('0'),
    leaderId: int32('0+', { default: -1 }),
    leaderEpoch: int32('0+', { default: -1 }),
    votedId: int32('0+', { default: -1 }),
    votedDirectoryId: uuid('1+'),
    appliedOffset: int64('0'),
    currentVoters: array('0', { voterId: int32('0') }, { nullable: '0' }),
  },
})
export interface QuorumStateData extends Infer<typeof QuorumStateData> {}

/** SnapshotFooterRecord, versions 0, flexible 0+. */
export const SnapshotFooterRecord = message({
  name: 'SnapshotFooterRecord',
  versions: '0',
  flexible: '0+',
  fields: { version: int16('0+') },
})
export interface SnapshotFooterRecord extends Infer<typeof SnapshotFooterRecord> {}

/** SnapshotHeaderRecord, versions 0, flexible 0+. */
export const SnapshotHeaderRecord = message({
  name: 'SnapshotHeaderRecord',
  versions: '0',
  flexible: '0+',
  fields: { version: int16('0+'), lastContainedLogTimestamp: int64('0+') },
})
export interface SnapshotHeaderRecord extends Infer<typeof SnapshotHeaderRecord> {}

/** VotersRecord, versions 0, flexible 0+. */
export const VotersRecord = message({
  name: 'VotersRecord',
  versions: '0',
  flexible: '0+',
  fields: {
    version: int16('0+'),
    voters: array('0+', {
      voterId: int32('0+'),
      voterDirectoryId: uuid('0+'),
      endpoints: array('0+', { name: string('0+'), host: string('0+'), port: uint16('0+') }),
      kRaftVersionFeature: struct('0+', {
        minSupportedVersion: int16('0+'),
        maxSupportedVersion: int16('0+'),
      }),
    }),
  },
})
export interface VotersRecord extends Infer<typeof VotersRecord> {}
