/**
 * Records of `__share_group_state`, in Apache Kafka's formats: how far share groups have come in
 * each partition.
 *
 *   0 snapshot   everything about one share partition; null when it is forgotten
 *   1 update     what changed since the snapshot with the same epoch
 */
import type { Uuid } from '@ottla/base'
import {
  decodePrefixed,
  encodePrefixed,
  ShareSnapshotKey,
  ShareSnapshotValue,
  ShareUpdateKey,
  ShareUpdateValue,
} from '@ottla/protocol'

/** One partition as one share group sees it. */
export interface SharePartitionKey {
  readonly groupId: string
  readonly topicId: Uuid
  readonly partition: number
}

/** Text of a key; the partition of the topic that holds its state is found by it. */
export const textOf = ({ groupId, topicId, partition }: SharePartitionKey): string =>
  `${groupId}:${topicId}:${partition}`

export type ShareStateRecord =
  | {
      readonly kind: 'snapshot'
      readonly key: SharePartitionKey
      readonly value: ShareSnapshotValue | null
    }
  | { readonly kind: 'update'; readonly key: SharePartitionKey; readonly value: ShareUpdateValue }

const SNAPSHOT_TYPE = 0
const UPDATE_TYPE = 1

export function encodeShareState(record: ShareStateRecord): { key: Buffer; value: Buffer | null } {
  if (record.kind === 'update') {
    const key = encodePrefixed(ShareUpdateKey, UPDATE_TYPE, 0, record.key)
    return { key, value: encodePrefixed(ShareUpdateValue, 0, 0, record.value) }
  }
  const { value } = record
  return {
    key: encodePrefixed(ShareSnapshotKey, SNAPSHOT_TYPE, 0, record.key),
    value: value && encodePrefixed(ShareSnapshotValue, 0, 0, value),
  }
}

/** undefined: of a type that is not known here, and left alone. */
export function decodeShareState(key: Buffer, value: Buffer | null): ShareStateRecord | undefined {
  const type = key.length >= 2 ? key.readInt16BE(0) : -1
  if (type === SNAPSHOT_TYPE) {
    const decoded = value && decodePrefixed(ShareSnapshotValue, 0, value)
    return { kind: 'snapshot', key: decodePrefixed(ShareSnapshotKey, 0, key), value: decoded }
  }
  if (type !== UPDATE_TYPE || !value) return undefined
  const decoded = decodePrefixed(ShareUpdateValue, 0, value)
  return { kind: 'update', key: decodePrefixed(ShareUpdateKey, 0, key), value: decoded }
}
