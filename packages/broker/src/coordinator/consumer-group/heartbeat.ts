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
import { assignmentOf, NOTHING_HELD, samePartitions, topicPartitionsOf } from './assignment.ts'
import { assignors } from './assignors.ts'
import { ConsumerGroup, type ConsumerMember } from './consumer-group.ts'
import type { MemberMetadata } from './consumer-group-records.ts'
import {
  bumpEpoch,
  Changes,
  type ConsumerGroups,
  dropUnusedPatterns,
  FIRST_EPOCH,
  forgetMember,
  removeMembers,
  setEpoch,
} from './consumer-groups.ts'
import {
  type Fault,
  heartbeatFault,
  isJoin,
  LEAVE,
  memberFault,
  PAUSE,
} from './heartbeat-checks.ts'
import { hashOf } from './metadata-hash.ts'
import { reconcile } from './reconciliation.ts'
import { refreshPatterns, resolveFirst, resolvePending } from './subscribed-patterns.ts'

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
  const isOther =
    isClassicBusy(coordinator, request.groupId) || isOtherKind(coordinator, request.groupId)
  if (!group && (!isJoin(request) || isOther)) {
    const message = `There is no consumer group ${request.groupId}.`
    return refuse({ error: 'GROUP_ID_NOT_FOUND', message })
  }
  const { groupSizeMax } = consumerGroups.options
  const isFull = group && group.members.size >= groupSizeMax && !group.members.has(request.memberId)
  if (isFull && request.memberEpoch >= 0) {
    const message = `The group has its ${groupSizeMax} members already.`
    return refuse({ error: 'GROUP_MAX_SIZE_REACHED', message })
  }
  const wrongMember = memberFault(group, request)
  if (wrongMember) return refuse(wrongMember)
  const changes = new Changes(consumerGroups, context.now)
  if (group && (request.memberEpoch === LEAVE || request.memberEpoch === PAUSE)) {
    return leave(changes, group, request)
  }
  const memberId = request.memberId === '' ? coordinator.newId() : request.memberId
  const replaced: GroupRecord[] = []
  if (coordinator.groups.delete(request.groupId)) {
    replaced.push({ kind: 'group', group: request.groupId, value: null })
  }
  const response = beat(changes, { ...request, memberId }, context)
  return { records: [...replaced, ...changes.records], response }
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
  return { records: [], response }
}

const isOtherKind = ({ shareGroups, streamsGroups }: GroupCoordinator, groupId: string): boolean =>
  shareGroups.get(groupId) !== undefined || streamsGroups.get(groupId) !== undefined

/** An empty classic group makes way for a consumer group of its name. */
function isClassicBusy(coordinator: GroupCoordinator, groupId: string): boolean {
  const classic = coordinator.groups.get(groupId)
  return classic !== undefined && !classic.isEmpty
}

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
  return { records: changes.records, response }
}

