/**
 * What members of a consumer group tell each other through the coordinator: int16 version, then the
 * message. Version 1 added owned partitions, 2 the generation they are of, 3 the rack; readers
 * accept newer versions than their own, whose additions come last.
 */
import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
  decodePrefixed,
  encodePrefixed,
} from '@ottla/protocol'
import { groupByTopic } from '../consumer/list-offsets.ts'
import type { GroupMemberSubscription, TopicPartition } from './assignor.ts'

const SUBSCRIPTION_VERSION = 3
const ASSIGNMENT_VERSION = 3

export interface OwnSubscription {
  readonly topics: readonly string[]
  readonly ownedPartitions: readonly TopicPartition[]
  readonly generationId: number
  readonly rack: string
  readonly isSticky: boolean
}

export function encodeSubscription(subscription: OwnSubscription): Buffer {
  return encodePrefixed(ConsumerProtocolSubscription, SUBSCRIPTION_VERSION, SUBSCRIPTION_VERSION, {
    topics: [...subscription.topics].sort(),
    userData: subscription.isSticky ? stickyUserData(subscription.generationId) : null,
    ownedPartitions: toWire(subscription.ownedPartitions),
    generationId: subscription.generationId,
    rackId: subscription.rack || null,
  })
}

/** Java's cooperative-sticky assignor carries the generation here for members before version 2. */
function stickyUserData(generationId: number): Buffer {
  const userData = Buffer.alloc(4)
  userData.writeInt32BE(generationId)
  return userData
}

export function decodeSubscription(
  member: { memberId: string; groupInstanceId: string | null },
  bytes: Buffer,
): GroupMemberSubscription {
  const version = Math.min(bytes.readInt16BE(0), SUBSCRIPTION_VERSION)
  const decoded = decodePrefixed(ConsumerProtocolSubscription, version, bytes)
  const { userData } = decoded
  const isBefore2 = version < 2 && userData !== null && userData.length >= 4
  return {
    memberId: member.memberId,
    groupInstanceId: member.groupInstanceId,
    topics: decoded.topics,
    ownedPartitions: fromWire(decoded.ownedPartitions),
    generationId: isBefore2 ? userData.readInt32BE(0) : decoded.generationId,
  }
}

export function encodeAssignment(partitions: readonly TopicPartition[]): Buffer {
  return encodePrefixed(ConsumerProtocolAssignment, ASSIGNMENT_VERSION, ASSIGNMENT_VERSION, {
    assignedPartitions: toWire(partitions),
    userData: null,
  })
}

/** An empty assignment may come as no bytes at all. */
export function decodeAssignment(bytes: Buffer): TopicPartition[] {
  if (bytes.length === 0) return []
  const version = Math.min(bytes.readInt16BE(0), ASSIGNMENT_VERSION)
  return fromWire(decodePrefixed(ConsumerProtocolAssignment, version, bytes).assignedPartitions)
}

function toWire(partitions: readonly TopicPartition[]) {
  return groupByTopic(partitions).map(([topic, items]) => ({
    topic,
    partitions: items.map(({ partition }) => partition),
  }))
}

const fromWire = (topics: readonly { topic: string; partitions: readonly number[] }[]) =>
  topics.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })))
