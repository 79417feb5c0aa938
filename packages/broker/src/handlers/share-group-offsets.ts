/**
 * DescribeShareGroupOffsets (key 90) 0-1, AlterShareGroupOffsets (91) 0, DeleteShareGroupOffsets
 * (92) 0.
 *
 * Behaviour: how far a share group has come; start offset -1 means that nothing is known of the
 * partition, which is no error. Offsets change only while nobody is in the group; altering makes
 * the group when it is missing.
 * Version notes: the lag from 1.
 * Differences: altered offsets count at once. Apache Kafka 4.4 goes on from the old ones as long as
 * it has the share partition in memory.
 */
import { ZERO_UUID } from '@ottla/base'
import {
  type AlterShareGroupOffsetsRequest,
  apis,
  type DescribeShareGroupOffsetsRequest,
  type DescribeShareGroupOffsetsResponse,
  type ErrorName,
  errorCode,
  type InferInput,
} from '@ottla/protocol'
import type { BrokerServices } from '../broker-services.ts'
import { handler } from '../handler.ts'
import {
  changeFault,
  forgetTopics,
  keysOf,
  moveTo,
  type StartOffset,
} from '../share/share-offsets.ts'
import { UNKNOWN_OFFSET } from '../share/share-states.ts'
import { servesShareGroups } from './share-group-heartbeat.ts'

type DescribedGroup = InferInput<typeof DescribeShareGroupOffsetsResponse>['groups'][number]
type DescribedPartition = DescribedGroup['topics'][number]['partitions'][number]
type AskedGroup = DescribeShareGroupOffsetsRequest['groups'][number]

export const describeShareGroupOffsets = handler(
  apis.describeShareGroupOffsets,
  { lowest: 0, highest: 1 },
  async (services, _context, request) => ({
    throttleTimeMs: 0,
    groups: await Promise.all(request.groups.map((asked) => describeGroup(services, asked))),
  }),
)

async function describeGroup(
  services: BrokerServices,
  { groupId, topics }: AskedGroup,
): Promise<DescribedGroup> {
  const refused = (error: ErrorName) => ({ groupId, topics: [], errorCode: errorCode(error) })
  if (!servesShareGroups(services)) return refused('UNSUPPORTED_VERSION')
  const fault = groupId === '' ? undefined : await services.groups.load(groupId)
  if (fault) return refused(fault)
  const { image } = services
  const wanted = topics ?? known(services, groupId)
  // Nothing can be kept for a group without a name, which Apache Kafka finds out late.
  const isAsking = wanted.some(({ topicName }) => image.topics.has(topicName))
  if (groupId === '' && isAsking) return refused('UNKNOWN_SERVER_ERROR')
  const described = wanted.map(async ({ topicName, partitions }) => {
    const topicId = image.topics.get(topicName)?.id ?? ZERO_UUID
    const answers = partitions.map((partition) =>
      describePartition(services, { groupId, topicId, partition }),
    )
    return { topicName, topicId, partitions: await Promise.all(answers) }
  })
  return { groupId, topics: await Promise.all(described), errorCode: 0 }
}

/** All that a group has a state of, as far as the topics still exist. */
function known({ groups, image }: BrokerServices, groupId: string) {
  const topics = new Map<string, number[]>()
  const group = groups.coordinator.shareGroups.get(groupId)
  for (const { topicId, partition } of group ? keysOf(group) : []) {
    const name = image.topicsById.get(topicId)?.name
    if (name === undefined) continue
    const partitions = topics.get(name)
    if (partitions) partitions.push(partition)
    else topics.set(name, [partition])
  }
  return [...topics].map(([topicName, partitions]) => ({
    topicName,
    partitions: partitions.sort((a, b) => a - b),
  }))
}

