/**
 * DescribeTopicPartitions (key 75), version 0.
 *
 * Behaviour: topics in the order of their names, cut into pages of at most
 * max.request.partition.size.limit partitions; `nextCursor` is where the next page begins.
 */
import { ZERO_UUID } from '@ottla/base'
import {
  apis,
  type DescribeTopicPartitionsResponse,
  errorCode,
  type InferInput,
} from '@ottla/protocol'
import { TOPIC_OPERATIONS } from '../authorized-operations.ts'
import type { BrokerServices } from '../broker-services.ts'
import { handler } from '../handler.ts'
import type { TopicImage } from '../metadata/metadata-image.ts'
import { isInternalTopic, topicNameFault } from '../metadata/topic-names.ts'
import { leaderless } from './metadata.ts'

type TopicAnswer = InferInput<typeof DescribeTopicPartitionsResponse>['topics'][number]

export const describeTopicPartitions = handler(
  apis.describeTopicPartitions,
  { lowest: 0, highest: 0 },
  (services, _context, request) => {
    const { image, config } = services
    const { cursor } = request
    const named = request.topics.map((topic) => topic.name)
    const isLost = cursor && named.length > 0 && !named.includes(cursor.topicName)
    if (cursor && (isLost || cursor.partitionIndex < 0)) return refused(named)
    // One partition at least, so that paging makes progress whatever was asked.
    const limit = Math.max(
      1,
      Math.min(request.responsePartitionLimit, config.get('max.request.partition.size.limit')),
    )
    const names = [...new Set(named.length > 0 ? named : image.topics.keys())]
      .sort()
      .filter((name) => !cursor || name >= cursor.topicName)
    const topics: TopicAnswer[] = []
    let left = limit
    for (const name of names) {
      if (left === 0) return page(topics, { topicName: name, partitionIndex: 0 })
      const topic = image.topics.get(name)
      if (!topic) {
        topics.push(unknown(name))
        continue
      }
      const first = cursor && name === cursor.topicName ? cursor.partitionIndex : 0
      const end = Math.min(topic.partitions.length, first + left)
      topics.push(describe(services, topic, { first, end }))
      left -= end - first
      if (end < topic.partitions.length) {
        return page(topics, { topicName: name, partitionIndex: end })
      }
    }
    return page(topics, null)
  },
)

const page = (
  topics: TopicAnswer[],
  nextCursor: { topicName: string; partitionIndex: number } | null,
) => ({ throttleTimeMs: 0, topics, nextCursor })

/** The cursor is none: every topic that was named says so. */
const refused = (names: readonly string[]) =>
  page(
    names.map((name) => ({
      errorCode: errorCode('INVALID_REQUEST'),
      name,
      topicId: ZERO_UUID,
      partitions: [],
    })),
    null,
  )

const unknown = (name: string): TopicAnswer => ({
  errorCode: errorCode(
    topicNameFault(name) ? 'INVALID_TOPIC_EXCEPTION' : 'UNKNOWN_TOPIC_OR_PARTITION',
  ),
  name,
  topicId: ZERO_UUID,
  partitions: [],
  topicAuthorizedOperations: TOPIC_OPERATIONS,
})

const describe = (
  { partitions }: BrokerServices,
  topic: TopicImage,
  { first, end }: { readonly first: number; readonly end: number },
): TopicAnswer => ({
  errorCode: 0,
  name: topic.name,
  topicId: topic.id,
  isInternal: isInternalTopic(topic.name),
  topicAuthorizedOperations: TOPIC_OPERATIONS,
  partitions: topic.partitions.slice(first, end).map((partition) => ({
    errorCode: 0,
    partitionIndex: partition.partition,
    leaderId: partition.leader,
    leaderEpoch: partition.leaderEpoch,
    replicaNodes: partition.replicas,
    isrNodes: partition.isr,
    eligibleLeaderReplicas: [],
    lastKnownElr: [],
    offlineReplicas: [],
    ...(partitions.isOffline(topic.name, partition.partition) ? leaderless(partition) : {}),
  })),
})
