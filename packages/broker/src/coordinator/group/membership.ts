/** JoinGroup, SyncGroup, Heartbeat and LeaveGroup of the classic protocol. */
import {
  type ErrorName,
  errorCode,
  type HeartbeatRequest,
  type InferInput,
  type JoinGroupRequest,
  type LeaveGroupRequest,
  type LeaveGroupResponse,
  type SyncGroupRequest,
} from '@ottla/protocol'
import {
  heartbeatConsumerGroup,
  joinConsumerGroup,
  syncConsumerGroup,
} from '../consumer-group/classic-members.ts'
import type { ConsumerGroup, ConsumerMember } from '../consumer-group/consumer-group.ts'
import { Changes, removeGroup, removeMembers } from '../consumer-group/consumer-groups.ts'
import {
  removeGroup as removeStreamsGroup,
  StreamsChanges,
} from '../streams-group/streams-groups.ts'
import {
  type ClassicGroup,
  type Member,
  NO_ASSIGNMENT,
  sameProtocols,
  type Token,
} from './classic-group.ts'
import { groupRecord, joinFailure, syncFailure } from './group-answers.ts'
import type { GroupCoordinator, Now } from './group-coordinator.ts'
import { newOutcome, type Outcome } from './outcome.ts'
import {
  completeSync,
  joinSuccess,
  prepareRebalance,
  prolongInitialJoin,
  rebalanceWithout,
  removeMember,
  syncSuccess,
  tryCompleteJoin,
} from './rebalance.ts'

export interface JoinContext {
  readonly token: Token
  readonly now: Now
  readonly clientId: string
  readonly clientHost: string
  /** From version 4 on a new member is first given its id (KIP-394). */
  readonly requiresKnownMemberId: boolean
  /** From version 9 on a static leader that came back can be told not to assign (KIP-814). */
  readonly supportsSkippingAssignment: boolean
}

export function join(
  coordinator: GroupCoordinator,
  request: JoinGroupRequest,
  context: JoinContext,
): Outcome {
  const outcome = newOutcome()
  const { groupId, memberId, sessionTimeoutMs } = request
  const refuse = (error: ErrorName, id = memberId): Outcome => {
    outcome.replies.push({ token: context.token, response: joinFailure(error, id) })
    return outcome
  }
  const { settings } = coordinator
  if (groupId === '') return refuse('INVALID_GROUP_ID')
  if (
    sessionTimeoutMs < settings.sessionTimeoutMsMin ||
    sessionTimeoutMs > settings.sessionTimeoutMsMax
  ) {
    return refuse('INVALID_SESSION_TIMEOUT')
  }
  if (coordinator.shareGroups.get(groupId)) return refuse('INCONSISTENT_GROUP_PROTOCOL', '')
  const consumerGroup = coordinator.consumerGroups.get(groupId)
  if (consumerGroup && !consumerGroup.isEmpty) {
    return joinConsumerGroup(coordinator, consumerGroup, request, context)
  }
  const streamsGroup = coordinator.streamsGroups.get(groupId)
  if (streamsGroup && !streamsGroup.isEmpty) return refuse('INCONSISTENT_GROUP_PROTOCOL', '')
  if (consumerGroup) {
    // Nobody is in it: it makes way even for a member that is refused; what it committed stays.
    const changes = new Changes(coordinator.consumerGroups, context.now)
    removeGroup(changes, consumerGroup)
    outcome.records.push(...changes.records)
  }
  if (streamsGroup) {
    const changes = new StreamsChanges(coordinator.streamsGroups, context.now)
    removeStreamsGroup(changes, streamsGroup)
    outcome.records.push(...changes.records)
  }
  const existing = coordinator.groups.get(groupId)
  if (!existing && memberId !== '') {
    // A group that only committed offsets is there: what is asked of it is looked at first.
    const asksNothing = request.protocolType === '' || request.protocols.length === 0
    const isThere = !consumerGroup && !streamsGroup && coordinator.offsets.has(groupId)
    return refuse(isThere && asksNothing ? 'INCONSISTENT_GROUP_PROTOCOL' : 'UNKNOWN_MEMBER_ID')
  }
  const group = existing ?? coordinator.groupOf(groupId, context.now)
  if (!acceptsAnother(group, request, settings.groupSizeMax))
    return refuse('GROUP_MAX_SIZE_REACHED', '')
  const names = request.protocols.map((protocol) => protocol.name)
  if (!group.supports(request.protocolType, names)) return refuse('INCONSISTENT_GROUP_PROTOCOL')
  const joining: Joining = { coordinator, group, request, context, outcome }
  const error = memberId === '' ? joinUnknown(joining) : joinKnown(joining)
  return error ? refuse(error) : outcome
}

