/** What a StreamsGroupHeartbeat is refused for, before anything changes. */
import type { ErrorName, StreamsGroupHeartbeatRequest } from '@ottla/protocol'
import { isInternalTopic, topicNameFault } from '../../metadata/topic-names.ts'
import type { ConfiguredTopology } from './internal-topics.ts'
import type { StreamsGroup, StreamsMember } from './streams-group.ts'
import { isPartOfHeld, type TargetTasks, type TaskId, taskId, tasksOf } from './tasks.ts'
import { inputsOf } from './topology.ts'

export interface Fault {
  readonly error: ErrorName
  readonly message: string
}

/** Member epochs with a meaning of their own. */
export const JOIN = 0
export const LEAVE = -1
/** A static member goes and means to come back. */
export const PAUSE = -2

type Request = StreamsGroupHeartbeatRequest

export const isJoin = ({ memberEpoch }: Request): boolean => memberEpoch === JOIN

/** What the member says it has; undefined when it said nothing. */
export function ownedTasks(request: Request): TargetTasks | undefined {
  const { activeTasks, standbyTasks, warmupTasks } = request
  if (activeTasks === null || standbyTasks === null || warmupTasks === null) return undefined
  return {
    active: tasksOf(activeTasks),
    standby: tasksOf(standbyTasks),
    warmup: tasksOf(warmupTasks),
  }
}

/** Faults that can be told from the request alone. */
export function requestFault(request: Request): Fault | undefined {
  const topics = topicsFault(request)
  if (topics) return topics
  const hasPattern = request.topology?.subtopologies.some((s) => s.sourceTopicRegex.length > 0)
  const message = hasPattern
    ? 'Patterns for source topics are not supported.'
    : (invalid(request) ?? invalidTasks(request))
  if (message) return { error: 'INVALID_REQUEST', message }
  return isJoin(request) ? changelogFault(request) : undefined
}

function topicsFault({ topology }: Request): Fault | undefined {
  for (const subtopology of topology?.subtopologies ?? []) {
    const names = [
      ...inputsOf(subtopology),
      ...subtopology.repartitionSinkTopics,
      ...subtopology.stateChangelogTopics.map(({ name }) => name),
    ]
    for (const name of names) {
      const reason = isInternalTopic(name)
        ? `Topic ${name} is Kafka's own and cannot be part of a topology.`
        : topicNameFault(name) && `${name} cannot be the name of a topic.`
      if (reason) return { error: 'STREAMS_INVALID_TOPOLOGY', message: reason }
    }
  }
  return undefined
}

function invalid(request: Request): string | undefined {
  const { memberId, groupId, instanceId, rackId, memberEpoch } = request
  if (memberId.trim() === '') return 'MemberId is empty.'
  if (groupId.trim() === '') return 'GroupId is empty.'
  if (instanceId !== null && instanceId.trim() === '') return 'InstanceId is empty.'
  if (rackId !== null && rackId.trim() === '') return 'RackId is empty.'
  if (memberEpoch === PAUSE && instanceId === null) return 'InstanceId is missing.'
  if (memberEpoch < PAUSE) return 'MemberEpoch is out of range.'
  return isJoin(request) ? invalidJoin(request) : invalidStay(request)
}

const invalidStay = ({ topology }: Request): string | undefined =>
  topology === null ? undefined : 'Only a member that joins may bring a topology.'

function invalidJoin(request: Request): string | undefined {
  if (request.rebalanceTimeoutMs === -1) return 'A member that joins must say RebalanceTimeoutMs.'
  if (request.topology === null) return 'A member that joins must bring its topology.'
  const tasks = [request.activeTasks, request.standbyTasks, request.warmupTasks]
  const hasTasks = tasks.some((list) => list !== null && list.length > 0)
  return hasTasks ? 'A member that joins must have no tasks.' : undefined
}

