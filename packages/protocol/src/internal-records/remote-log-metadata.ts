import {
  array,
  bool,
  bytes,
  type Infer,
  int8,
  int32,
  int64,
  message,
  string,
  struct,
  uuid,
} from '../schema/schema.ts'

/** RemoteLogSegmentMetadataRecord (record type 0), versions 0, flexible 0+. */
export const RemoteLogSegmentMetadataRecord = message({
  name: 'RemoteLogSegmentMetadataRecord',
  apiKey: 0,
  versions: '0',
  flexible: '0+',
  fields: {
    remoteLogSegmentId: struct('0+', {
      topicIdPartition: struct('0+', {
        name: string('0+'),
        id: uuid('0+'),
        partition: int32('0+'),
      }),
      id: uuid('0+'),
    }),
    startOffset: int64('0+'),
    endOffset: int64('0+'),
    brokerId: int32('0+'),
    maxTimestampMs: int64('0+'),
    eventTimestampMs: int64('0+'),
    segmentLeaderEpochs: array('0+', { leaderEpoch: int32('0+'), offset: int64('0+') }),
    segmentSizeInBytes: int32('0+'),
    customMetadata: bytes('0+', { nullable: '0+', default: null }),
    remoteLogSegmentState: int8('0+'),
    txnIndexEmpty: bool('0+', { tag: 0 }),
  },
})
export interface RemoteLogSegmentMetadataRecord
  extends Infer<typeof RemoteLogSegmentMetadataRecord> {}

/** RemoteLogSegmentMetadataSnapshotRecord (record type 3), versions 0, flexible 0+. */
export const RemoteLogSegmentMetadataSnapshotRecord = message({
  name: 'RemoteLogSegmentMetadataSnapshotRecord',
  apiKey: 3,
  versions: '0',
  flexible: '0+',
  fields: {
    segmentId: uuid('0+'),
    startOffset: int64('0+'),
    endOffset: int64('0+'),
    brokerId: int32('0+'),
    maxTimestampMs: int64('0+'),
    eventTimestampMs: int64('0+'),
    segmentLeaderEpochs: array('0+', { leaderEpoch: int32('0+'), offset: int64('0+') }),
    segmentSizeInBytes: int32('0+'),
    customMetadata: bytes('0+', { nullable: '0+', default: null }),
    remoteLogSegmentState: int8('0+'),
    txnIndexEmpty: bool('0+', { tag: 0 }),
  },
})
export interface RemoteLogSegmentMetadataSnapshotRecord
  extends Infer<typeof RemoteLogSegmentMetadataSnapshotRecord> {}

/** RemoteLogSegmentMetadataUpdateRecord (record type 1), versions 0, flexible 0+. */
export const RemoteLogSegmentMetadataUpdateRecord = message({
  name: 'RemoteLogSegmentMetadataUpdateRecord',
  apiKey: 1,
  versions: '0',
  flexible: '0+',
  fields: {
    remoteLogSegmentId: struct('0+', {
      topicIdPartition: struct('0+', {
        name: string('0+'),
        id: uuid('0+'),
        partition: int32('0+'),
      }),
      id: uuid('0+'),
    }),
    brokerId: int32('0+'),
    eventTimestampMs: int64('0+'),
    customMetadata: bytes('0+', { nullable: '0+', default: null }),
    remoteLogSegmentState: int8('0+'),
  },
})
export interface RemoteLogSegmentMetadataUpdateRecord
  extends Infer<typeof RemoteLogSegmentMetadataUpdateRecord> {}

/** RemotePartitionDeleteMetadataRecord (record type 2), versions 0, flexible 0+. */
export const RemotePartitionDeleteMetadataRecord = message({
  name: 'RemotePartitionDeleteMetadataRecord',
  apiKey: 2,
  versions: '0',
  flexible: '0+',
  fields: {
    topicIdPartition: struct('0+', { name: string('0+'), id: uuid('0+'), partition: int32('0+') }),
    brokerId: int32('0+'),
    eventTimestampMs: int64('0+'),
    remotePartitionDeleteState: int8('0+'),
  },
})
export interface RemotePartitionDeleteMetadataRecord
  extends Infer<typeof RemotePartitionDeleteMetadataRecord> {}
