/**
 * Members of the classic protocol in a consumer group (KIP-848): JoinGroup, SyncGroup and Heartbeat
 * answered from what the group's own reconciliation says.
 *
 *   Heartbeat    REBALANCE_IN_PROGRESS when there is a step to take towards the target
 *   JoinGroup    takes that step, with the partitions it still owns; nobody waits for others
 *   SyncGroup    tells the result
 *
 * Such a member has no leader and assigns nothing. Once it was told to, it must join within its
 * rebalance timeout, and sync within that after it has joined.
 */
import type {
  ErrorName,
  HeartbeatRequest,
  JoinGroupRequest,
  SyncGroupRequest,
} from '@ottla/protocol'
import type { Token } from '../group/classic-group.ts'
import { joinFailure, syncFailure } from '../group/group-answers.ts'
import type { GroupCoordinator, Now } from '../group/group-coordinator.ts'
import type { JoinContext } from '../group/membership.ts'
import { newOutcome, type Outcome } from '../group/outcome.ts'
import type { ConsumerGroup, ConsumerMember } from './consumer-group.ts'
import type { MemberMetadata } from './consumer-group-records.ts'
import { Changes } from './consumer-groups.ts'
import { assignmentBytes, ownedById, subscriptionIn } from './embedded-protocol.ts'
import { assign, reconcileMember, setMetadata, takePlace, updateEpoch } from './member-steps.ts'
import { downgrade, mayDowngrade } from './migration.ts'
import { MemberState } from './reconciliation.ts'

const isClassic = ({ metadata }: ConsumerMember): boolean => metadata.classicMemberMetadata !== null

export function joinConsumerGroup(
  coordinator: GroupCoordinator,
  group: ConsumerGroup,
  request: JoinGroupRequest,
  context: JoinContext,
): Outcome {
  const outcome = newOutcome()
  const answer = (response: unknown): Outcome => {
    outcome.replies.push({ token: context.token, response })
    return outcome
  }
  const isUnknown = request.memberId === ''
  const memberId = isUnknown ? coordinator.newId() : request.memberId
  const fault = joinFault(coordinator, group, request, memberId)
  if (fault) return answer(joinFailure(fault, ''))
  const { groupInstanceId: instanceId } = request
  if (isUnknown && instanceId === null && context.requiresKnownMemberId) {
    return answer(joinFailure('MEMBER_ID_REQUIRED', memberId))
  }
  const old = instanceId === null ? undefined : group.staticMember(instanceId)
  const unknown = instanceId !== null && !isUnknown && unknownInstance(old, memberId)
  if (unknown) return answer(joinFailure(unknown, ''))
  const subscription = subscriptionIn(request.protocols[0]?.metadata ?? Buffer.alloc(0))
  if (!subscription) return answer(joinFailure('INCONSISTENT_GROUP_PROTOCOL', ''))
  const changes = new Changes(coordinator.consumerGroups, context.now)
  if (old && isUnknown) takePlace(changes, group, old, memberId)
  const replacesLast = old !== undefined && !isClassic(old)
  const before = group.members.get(memberId)?.metadata
  const names = [...new Set(subscription.topics)].sort()
  const rackId = subscription.rackId || before?.rackId
  const metadata = metadataOf(request, context, before, { names, rackId: rackId ?? null })
  const isResubscribed = setMetadata(changes, group.groupId, memberId, metadata)
  const epochBefore = group.groupEpoch
  updateEpoch(changes, group, isResubscribed)
  const { topics } = coordinator.consumerGroups.options
  const said = { owned: ownedById(subscription.ownedPartitions, topics), isResubscribed }
  const member = group.members.get(memberId) as ConsumerMember
  let generationId: number
  if (replacesLast && mayDowngrade(coordinator, [...group.members.values()])) {
    const mustRebalance = group.assignmentEpoch < group.groupEpoch
    if (!mustRebalance) reconcileMember(changes, group, member, said)
    generationId = member.current.memberEpoch
    // As in Apache Kafka, the generation does not count what this member has changed.
    const how = { without: new Set<string>(), mustRebalance, generationId: epochBefore }
    downgrade(coordinator, changes, group, how)
  } else {
    assign(changes, group)
    reconcileMember(changes, group, member, said)
    generationId = member.current.memberEpoch
    const { monotonicMs } = context.now
    member.sessionDeadlineMs = monotonicMs + request.sessionTimeoutMs
    member.joinDeadlineMs = Number.POSITIVE_INFINITY
    member.syncDeadlineMs = monotonicMs + metadata.rebalanceTimeoutMs
  }
  outcome.records.push(...changes.records)
  return answer({
    throttleTimeMs: 0,
    errorCode: 0,
    generationId,
    protocolType: 'consumer',
    protocolName: request.protocols[0]?.name ?? '',
    leader: '',
    memberId,
    members: [],
  })
}

function joinFault(
  { consumerGroups }: GroupCoordinator,
  group: ConsumerGroup,
  request: JoinGroupRequest,
  memberId: string,
): ErrorName | undefined {
  const { migration, groupSizeMax } = consumerGroups.options
  if (migration === 'disabled') return 'INCONSISTENT_GROUP_PROTOCOL'
  const isKnown =
    group.members.has(memberId) || group.staticMembers.has(request.groupInstanceId ?? '')
  if (!isKnown && group.members.size >= groupSizeMax) return 'GROUP_MAX_SIZE_REACHED'
  return supports(group, request) ? undefined : 'INCONSISTENT_GROUP_PROTOCOL'
}

