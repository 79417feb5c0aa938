/**
 * OffsetFetch (key 9), versions 1-10.
 *
 * Behaviour: what was committed; an offset that never was is -1 with no error.
 * Version notes: null topics mean all from 2, several groups from 8, topic ids from 10.
 */
import { ZERO_UUID } from '@ottla/base'
import { apis, errorCode, type InferInput, type OffsetFetchResponse } from '@ottla/protocol'
import type { BrokerServices } from '../broker-services.ts'
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
    if (apiVersion >= 8) {
      const groups = request.groups.map(({ groupId, topics }) =>
        fetchGroup(services, apiVersion, groupId, topics),
      )
      return { throttleTimeMs: 0, groups: await Promise.all(groups) }
    }
    const topics = request.topics?.map((topic) => ({ ...topic, topicId: ZERO_UUID })) ?? null
    const group = await fetchGroup(services, apiVersion, request.groupId, topics)
    if (apiVersion >= 2) {
      return { throttleTimeMs: 0, topics: group.topics, errorCode: group.errorCode ?? 0 }
    }
    return { throttleTimeMs: 0, topics: repeatError(topics ?? [], group) }
  },
)

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
  services: BrokerServices,
  apiVersion: number,
  groupId: string,
  queries: readonly TopicQuery[] | null,
): Promise<GroupAnswer> {
  const fault = await services.groups.load(groupId)
  if (fault) return { groupId, topics: [], errorCode: errorCode(fault) }
  const topics =
    queries === null
      ? all(services, apiVersion, groupId)
      : some(services, apiVersion, groupId, queries)
  return { groupId, topics, errorCode: 0 }
}

function all(services: BrokerServices, apiVersion: number, groupId: string): TopicAnswer[] {
  const answers: TopicAnswer[] = []
  for (const [name, partitions] of services.groups.coordinator.offsets.topics(groupId)) {
    const topic = services.image.topics.get(name)
    if (!topic && apiVersion >= 10) continue
    answers.push({
      name,
      topicId: topic?.id ?? ZERO_UUID,
      partitions: [...partitions].map(([partitionIndex, committed]) => ({
        partitionIndex,
        committedOffset: committed.offset,
        committedLeaderEpoch: committed.leaderEpoch,
        metadata: committed.metadata,
        errorCode: 0,
      })),
    })
  }
  return answers
}

function some(
  services: BrokerServices,
  apiVersion: number,
  groupId: string,
  queries: readonly TopicQuery[],
): TopicAnswer[] {
  const { offsets } = services.groups.coordinator
  return queries.map(({ name, topicId, partitionIndexes }) => {
    const topicName = apiVersion >= 10 ? services.image.topicsById.get(topicId)?.name : name
    const partitions = partitionIndexes.map((partitionIndex) => {
      if (topicName === undefined) return missing(partitionIndex, errorCode('UNKNOWN_TOPIC_ID'))
      const committed = offsets.get(groupId, topicName, partitionIndex)
      if (!committed) return missing(partitionIndex)
      return {
        partitionIndex,
        committedOffset: committed.offset,
        committedLeaderEpoch: committed.leaderEpoch,
        metadata: committed.metadata,
        errorCode: 0,
      }
    })
    return { name, topicId, partitions }
  })
}
