/**
 * ShareGroupHeartbeat: joining, staying in, and leaving a share group.
 *
 * A heartbeat is first checked as a whole; once the first record is made nothing is refused any
 * more. Then: member -> group epoch -> partitions that need a state -> target -> answer. Partitions
 * are assigned when their state is kept; the decision names those for which that must still happen,
 * and the shell makes their states, notes it, and repeats the heartbeat.
 */
import type { Uuid } from '@ottla/base'
import {
  type ErrorName,
  errorCode,
  type InferInput,
  type ShareGroupHeartbeatRequest,
  type ShareGroupHeartbeatResponse,
} from '@ottla/protocol'
import { samePartitions, topicPartitionsOf } from '../consumer-group/assignment.ts'
import { hashOf } from '../consumer-group/metadata-hash.ts'
import type { GroupCoordinator, Now } from '../group/group-coordinator.ts'
import { kindOf } from '../group/group-kinds.ts'
import type { GroupRecord } from '../group/group-records.ts'
import type { ShareGroup, ShareMember, StateTopic } from './share-group.ts'
import {
  bumpEpoch,
  noteStates,
  removeMembers,
  ShareChanges,
  type StatePartitions,
} from './share-groups.ts'
import { simpleAssignor } from './simple-assignor.ts'

export type ShareHeartbeatAnswer = InferInput<typeof ShareGroupHeartbeatResponse>

export interface ShareHeartbeatContext {
  readonly now: Now
  readonly clientId: string
  readonly clientHost: string
}

export interface ShareDecision {
  readonly records: readonly GroupRecord[]
  readonly response: ShareHeartbeatAnswer
  /** Partitions whose states must be made before they can be assigned. */
  readonly toInitialize: StatePartitions
}

interface Fault {
  readonly error: ErrorName
  readonly message: string
}

const JOIN = 0
/** Share members name themselves, with a uuid. */
const MEMBER_ID_LENGTH_MAX = 36
const LEAVE = -1

export const isMemberId = (memberId: string | null): memberId is string =>
  memberId !== null && memberId !== '' && memberId.length <= MEMBER_ID_LENGTH_MAX

export function shareGroupHeartbeat(
  coordinator: GroupCoordinator,
  request: ShareGroupHeartbeatRequest,
  context: ShareHeartbeatContext,
): ShareDecision {
  const { shareGroups } = coordinator
  const { groupId, memberId, memberEpoch } = request
  const message = invalid(request)
  if (message) return refuse({ error: 'INVALID_REQUEST', message })
  const group = shareGroups.get(groupId)
  if (!group && (memberEpoch !== JOIN || kindOf(coordinator, groupId))) {
    return refuse({ error: 'GROUP_ID_NOT_FOUND', message: `There is no share group ${groupId}.` })
  }
  const fault = group && memberFault(group, request, shareGroups.options.groupSizeMax)
  if (fault) return refuse(fault)
  const changes = new ShareChanges(shareGroups, context.now)
  if (group && memberEpoch === LEAVE) {
    removeMembers(changes, group, [memberId])
    const response = { ...BLANK, errorCode: 0, memberId, memberEpoch }
    return { records: changes.records, response, toInitialize: NONE }
  }
  const { response, toInitialize } = beat(changes, request, context)
  return { records: changes.records, response, toInitialize }
}

const NONE: StatePartitions = new Map()
const BLANK = {
  throttleTimeMs: 0,
  memberId: null,
  memberEpoch: 0,
  heartbeatIntervalMs: 0,
  assignment: null,
}

const refuse = ({ error, message }: Fault): ShareDecision => ({
  records: [],
  response: { ...BLANK, errorCode: errorCode(error), errorMessage: message },
  toInitialize: NONE,
})

