import {
  array,
  type Infer,
  int16,
  int32,
  int64,
  message,
  records,
  string,
  struct,
  uint16,
  uuid,
} from '../schema/schema.ts'

/** FetchSnapshotRequest (api key 59), versions 0-1, flexible 0+. */
export const FetchSnapshotRequest = message({
  name: 'FetchSnapshotRequest',
  apiKey: 59,
  versions: '0-1',
  flexible: '0+',
  listeners: ['controller'],
  fields: {
    clusterId: string('0+', { nullable: '0+', tag: 0, default: null }),
    replicaId: int32('0+', { default: -1 }),
    maxBytes: int32('0+', { default: 2147483647 }),
    topics: array('0+', {
      name: string('0+'),
      partitions: array('0+', {
        partition: int32('0+'),
        currentLeaderEpoch: int32('0+'),
        snapshotId: struct('0+', { endOffset: int64('0+'), epoch: int32('0+') }),
        position: int64('0+'),
        replicaDirectoryId: uuid('1+', { tag: 0 }),
      }),
    }),
  },
})
export interface FetchSnapshotRequest extends Infer<typeof FetchSnapshotRequest> {}

/** FetchSnapshotResponse (api key 59), versions 0-1, flexible 0+. */
export const FetchSnapshotResponse = message({
  name: 'FetchSnapshotResponse',
  apiKey: 59,
  versions: '0-1',
  flexible: '0+',
  fields: {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    topics: array('0+', {
      name: string('0+'),
      partitions: array('0+', {
        index: int32('0+'),
        errorCode: int16('0+'),
        snapshotId: struct('0+', { endOffset: int64('0+'), epoch: int32('0+') }),
        currentLeader: struct(
          '0+',
          { leaderId: int32('0+'), leaderEpoch: int32('0+') },
          { tag: 0 },
        ),
        size: int64('0+'),
        position: int64('0+'),
        unalignedRecords: records('0+'),
      }),
    }),
    nodeEndpoints: array(
      '1+',
      { nodeId: int32('1+'), host: string('1+'), port: uint16('1+') },
      { tag: 0 },
    ),
  },
})
export interface FetchSnapshotResponse extends Infer<typeof FetchSnapshotResponse> {}
