/**
 * Decides about leaders and replicas. On one node every partition is led by its only replica, so
 * an election is never needed and a reassignment is either to where the partition is or to nodes
 * that are not there. Pure.
 */
import {
  type AlterPartitionReassignmentsRequest,
  type AlterPartitionReassignmentsResponse,
  type ElectLeadersRequest,
  type ElectLeadersResponse,
  type ErrorName,
  errorCode,
  type Infer,
  type InferInput,
} from '@ottla/protocol'
import type { MetadataImage } from './metadata-image.ts'

type Reassignments = Infer<typeof AlterPartitionReassignmentsRequest>['topics']
type Reassigned = InferInput<typeof AlterPartitionReassignmentsResponse>['responses'][number]
type Elections = NonNullable<Infer<typeof ElectLeadersRequest>['topicPartitions']>
type Elected = InferInput<typeof ElectLeadersResponse>['replicaElectionResults'][number]
type Fault = readonly [ErrorName, string | null]

const NOTHING_TO_DO: Fault = [
  'ELECTION_NOT_NEEDED',
  'Leader election not needed for topic partition.',
]

const answerOf = (fault: Fault | undefined) => ({
  errorCode: fault ? errorCode(fault[0]) : 0,
  errorMessage: fault ? fault[1] : null,
})

/** Without topics all are meant, and those that need no election are left out. */
export function electLeaders(image: MetadataImage, topics: Elections | null): Elected[] {
  if (!topics) return [...image.topics.keys()].map((topic) => ({ topic, partitionResult: [] }))
  return topics.map(({ topic, partitions }) => ({
    topic,
    partitionResult: partitions.map((partitionId) => ({
      partitionId,
      ...answerOf(electionFault(image, topic, partitionId)),
    })),
  }))
}

function electionFault(image: MetadataImage, topic: string, partition: number): Fault {
  const found = image.topics.get(topic)
  if (!found) return ['UNKNOWN_TOPIC_OR_PARTITION', `No such topic as ${topic}`]
  if (found.partitions[partition]) return NOTHING_TO_DO
  return ['UNKNOWN_TOPIC_OR_PARTITION', `No such partition as ${topic}-${partition}`]
}

export function alterReassignments(
  image: MetadataImage,
  nodeId: number,
  topics: Reassignments,
): Reassigned[] {
  return topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex, replicas }) => ({
      partitionIndex,
      ...answerOf(reassignmentFault(image, nodeId, { name, partitionIndex, replicas })),
    })),
  }))
}

interface Reassignment {
  readonly name: string
  readonly partitionIndex: number
  readonly replicas: readonly number[] | null
}

function reassignmentFault(
  image: MetadataImage,
  nodeId: number,
  { name, partitionIndex, replicas }: Reassignment,
): Fault | undefined {
  const topic = image.topics.get(name)
  if (!topic) return ['UNKNOWN_TOPIC_OR_PARTITION', `Unable to find a topic named ${name}.`]
  if (!topic.partitions[partitionIndex]) {
    const text = `Unable to find partition ${name}:${partitionIndex}.`
    return ['UNKNOWN_TOPIC_OR_PARTITION', text]
  }
  if (replicas === null) return ['NO_REASSIGNMENT_IN_PROGRESS', null]
  const fault = assignmentFault(nodeId, replicas)
  if (fault === undefined) return undefined
  return ['INVALID_REPLICA_ASSIGNMENT', `The manual partition assignment ${fault}`]
}

function assignmentFault(nodeId: number, replicas: readonly number[]): string | undefined {
  if (replicas.length === 0) return 'includes an empty replica list.'
  const sorted = [...replicas].sort((a, b) => a - b)
  for (const [i, broker] of sorted.entries()) {
    if (broker !== nodeId) return `includes broker ${broker}, but no such broker is registered.`
    if (sorted[i - 1] === broker) return `includes the broker ${broker} more than once.`
  }
  return undefined
}
