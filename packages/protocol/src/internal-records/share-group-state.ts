import {
  array,
  type Infer,
  int8,
  int16,
  int32,
  int64,
  message,
  string,
  uuid,
} from '../schema/schema.ts'

/** ShareSnapshotKey (record type 0), versions 0, not flexible. */
export const ShareSnapshotKey = message({
  name: 'ShareSnapshotKey',
  apiKey: 0,
  versions: '0',
  flexible: 'none',
  fields: { groupId: string('0'), topicId: uuid('0'), partition: int32('0') },
})
export interface ShareSnapshotKey extends Infer<typeof ShareSnapshotKey> {}

/** ShareSnapshotValue (record type 0), versions 0, flexible 0+. */
export const ShareSnapshotValue = message({
  name: 'ShareSnapshotValue',
  apiKey: 0,
  versions: '0',
  flexible: '0+',
  fields: {
    snapshotEpoch: int32('0+'),
    stateEpoch: int32('0+'),
    leaderEpoch: int32('0+'),
    startOffset: int64('0+'),
    deliveryCompleteCount: int32('0+', { tag: 0, default: -1 }),
    createTimestamp: int64('0+'),
    writeTimestamp: int64('0+'),
    stateBatches: array('0+', {
      firstOffset: int64('0+'),
      lastOffset: int64('0+'),
      deliveryState: int8('0+'),
      deliveryCount: int16('0+'),
    }),
  },
})
export interface ShareSnapshotValue extends Infer<typeof ShareSnapshotValue> {}

/** ShareUpdateKey (record type 1), versions 0, not flexible. */
export const ShareUpdateKey = message({
  name: 'ShareUpdateKey',
  apiKey: 1,
  versions: '0',
  flexible: 'none',
  fields: { groupId: string('0'), topicId: uuid('0'), partition: int32('0') },
})
export interface ShareUpdateKey extends Infer<typeof ShareUpdateKey> {}

/** ShareUpdateValue (record type 1), versions 0, flexible 0+. */
export const ShareUpdateValue = message({
  name: 'ShareUpdateValue',
  apiKey: 1,
  versions: '0',
  flexible: '0+',
  fields: {
    snapshotEpoch: int32('0+'),
    leaderEpoch: int32('0+'),
    startOffset: int64('0+'),
    deliveryCompleteCount: int32('0+', { tag: 0, default: -1 }),
    stateBatches: array('0+', {
      firstOffset: int64('0+'),
      lastOffset: int64('0+'),
      deliveryState: int8('0+'),
      deliveryCount: int16('0+'),
    }),
  },
})
export interface ShareUpdateValue extends Infer<typeof ShareUpdateValue> {}