interface Joining {
  readonly coordinator: GroupCoordinator
  readonly group: ClassicGroup
  readonly request: JoinGroupRequest
  readonly context: JoinContext
  readonly outcome: Outcome
}

function acceptsAnother(group: ClassicGroup, request: JoinGroupRequest, sizeMax: number): boolean {
  const { memberId, groupInstanceId } = request
  if (group.members.has(memberId) || group.pendingMembers.has(memberId)) return true
  if (groupInstanceId !== null && group.staticMembers.has(groupInstanceId)) return true
  return group.members.size + group.pendingMembers.size < sizeMax
}

function joinUnknown(joining: Joining): ErrorName | undefined {
  const { coordinator, group, request, context, outcome } = joining
  const { groupInstanceId } = request
  if (groupInstanceId !== null) {
    const memberId = `${groupInstanceId}-${coordinator.newId()}`
    const old = group.staticMembers.get(groupInstanceId)
    if (old === undefined) addAndRebalance(joining, memberId)
    else returnStatic(joining, old, memberId)
    return undefined
  }
  const memberId = `${context.clientId}-${coordinator.newId()}`
  if (!context.requiresKnownMemberId) {
    addAndRebalance(joining, memberId)
    return undefined
  }
  group.pendingMembers.set(memberId, context.now.monotonicMs + request.sessionTimeoutMs)
  outcome.replies.push({
    token: context.token,
    response: joinFailure('MEMBER_ID_REQUIRED', memberId),
  })
  return undefined
}

function joinKnown(joining: Joining): ErrorName | undefined {
  const { group, request } = joining
  const { memberId, groupInstanceId } = request
  if (group.pendingMembers.has(memberId)) {
    if (groupInstanceId !== null) return 'UNKNOWN_MEMBER_ID'
    addAndRebalance(joining, memberId)
    return undefined
  }
  const fault = memberFault(group, memberId, groupInstanceId)
  if (fault) return fault
  const member = group.members.get(memberId) as Member
  switch (group.state) {
    case 'PreparingRebalance':
      rejoin(joining, member)
      tryCompleteJoin(group, joining.context.now, joining.outcome)
      return undefined
    case 'CompletingRebalance':
      if (sameProtocols(member.protocols, request.protocols)) answerCurrent(joining, member)
      else rejoinAndRebalance(joining, member)
      return undefined
    case 'Stable':
      if (
        member.memberId === group.leaderId ||
        !sameProtocols(member.protocols, request.protocols)
      ) {
        rejoinAndRebalance(joining, member)
      } else answerCurrent(joining, member)
      return undefined
    case 'Empty':
    case 'Dead':
      return 'UNKNOWN_MEMBER_ID'
  }
}

/** Why a member may not speak for a group, or undefined when it may. */
export function memberFault(
  group: ClassicGroup,
  memberId: string,
  groupInstanceId: string | null,
): ErrorName | undefined {
  if (groupInstanceId !== null) {
    const current = group.staticMembers.get(groupInstanceId)
    if (current === undefined) return 'UNKNOWN_MEMBER_ID'
    if (current !== memberId) return 'FENCED_INSTANCE_ID'
  }
  return group.members.has(memberId) ? undefined : 'UNKNOWN_MEMBER_ID'
}

function addAndRebalance(joining: Joining, memberId: string): void {
  const { coordinator, group, request, context, outcome } = joining
  const { now } = context
  const wasWaiting = group.state === 'PreparingRebalance'
  if (group.isEmpty) group.protocolType = request.protocolType
  group.add({
    memberId,
    groupInstanceId: request.groupInstanceId,
    clientId: context.clientId,
    clientHost: context.clientHost,
    rebalanceTimeoutMs: rebalanceTimeoutOf(request),
    sessionTimeoutMs: request.sessionTimeoutMs,
    protocols: keptProtocols(request),
    assignment: NO_ASSIGNMENT,
    sessionDeadlineMs: now.monotonicMs + request.sessionTimeoutMs,
    joinToken: context.token,
    syncToken: undefined,
    mustSync: false,
  })
  if (wasWaiting) {
    prolongInitialJoin(coordinator, group, now)
    tryCompleteJoin(group, now, outcome)
  } else prepareRebalance(coordinator, group, now, outcome)
}

const rebalanceTimeoutOf = (request: JoinGroupRequest): number =>
  request.rebalanceTimeoutMs >= 0 ? request.rebalanceTimeoutMs : request.sessionTimeoutMs

/** Metadata outlives the request, whose frame must not be kept for it. */
const keptProtocols = (request: JoinGroupRequest) =>
  request.protocols.map(({ name, metadata }) => ({ name, metadata: Buffer.from(metadata) }))

