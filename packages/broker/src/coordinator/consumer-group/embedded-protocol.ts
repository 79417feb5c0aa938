/**
 * What members of the classic protocol with the protocol type `consumer` say inside JoinGroup and
 * SyncGroup: a version, then a Subscription or an Assignment. The broker reads it only to know who
 * reads what; members may put anything there.
 */
import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
  decodeMessage,
  encodePrefixed,
  MalformedMessageError,
} from '@ottla/protocol'
import { type Assignment, assignmentOf, topicPartitionsOf } from './assignment.ts'
import type { TopicsView } from './consumer-groups.ts'

interface NamedPartitions {
  readonly topic: string
  readonly partitions: readonly number[]
}

/** undefined: not a subscription. */
export const subscriptionIn = (bytes: Buffer): ConsumerProtocolSubscription | undefined =>
  read(bytes, ConsumerProtocolSubscription)

/** undefined: not an assignment. */
export const assignmentIn = (bytes: Buffer): ConsumerProtocolAssignment | undefined =>
  read(bytes, ConsumerProtocolAssignment)

type Table = typeof ConsumerProtocolSubscription | typeof ConsumerProtocolAssignment

function read<T>(bytes: Buffer, table: Table): T | undefined {
  const version = bytes.length < 2 ? -1 : bytes.readInt16BE(0)
  if (version < 0) return undefined
  try {
    // A newer version begins with all that we know.
    const known = Math.min(version, table.highest)
    return decodeMessage(table as never, known, bytes.subarray(2)) as T
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error
    return undefined
  }
}

/** Topics that are gone are left out. One that is named twice has the partitions of both. */
export function ownedById(named: readonly NamedPartitions[], topics: TopicsView): Assignment {
  return assignmentOf(
    named.flatMap(({ topic, partitions }) => {
      const known = topics.byName(topic)
      return known ? [{ topicId: known.id, partitions }] : []
    }),
  )
}

/** As above, but of a topic that is named twice Apache Kafka takes the last. */
export function assignedById(named: readonly NamedPartitions[], topics: TopicsView): Assignment {
  return ownedById([...new Map(named.map((one) => [one.topic, one])).values()], topics)
}

/** An assignment in the version in which its member spoke. */
export function assignmentBytes(
  assignment: Assignment,
  subscription: Buffer,
  topics: TopicsView,
): Buffer {
  const told = subscription.length < 2 ? 0 : subscription.readInt16BE(0)
  const version = Math.max(0, Math.min(told, ConsumerProtocolAssignment.highest))
  const assignedPartitions = topicPartitionsOf(assignment).flatMap(({ topicId, partitions }) => {
    const topic = topics.byId(topicId)
    return topic ? [{ topic: topic.name, partitions }] : []
  })
  const value = { assignedPartitions, userData: null }
  return encodePrefixed(ConsumerProtocolAssignment, version, version, value)
}