function invalid(request: ShareGroupHeartbeatRequest): string | undefined {
  const { memberId, groupId, memberEpoch, rackId, subscribedTopicNames } = request
  if (memberId.trim() === '') return 'MemberId is empty.'
  if (memberId.length > MEMBER_ID_LENGTH_MAX) return 'MemberId is too long.'
  if (groupId.trim() === '') return 'GroupId is empty.'
  if (rackId !== null && rackId.trim() === '') return 'RackId is empty.'
  if (memberEpoch < LEAVE) return 'MemberEpoch is out of range.'
  if (memberEpoch === JOIN && !subscribedTopicNames?.length) {
    return 'A member that joins must say which topics it reads.'
  }
  return undefined
}

function memberFault(
  group: ShareGroup,
  { memberId, memberEpoch }: ShareGroupHeartbeatRequest,
  groupSizeMax: number,
): Fault | undefined {
  const member = group.members.get(memberId)
  if (memberEpoch === JOIN) {
    if (member || group.members.size < groupSizeMax) return undefined
    const message = `The group has its ${groupSizeMax} members already.`
    return { error: 'GROUP_MAX_SIZE_REACHED', message }
  }
  if (!member) {
    return { error: 'UNKNOWN_MEMBER_ID', message: `${memberId} is no member of the group.` }
  }
  const { current } = member
  const isKnown = memberEpoch === current.memberEpoch || memberEpoch === current.previousMemberEpoch
  if (memberEpoch === LEAVE || isKnown) return undefined
  const message = `The member is in epoch ${current.memberEpoch}, not in ${memberEpoch}.`
  return { error: 'FENCED_MEMBER_EPOCH', message }
}

function beat(
  changes: ShareChanges,
  request: ShareGroupHeartbeatRequest,
  context: ShareHeartbeatContext,
): { response: ShareHeartbeatAnswer; toInitialize: StatePartitions } {
  const { groups, now } = changes
  const { groupId, memberId } = request
  const isOther = updateMember(changes, request, context)
  const group = groups.get(groupId) as ShareGroup
  if (isOther || hasNews(changes, group)) bumpEpoch(changes, group)
  const toInitialize = withoutState(changes, group)
  const isNoted = ([id, { partitions }]: [Uuid, StateTopic]) =>
    [...partitions].every((partition) => group.initializing.get(id)?.partitions.has(partition))
  if (![...toInitialize].every(isNoted)) noteStates(changes, group, toInitialize, 'initializing')
  assign(changes, group)
  const member = group.members.get(memberId) as ShareMember
  const before = member.current
  const target = group.target(memberId)
  const { assignmentEpoch } = group
  const isMoved = before.memberEpoch !== assignmentEpoch
  if (isMoved) {
    const value = {
      memberEpoch: assignmentEpoch,
      previousMemberEpoch: before.memberEpoch,
      state: 0,
      assigned: target,
    }
    changes.add({ kind: 'share-current', group: groupId, member: memberId, value })
  }
  member.sessionDeadlineMs = now.monotonicMs + groups.options.sessionTimeoutMs(groupId)
  const isTold =
    request.memberEpoch === JOIN ||
    request.subscribedTopicNames !== null ||
    !samePartitions(before.assigned, member.current.assigned)
  const response = {
    throttleTimeMs: 0,
    errorCode: 0,
    memberId,
    memberEpoch: member.current.memberEpoch,
    heartbeatIntervalMs: groups.options.heartbeatIntervalMs(groupId),
    assignment: isTold ? { topicPartitions: topicPartitionsOf(member.current.assigned) } : null,
  }
  return { response, toInitialize }
}