function rejoin({ request, context, group, outcome }: Joining, member: Member): void {
  if (member.joinToken !== undefined) {
    // The member asked again; its earlier request will not be read any more.
    outcome.replies.push({
      token: member.joinToken,
      response: joinFailure('REBALANCE_IN_PROGRESS', member.memberId),
    })
  }
  member.protocols = keptProtocols(request)
  member.rebalanceTimeoutMs = rebalanceTimeoutOf(request)
  member.sessionTimeoutMs = request.sessionTimeoutMs
  member.clientId = context.clientId
  member.clientHost = context.clientHost
  member.joinToken = context.token
  if (group.isEmpty) group.protocolType = request.protocolType
}

function rejoinAndRebalance(joining: Joining, member: Member): void {
  const { coordinator, group, context, outcome } = joining
  rejoin(joining, member)
  prepareRebalance(coordinator, group, context.now, outcome)
}

function answerCurrent({ group, context, outcome }: Joining, member: Member): void {
  member.sessionDeadlineMs = context.now.monotonicMs + member.sessionTimeoutMs
  outcome.replies.push({ token: context.token, response: joinSuccess(group, member) })
}

/** A static member came back without its id: it gets a new one and keeps its assignment. */
function returnStatic(joining: Joining, oldMemberId: string, memberId: string): void {
  const { coordinator, group, context, outcome } = joining
  const old = group.members.get(oldMemberId) as Member
  if (old.joinToken !== undefined) {
    const response = joinFailure('FENCED_INSTANCE_ID', oldMemberId)
    outcome.replies.push({ token: old.joinToken, response })
  }
  if (old.syncToken !== undefined) {
    outcome.replies.push({ token: old.syncToken, response: syncFailure('FENCED_INSTANCE_ID') })
  }
  const before = group.protocolName
  const member = group.replaceStatic(oldMemberId, memberId)
  if (group.state !== 'Stable') {
    rejoin(joining, member)
    if (group.state === 'PreparingRebalance') {
      tryCompleteJoin(group, context.now, outcome)
    } else prepareRebalance(coordinator, group, context.now, outcome)
    return
  }
  rejoin(joining, member)
  // Other metadata is no reason: it names the partitions the member had, which it has lost by now.
  if (group.selectProtocol() !== before) {
    prepareRebalance(coordinator, group, context.now, outcome)
    return
  }
  member.joinToken = undefined
  member.sessionDeadlineMs = context.now.monotonicMs + member.sessionTimeoutMs
  outcome.records.push(groupRecord(group))
  const skipAssignment = context.supportsSkippingAssignment && memberId === group.leaderId
  const response = joinSuccess(group, member, { skipAssignment })
  const leader =
    memberId === group.leaderId && !context.supportsSkippingAssignment
      ? // An old client would compute an assignment if it knew that it leads.
        { ...response, leader: oldMemberId, members: [] }
      : response
  outcome.replies.push({ token: context.token, response: leader })
}

export function sync(
  coordinator: GroupCoordinator,
  request: SyncGroupRequest,
  token: Token,
  now: Now,
): Outcome {
  const outcome = newOutcome()
  const refuse = (error: ErrorName): Outcome => {
    outcome.replies.push({ token, response: syncFailure(error) })
    return outcome
  }
  if (request.groupId === '') return refuse('INVALID_GROUP_ID')
  const consumerGroup = coordinator.consumerGroups.get(request.groupId)
  if (consumerGroup) return syncConsumerGroup(coordinator, consumerGroup, request, { token, now })
  const group = coordinator.groups.get(request.groupId)
  if (!group) return refuse('UNKNOWN_MEMBER_ID')
  const { memberId, protocolType, protocolName } = request
  const fault = memberFault(group, memberId, request.groupInstanceId)
  if (fault) return refuse(fault)
  if (request.generationId !== group.generationId) return refuse('ILLEGAL_GENERATION')
  const isOther =
    (protocolType !== null && protocolType !== group.protocolType) ||
    (protocolName !== null && protocolName !== group.protocolName)
  if (isOther) return refuse('INCONSISTENT_GROUP_PROTOCOL')
  const member = group.members.get(memberId) as Member
  switch (group.state) {
    case 'PreparingRebalance':
      return refuse('REBALANCE_IN_PROGRESS')
    case 'CompletingRebalance': {
      member.mustSync = false
      member.syncToken = token
      if (memberId !== group.leaderId) return outcome
      const assignments = new Map(
        request.assignments.map((a) => [a.memberId, Buffer.from(a.assignment)]),
      )
      completeSync(group, assignments, now, outcome)
      return outcome
    }
    case 'Stable':
      member.mustSync = false
      member.sessionDeadlineMs = now.monotonicMs + member.sessionTimeoutMs
      outcome.replies.push({ token, response: syncSuccess(group, member) })
      return outcome
    case 'Empty':
    case 'Dead':
      return refuse('UNKNOWN_MEMBER_ID')
  }
}