/** One of the protocols offered is one that every classic member knows. */
function supports(group: ConsumerGroup, { protocolType, protocols }: JoinGroupRequest): boolean {
  if (protocolType !== 'consumer') return false
  const classic = [...group.members.values()].flatMap(({ metadata }) =>
    metadata.classicMemberMetadata ? [metadata.classicMemberMetadata.supportedProtocols] : [],
  )
  return protocols.some(({ name }) =>
    classic.every((supported) => supported.some((one) => one.name === name)),
  )
}

function unknownInstance(
  member: ConsumerMember | undefined,
  memberId: string,
): ErrorName | undefined {
  if (!member) return 'UNKNOWN_MEMBER_ID'
  return member.memberId === memberId ? undefined : 'FENCED_INSTANCE_ID'
}

function metadataOf(
  request: JoinGroupRequest,
  { clientId, clientHost }: JoinContext,
  before: MemberMetadata | undefined,
  { names, rackId }: { names: string[]; rackId: string | null },
): MemberMetadata {
  const { rebalanceTimeoutMs: told, sessionTimeoutMs } = request
  return {
    instanceId: request.groupInstanceId ?? before?.instanceId ?? null,
    rackId,
    clientId,
    clientHost,
    subscribedTopicNames: names,
    subscribedTopicRegex: null,
    rebalanceTimeoutMs: told === -1 ? (before?.rebalanceTimeoutMs ?? sessionTimeoutMs) : told,
    serverAssignor: before?.serverAssignor ?? null,
    classicMemberMetadata: {
      sessionTimeoutMs,
      // Metadata outlives the request, whose frame must not be kept for it.
      supportedProtocols: request.protocols.map(({ name, metadata }) => ({
        name,
        metadata: Buffer.from(metadata),
      })),
    },
  }
}

interface Speaker {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly generationId: number
}

/** The classic member that speaks, or why it may not. */
function speakerOf(group: ConsumerGroup, speaker: Speaker): ConsumerMember | ErrorName {
  const { memberId, groupInstanceId, generationId } = speaker
  const member =
    groupInstanceId === null ? group.members.get(memberId) : group.staticMember(groupInstanceId)
  if (!member) return 'UNKNOWN_MEMBER_ID'
  if (member.memberId !== memberId) return 'FENCED_INSTANCE_ID'
  if (!isClassic(member)) return 'UNKNOWN_MEMBER_ID'
  return member.current.memberEpoch === generationId ? member : 'ILLEGAL_GENERATION'
}

const sessionMs = ({ metadata }: ConsumerMember): number =>
  metadata.classicMemberMetadata?.sessionTimeoutMs ?? 0

/** From now on the member has its rebalance timeout to join; being told again gives no more. */
function mustJoin(member: ConsumerMember, now: Now): void {
  const deadlineMs = now.monotonicMs + member.metadata.rebalanceTimeoutMs
  member.joinDeadlineMs = Math.min(member.joinDeadlineMs, deadlineMs)
}

export function syncConsumerGroup(
  coordinator: GroupCoordinator,
  group: ConsumerGroup,
  request: SyncGroupRequest,
  { token, now }: { token: Token; now: Now },
): Outcome {
  const outcome = newOutcome()
  const answer = (response: unknown): Outcome => {
    outcome.replies.push({ token, response })
    return outcome
  }
  const member = speakerOf(group, request)
  if (typeof member === 'string') return answer(syncFailure(member))
  const { protocolType, protocolName } = request
  const protocol = member.metadata.classicMemberMetadata?.supportedProtocols[0]
  const isOther =
    (protocolType !== null && protocolType !== 'consumer') ||
    (protocolName !== null && protocolName !== protocol?.name)
  if (isOther) return answer(syncFailure('INCONSISTENT_GROUP_PROTOCOL'))
  const { current } = member
  if (group.assignmentEpoch > current.memberEpoch && current.state !== MemberState.UNREVOKED) {
    mustJoin(member, now)
    return answer(syncFailure('REBALANCE_IN_PROGRESS'))
  }
  member.syncDeadlineMs = Number.POSITIVE_INFINITY
  member.sessionDeadlineMs = now.monotonicMs + sessionMs(member)
  const assigned = new Map(
    [...current.assigned].map(([topicId, held]) => [topicId, new Set(held.keys())]),
  )
  const { topics } = coordinator.consumerGroups.options
  const assignment = assignmentBytes(assigned, protocol?.metadata ?? Buffer.alloc(0), topics)
  return answer({ throttleTimeMs: 0, errorCode: 0, protocolType, protocolName, assignment })
}

export function heartbeatConsumerGroup(
  group: ConsumerGroup,
  request: HeartbeatRequest,
  now: Now,
): ErrorName {
  const member = speakerOf(group, request)
  if (typeof member === 'string') return member
  member.sessionDeadlineMs = now.monotonicMs + sessionMs(member)
  const { memberEpoch, state } = member.current
  const hasStep =
    memberEpoch < group.assignmentEpoch ||
    state === MemberState.UNREVOKED ||
    (state === MemberState.UNRELEASED && !waitsForOthers(group, member))
  if (!hasStep) return 'NONE'
  mustJoin(member, now)
  return 'REBALANCE_IN_PROGRESS'
}

/** Something of its target is still held by another member. */
function waitsForOthers(group: ConsumerGroup, { memberId, current }: ConsumerMember): boolean {
  for (const [topicId, partitions] of group.target(memberId)) {
    for (const partition of partitions) {
      const isHeld = current.assigned.get(topicId)?.has(partition)
      if (!isHeld && group.ownerOf(topicId, partition) !== undefined) return true
    }
  }
  return false
}