/** Records what the member says anew; true when its subscription is another one. */
function updateMember(
  changes: ShareChanges,
  request: ShareGroupHeartbeatRequest,
  { clientId, clientHost }: ShareHeartbeatContext,
): boolean {
  const { groupId: group, memberId: member, rackId, subscribedTopicNames: names } = request
  const before = changes.groups.get(group)?.members.get(member)?.metadata
  const value = {
    rackId: rackId ?? before?.rackId ?? null,
    clientId,
    clientHost,
    subscribedTopicNames: names ? [...new Set(names)].sort() : (before?.subscribedTopicNames ?? []),
  }
  const known = before?.subscribedTopicNames ?? []
  const isOther =
    !before ||
    known.length !== value.subscribedTopicNames.length ||
    known.some((name, i) => name !== value.subscribedTopicNames[i])
  const isSame = before?.clientId === clientId && before.clientHost === clientHost
  if (isOther || !isSame || before.rackId !== value.rackId) {
    changes.add({ kind: 'share-member', group, member, value })
  }
  return isOther
}

/** Topics have changed, or partitions can be assigned that could not before. */
function hasNews(changes: ShareChanges, group: ShareGroup): boolean {
  const { topics } = changes.groups.options
  const version = topics.version()
  if (group.topicsVersion !== version) {
    group.topicsVersion = version
    if (hashOf(group.subscribedTopics(), topics) !== group.metadataHash) return true
  }
  return group.groupEpoch === group.assignmentEpoch && hasUnassigned(changes, group)
}

function hasUnassigned(changes: ShareChanges, group: ShareGroup): boolean {
  const assigned = new Map<Uuid, Set<number>>()
  for (const memberId of group.members.keys()) {
    for (const [topicId, partitions] of group.target(memberId)) {
      const known = assigned.get(topicId)
      if (known) for (const partition of partitions) known.add(partition)
      else assigned.set(topicId, new Set(partitions))
    }
  }
  for (const name of group.subscribedTopics()) {
    const topic = changes.groups.options.topics.byName(name)
    for (let partition = 0; topic && partition < topic.partitionCount; partition++) {
      const isThere = assigned.get(topic.id)?.has(partition)
      if (!isThere && group.isInitialized(topic.id, partition)) return true
    }
  }
  return false
}

/** Partitions the group reads that have no state yet. */
function withoutState(changes: ShareChanges, group: ShareGroup): StatePartitions {
  const missing = new Map<Uuid, { topicName: string; partitions: Set<number> }>()
  for (const name of group.subscribedTopics()) {
    const topic = changes.groups.options.topics.byName(name)
    for (let partition = 0; topic && partition < topic.partitionCount; partition++) {
      if (group.isInitialized(topic.id, partition)) continue
      const known = missing.get(topic.id)
      if (known) known.partitions.add(partition)
      else missing.set(topic.id, { topicName: name, partitions: new Set([partition]) })
    }
  }
  return missing
}

/** Computes who shall read what, for the group as it is now, unless it is too soon for that. */
function assign(changes: ShareChanges, group: ShareGroup): void {
  if (group.groupEpoch <= group.assignmentEpoch) return
  const { topics, assignmentIntervalMs } = changes.groups.options
  const { groupId: id, assignmentTimestamp } = group
  const isEarly = changes.now.wallMs < assignmentTimestamp + assignmentIntervalMs(id)
  if (assignmentTimestamp !== 0 && isEarly) return
  const members = [...group.members.values()].map(({ memberId, metadata }) => {
    const ids = new Set<Uuid>()
    for (const name of metadata.subscribedTopicNames) {
      const topic = topics.byName(name)
      if (topic) ids.add(topic.id)
    }
    return { memberId, topics: ids, current: group.target(memberId) }
  })
  const assigned = simpleAssignor(members, (topicId) => {
    const count = topics.byId(topicId)?.partitionCount ?? 0
    return Array.from({ length: count }, (_, partition) => partition).filter((partition) =>
      group.isInitialized(topicId, partition),
    )
  })
  for (const [member, value] of assigned) {
    if (samePartitions(group.target(member), value)) continue
    changes.add({ kind: 'share-target', group: id, member, value })
  }
  const value = { assignmentEpoch: group.groupEpoch, assignmentTimestamp: changes.now.wallMs }
  changes.add({ kind: 'share-target-epoch', group: id, value })
}