export function heartbeat(
  coordinator: GroupCoordinator,
  request: HeartbeatRequest,
  now: Now,
): ErrorName {
  if (request.groupId === '') return 'INVALID_GROUP_ID'
  const consumerGroup = coordinator.consumerGroups.get(request.groupId)
  if (consumerGroup) return heartbeatConsumerGroup(consumerGroup, request, now)
  const group = coordinator.groups.get(request.groupId)
  if (!group) return 'UNKNOWN_MEMBER_ID'
  const fault = memberFault(group, request.memberId, request.groupInstanceId)
  if (fault) return fault
  if (request.generationId !== group.generationId) return 'ILLEGAL_GENERATION'
  if (group.state === 'Empty' || group.state === 'Dead') return 'UNKNOWN_MEMBER_ID'
  const member = group.members.get(request.memberId) as Member
  member.sessionDeadlineMs = now.monotonicMs + member.sessionTimeoutMs
  return group.state === 'PreparingRebalance' ? 'REBALANCE_IN_PROGRESS' : 'NONE'
}

type LeaveAnswer = InferInput<typeof LeaveGroupResponse>

export function leave(
  coordinator: GroupCoordinator,
  request: LeaveGroupRequest,
  apiVersion: number,
  now: Now,
): { outcome: Outcome; response: LeaveAnswer } {
  const outcome = newOutcome()
  const answer = (error: ErrorName, members: LeaveAnswer['members']) => ({
    outcome,
    response: { throttleTimeMs: 0, errorCode: errorCode(error), members },
  })
  if (request.groupId === '') return answer('INVALID_GROUP_ID', [])
  const leaving =
    apiVersion >= 3
      ? request.members
      : [{ memberId: request.memberId, groupInstanceId: null, reason: null }]
  const group = coordinator.groups.get(request.groupId)
  const consumerGroup = coordinator.consumerGroups.get(request.groupId)
  const gone: string[] = []
  const results = leaving.map(({ memberId, groupInstanceId }) => {
    const identity = { memberId, groupInstanceId }
    let error: ErrorName = 'UNKNOWN_MEMBER_ID'
    if (group) error = leaveOne(coordinator, group, identity, now, outcome)
    else if (consumerGroup) {
      const member = memberOf(consumerGroup, identity)
      error = typeof member === 'string' ? member : 'NONE'
      if (typeof member !== 'string') gone.push(member.memberId)
    }
    return { memberId, groupInstanceId, errorCode: errorCode(error) }
  })
  if (consumerGroup && gone.length > 0) {
    const changes = new Changes(coordinator.consumerGroups, now)
    removeMembers(changes, consumerGroup, [...new Set(gone)])
    outcome.records.push(...changes.records)
  }
  if (apiVersion >= 3) return answer('NONE', results)
  return {
    outcome,
    response: { throttleTimeMs: 0, errorCode: results[0]?.errorCode ?? 0, members: [] },
  }
}

/**
 * The member of a consumer group that leaves: one of the classic protocol, or any that an
 * administrator removes.
 */
function memberOf(
  group: ConsumerGroup,
  { memberId, groupInstanceId }: { memberId: string; groupInstanceId: string | null },
): ConsumerMember | ErrorName {
  const member =
    groupInstanceId === null ? group.members.get(memberId) : group.staticMember(groupInstanceId)
  if (!member) return 'UNKNOWN_MEMBER_ID'
  return memberId !== '' && member.memberId !== memberId ? 'FENCED_INSTANCE_ID' : member
}

function leaveOne(
  coordinator: GroupCoordinator,
  group: ClassicGroup,
  leaving: { readonly memberId: string; readonly groupInstanceId: string | null },
  now: Now,
  outcome: Outcome,
): ErrorName {
  const { groupInstanceId } = leaving
  let { memberId } = leaving
  if (group.pendingMembers.delete(memberId)) {
    // As in Apache Kafka, where a group rebalances for one who was never in it.
    rebalanceWithout(coordinator, group, now, outcome)
    return 'NONE'
  }
  if (groupInstanceId !== null && memberId === '') {
    memberId = group.staticMembers.get(groupInstanceId) ?? ''
  }
  const fault = memberFault(group, memberId, groupInstanceId)
  if (fault) return fault
  removeMember(coordinator, group, memberId, now, outcome)
  return 'NONE'
}
