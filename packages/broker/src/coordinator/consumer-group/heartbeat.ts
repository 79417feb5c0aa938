/**
 * ConsumerGroupHeartbeat: joining, staying in, and leaving a consumer group.
 *
 * A heartbeat is first checked as a whole; once the first record is made nothing is refused any
 * more. Then: member -> patterns -> group epoch -> target -> what the member holds -> answer.
 * Topics that came, grew or went are noticed by the next heartbeat of any member.
 */
import {
  type ConsumerGroupHeartbeatRequest,
  type ConsumerGroupHeartbeatResponse,
  errorCode,
  type InferInput,
} from '@ottla/protocol'
import type { GroupCoordinator, Now } from '../group/group-coordinator.ts'
import type { GroupRecord } from '../group/group-records.ts'
import { newOutcome, type Reply } from '../group/outcome.ts'
import { assignmentOf, NOTHING_HELD, samePartitions, topicPartitionsOf } from './assignment.ts'
import { ConsumerGroup, type ConsumerMember } from './consumer-group.ts'
import type { MemberMetadata } from './consumer-group-records.ts'
import { Changes, type ConsumerGroups, removeMembers } from './consumer-groups.ts'
import {
  type Fault,
  heartbeatFault,
  isJoin,
  LEAVE,
  memberFault,
  PAUSE,
  patternFault,
} from './heartbeat-checks.ts'
import { assign, reconcileMember, setMetadata, takePlace, updateEpoch } from './member-steps.ts'
import { upgrade, upgradeFault } from './migration.ts'
import { resolvePending } from './subscribed-patterns.ts'

export type HeartbeatAnswer = InferInput<typeof ConsumerGroupHeartbeatResponse>

export interface HeartbeatContext {
  readonly now: Now
  readonly apiVersion: number
  readonly clientId: string
  readonly clientHost: string
}

export interface Decision {
  readonly records: readonly GroupRecord[]
  readonly response: HeartbeatAnswer
  /** Members of the classic protocol that waited in a group that is of another kind now. */
  readonly replies: readonly Reply[]
}

export function consumerGroupHeartbeat(
  coordinator: GroupCoordinator,
  request: ConsumerGroupHeartbeatRequest,
  context: HeartbeatContext,
): Decision {
  const { consumerGroups } = coordinator
  const fault = heartbeatFault(consumerGroups, request, context.apiVersion)
  if (fault) return refuse(fault)
  const group = consumerGroups.get(request.groupId)
  const absent = group ? undefined : absentFault(coordinator, request)
  if (absent) return refuse(absent)
  const full = fullFault(coordinator, request)
  if (full) return refuse(full)
  const wrongMember = memberFault(group, request)
  if (wrongMember) return refuse(wrongMember)
  const changes = new Changes(consumerGroups, context.now)
  if (group && (request.memberEpoch === LEAVE || request.memberEpoch === PAUSE)) {
    return leave(changes, group, request)
  }
  const badPattern = patternFault(group, request)
  if (badPattern) return refuse(badPattern)
  const memberId = request.memberId === '' ? coordinator.newId() : request.memberId
  const outcome = newOutcome()
  makeWay(coordinator, request.groupId, changes, outcome)
  const response = beat(changes, { ...request, memberId }, context)
  return { records: changes.records, response, replies: outcome.replies }
}

/** Why a group cannot be made, or be made of a classic one that is there. */
function absentFault(
  coordinator: GroupCoordinator,
  request: ConsumerGroupHeartbeatRequest,
): Fault | undefined {
  const { groupId } = request
  const classic = coordinator.groups.get(groupId)
  if (!isJoin(request) || isOtherKind(coordinator, groupId)) {
    return { error: 'GROUP_ID_NOT_FOUND', message: `There is no consumer group ${groupId}.` }
  }
  const reason = classic && !classic.isEmpty ? upgradeFault(coordinator, classic) : undefined
  if (!reason) return undefined
  const message = `${groupId} cannot become a consumer group: ${reason}.`
  return { error: 'GROUP_ID_NOT_FOUND', message }
}

function fullFault(
  { consumerGroups, groups }: GroupCoordinator,
  { groupId, memberId, memberEpoch, instanceId }: ConsumerGroupHeartbeatRequest,
): Fault | undefined {
  const { groupSizeMax } = consumerGroups.options
  const group = consumerGroups.get(groupId) ?? groups.get(groupId)
  if (!group || memberEpoch < 0 || group.members.size < groupSizeMax) return undefined
  if (group.members.has(memberId) || group.staticMembers.has(instanceId ?? '')) return undefined
  const message = `The group has its ${groupSizeMax} members already.`
  return { error: 'GROUP_MAX_SIZE_REACHED', message }
}

/** A classic group without members is replaced; one with members takes them along. */
function makeWay(
  coordinator: GroupCoordinator,
  groupId: string,
  changes: Changes,
  outcome: ReturnType<typeof newOutcome>,
): void {
  const classic = coordinator.groups.get(groupId)
  if (!classic) return
  if (!classic.isEmpty) {
    upgrade(coordinator, classic, changes, outcome)
    return
  }
  coordinator.groups.delete(groupId)
  changes.note({ kind: 'group', group: groupId, value: null })
}