function beat(
  changes: Changes,
  request: ConsumerGroupHeartbeatRequest,
  context: HeartbeatContext,
): HeartbeatAnswer {
  const { groups, now } = changes
  const { groupId, memberId } = request
  const assignorBefore = preferredAssignor(groups, groupId)
  takePlace(changes, request)
  let isChanged = resolvePending(changes, groups.get(groupId))
  if (updateMember(changes, request, context)) isChanged = true
  const group = groups.get(groupId) as ConsumerGroup
  if (assignorBefore !== preferredAssignor(groups, groupId)) isChanged = true
  updateEpoch(changes, group, isChanged)
  if (group.groupEpoch > group.assignmentEpoch) assign(changes, group)
  const member = group.members.get(memberId) as ConsumerMember
  const before = member.current
  const current = reconcile({
    current: before,
    target: group.target(memberId),
    targetEpoch: group.assignmentEpoch,
    owned: request.topicPartitions ? assignmentOf(request.topicPartitions) : undefined,
    isFree: (topicId, partition) => group.ownerOf(topicId, partition) === undefined,
  })
  if (current !== before) {
    changes.add({ kind: 'consumer-current', group: groupId, member: memberId, value: current })
  }
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
  request.rebalanceTimeoutMs !== -1 &&
  (request.subscribedTopicNames !== null || request.subscribedTopicRegex !== null) &&
  request.topicPartitions !== null

/** A static member that comes back takes over its place. */
function takePlace(changes: Changes, request: ConsumerGroupHeartbeatRequest): void {
  const { groupId, memberId, instanceId } = request
  const group = changes.groups.get(groupId)
  const old = instanceId === null ? undefined : group?.staticMember(instanceId)
  if (!group || !old || !isJoin(request)) return
  const { metadata } = old
  const target = group.target(old.memberId)
  const value = { ...old.current, memberEpoch: 0, previousMemberEpoch: 0 }
  forgetMember(changes, group, old.memberId)
  changes.add({ kind: 'consumer-member', group: groupId, member: memberId, value: metadata })
  changes.add({ kind: 'consumer-target', group: groupId, member: memberId, value: target })
  changes.add({ kind: 'consumer-current', group: groupId, member: memberId, value })
}

/** Records what the member says anew; true when its subscription is another one. */
function updateMember(
  changes: Changes,
  request: ConsumerGroupHeartbeatRequest,
  { clientId, clientHost }: HeartbeatContext,
): boolean {
  const { groupId, memberId } = request
  const before = changes.groups.get(groupId)?.members.get(memberId)?.metadata
  const names = request.subscribedTopicNames
  const pattern = request.subscribedTopicRegex
  const { rebalanceTimeoutMs } = request
  const metadata: MemberMetadata = {
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
  if (before && sameMetadata(before, metadata)) return false
  changes.add({ kind: 'consumer-member', group: groupId, member: memberId, value: metadata })
  const group = changes.groups.get(groupId) as ConsumerGroup
  const isOther = (before?.subscribedTopicRegex ?? null) !== metadata.subscribedTopicRegex
  if (isOther) {
    resolveFirst(changes, group, metadata)
    dropUnusedPatterns(changes, group)
  }
  return isOther || !sameNames(before?.subscribedTopicNames ?? [], metadata.subscribedTopicNames)
}

const sameNames = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((name, i) => name === b[i])

function sameMetadata(a: MemberMetadata, b: MemberMetadata): boolean {
  return (
    a.instanceId === b.instanceId &&
    a.rackId === b.rackId &&
    a.clientId === b.clientId &&
    a.clientHost === b.clientHost &&
    a.subscribedTopicRegex === b.subscribedTopicRegex &&
    a.rebalanceTimeoutMs === b.rebalanceTimeoutMs &&
    a.serverAssignor === b.serverAssignor &&
    a.classicMemberMetadata === b.classicMemberMetadata &&
    sameNames(a.subscribedTopicNames, b.subscribedTopicNames)
  )
}

function updateEpoch(changes: Changes, group: ConsumerGroup, isChanged: boolean): void {
  const { topics } = changes.groups.options
  const version = topics.version()
  let mustBump = isChanged
  if (group.topicsVersion !== version) {
    group.topicsVersion = version
    refreshPatterns(changes, group)
    if (hashOf(group.subscribedTopics(), topics) !== group.metadataHash) mustBump = true
  }
  if (mustBump) bumpEpoch(changes, group)
  else if (group.groupEpoch === 0) setEpoch(changes, group, FIRST_EPOCH)
}

/** Computes who shall read what, for the group as it is now. */
function assign(changes: Changes, group: ConsumerGroup): void {
  const { groups } = changes
  const { topics } = groups.options
  const members = [...group.members.values()].map(({ memberId, metadata }) => {
    const ids = new Set<string>()
    for (const name of group.topicsOf(metadata)) {
      const topic = topics.byName(name)
      if (topic) ids.add(topic.id)
    }
    const { instanceId } = metadata
    return { memberId, instanceId, topics: ids, current: group.target(memberId) }
  })
  const assignor = assignors[groups.preferredAssignor(group)] ?? assignors['uniform']
  const count = (topicId: string) => topics.byId(topicId)?.partitionCount ?? 0
  const id = group.groupId
  for (const [member, value] of assignor?.(members, count) ?? []) {
    if (samePartitions(group.target(member), value)) continue
    changes.add({ kind: 'consumer-target', group: id, member, value })
  }
  const value = {
    assignmentEpoch: group.groupEpoch,
    assignmentTimestamp: changes.now.wallMs,
  }
  changes.add({ kind: 'consumer-target-epoch', group: id, value })
}
