/** What a ConsumerGroupHeartbeat is refused for, before anything changes. */
import type { ConsumerGroupHeartbeatRequest, ErrorName } from '@ottla/protocol'
import { assignmentOf, isPartOf } from './assignment.ts'
import type { ConsumerGroup, ConsumerMember } from './consumer-group.ts'
import type { ConsumerGroups } from './consumer-groups.ts'
import { compilePattern } from './topic-pattern.ts'
import { PatternError } from './topic-pattern-syntax.ts'

export interface Fault {
  readonly error: ErrorName
  readonly message: string
}

/** Member epochs with a meaning of their own. */
export const JOIN = 0
export const LEAVE = -1
/** A static member goes and means to come back. */
export const PAUSE = -2

export const isJoin = (request: ConsumerGroupHeartbeatRequest): boolean =>
  request.memberEpoch === JOIN

/** Faults that can be told from the request alone. */
export function heartbeatFault(
  groups: ConsumerGroups,
  request: ConsumerGroupHeartbeatRequest,
  apiVersion: number,
): Fault | undefined {
  const message = invalid(request, apiVersion)
  if (message) return { error: 'INVALID_REQUEST', message }
  const { serverAssignor } = request
  if (serverAssignor !== null && !groups.assignors.includes(serverAssignor)) {
    const offered = groups.assignors.join(', ')
    return {
      error: 'UNSUPPORTED_ASSIGNOR',
      message: `There is no assignor ${serverAssignor}; this broker offers ${offered}.`,
    }
  }
  return undefined
}

function invalid(request: ConsumerGroupHeartbeatRequest, apiVersion: number): string | undefined {
  const { memberEpoch, memberId, groupId, instanceId, rackId } = request
  const needsMemberId = apiVersion >= 1 || memberEpoch > JOIN || memberEpoch === LEAVE
  if (needsMemberId && memberId.trim() === '') return 'MemberId is empty.'
  if (groupId.trim() === '') return 'GroupId is empty.'
  if (instanceId !== null && instanceId.trim() === '') return 'InstanceId is empty.'
  if (rackId !== null && rackId.trim() === '') return 'RackId is empty.'
  if (memberEpoch === JOIN) return invalidJoin(request)
  if (memberEpoch === PAUSE && instanceId === null) return 'InstanceId is missing.'
  return memberEpoch < PAUSE ? 'MemberEpoch is out of range.' : undefined
}

function invalidJoin(request: ConsumerGroupHeartbeatRequest): string | undefined {
  if (request.rebalanceTimeoutMs === -1) return 'A member that joins must say RebalanceTimeoutMs.'
  if (request.topicPartitions === null || request.topicPartitions.length > 0) {
    return 'A member that joins must hold no partitions.'
  }
  if (request.subscribedTopicNames === null && request.subscribedTopicRegex === null) {
    return 'A member that joins must say which topics it reads.'
  }
  return undefined
}

/** A pattern is looked at when it is new to its member, who may speak for the group by then. */
export function patternFault(
  group: ConsumerGroup | undefined,
  { memberId, instanceId, subscribedTopicRegex: pattern }: ConsumerGroupHeartbeatRequest,
): Fault | undefined {
  const statics = instanceId === null ? undefined : group?.staticMember(instanceId)
  const member = statics ?? group?.members.get(memberId)
  if (!pattern || pattern === member?.metadata.subscribedTopicRegex) return undefined
  try {
    compilePattern(pattern)
    return undefined
  } catch (error) {
    if (!(error instanceof PatternError)) throw error
    const message = `${pattern} is not a regular expression: ${error.message}.`
    return { error: 'INVALID_REGULAR_EXPRESSION', message }
  }
}

/** Why a member may not speak for its group. */
export function memberFault(
  group: ConsumerGroup | undefined,
  request: ConsumerGroupHeartbeatRequest,
): Fault | undefined {
  const { memberId, instanceId } = request
  if (instanceId !== null) return staticFault(group?.staticMember(instanceId), request)
  if (isJoin(request)) return undefined
  const member = group?.members.get(memberId)
  if (!member) return unknown(`${memberId} is no member of the group.`)
  return epochFault(member, request)
}

function staticFault(
  member: ConsumerMember | undefined,
  request: ConsumerGroupHeartbeatRequest,
): Fault | undefined {
  const { memberId, instanceId } = request
  if (isJoin(request)) {
    const isReleased = member?.current.memberEpoch === PAUSE
    if (!member || isReleased || member.metadata.classicMemberMetadata) return undefined
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
function epochFault(
  { current }: ConsumerMember,
  { memberEpoch, topicPartitions }: ConsumerGroupHeartbeatRequest,
): Fault | undefined {
  if (memberEpoch < 0 || memberEpoch === current.memberEpoch) return undefined
  const isAnswerLost =
    memberEpoch === current.previousMemberEpoch &&
    topicPartitions !== null &&
    isPartOf(assignmentOf(topicPartitions), current.assigned)
  if (memberEpoch < current.memberEpoch && isAnswerLost) return undefined
  const message = `The member is in epoch ${current.memberEpoch}, not in ${memberEpoch}.`
  return { error: 'FENCED_MEMBER_EPOCH', message }
}
