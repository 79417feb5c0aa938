/**
 * Records of consumer groups (KIP-848) in `__consumer_offsets`, in Apache Kafka's formats:
 *
 *    3 group         epoch, hash of the topics read       6 target epoch
 *    4 topics        not written since 4.1, only removed  7 target of a member
 *    5 member        what it subscribed to                8 what a member holds
 *   16 pattern       topics that a regular expression stands for
 *
 * A null value removes. All are written in version 0, the only one there is.
 */
import type { Uuid } from '@ottla/base'
import {
  ConsumerGroupCurrentMemberAssignmentKey,
  ConsumerGroupCurrentMemberAssignmentValue,
  ConsumerGroupMemberMetadataKey,
  ConsumerGroupMemberMetadataValue,
  ConsumerGroupMetadataKey,
  ConsumerGroupMetadataValue,
  ConsumerGroupPartitionMetadataKey,
  ConsumerGroupRegularExpressionKey,
  ConsumerGroupRegularExpressionValue,
  ConsumerGroupTargetAssignmentMemberKey,
  ConsumerGroupTargetAssignmentMemberValue,
  ConsumerGroupTargetAssignmentMetadataKey,
  ConsumerGroupTargetAssignmentMetadataValue,
  decodePrefixed,
  encodePrefixed,
} from '@ottla/protocol'
import {
  type Assignment,
  assignmentOf,
  type EpochAssignment,
  EpochAssignmentBuilder,
  topicPartitionsOf,
} from './assignment.ts'
import type { CurrentAssignment } from './reconciliation.ts'

export type MemberMetadata = ConsumerGroupMemberMetadataValue

export interface ResolvedPattern {
  readonly topics: readonly string[]
  /** Version of the metadata it was resolved against, and when. */
  readonly version: number
  readonly timestamp: number
}

export interface TargetEpoch {
  readonly assignmentEpoch: number
  readonly assignmentTimestamp: number
}

interface Base<K extends string, V> {
  readonly kind: K
  readonly group: string
  readonly value: V | null
}

interface OfMember<K extends string, V> extends Base<K, V> {
  readonly member: string
}

export type ConsumerGroupRecord =
  | Base<'consumer-group', ConsumerGroupMetadataValue>
  | Base<'consumer-topics', 'kept'>
  | OfMember<'consumer-member', MemberMetadata>
  | Base<'consumer-target-epoch', TargetEpoch>
  | OfMember<'consumer-target', Assignment>
  | OfMember<'consumer-current', CurrentAssignment>
  | (Base<'consumer-pattern', ResolvedPattern> & { readonly pattern: string })

const Type = {
  GROUP: 3,
  TOPICS: 4,
  MEMBER: 5,
  TARGET_EPOCH: 6,
  TARGET: 7,
  CURRENT: 8,
  PATTERN: 16,
} as const

interface Encoded {
  readonly key: Buffer
  readonly value: Buffer | null
}

export function encodeConsumerGroupRecord(record: ConsumerGroupRecord): Encoded {
  const groupKey = { groupId: record.group }
  switch (record.kind) {
    case 'consumer-group': {
      const key = encodePrefixed(ConsumerGroupMetadataKey, Type.GROUP, 0, groupKey)
      const { value } = record
      return { key, value: value && encodePrefixed(ConsumerGroupMetadataValue, 0, 0, value) }
    }
    case 'consumer-topics':
      return {
        key: encodePrefixed(ConsumerGroupPartitionMetadataKey, Type.TOPICS, 0, groupKey),
        value: null,
      }
    case 'consumer-target-epoch': {
      const table = ConsumerGroupTargetAssignmentMetadataKey
      const key = encodePrefixed(table, Type.TARGET_EPOCH, 0, groupKey)
      const { value } = record
      const encoded =
        value && encodePrefixed(ConsumerGroupTargetAssignmentMetadataValue, 0, 0, value)
      return { key, value: encoded }
    }
    case 'consumer-pattern': {
      const fields = { ...groupKey, regularExpression: record.pattern }
      const key = encodePrefixed(ConsumerGroupRegularExpressionKey, Type.PATTERN, 0, fields)
      const { value } = record
      const encoded = value && encodePrefixed(ConsumerGroupRegularExpressionValue, 0, 0, value)
      return { key, value: encoded }
    }
    default:
      return encodeMemberRecord(record)
  }
}

type MemberRecord = Extract<ConsumerGroupRecord, { readonly member: string }>

function encodeMemberRecord(record: MemberRecord): Encoded {
  const fields = { groupId: record.group, memberId: record.member }
  switch (record.kind) {
    case 'consumer-member': {
      const key = encodePrefixed(ConsumerGroupMemberMetadataKey, Type.MEMBER, 0, fields)
      const { value } = record
      if (value === null) return { key, value }
      // Apache Kafka writes the absence of a pattern as an empty one.
      const written = { ...value, subscribedTopicRegex: value.subscribedTopicRegex ?? '' }
      return { key, value: encodePrefixed(ConsumerGroupMemberMetadataValue, 0, 0, written) }
    }
    case 'consumer-target': {
      const key = encodePrefixed(ConsumerGroupTargetAssignmentMemberKey, Type.TARGET, 0, fields)
      const value = record.value && { topicPartitions: topicPartitionsOf(record.value) }
      const table = ConsumerGroupTargetAssignmentMemberValue
      return { key, value: value && encodePrefixed(table, 0, 0, value) }
    }
    case 'consumer-current': {
      const key = encodePrefixed(ConsumerGroupCurrentMemberAssignmentKey, Type.CURRENT, 0, fields)
      const { value } = record
      if (value === null) return { key, value }
      const encoded = encodePrefixed(ConsumerGroupCurrentMemberAssignmentValue, 0, 0, {
        memberEpoch: value.memberEpoch,
        previousMemberEpoch: value.previousMemberEpoch,
        state: value.state,
        assignedPartitions: withEpochs(value.assigned),
        partitionsPendingRevocation: withEpochs(value.revoking),
      })
      return { key, value: encoded }
    }
  }
}

