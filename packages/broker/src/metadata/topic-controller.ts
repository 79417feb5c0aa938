/**
 * Decides about topics: what a request to create, delete or extend one means for the metadata log.
 * Pure: takes the image, returns the records to append and the answer to give once they are
 * durable.
 */

import { type Random, randomUuid, type Uuid, ZERO_UUID } from '@ottla/base'
import type {
  CreatePartitionsRequest,
  CreateTopicsRequest,
  CreateTopicsResponse,
} from '@ottla/protocol'
import { type ErrorName, errorCode, type Infer, type InferInput } from '@ottla/protocol'
import type { MetadataImage, TopicImage } from './metadata-image.ts'
import { type MetadataRecord, metadataRecord } from './metadata-record.ts'
import { collisionKey, topicNameFault } from './topic-names.ts'

export interface Decision<T> {
  readonly records: MetadataRecord[]
  readonly response: T
}

/** What the decisions need to know beside the image. */
export interface ControllerContext {
  readonly nodeId: number
  /** Ids of the log directories for so many new partitions. */
  readonly place: (count: number) => Uuid[]
  readonly random: Random
  readonly partitionsDefault: number
  readonly partitionsMax: number
  /** Why a topic setting cannot be used, or undefined when it can. */
  readonly topicConfigFault: (name: string, value: string | null) => string | undefined
  /** Why settings of a new topic do not go together; see config/tiering-rules.ts. */
  readonly tieringFault: (wanted: ReadonlyMap<string, string>) => string | undefined
}

export class Refusal extends Error {
  readonly error: ErrorName

  constructor(error: ErrorName, message: string) {
    super(message)
    this.error = error
  }
}

type CreatableTopic = Infer<typeof CreateTopicsRequest>['topics'][number]
export type CreatedTopic = InferInput<typeof CreateTopicsResponse>['topics'][number]

export function createTopics(
  image: MetadataImage,
  context: ControllerContext,
  topics: readonly CreatableTopic[],
): Decision<CreatedTopic[]> {
  const records: MetadataRecord[] = []
  const response: CreatedTopic[] = []
  const counts = new Map<string, number>()
  for (const { name } of topics) counts.set(name, (counts.get(name) ?? 0) + 1)
  const taken = new Map<string, string>()
  for (const name of image.topics.keys()) taken.set(collisionKey(name), name)
  let added = 0
  for (const [name, count] of counts) {
    if (count > 1) {
      response.push(refused(name, 'INVALID_REQUEST', 'Duplicate topic name.'))
      continue
    }
    const topic = topics.find((candidate) => candidate.name === name) as CreatableTopic
    try {
      const counts = checkNewTopic(image, context, topic, taken)
      if (image.partitionCount + added + counts.partitions > context.partitionsMax) {
        throw new Refusal(
          'POLICY_VIOLATION',
          `This broker holds at most ${context.partitionsMax} partitions (partitions.max)`,
        )
      }
      added += counts.partitions
      taken.set(collisionKey(name), name)
      response.push(addTopic(records, context, topic, counts.partitions))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      response.push(refused(name, error.error, error.message))
    }
  }
  return { records, response }
}

const refused = (name: string, error: ErrorName, errorMessage: string): CreatedTopic => ({
  name,
  topicId: ZERO_UUID,
  errorCode: errorCode(error),
  errorMessage,
  numPartitions: -1,
  replicationFactor: -1,
  configs: [],
})

function checkNewTopic(
  image: MetadataImage,
  context: ControllerContext,
  topic: CreatableTopic,
  taken: ReadonlyMap<string, string>,
): { partitions: number } {
  const fault = topicNameFault(topic.name)
  if (fault) throw new Refusal('INVALID_TOPIC_EXCEPTION', `Topic name is invalid: ${fault}`)
  if (image.topics.has(topic.name)) {
    throw new Refusal('TOPIC_ALREADY_EXISTS', `Topic '${topic.name}' already exists.`)
  }
  const collision = taken.get(collisionKey(topic.name))
  if (collision !== undefined) {
    throw new Refusal(
      'INVALID_TOPIC_EXCEPTION',
      `Topic '${topic.name}' collides with existing topic: ${collision}`,
    )
  }
  for (const { name, value } of topic.configs) {
    const configFault = context.topicConfigFault(name, value)
    if (configFault) throw new Refusal('INVALID_CONFIG', configFault)
  }
  const wanted = topic.configs.map(({ name, value }) => [name, value as string] as const)
  const together = context.tieringFault(new Map(wanted))
  if (together) throw new Refusal('INVALID_CONFIG', together)
  return { partitions: partitionsOf(context, topic) }
}

