/**
 * Records of share groups (KIP-932) in `__consumer_offsets`, in Apache Kafka's formats:
 *
 *   10 member   what it subscribed to         13 target of a member
 *   11 group    epoch, hash of topics read    14 what a member holds
 *   12 target epoch                           15 partitions whose state is, or is being, kept
 *
 * A null value removes. All are written in version 0, the only one there is.
 */
import {
  decodePrefixed,
  encodePrefixed,
  ShareGroupCurrentMemberAssignmentKey,
  ShareGroupCurrentMemberAssignmentValue,
  ShareGroupMemberMetadataKey,
  ShareGroupMemberMetadataValue,
  ShareGroupMetadataKey,
  ShareGroupMetadataValue,
  ShareGroupStatePartitionMetadataKey,
  ShareGroupStatePartitionMetadataValue,
  ShareGroupTargetAssignmentMemberKey,
  ShareGroupTargetAssignmentMemberValue,
  ShareGroupTargetAssignmentMetadataKey,
  ShareGroupTargetAssignmentMetadataValue,
} from '@ottla/protocol'
import { type Assignment, assignmentOf, topicPartitionsOf } from '../consumer-group/assignment.ts'

export type ShareMemberMetadata = ShareGroupMemberMetadataValue

export interface ShareCurrentAssignment {
  readonly memberEpoch: number
  readonly previousMemberEpoch: number
  readonly state: number
  readonly assigned: Assignment
}

interface Base<K extends string, V> {
  readonly kind: K
  readonly group: string
  readonly value: V | null
}

interface OfMember<K extends string, V> extends Base<K, V> {
  readonly member: string
}

export type ShareGroupRecord =
  | Base<'share-group', ShareGroupMetadataValue>
  | OfMember<'share-member', ShareMemberMetadata>
  | Base<'share-target-epoch', ShareGroupTargetAssignmentMetadataValue>
  | OfMember<'share-target', Assignment>
  | OfMember<'share-current', ShareCurrentAssignment>
  | Base<'share-state-partitions', ShareGroupStatePartitionMetadataValue>

const Type = {
  MEMBER: 10,
  GROUP: 11,
  TARGET_EPOCH: 12,
  TARGET: 13,
  CURRENT: 14,
  STATE_PARTITIONS: 15,
} as const

interface Encoded {
  readonly key: Buffer
  readonly value: Buffer | null
}

export const isShareGroupRecord = (record: { readonly kind: string }): record is ShareGroupRecord =>
  record.kind.startsWith('share-')

export function encodeShareGroupRecord(record: ShareGroupRecord): Encoded {
  const ofGroup = { groupId: record.group }
  const { value } = record
  switch (record.kind) {
    case 'share-group': {
      const key = encodePrefixed(ShareGroupMetadataKey, Type.GROUP, 0, ofGroup)
      return {
        key,
        value: record.value && encodePrefixed(ShareGroupMetadataValue, 0, 0, record.value),
      }
    }
    case 'share-target-epoch': {
      const key = encodePrefixed(
        ShareGroupTargetAssignmentMetadataKey,
        Type.TARGET_EPOCH,
        0,
        ofGroup,
      )
      const table = ShareGroupTargetAssignmentMetadataValue
      return { key, value: record.value && encodePrefixed(table, 0, 0, record.value) }
    }
    case 'share-state-partitions': {
      const key = encodePrefixed(
        ShareGroupStatePartitionMetadataKey,
        Type.STATE_PARTITIONS,
        0,
        ofGroup,
      )
      const table = ShareGroupStatePartitionMetadataValue
      return { key, value: record.value && encodePrefixed(table, 0, 0, record.value) }
    }
    default: {
      const ofMember = { ...ofGroup, memberId: record.member }
      return { key: memberKey(record.kind, ofMember), value: value && memberValue(record) }
    }
  }
}

type MemberRecord = Extract<ShareGroupRecord, { readonly member: string }>

function memberKey(kind: MemberRecord['kind'], fields: { groupId: string; memberId: string }) {
  switch (kind) {
    case 'share-member':
      return encodePrefixed(ShareGroupMemberMetadataKey, Type.MEMBER, 0, fields)
    case 'share-target':
      return encodePrefixed(ShareGroupTargetAssignmentMemberKey, Type.TARGET, 0, fields)
    case 'share-current':
      return encodePrefixed(ShareGroupCurrentMemberAssignmentKey, Type.CURRENT, 0, fields)
  }
}

