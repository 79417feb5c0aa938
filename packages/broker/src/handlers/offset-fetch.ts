/**
 * OffsetFetch (key 9), versions 1-10.
 *
 * Behaviour: what was committed; an offset that never was is -1 with no error.
 * Version notes: null topics mean all from 2, several groups from 8, members of consumer groups and
 * their epochs from 9, topic ids from 10.
 */
import { ZERO_UUID } from '@ottla/base'
import {
  apis,
  type ErrorName,
  errorCode,
  type InferInput,
  type OffsetFetchRequest,
  type OffsetFetchResponse,
} from '@ottla/protocol'
import type { BrokerServices } from '../broker-services.ts'
import { consumerFetchFault } from '../coordinator/consumer-group/offset-checks.ts'
import { streamsFetchFault } from '../coordinator/streams-group/offset-checks.ts'
import { handler } from '../handler.ts'

type GroupAnswer = NonNullable<InferInput<typeof OffsetFetchResponse>['groups']>[number]
type TopicAnswer = NonNullable<GroupAnswer['topics']>[number]

interface TopicQuery {
  readonly name: string
  readonly topicId: string
  readonly partitionIndexes: readonly number[]
}

export const offsetFetch = handler(
  apis.offsetFetch,
  { lowest: 1, highest: 10 },
  async (services, { apiVersion }, request) => {
    const { requireStable } = request
    const common = { services, requireStable, usesTopicIds: apiVersion >= 10 }
    if (apiVersion >= 8) {
      const groups = request.groups.map(async (asked) => {
        const { groupId } = asked
        const fault = await memberFault(services, asked)
        if (fault) return { groupId, topics: [], errorCode: errorCode(fault) }
        return fetchGroup({ ...common, groupId }, asked.topics)
      })
      return { throttleTimeMs: 0, groups: await Promise.all(groups) }
    }
    const topics = request.topics?.map((topic) => ({ ...topic, topicId: ZERO_UUID })) ?? null
    const group = await fetchGroup({ ...common, groupId: request.groupId }, topics)
    if (apiVersion >= 2) {
      return { throttleTimeMs: 0, topics: group.topics, errorCode: group.errorCode ?? 0 }
    }
    return { throttleTimeMs: 0, topics: repeatError(topics ?? [], group) }
  },
)

async function memberFault(
  { groups }: BrokerServices,
  asked: OffsetFetchRequest['groups'][number],
): Promise<ErrorName | undefined> {
  const fault = await groups.load(asked.groupId)
  if (fault) return fault
  const streamsGroup = groups.coordinator.streamsGroups.get(asked.groupId)
  if (streamsGroup) return streamsFetchFault(streamsGroup, asked.memberId, asked.memberEpoch)
  const group = groups.coordinator.consumerGroups.get(asked.groupId)
  return group && consumerFetchFault(group, asked.memberId, asked.memberEpoch)
}

/** Version 1 has no place for a group's error but every partition. */
function repeatError(topics: readonly TopicQuery[], group: GroupAnswer): readonly TopicAnswer[] {
  const code = group.errorCode ?? 0
  if (code === 0) return group.topics ?? []
  return topics.map(({ name, topicId, partitionIndexes }) => ({
    name,
    topicId,
    partitions: partitionIndexes.map((index) => missing(index, code)),
  }))
}

const missing = (partitionIndex: number, code = 0) => ({
  partitionIndex,
  committedOffset: -1,
  committedLeaderEpoch: -1,
  metadata: '',
  errorCode: code,
})

async function fetchGroup(
  query: GroupQuery,
  queries: readonly TopicQuery[] | null,
): Promise<GroupAnswer> {
  const { services, groupId } = query
  const fault = await services.groups.load(groupId)
  if (fault) return { groupId, topics: [], errorCode: errorCode(fault) }
  return { groupId, topics: queries === null ? all(query) : some(query, queries), errorCode: 0 }
}

interface GroupQuery {
  readonly services: BrokerServices
  readonly groupId: string
  readonly requireStable: boolean
  readonly usesTopicIds: boolean
}

function answer(
  { services, groupId, requireStable }: GroupQuery,
  topic: string,
  partition: number,
) {
  const { offsets, pendingOffsets } = services.groups.coordinator
  if (requireStable && pendingOffsets.has(groupId, topic, partition)) {
    return missing(partition, errorCode('UNSTABLE_OFFSET_COMMIT'))
  }
  const committed = offsets.get(groupId, topic, partition)
  if (!committed) return missing(partition)
  return {
    partitionIndex: partition,
    committedOffset: committed.offset,
    committedLeaderEpoch: committed.leaderEpoch,
    metadata: committed.metadata,
    errorCode: 0,
  }
}

function all(query: GroupQuery): TopicAnswer[] {
  const { services, groupId, usesTopicIds } = query
  const answers: TopicAnswer[] = []
  for (const [name, partitions] of services.groups.coordinator.offsets.topics(groupId)) {
    const topic = services.image.topics.get(name)
    if (!topic && usesTopicIds) continue
    answers.push({
      name,
      topicId: topic?.id ?? ZERO_UUID,
      partitions: [...partitions.keys()].map((partition) => answer(query, name, partition)),
    })
  }
  return answers
}

function some(query: GroupQuery, queries: readonly TopicQuery[]): TopicAnswer[] {
  const { services, usesTopicIds } = query
  return queries.map(({ name, topicId, partitionIndexes }) => {
    const topicName = usesTopicIds ? services.image.topicsById.get(topicId)?.name : name
    const partitions = partitionIndexes.map((partition) =>
      topicName === undefined
        ? missing(partition, errorCode('UNKNOWN_TOPIC_ID'))
        : answer(query, topicName, partition),
    )
    return { name, topicId, partitions }
  })
}