const withEpochs = (assignment: EpochAssignment) =>
  topicPartitionsOf(assignment).map(({ topicId, partitions }) => ({
    topicId,
    partitions,
    assignmentEpochs: partitions.map(
      (partition) => assignment.get(topicId)?.get(partition) as number,
    ),
  }))

/** undefined: not a record of consumer groups. */
export function decodeConsumerGroupRecord(
  type: number,
  key: Buffer,
  value: Buffer | null,
): ConsumerGroupRecord | undefined {
  switch (type) {
    case Type.GROUP: {
      const { groupId: group } = decodePrefixed(ConsumerGroupMetadataKey, 0, key)
      return { kind: 'consumer-group', group, value: value && decodeGroup(value) }
    }
    case Type.TOPICS: {
      const { groupId: group } = decodePrefixed(ConsumerGroupPartitionMetadataKey, 0, key)
      return { kind: 'consumer-topics', group, value: value && 'kept' }
    }
    case Type.MEMBER: {
      const { groupId: group, memberId } = decodePrefixed(ConsumerGroupMemberMetadataKey, 0, key)
      const decoded = value && decodePrefixed(ConsumerGroupMemberMetadataValue, 0, value)
      const subscribedTopicRegex = decoded?.subscribedTopicRegex || null
      const metadata = decoded && { ...decoded, subscribedTopicRegex }
      return { kind: 'consumer-member', group, member: memberId, value: metadata }
    }
    case Type.TARGET_EPOCH: {
      const { groupId: group } = decodePrefixed(ConsumerGroupTargetAssignmentMetadataKey, 0, key)
      const decoded = value && decodePrefixed(ConsumerGroupTargetAssignmentMetadataValue, 0, value)
      return { kind: 'consumer-target-epoch', group, value: decoded }
    }
    case Type.TARGET: {
      const table = ConsumerGroupTargetAssignmentMemberKey
      const { groupId: group, memberId: member } = decodePrefixed(table, 0, key)
      const decoded = value && decodePrefixed(ConsumerGroupTargetAssignmentMemberValue, 0, value)
      const target = decoded && assignmentOf(decoded.topicPartitions)
      return { kind: 'consumer-target', group, member, value: target }
    }
    case Type.CURRENT: {
      const table = ConsumerGroupCurrentMemberAssignmentKey
      const { groupId: group, memberId: member } = decodePrefixed(table, 0, key)
      return { kind: 'consumer-current', group, member, value: value && decodeCurrent(value) }
    }
    case Type.PATTERN: {
      const fields = decodePrefixed(ConsumerGroupRegularExpressionKey, 0, key)
      const { groupId: group, regularExpression: pattern } = fields
      const decoded = value && decodePrefixed(ConsumerGroupRegularExpressionValue, 0, value)
      return { kind: 'consumer-pattern', group, pattern, value: decoded }
    }
    default:
      return undefined
  }
}

/** Where the hash stands: behind version, epoch, count of tags, tag 0 and its length. */
const HASH_POSITION = 2 + 4 + 1 + 1 + 1

/**
 * Apache Kafka's hashes use all 64 bits, more than a number holds. Such a one is replaced by -1,
 * which no hash of ours equals, so the group is assigned anew once.
 */
function decodeGroup(value: Buffer): ConsumerGroupMetadataValue {
  let bytes = value
  const hasHash = value.length >= HASH_POSITION + 8 && value[6] === 1 && value[7] === 0
  if (hasHash && !Number.isSafeInteger(Number(value.readBigInt64BE(HASH_POSITION)))) {
    bytes = Buffer.from(value)
    bytes.writeBigInt64BE(-1n, HASH_POSITION)
  }
  return decodePrefixed(ConsumerGroupMetadataValue, 0, bytes)
}

function decodeCurrent(value: Buffer): CurrentAssignment {
  const decoded = decodePrefixed(ConsumerGroupCurrentMemberAssignmentValue, 0, value)
  const { memberEpoch, previousMemberEpoch, state } = decoded
  const held = (topics: typeof decoded.assignedPartitions): EpochAssignment => {
    const builder = new EpochAssignmentBuilder()
    for (const { topicId, partitions, assignmentEpochs } of topics) {
      partitions.forEach((partition, i) => {
        builder.add(topicId as Uuid, partition, assignmentEpochs?.[i] ?? memberEpoch)
      })
    }
    return builder.result
  }
  return {
    memberEpoch,
    previousMemberEpoch,
    state,
    assigned: held(decoded.assignedPartitions),
    revoking: held(decoded.partitionsPendingRevocation),
  }
}
