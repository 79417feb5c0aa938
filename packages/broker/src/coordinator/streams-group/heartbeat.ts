/**
 * StreamsGroupHeartbeat: joining, staying in, and leaving a streams group (KIP-1071).
 *
 * A heartbeat is first checked as a whole, its topology included ({@link Plan}); once the first
 * record is made nothing is refused any more. Then: member -> topology -> group epoch -> target ->
 * what the member has -> answer. Internal topics that are missing are named to the shell, which
 * makes them; the next heartbeat finds them and assigns. Topics that came, grew or went are noticed
 * by the next heartbeat of any member.
 */
import { type ErrorName, errorCode, type StreamsGroupHeartbeatRequest } from '@ottla/protocol'
import type { GroupCoordinator, Now } from '../group/group-coordinator.ts'
import { kindOf } from '../group/group-kinds.ts'
import type { GroupRecord } from '../group/group-records.ts'
import {
  answerOf,
  BLANK_ANSWER,
  StatusCode,
  type StreamsHeartbeatAnswer,
  type StreamsStatus,
} from './heartbeat-answer.ts'
import {
  type Fault,
  isJoin,
  LEAVE,
  memberFault,
  ownedTasks,
  PAUSE,
  requestFault,
} from './heartbeat-checks.ts'
import { type Plan, planOf } from './heartbeat-plan.ts'
import { NO_METADATA, type StreamsGroup, type StreamsMember } from './streams-group.ts'
import type { StreamsMemberMetadata } from './streams-group-records.ts'
import {
  assign,
  bumpEpoch,
  forgetMember,
  removeMember,
  StreamsChanges,
  type StreamsGroups,
} from './streams-groups.ts'
import { isReconciled, NOT_ASSIGNED, reconcileTasks } from './task-reconciliation.ts'
import { type EpochTasks, NO_TASKS, NOTHING_HELD, type TargetTasks } from './tasks.ts'
import type { TopicInfo } from './topology.ts'

export interface StreamsHeartbeatContext {
  readonly now: Now
  readonly apiVersion: number
  readonly clientId: string
  readonly clientHost: string
}

export interface StreamsDecision {
  readonly records: readonly GroupRecord[]
  readonly response: StreamsHeartbeatAnswer
  /** Internal topics that the group waits for. */
  readonly toCreate: readonly TopicInfo[]
}

export function streamsGroupHeartbeat(
  coordinator: GroupCoordinator,
  request: StreamsGroupHeartbeatRequest,
  context: StreamsHeartbeatContext,
): StreamsDecision {
  const { streamsGroups } = coordinator
  const { groupId } = request
  const fault = requestFault(request)
  if (fault) return refuse(fault)
  const group = streamsGroups.get(groupId)
  if (!group && !(isJoin(request) && isVacant(coordinator, groupId))) {
    const message = `There is no streams group ${groupId}.`
    return refuse({ error: 'GROUP_ID_NOT_FOUND', message })
  }
  const isLeaving = request.memberEpoch === LEAVE || request.memberEpoch === PAUSE
  if (group && request.shutdownApplication && isLeaving) group.shutdownBy ??= request.memberId
  const refused =
    (isJoin(request) ? fullFault(streamsGroups, group, request) : undefined) ??
    memberFault(group, request)
  if (refused) return refuse(refused)
  const changes = new StreamsChanges(streamsGroups, context.now)
  if (group && isLeaving) return leave(changes, group, request)
  const plan = planOf(streamsGroups, group, request)
  if ('error' in plan) return refuse(plan)
  const replaced: GroupRecord[] = []
  if (coordinator.groups.delete(groupId)) {
    // An empty classic group makes way; what it committed stays.
    replaced.push({ kind: 'group', group: groupId, value: null })
  }
  const response = beat(changes, request, plan, context)
  const records = [...replaced, ...changes.records]
  return { records, response, toCreate: plan.configured.toCreate }
}

/** Nobody has the id, or a classic group without members. */
function isVacant(coordinator: GroupCoordinator, groupId: string): boolean {
  const kind = kindOf(coordinator, groupId)
  if (kind === undefined) return true
  return kind === 'classic' && (coordinator.groups.get(groupId)?.isEmpty ?? true)
}

