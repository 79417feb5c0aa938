/**
 * Records of `__consumer_offsets`: committed offsets and the state of groups, in Apache Kafka's
 * formats. A key starts with its type, a value with its version; a null value removes.
 *
 * Those of consumer groups are in consumer-group/consumer-group-records.ts, those of share groups
 * in share-group/share-group-records.ts, those of streams groups in
 * streams-group/streams-group-records.ts. Kinds that this coordinator does not work with decode to
 * `other` and are left as they are.
 */
import {
  decodePrefixed,
  encodePrefixed,
  GroupMetadataKey,
  GroupMetadataValue,
  OffsetCommitKey,
  OffsetCommitValue,
} from '@ottla/protocol'
import {
  type ConsumerGroupRecord,
  decodeConsumerGroupRecord,
  encodeConsumerGroupRecord,
} from '../consumer-group/consumer-group-records.ts'
import {
  decodeShareGroupRecord,
  encodeShareGroupRecord,
  isShareGroupRecord,
  type ShareGroupRecord,
} from '../share-group/share-group-records.ts'
import {
  decodeStreamsGroupRecord,
  encodeStreamsGroupRecord,
  isStreamsGroupRecord,
  type StreamsGroupRecord,
} from '../streams-group/streams-group-records.ts'

export interface CommittedOffset {
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata: string
  readonly commitTimestamp: number
  /** Set by old clients that asked for a retention of their own; else -1. */
  readonly expireTimestamp: number
}

export interface GroupSnapshot {
  readonly protocolType: string
  readonly generation: number
  readonly protocol: string | null
  readonly leader: string | null
  readonly currentStateTimestamp: number
  readonly members: readonly MemberSnapshot[]
}

export interface MemberSnapshot {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly rebalanceTimeout: number
  readonly sessionTimeout: number
  readonly subscription: Buffer
  readonly assignment: Buffer
}

export type GroupRecord =
  | {
      readonly kind: 'offset'
      readonly group: string
      readonly topic: string
      readonly partition: number
      readonly value: CommittedOffset | null
    }
  | { readonly kind: 'group'; readonly group: string; readonly value: GroupSnapshot | null }
  | ConsumerGroupRecord
  | ShareGroupRecord
  | StreamsGroupRecord

const OFFSET_TYPE = 1
const GROUP_TYPE = 2
/** Versions that brokers of every 4.x release read. */
const OFFSET_VERSION = 3
/** The only version with a retention of its own. */
const OFFSET_VERSION_WITH_EXPIRY = 1
const GROUP_VERSION = 3

export function encodeGroupRecord(record: GroupRecord): { key: Buffer; value: Buffer | null } {
  if (record.kind === 'group') {
    const { value } = record
    return {
      key: encodePrefixed(GroupMetadataKey, GROUP_TYPE, 0, { group: record.group }),
      value: value && encodePrefixed(GroupMetadataValue, GROUP_VERSION, GROUP_VERSION, value),
    }
  }
  if (isShareGroupRecord(record)) return encodeShareGroupRecord(record)
  if (isStreamsGroupRecord(record)) return encodeStreamsGroupRecord(record)
  if (record.kind !== 'offset') return encodeConsumerGroupRecord(record)
  const { group, topic, partition, value } = record
  const version = value && value.expireTimestamp >= 0 ? OFFSET_VERSION_WITH_EXPIRY : OFFSET_VERSION
  return {
    key: encodePrefixed(OffsetCommitKey, OFFSET_TYPE, 0, { group, topic, partition }),
    value: value && encodePrefixed(OffsetCommitValue, version, version, value),
  }
}

export function decodeGroupRecord(
  key: Buffer,
  value: Buffer | null,
): GroupRecord | { readonly kind: 'other' } {
  const type = key.length >= 2 ? key.readInt16BE(0) : -1
  if (type === 0 || type === OFFSET_TYPE) {
    const { group, topic, partition } = decodePrefixed(OffsetCommitKey, 0, key)
    const decoded = value && decodePrefixed(OffsetCommitValue, value.readInt16BE(0), value)
    return { kind: 'offset', group, topic, partition, value: decoded }
  }
  if (type === GROUP_TYPE) {
    const { group } = decodePrefixed(GroupMetadataKey, 0, key)
    const decoded = value && decodePrefixed(GroupMetadataValue, value.readInt16BE(0), value)
    return { kind: 'group', group, value: decoded }
  }
  return (
    decodeConsumerGroupRecord(type, key, value) ??
    decodeShareGroupRecord(type, key, value) ??
    decodeStreamsGroupRecord(type, key, value) ?? { kind: 'other' }
  )
}