async function describePartition(
  { share }: BrokerServices,
  key: { readonly groupId: string; readonly topicId: string; readonly partition: number },
): Promise<DescribedPartition> {
  const fault = await share.states.load(key)
  const state = fault ? undefined : share.states.states.get(key)
  const startOffset = state?.startOffset ?? UNKNOWN_OFFSET
  const answer = {
    partitionIndex: key.partition,
    startOffset,
    leaderEpoch: state?.leaderEpoch ?? 0,
    lag: -1,
    errorCode: errorCode(fault ?? 'NONE'),
  }
  const log = share.logOf(key.topicId, key.partition)
  if (!state || startOffset === UNKNOWN_OFFSET || typeof log === 'string') return answer
  if (state.deliveryCompleteCount < 0) return answer
  await log.ready()
  return { ...answer, lag: log.highWatermark - startOffset - state.deliveryCompleteCount }
}

/** Why offsets of the group cannot be changed. */
async function faultOf(
  services: BrokerServices,
  groupId: string,
  options: { readonly mayMake: boolean },
): Promise<ErrorName | undefined> {
  if (!servesShareGroups(services)) return 'UNSUPPORTED_VERSION'
  const fault = groupId === '' ? undefined : await services.groups.load(groupId)
  return fault ?? changeFault(services, groupId, options)
}

export const alterShareGroupOffsets = handler(
  apis.alterShareGroupOffsets,
  { lowest: 0, highest: 0 },
  async (services, _context, { groupId, topics }) => {
    const fault = await faultOf(services, groupId, { mayMake: true })
    if (fault) return { throttleTimeMs: 0, errorCode: errorCode(fault), responses: [] }
    const { image } = services
    const offsets = topics.flatMap((topic) => offsetsOf(services, topic))
    const existing = topics.flatMap(({ topicName }) => image.topics.get(topicName) ?? [])
    const errors = await moveTo(services, groupId, { offsets, topics: existing })
    const responses = topics.map(({ topicName, partitions }) => ({
      topicName,
      topicId: image.topics.get(topicName)?.id ?? ZERO_UUID,
      partitions: partitions.map(({ partitionIndex }) => {
        const topicId = image.topics.get(topicName)?.id
        const at = offsets.findIndex(
          (offset) => offset.topicId === topicId && offset.partition === partitionIndex,
        )
        const error: ErrorName = errors[at] ?? 'UNKNOWN_TOPIC_OR_PARTITION'
        return { partitionIndex, errorCode: errorCode(error) }
      }),
    }))
    return { throttleTimeMs: 0, errorCode: 0, responses }
  },
)

/** Offsets of partitions that exist. */
function offsetsOf(
  { image }: BrokerServices,
  { topicName, partitions }: AlterShareGroupOffsetsRequest['topics'][number],
): StartOffset[] {
  const topic = image.topics.get(topicName)
  return partitions.flatMap(({ partitionIndex: partition, startOffset }) =>
    topic?.partitions[partition] ? [{ topicId: topic.id, partition, startOffset }] : [],
  )
}

export const deleteShareGroupOffsets = handler(
  apis.deleteShareGroupOffsets,
  { lowest: 0, highest: 0 },
  async (services, _context, { groupId, topics }) => {
    const fault = await faultOf(services, groupId, { mayMake: false })
    const group = services.groups.coordinator.shareGroups.get(groupId)
    if (fault || !group) {
      const error = fault ?? 'GROUP_ID_NOT_FOUND'
      return { throttleTimeMs: 0, errorCode: errorCode(error), responses: [] }
    }
    // Of a group that never had a state Apache Kafka tells nothing, not even what does not exist.
    if (!group.hasStates) return { throttleTimeMs: 0, errorCode: 0, responses: [] }
    const found = topics.map(({ topicName }) => {
      const topic = services.image.topics.get(topicName)
      const isKnown = topic && keysOf(group).some(({ topicId }) => topicId === topic.id)
      return { topicName, topicId: topic?.id ?? ZERO_UUID, isKnown: isKnown === true }
    })
    const gone = found.filter(({ isKnown }) => isKnown)
    await forgetTopics(services, group, new Set(gone.map(({ topicId }) => topicId)))
    return {
      throttleTimeMs: 0,
      errorCode: 0,
      responses: found.map(({ topicName, topicId, isKnown }) => ({
        topicName,
        topicId: isKnown ? topicId : ZERO_UUID,
        errorCode: errorCode(isKnown ? 'NONE' : 'UNKNOWN_TOPIC_OR_PARTITION'),
      })),
    }
  },
)