const refuse = ({ error, message }: { error: ErrorName; message: string }): StreamsDecision => ({
  records: [],
  response: { ...BLANK_ANSWER, errorCode: errorCode(error), errorMessage: message },
  toCreate: [],
})

function fullFault(
  { options }: StreamsGroups,
  group: StreamsGroup | undefined,
  { memberId, instanceId }: StreamsGroupHeartbeatRequest,
): Fault | undefined {
  if (!group || group.members.size < options.groupSizeMax) return undefined
  const isKnown = group.members.has(memberId) || group.staticMembers.has(instanceId ?? '')
  if (isKnown) return undefined
  const message = `The group has its ${options.groupSizeMax} members already.`
  return { error: 'GROUP_MAX_SIZE_REACHED', message }
}

function leave(
  changes: StreamsChanges,
  group: StreamsGroup,
  request: StreamsGroupHeartbeatRequest,
): StreamsDecision {
  const { memberId, memberEpoch, instanceId } = request
  if (memberEpoch === PAUSE && instanceId !== null) {
    // A static member that comes back finds everything as it was.
    const { current } = group.staticMember(instanceId) as StreamsMember
    const active: EpochTasks = new Map([...current.assigned.active.keys()].map((task) => [task, 0]))
    const assigned = { ...current.assigned, active }
    const value = { ...current, memberEpoch: PAUSE, assigned, revoking: NOTHING_HELD }
    changes.add({ kind: 'streams-current', group: group.groupId, member: memberId, value })
  } else removeMember(changes, group, memberId)
  const response = { ...BLANK_ANSWER, errorCode: 0, memberId, memberEpoch }
  return { records: changes.records, response, toCreate: [] }
}

function beat(
  changes: StreamsChanges,
  request: StreamsGroupHeartbeatRequest,
  plan: Plan,
  context: StreamsHeartbeatContext,
): StreamsHeartbeatAnswer {
  const { groups, now } = changes
  const { groupId, memberId } = request
  const before = groups.get(groupId)
  const wasEmpty = before?.isEmpty ?? true
  const status: StreamsStatus[] = []
  const isReplaced = takePlace(changes, request)
  const known = groups.get(groupId)?.members.get(memberId)
  const old = { metadata: known?.metadata ?? NO_METADATA, current: known?.current ?? NOT_ASSIGNED }
  const isMoved = updateMember(changes, request, old.metadata, context)
  const group = groups.get(groupId) as StreamsGroup
  const member = group.members.get(memberId) as StreamsMember
  noteStale(group, member, status)
  if (plan.newTopology) {
    changes.add({ kind: 'streams-topology', group: groupId, value: plan.newTopology })
  }
  // The first heartbeat makes the group; what is not recorded begins with the second.
  if (before) {
    group.configured = plan.configured
    member.told = { ...member.told, ...plan.told }
  }
  group.topicsVersion = plan.topicsVersion
  if (plan.isChanged || isMoved) bumpEpoch(changes, group, plan.epochFields)
  const delayMs = groups.options.initialRebalanceDelayMs(groupId)
  if (wasEmpty && delayMs > 0) group.initialDelayDeadlineMs ??= now.monotonicMs + delayMs
  const isDelayed = group.initialDelayDeadlineMs !== undefined
  const wait = isDelayed ? 'initial' : assign(changes, group, plan.configured)
  if (wait) status.push({ statusCode: StatusCode.ASSIGNMENT_DELAYED, statusDetail: WAITS[wait] })
  const target = isDelayed ? NO_TASKS : group.target(memberId)
  reconcile(changes, group, member, { target, owned: ownedTasks(request) })
  member.sessionDeadlineMs = now.monotonicMs + groups.options.sessionTimeoutMs(groupId)
  if (request.shutdownApplication) group.shutdownBy ??= memberId
  const about = { request, apiVersion: context.apiVersion, plan, old, isReplaced, isNew: !before }
  return answerOf(groups, group, member, { ...about, status })
}

const WAITS = {
  initial: 'The first assignment waits for more members to come.',
  interval: 'The next assignment waits until the assignment interval is over.',
} as const