function partitionsOf(context: ControllerContext, topic: CreatableTopic): number {
  const { assignments, numPartitions, replicationFactor } = topic
  if (assignments.length > 0) {
    if (replicationFactor !== -1) {
      throw new Refusal(
        'INVALID_REQUEST',
        'A manual partition assignment was specified, but replication factor was not set to -1.',
      )
    }
    if (numPartitions !== -1) {
      throw new Refusal(
        'INVALID_REQUEST',
        'A manual partition assignment was specified, but numPartitions was not set to -1.',
      )
    }
    checkAssignments(
      context.nodeId,
      assignments.map((a) => [a.partitionIndex, a.brokerIds]),
      0,
    )
    return assignments.length
  }
  if (replicationFactor < -1 || replicationFactor === 0) {
    throw new Refusal(
      'INVALID_REPLICATION_FACTOR',
      'Replication factor must be larger than 0, or -1 to use the default value.',
    )
  }
  if (numPartitions < -1 || numPartitions === 0) {
    throw new Refusal(
      'INVALID_PARTITIONS',
      'Number of partitions was set to an invalid non-positive value.',
    )
  }
  if (replicationFactor > 1) {
    throw new Refusal(
      'INVALID_REPLICATION_FACTOR',
      `Unable to replicate the partition ${replicationFactor} time(s): The target replication ` +
        `factor of ${replicationFactor} cannot be reached because only 1 broker(s) are registered ` +
        'or some brokers have all their log directories cordoned.',
    )
  }
  return numPartitions === -1 ? context.partitionsDefault : numPartitions
}

/** Manual assignments must be consecutive from `first` and name this node once. */
function checkAssignments(
  nodeId: number,
  assignments: readonly (readonly [number, readonly number[]])[],
  first: number,
): void {
  const sorted = [...assignments].sort((a, b) => a[0] - b[0])
  sorted.forEach(([partition, brokers], i) => {
    if (partition !== first + i) {
      throw new Refusal(
        'INVALID_REPLICA_ASSIGNMENT',
        'partitions should be a consecutive 0-based integer sequence',
      )
    }
    if (brokers.length === 0) {
      throw new Refusal(
        'INVALID_REPLICA_ASSIGNMENT',
        'The manual partition assignment includes an empty replica list.',
      )
    }
    if (new Set(brokers).size < brokers.length) {
      throw new Refusal(
        'INVALID_REPLICA_ASSIGNMENT',
        'The manual partition assignment includes the same broker more than once.',
      )
    }
    const unknown = brokers.find((broker) => broker !== nodeId)
    if (unknown !== undefined) {
      throw new Refusal(
        'INVALID_REPLICA_ASSIGNMENT',
        `The manual partition assignment includes broker ${unknown}, but no such broker is registered.`,
      )
    }
  })
}

function addTopic(
  records: MetadataRecord[],
  context: ControllerContext,
  topic: CreatableTopic,
  partitions: number,
): CreatedTopic {
  const topicId = randomUuid(context.random)
  records.push(metadataRecord('TopicRecord', { name: topic.name, topicId }))
  for (const { name, value } of topic.configs) {
    if (value === null) continue
    records.push(
      metadataRecord('ConfigRecord', { resourceType: 2, resourceName: topic.name, name, value }),
    )
  }
  for (const [partition, directoryId] of context.place(partitions).entries()) {
    records.push(newPartition(context, { topicId, partition, directoryId }))
  }
  return {
    name: topic.name,
    topicId,
    errorCode: 0,
    errorMessage: null,
    numPartitions: partitions,
    replicationFactor: 1,
    configs: [],
  }
}

interface NewPartition {
  readonly topicId: Uuid
  readonly partition: number
  readonly directoryId: Uuid
}

function newPartition(
  context: ControllerContext,
  { topicId, partition, directoryId }: NewPartition,
): MetadataRecord {
  return metadataRecord('PartitionRecord', {
    partitionId: partition,
    topicId,
    replicas: [context.nodeId],
    isr: [context.nodeId],
    removingReplicas: [],
    addingReplicas: [],
    leader: context.nodeId,
    leaderEpoch: 0,
    partitionEpoch: 0,
    directories: [directoryId],
  })
}

/** Removes topics; `topics` are existing ones. */
export function deleteTopicRecords(topics: readonly TopicImage[]): MetadataRecord[] {
  return topics.map((topic) => metadataRecord('RemoveTopicRecord', { topicId: topic.id }))
}

type NewPartitions = Infer<typeof CreatePartitionsRequest>['topics'][number]

/** Records that raise a topic to `count` partitions; throws a Refusal. */
export function createPartitions(
  image: MetadataImage,
  context: ControllerContext,
  request: NewPartitions,
): MetadataRecord[] {
  const topic = image.topics.get(request.name)
  if (!topic)
    throw new Refusal(
      'UNKNOWN_TOPIC_OR_PARTITION',
      'This server does not host this topic-partition.',
    )
  const current = topic.partitions.length
  if (request.count === current) {
    throw new Refusal('INVALID_PARTITIONS', `Topic already has ${current} partition(s).`)
  }
  if (request.count < current) {
    throw new Refusal(
      'INVALID_PARTITIONS',
      `The topic ${request.name} currently has ${current} partition(s); ${request.count} would not be an increase.`,
    )
  }
  const additional = request.count - current
  if (image.partitionCount + additional > context.partitionsMax) {
    throw new Refusal(
      'POLICY_VIOLATION',
      `This broker holds at most ${context.partitionsMax} partitions (partitions.max)`,
    )
  }
  const { assignments } = request
  if (assignments !== null) {
    if (assignments.length !== additional) {
      throw new Refusal(
        'INVALID_REPLICA_ASSIGNMENT',
        `Attempted to add ${additional} additional partition(s), but only ${assignments.length} ` +
          'assignment(s) were specified.',
      )
    }
    checkAssignments(
      context.nodeId,
      assignments.map((a, i) => [current + i, a.brokerIds]),
      current,
    )
  }
  return context
    .place(additional)
    .map((directoryId, i) =>
      newPartition(context, { topicId: topic.id, partition: current + i, directoryId }),
    )
}