function refuse({ error, message }: Fault): Decision {
  const response = {
    throttleTimeMs: 0,
    errorCode: errorCode(error),
    errorMessage: message,
    memberId: null,
    memberEpoch: 0,
    heartbeatIntervalMs: 0,
    assignment: null,
  }
  return { records: [], response, replies: [] }
}

const isOtherKind = ({ shareGroups, streamsGroups }: GroupCoordinator, groupId: string): boolean =>
  shareGroups.get(groupId) !== undefined || streamsGroups.get(groupId) !== undefined

function leave(
  changes: Changes,
  group: ConsumerGroup,
  request: ConsumerGroupHeartbeatRequest,
): Decision {
  const { memberId, memberEpoch, instanceId } = request
  if (memberEpoch === PAUSE && instanceId !== null) {
    // A static member that comes back finds everything as it was.
    const { current } = group.staticMember(instanceId) as ConsumerMember
    const value = { ...current, memberEpoch: PAUSE, revoking: NOTHING_HELD }
    changes.add({ kind: 'consumer-current', group: group.groupId, member: memberId, value })
  } else removeMembers(changes, group, [memberId])
  const response = {
    throttleTimeMs: 0,
    errorCode: 0,
    memberId,
    memberEpoch,
    heartbeatIntervalMs: 0,
    assignment: null,
  }
  return { records: changes.records, response, replies: [] }
}

function beat(
  changes: Changes,
  request: ConsumerGroupHeartbeatRequest,
  context: HeartbeatContext,
): HeartbeatAnswer {
  const { groups, now } = changes
  const { groupId, memberId, instanceId } = request
  const known = groups.get(groupId)
  const assignorBefore = preferredAssignor(groups, groupId)
  const old = instanceId === null ? undefined : known?.staticMember(instanceId)
  if (known && old && isJoin(request)) takePlace(changes, known, old, memberId)
  let isChanged = resolvePending(changes, known)
  const metadata = metadataOf(groups, request, context)
  const isResubscribed = setMetadata(changes, groupId, memberId, metadata)
  if (isResubscribed) isChanged = true
  const group = groups.get(groupId) as ConsumerGroup
  if (assignorBefore !== preferredAssignor(groups, groupId)) isChanged = true
  updateEpoch(changes, group, isChanged)
  assign(changes, group)
  const member = group.members.get(memberId) as ConsumerMember
  const before = member.current
  const owned = request.topicPartitions ? assignmentOf(request.topicPartitions) : undefined
  reconcileMember(changes, group, member, { owned, isResubscribed })
  const { current } = member
  member.sessionDeadlineMs = now.monotonicMs + groups.options.sessionTimeoutMs(groupId)
  const isTold = isFullRequest(request) || !samePartitions(before.assigned, current.assigned)
  return {
    throttleTimeMs: 0,
    errorCode: 0,
    memberId,
    memberEpoch: current.memberEpoch,
    heartbeatIntervalMs: groups.options.heartbeatIntervalMs(groupId),
    assignment: isTold ? { topicPartitions: topicPartitionsOf(current.assigned) } : null,
  }
}

const preferredAssignor = (groups: ConsumerGroups, groupId: string): string =>
  groups.preferredAssignor(groups.get(groupId) ?? new ConsumerGroup(groupId))

/** Everything said anew, as a member does that is not sure of what the broker knows. */
const isFullRequest = (request: ConsumerGroupHeartbeatRequest): boolean =>
  isJoin(request) ||
  (request.rebalanceTimeoutMs !== -1 &&
    (request.subscribedTopicNames !== null || request.subscribedTopicRegex !== null) &&
    request.topicPartitions !== null)

/** What is known of the member with what it says anew. It speaks the consumer protocol now. */
function metadataOf(
  groups: ConsumerGroups,
  request: ConsumerGroupHeartbeatRequest,
  { clientId, clientHost }: HeartbeatContext,
): MemberMetadata {
  const { groupId, memberId, rebalanceTimeoutMs } = request
  const before = groups.get(groupId)?.members.get(memberId)?.metadata
  const names = request.subscribedTopicNames
  const pattern = request.subscribedTopicRegex
  return {
    instanceId: request.instanceId ?? before?.instanceId ?? null,
    rackId: request.rackId ?? before?.rackId ?? null,
    clientId,
    clientHost,
    subscribedTopicNames: names ? [...new Set(names)].sort() : (before?.subscribedTopicNames ?? []),
    subscribedTopicRegex:
      pattern === null ? (before?.subscribedTopicRegex ?? null) : pattern === '' ? null : pattern,
    rebalanceTimeoutMs:
      rebalanceTimeoutMs === -1 ? (before?.rebalanceTimeoutMs ?? -1) : rebalanceTimeoutMs,
    serverAssignor: request.serverAssignor ?? before?.serverAssignor ?? null,
    classicMemberMetadata: null,
  }
}
