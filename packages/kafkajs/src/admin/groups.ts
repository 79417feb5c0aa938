/** Groups and their offsets. */
import { apis } from '@ottla/protocol'
import type { KafkaCluster } from '../cluster/kafka-cluster.ts'
import { EARLIEST_OFFSET, LATEST_OFFSET } from '../constants.ts'
import { protocolError } from '../engine-errors.ts'
import { type DeleteGroupsResult, KafkaJSDeleteGroupsError } from '../errors.ts'
import { withRetry } from '../retry.ts'
import type { Admin } from '../types/admin.ts'
import type {
  ConsumerGroupState,
  FetchOffsetsPartition,
  GroupDescription,
  GroupOverview,
} from '../types/cluster.ts'
import { type AdminContext, refuse } from './context.ts'
import { fetchTopicOffsets, partitionsOf } from './topics.ts'

/** Newest versions that name topics and know only classic groups. */
const OFFSETS_VERSION_MAX = 7
/** Later versions answer with an error where older ones say that the group is dead. */
const DESCRIBE_VERSION_MAX = 5

type GroupCalls = Pick<
  Admin,
  'fetchOffsets' | 'setOffsets' | 'resetOffsets' | 'listGroups' | 'describeGroups' | 'deleteGroups'
>

export function groupCalls(context: AdminContext): GroupCalls {
  return {
    fetchOffsets: (options) => fetchOffsets(context, options),
    setOffsets: (options) => setOffsets(context, options),
    resetOffsets: async ({ groupId, topic, earliest = false }) => {
      if (!groupId) refuse(`Invalid groupId ${groupId}`)
      if (!topic) refuse(`Invalid topic ${topic}`)
      const offset = String(earliest ? EARLIEST_OFFSET : LATEST_OFFSET)
      const partitions = (await partitionsOf(context, topic)).map((partition) => ({
        partition,
        offset,
      }))
      await setOffsets(context, { groupId, topic, partitions })
    },
    listGroups: () => listGroups(context),
    describeGroups: (groupIds) => describeGroups(context, groupIds),
    deleteGroups: (groupIds) => deleteGroups(context, groupIds),
  }
}

type TopicOffsetsFound = { topic: string; partitions: FetchOffsetsPartition[] }

async function fetchOffsets(
  context: AdminContext,
  options: Parameters<Admin['fetchOffsets']>[0],
): Promise<TopicOffsetsFound[]> {
  const { groupId, topics = [], resolveOffsets = false } = options
  if (!groupId) refuse(`Invalid groupId ${groupId}`)
  if (!Array.isArray(topics)) refuse('Expected topics array to be set')
  const wanted = await Promise.all(
    topics.map(async (name) => ({ name, partitionIndexes: await partitionsOf(context, name) })),
  )
  const found = await committedOffsets(context, groupId, wanted.length > 0 ? wanted : null)
  if (!resolveOffsets) return found
  return Promise.all(
    found.map(async ({ topic, partitions }) => {
      const ends = await fetchTopicOffsets(context, topic)
      const resolved = partitions.map((one) => {
        const end = ends.find(({ partition }) => partition === one.partition)
        if (!end) return one
        const number = Number(one.offset)
        if (number === EARLIEST_OFFSET) return { ...one, offset: end.low }
        return number === LATEST_OFFSET ? { ...one, offset: end.high } : one
      })
      await setOffsets(context, { groupId, topic, partitions: resolved })
      return { topic, partitions: resolved }
    }),
  )
}

function committedOffsets(
  { cluster }: AdminContext,
  groupId: string,
  topics: { name: string; partitionIndexes: number[] }[] | null,
): Promise<TopicOffsetsFound[]> {
  return withRetry(cluster.retry, async () => {
    const broker = await cluster.findGroupCoordinator({ groupId })
    const body = { groupId, topics, groups: [{ groupId, topics }], requireStable: false }
    const options = { broker, versionMax: OFFSETS_VERSION_MAX }
    const answer = await cluster.request(apis.offsetFetch, body, options)
    if (answer.errorCode !== 0) throw protocolError(answer.errorCode)
    return answer.topics.map(({ name: topic, partitions }) => ({
      topic,
      partitions: partitions.map((one) => {
        if (one.errorCode !== 0) throw protocolError(one.errorCode)
        const { partitionIndex: partition, committedOffset, metadata } = one
        return { partition, offset: String(committedOffset), metadata: metadata || null }
      }),
    }))
  })
}