function memberValue(record: MemberRecord): Buffer | null {
  switch (record.kind) {
    case 'share-member':
      return record.value && encodePrefixed(ShareGroupMemberMetadataValue, 0, 0, record.value)
    case 'share-target': {
      const topicPartitions = record.value && topicPartitionsOf(record.value)
      const table = ShareGroupTargetAssignmentMemberValue
      return topicPartitions && encodePrefixed(table, 0, 0, { topicPartitions })
    }
    case 'share-current': {
      if (record.value === null) return null
      const { memberEpoch, previousMemberEpoch, state, assigned } = record.value
      return encodePrefixed(ShareGroupCurrentMemberAssignmentValue, 0, 0, {
        memberEpoch,
        previousMemberEpoch,
        state,
        assignedPartitions: topicPartitionsOf(assigned),
      })
    }
  }
}

/** undefined: not a record of share groups. */
export function decodeShareGroupRecord(
  type: number,
  key: Buffer,
  value: Buffer | null,
): ShareGroupRecord | undefined {
  switch (type) {
    case Type.GROUP: {
      const { groupId: group } = decodePrefixed(ShareGroupMetadataKey, 0, key)
      return { kind: 'share-group', group, value: value && decodeGroup(value) }
    }
    case Type.TARGET_EPOCH: {
      const { groupId: group } = decodePrefixed(ShareGroupTargetAssignmentMetadataKey, 0, key)
      const decoded = value && decodePrefixed(ShareGroupTargetAssignmentMetadataValue, 0, value)
      return { kind: 'share-target-epoch', group, value: decoded }
    }
    case Type.STATE_PARTITIONS: {
      const { groupId: group } = decodePrefixed(ShareGroupStatePartitionMetadataKey, 0, key)
      const decoded = value && decodePrefixed(ShareGroupStatePartitionMetadataValue, 0, value)
      return { kind: 'share-state-partitions', group, value: decoded }
    }
    case Type.MEMBER: {
      const { groupId: group, memberId: member } = decodePrefixed(
        ShareGroupMemberMetadataKey,
        0,
        key,
      )
      const decoded = value && decodePrefixed(ShareGroupMemberMetadataValue, 0, value)
      return { kind: 'share-member', group, member, value: decoded }
    }
    case Type.TARGET: {
      const table = ShareGroupTargetAssignmentMemberKey
      const { groupId: group, memberId: member } = decodePrefixed(table, 0, key)
      const decoded = value && decodePrefixed(ShareGroupTargetAssignmentMemberValue, 0, value)
      const target = decoded && assignmentOf(decoded.topicPartitions)
      return { kind: 'share-target', group, member, value: target }
    }
    case Type.CURRENT: {
      const table = ShareGroupCurrentMemberAssignmentKey
      const { groupId: group, memberId: member } = decodePrefixed(table, 0, key)
      return { kind: 'share-current', group, member, value: value && decodeCurrent(value) }
    }
    default:
      return undefined
  }
}

/** Where the hash stands: behind version and epoch. */
const HASH_POSITION = 2 + 4

/** Apache Kafka's hashes use all 64 bits; too large a one becomes -1, which equals none of ours. */
function decodeGroup(value: Buffer): ShareGroupMetadataValue {
  let bytes = value
  if (!Number.isSafeInteger(Number(value.readBigInt64BE(HASH_POSITION)))) {
    bytes = Buffer.from(value)
    bytes.writeBigInt64BE(-1n, HASH_POSITION)
  }
  return decodePrefixed(ShareGroupMetadataValue, 0, bytes)
}

function decodeCurrent(value: Buffer): ShareCurrentAssignment {
  const decoded = decodePrefixed(ShareGroupCurrentMemberAssignmentValue, 0, value)
  const { memberEpoch, previousMemberEpoch, state } = decoded
  const assigned = assignmentOf(decoded.assignedPartitions)
  return { memberEpoch, previousMemberEpoch, state, assigned }
}