function invalidTasks({ activeTasks, standbyTasks, warmupTasks }: Request): string | undefined {
  const missing = [activeTasks, standbyTasks, warmupTasks].filter((list) => list === null).length
  return missing === 0 || missing === 3
    ? undefined
    : 'A member that tells its tasks must tell those of every role.'
}

function changelogFault({ topology }: Request): Fault | undefined {
  for (const { stateChangelogTopics } of topology?.subtopologies ?? []) {
    const topic = stateChangelogTopics.find(({ partitions }) => partitions !== 0)
    if (!topic) continue
    const message = `Changelog topic ${topic.name} must leave its number of partitions open.`
    return { error: 'STREAMS_INVALID_TOPOLOGY', message }
  }
  return undefined
}

/** Why a member may not speak for its group. */
export function memberFault(group: StreamsGroup | undefined, request: Request): Fault | undefined {
  const { memberId, instanceId } = request
  if (instanceId !== null) return staticFault(group?.staticMember(instanceId), request)
  if (isJoin(request)) return undefined
  const member = group?.members.get(memberId)
  return member ? epochFault(member, request) : unknown(`${memberId} is no member of the group.`)
}

function staticFault(member: StreamsMember | undefined, request: Request): Fault | undefined {
  const { memberId, instanceId } = request
  if (isJoin(request)) {
    if (!member || member.current.memberEpoch === PAUSE) return undefined
    const message = `Instance id ${instanceId} is in use by member ${member.memberId}.`
    return { error: 'UNRELEASED_INSTANCE_ID', message }
  }
  if (!member) return unknown(`Instance id ${instanceId} is not known.`)
  if (member.memberId !== memberId) {
    const message = `Instance id ${instanceId} belongs to member ${member.memberId} now.`
    return { error: 'FENCED_INSTANCE_ID', message }
  }
  return epochFault(member, request)
}

const unknown = (message: string): Fault => ({ error: 'UNKNOWN_MEMBER_ID', message })

/** An epoch too low is forgiven when only the last answer was lost. */
function epochFault({ current }: StreamsMember, request: Request): Fault | undefined {
  const { memberEpoch } = request
  if (memberEpoch === LEAVE || memberEpoch === PAUSE) return undefined
  if (memberEpoch === current.memberEpoch) return undefined
  const owned = ownedTasks(request)
  const isAnswerLost =
    memberEpoch < current.memberEpoch &&
    memberEpoch === current.previousMemberEpoch &&
    owned !== undefined &&
    isPartOfHeld(owned, current.assigned)
  if (isAnswerLost) return undefined
  const message = `The member is in epoch ${current.memberEpoch}, not in ${memberEpoch}.`
  return { error: 'FENCED_MEMBER_EPOCH', message }
}

/** Tasks of a subtopology that is not there, or beyond its number of tasks. */
export function tasksFault(
  request: Request,
  { fault, subtopologies }: ConfiguredTopology,
): Fault | undefined {
  if (fault) return undefined
  const { activeTasks, standbyTasks, warmupTasks } = request
  for (const list of [activeTasks, standbyTasks, warmupTasks]) {
    for (const { subtopologyId, partitions } of list ?? []) {
      const count = subtopologies?.get(subtopologyId)?.taskCount
      const message =
        count === undefined
          ? `There is no subtopology ${subtopologyId}.`
          : partitions.some((partition) => partition < 0 || partition >= count) &&
            `Subtopology ${subtopologyId} has ${count} tasks.`
      if (message) return { error: 'INVALID_REQUEST', message }
    }
  }
  return undefined
}

type ToldOffsets = NonNullable<Request['taskOffsets']>

/** Offsets by task; a fault when a task is told twice. */
export function offsetsByTask(list: ToldOffsets): ReadonlyMap<TaskId, number> | Fault {
  const offsets = new Map<TaskId, number>()
  for (const { subtopologyId, partition, offset } of list) {
    const task = taskId(subtopologyId, partition)
    if (offsets.has(task)) {
      return { error: 'INVALID_REQUEST', message: `The offset of task ${task} is told twice.` }
    }
    offsets.set(task, offset)
  }
  return offsets
}