async function setOffsets(
  context: AdminContext,
  { groupId, topic, partitions }: Parameters<Admin['setOffsets']>[0],
): Promise<void> {
  if (!groupId) refuse(`Invalid groupId ${groupId}`)
  if (!topic) refuse(`Invalid topic ${topic}`)
  if (!partitions || partitions.length === 0) refuse('Invalid partitions')
  const { cluster } = context
  const broker = await cluster.findGroupCoordinator({ groupId })
  const [group] = await describeGroupsAt(cluster, broker, [groupId])
  if (group && !['Empty', 'Dead'].includes(group.state)) {
    refuse(`The consumer group must have no running instances, current state: ${group.state}`)
  }
  // -1 and -2 are committed as such: a consumer takes them for "nothing is committed".
  const offsets = partitions.map(({ partition, offset }) => ({
    partitionIndex: Number(partition),
    committedOffset: Number(offset),
    committedLeaderEpoch: -1,
    committedMetadata: '',
  }))
  await withRetry(cluster.retry, async () => {
    const coordinator = await cluster.findGroupCoordinator({ groupId })
    const body = {
      ...{ groupId, generationIdOrMemberEpoch: -1, memberId: '', groupInstanceId: null },
      topics: [{ name: topic, partitions: offsets }],
    }
    const how = { broker: coordinator, versionMax: OFFSETS_VERSION_MAX }
    const answer = await cluster.request(apis.offsetCommit, body, how)
    for (const { errorCode } of answer.topics.flatMap((one) => one.partitions)) {
      if (errorCode !== 0) throw protocolError(errorCode)
    }
  })
}

async function listGroups({ cluster }: AdminContext): Promise<{ groups: GroupOverview[] }> {
  await cluster.refreshMetadata()
  const lists = await Promise.all(
    cluster.getNodeIds().map(async (broker) => {
      const body = { statesFilter: [], typesFilter: [] }
      const answer = await cluster.request(apis.listGroups, body, { broker })
      if (answer.errorCode !== 0) throw protocolError(answer.errorCode)
      return answer.groups.map(({ groupId, protocolType }) => ({ groupId, protocolType }))
    }),
  )
  return { groups: lists.flat() }
}

export function describeGroupsAt(
  cluster: KafkaCluster,
  broker: number,
  groups: string[],
): Promise<GroupDescription[]> {
  return withRetry(cluster.retry, async () => {
    const body = { groups, includeAuthorizedOperations: false }
    const options = { broker, versionMax: DESCRIBE_VERSION_MAX }
    const answer = await cluster.request(apis.describeGroups, body, options)
    return answer.groups.map((group) => {
      if (group.errorCode !== 0) throw protocolError(group.errorCode)
      return {
        errorCode: 0,
        groupId: group.groupId,
        members: group.members.map((member) => ({
          clientHost: member.clientHost,
          clientId: member.clientId,
          memberId: member.memberId,
          memberAssignment: Buffer.from(member.memberAssignment),
          memberMetadata: Buffer.from(member.memberMetadata),
        })),
        protocol: group.protocolData,
        protocolType: group.protocolType,
        state: group.groupState as ConsumerGroupState,
      }
    })
  })
}

async function byCoordinator(
  { cluster }: AdminContext,
  groupIds: readonly string[],
): Promise<Map<number, string[]>> {
  const found = new Map<number, string[]>()
  for (const groupId of groupIds) {
    const broker = await cluster.findGroupCoordinator({ groupId })
    found.set(broker, [...(found.get(broker) ?? []), groupId])
  }
  return found
}

async function describeGroups(context: AdminContext, groupIds: readonly string[]) {
  const brokers = await byCoordinator(context, groupIds)
  const groups = await Promise.all(
    [...brokers].map(([broker, ids]) => describeGroupsAt(context.cluster, broker, ids)),
  )
  return { groups: groups.flat() }
}

async function deleteGroups(
  context: AdminContext,
  groupIds: readonly string[],
): Promise<DeleteGroupsResult[]> {
  if (!groupIds || !Array.isArray(groupIds)) refuse(`Invalid groupIds array ${groupIds}`)
  const invalid = groupIds.some((id) => typeof id !== 'string')
  if (invalid) refuse(`Invalid groupId name: ${JSON.stringify(invalid)}`)
  const { cluster } = context
  const passing = ['NOT_CONTROLLER', 'GROUP_COORDINATOR_NOT_AVAILABLE']
  const work = async () => {
    const brokers = await byCoordinator(context, groupIds)
    const answers = await Promise.all(
      [...brokers].map(([broker, groupsNames]) =>
        cluster.request(apis.deleteGroups, { groupsNames }, { broker }),
      ),
    )
    const results: DeleteGroupsResult[] = answers
      .flatMap((answer) => answer.results)
      .map(({ groupId, errorCode }) => ({
        ...{ groupId, errorCode },
        ...(errorCode === 0 ? {} : { error: protocolError(errorCode) }),
      }))
    const failed = results.filter(({ errorCode }) => errorCode !== 0)
    if (failed.length > 0) throw new KafkaJSDeleteGroupsError('Error in DeleteGroups', failed)
    return results
  }
  return withRetry(
    cluster.retry,
    work,
    (error) => !passing.includes((error as { type?: string }).type ?? ''),
  )
}
