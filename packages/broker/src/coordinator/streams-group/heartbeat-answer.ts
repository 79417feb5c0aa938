/** What a member of a streams group is answered: its tasks, where others are, what is wrong. */
import type {
  InferInput,
  StreamsGroupHeartbeatRequest,
  StreamsGroupHeartbeatResponse,
} from '@ottla/protocol'
import type { Plan } from './heartbeat-plan.ts'
import type { ConfiguredSubtopology } from './internal-topics.ts'
import type { StreamsGroup, StreamsMember } from './streams-group.ts'
import type { StreamsMemberMetadata } from './streams-group-records.ts'
import type { StreamsGroups } from './streams-groups.ts'
import type { CurrentTasks } from './task-reconciliation.ts'
import { type EpochTasks, sameHeld, type Tasks, taskIdsOf } from './tasks.ts'

export type StreamsHeartbeatAnswer = InferInput<typeof StreamsGroupHeartbeatResponse>

/** Statuses that are not faults of topics; those are in partition-counts.ts. */
export const StatusCode = {
  STALE_TOPOLOGY: 0,
  SHUTDOWN_APPLICATION: 4,
  ASSIGNMENT_DELAYED: 5,
  MISSING_CLIENT_TAGS: 6,
} as const

export interface StreamsStatus {
  readonly statusCode: number
  readonly statusDetail: string
}

export const BLANK_ANSWER = {
  throttleTimeMs: 0,
  memberId: '',
  memberEpoch: 0,
  heartbeatIntervalMs: 0,
  acceptableRecoveryLagLegacy: 0,
  taskOffsetIntervalMs: 0,
  endpointInformationEpoch: 0,
  status: [],
}

export interface Heartbeat {
  readonly request: StreamsGroupHeartbeatRequest
  readonly apiVersion: number
  readonly plan: Plan
  /** The member as it was. */
  readonly old: { readonly metadata: StreamsMemberMetadata; readonly current: CurrentTasks }
  /** A static member came back with another id. */
  readonly isReplaced: boolean
  /** The group was made by this heartbeat. */
  readonly isNew: boolean
  readonly status: readonly StreamsStatus[]
}

export function answerOf(
  { options }: StreamsGroups,
  group: StreamsGroup,
  member: StreamsMember,
  heartbeat: Heartbeat,
): StreamsHeartbeatAnswer {
  const { request, old, isNew } = heartbeat
  const { assigned } = member.current
  const isOther = !sameHeld(old.current.assigned, assigned)
  const endpoints = endpointsFor(options.topics, group, member, { ...heartbeat, isOther })
  const isTold = request.memberEpoch === 0 || isOther
  return {
    ...BLANK_ANSWER,
    errorCode: 0,
    memberId: member.memberId,
    memberEpoch: member.current.memberEpoch,
    heartbeatIntervalMs: options.heartbeatIntervalMs(group.groupId),
    taskOffsetIntervalMs: options.taskOffsetIntervalMs,
    acceptableRecoveryLag: options.acceptableRecoveryLag,
    status: statusOf(options.rackAwareTags(group.groupId), group, member, heartbeat),
    activeTasks: isTold ? taskIdsOf(assigned.active) : null,
    standbyTasks: isTold ? taskIdsOf(assigned.standby) : null,
    warmupTasks: isTold ? taskIdsOf(assigned.warmup) : null,
    endpointInformationEpoch: isNew ? 0 : group.endpointEpoch,
    partitionsByUserEndpoint: endpoints,
  }
}

function statusOf(
  tags: readonly string[],
  group: StreamsGroup,
  { metadata }: StreamsMember,
  { plan, status, apiVersion }: Heartbeat,
): StreamsStatus[] {
  const all = [...status]
  const { fault } = plan.configured
  if (fault) all.push({ statusCode: fault.status, statusDetail: fault.detail })
  if (group.shutdownBy !== undefined) {
    const statusDetail = `Member ${group.shutdownBy} asked for the end of the application.`
    all.push({ statusCode: StatusCode.SHUTDOWN_APPLICATION, statusDetail })
  }
  const own = new Set(metadata.clientTags.map(({ key }) => key))
  const missing = tags.filter((tag) => !own.has(tag))
  if (apiVersion >= 1 && missing.length > 0) {
    const statusDetail = `Standby tasks are spread by client tags that are missing: ${missing.join(', ')}.`
    all.push({ statusCode: StatusCode.MISSING_CLIENT_TAGS, statusDetail })
  }
  return all
}

type Topics = StreamsGroups['options']['topics']
type Endpoints = StreamsHeartbeatAnswer['partitionsByUserEndpoint']

/** Where partitions are, for interactive queries, unless the member has the newest already. */
function endpointsFor(
  topics: Topics,
  group: StreamsGroup,
  member: StreamsMember,
  { request, plan, old, isNew, isOther }: Heartbeat & { readonly isOther: boolean },
): Endpoints {
  const { userEndpoint } = member.metadata
  const before = old.metadata.userEndpoint
  const isMoved = before?.host !== userEndpoint?.host || before?.port !== userEndpoint?.port
  const epoch = group.endpointEpoch + (isMoved || (isOther && userEndpoint) ? 1 : 0)
  if (!isNew) group.endpointEpoch = epoch
  if (epoch === request.endpointInformationEpoch) return null
  const others = [...group.members.values()].filter((other) => other !== member)
  return [...others.sort((a, b) => (a.memberId < b.memberId ? -1 : 1)), member].flatMap((one) => {
    const endpoint = one.metadata.userEndpoint
    if (!endpoint) return []
    const { active, standby, warmup } = one.current.assigned
    const partitions = (tasks: Tasks | EpochTasks) =>
      partitionsOf(tasks, plan.configured.subtopologies, topics)
    return [
      {
        userEndpoint: endpoint,
        activePartitions: partitions(active),
        standbyPartitions: partitions(new Set([...standby, ...warmup])),
      },
    ]
  })
}

/** Partitions of the topics that tasks read. */
function partitionsOf(
  tasks: Tasks | EpochTasks,
  subtopologies: ReadonlyMap<string, ConfiguredSubtopology> | undefined,
  topics: Topics,
) {
  return taskIdsOf(tasks).flatMap(({ subtopologyId, partitions }) => {
    const subtopology = subtopologies?.get(subtopologyId)
    const inputs = subtopology?.repartitionSourceTopics.map(({ name }) => name) ?? []
    return [...(subtopology?.sourceTopics ?? []), ...inputs].flatMap((topic) => {
      const count = topics.byName(topic)?.partitionCount ?? 0
      const own = partitions.filter((partition) => partition < count)
      return own.length > 0 ? [{ topic, partitions: own }] : []
    })
  })
}