/** A static member that comes back takes over its place; true when it has a new id. */
function takePlace(changes: StreamsChanges, request: StreamsGroupHeartbeatRequest): boolean {
  const { groupId, memberId: member, instanceId } = request
  const group = changes.groups.get(groupId)
  const old = instanceId === null ? undefined : group?.staticMember(instanceId)
  if (!group || !old || !isJoin(request)) return false
  const { metadata } = old
  const target = group.target(old.memberId)
  const value = { ...old.current, memberEpoch: 0, previousMemberEpoch: 0 }
  forgetMember(changes, group, old.memberId)
  changes.add({ kind: 'streams-member', group: groupId, member, value: metadata })
  changes.add({ kind: 'streams-target', group: groupId, member, value: target })
  changes.add({ kind: 'streams-current', group: groupId, member, value })
  return member !== old.memberId
}

/** Records what the member says anew; true when that concerns the assignment. */
function updateMember(
  changes: StreamsChanges,
  request: StreamsGroupHeartbeatRequest,
  before: StreamsMemberMetadata,
  { clientId, clientHost }: StreamsHeartbeatContext,
): boolean {
  const { groupId, memberId, instanceId, topology, rebalanceTimeoutMs, clientTags } = request
  const tags = clientTags && new Map(clientTags.map(({ key, value }) => [key, value]))
  const metadata: StreamsMemberMetadata = {
    instanceId: instanceId ?? before.instanceId,
    rackId: request.rackId ?? before.rackId,
    clientId,
    clientHost,
    rebalanceTimeoutMs: rebalanceTimeoutMs === -1 ? before.rebalanceTimeoutMs : rebalanceTimeoutMs,
    topologyEpoch: topology?.epoch ?? before.topologyEpoch,
    processId: request.processId ?? before.processId,
    userEndpoint: isJoin(request)
      ? request.userEndpoint
      : (request.userEndpoint ?? before.userEndpoint),
    clientTags: tags
      ? [...tags.keys()].sort().map((key) => ({ key, value: tags.get(key) as string }))
      : before.clientTags,
  }
  const isKnown = changes.groups.get(groupId)?.members.has(memberId) ?? false
  if (isKnown && JSON.stringify(fieldsOf(before)) === JSON.stringify(fieldsOf(metadata))) {
    return false
  }
  changes.add({ kind: 'streams-member', group: groupId, member: memberId, value: metadata })
  if (instanceId === null) return true
  return JSON.stringify(assignedBy(before)) !== JSON.stringify(assignedBy(metadata))
}

/** Of a static member only these lead to a new assignment. */
const assignedBy = ({ topologyEpoch, rackId, clientTags, processId }: StreamsMemberMetadata) => [
  topologyEpoch,
  rackId,
  clientTags.map(({ key, value }) => [key, value]),
  processId,
]

const fieldsOf = (metadata: StreamsMemberMetadata) => [
  ...assignedBy(metadata),
  metadata.instanceId,
  metadata.clientId,
  metadata.clientHost,
  metadata.rebalanceTimeoutMs,
  metadata.userEndpoint && [metadata.userEndpoint.host, metadata.userEndpoint.port],
]

function noteStale(
  { topology }: StreamsGroup,
  { metadata }: StreamsMember,
  status: StreamsStatus[],
): void {
  if (!topology || metadata.topologyEpoch >= topology.epoch) return
  status.push({
    statusCode: StatusCode.STALE_TOPOLOGY,
    statusDetail: `The member has topology epoch ${metadata.topologyEpoch}, the group ${topology.epoch}.`,
  })
}

function reconcile(
  changes: StreamsChanges,
  group: StreamsGroup,
  member: StreamsMember,
  { target, owned }: { target: TargetTasks; owned: TargetTasks | undefined },
): void {
  const { current, memberId } = member
  const targetEpoch = group.assignmentEpoch
  if (isReconciled(current, targetEpoch)) return
  const { processId } = member.metadata
  const owners = group.owners()
  const value = reconcileTasks({ current, processId, target, targetEpoch, owned, owners })
  if (value === current) return
  changes.add({ kind: 'streams-current', group: group.groupId, member: memberId, value })
}
