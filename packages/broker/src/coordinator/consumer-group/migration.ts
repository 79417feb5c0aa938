/**
 * Groups with members that change from the classic protocol to the consumer protocol and back while
 * they work (KIP-848). A classic group becomes a consumer group with the first member of the
 * consumer protocol; its classic members stay in it (classic-members.ts). It becomes a classic
 * group again when the last member of the consumer protocol has gone. Both keep who holds what.
 */
import type { ErrorName } from '@ottla/protocol'
import { ClassicGroup, NO_ASSIGNMENT } from '../group/classic-group.ts'
import { subscribedTopicsOf } from '../group/classic-subscriptions.ts'
import { groupRecord, joinFailure, syncFailure } from '../group/group-answers.ts'
import type { GroupCoordinator, Now } from '../group/group-coordinator.ts'
import { newOutcome, type Outcome } from '../group/outcome.ts'
import { prepareRebalance } from '../group/rebalance.ts'
import {
  type Assignment,
  EpochAssignmentBuilder,
  NOTHING_HELD,
  partitionsOf,
} from './assignment.ts'
import type { ConsumerGroup, ConsumerMember } from './consumer-group.ts'
import type { MemberMetadata } from './consumer-group-records.ts'
import { type Changes, removeGroup } from './consumer-groups.ts'
import { assignedById, assignmentBytes, assignmentIn, subscriptionIn } from './embedded-protocol.ts'
import { hashOf } from './metadata-hash.ts'
import { MemberState } from './reconciliation.ts'

interface Converted {
  readonly memberId: string
  readonly metadata: MemberMetadata
  readonly assigned: Assignment
}

/** Why a classic group with members cannot become a consumer group. */
export function upgradeFault(
  { consumerGroups }: GroupCoordinator,
  group: ClassicGroup,
): string | undefined {
  const { migration, groupSizeMax } = consumerGroups.options
  if (migration !== 'bidirectional' && migration !== 'upgrade') return 'its migration is disabled'
  if (group.protocolType !== 'consumer') return `its protocol type is ${group.protocolType}`
  if (group.members.size > groupSizeMax) return `it has more than ${groupSizeMax} members`
  const { topics } = consumerGroups.options
  for (const member of group.members.values()) {
    if (!subscriptionIn(metadataOf(group, member))) return 'its subscriptions cannot be read'
    if (member.assignment.length === 0) continue
    const assignment = assignmentIn(member.assignment)
    if (!assignment || !topics) return 'its assignments cannot be read'
    if (assignment.userData?.length) return 'its assignor keeps data that would be lost'
  }
  return undefined
}

/** That of the protocol in use; before the first generation, of the one the member likes best. */
const metadataOf = (group: ClassicGroup, member: Parameters<ClassicGroup['metadataOf']>[0]) =>
  group.protocolName === null
    ? (member.protocols[0]?.metadata ?? NO_ASSIGNMENT)
    : group.metadataOf(member)

/**
 * Makes a consumer group of a classic group that {@link upgradeFault} lets pass. Its members are
 * answered that a rebalance goes on, if they wait, and join the consumer group then.
 */
export function upgrade(
  coordinator: GroupCoordinator,
  group: ClassicGroup,
  changes: Changes,
  outcome: Outcome,
): void {
  const { groupId, generationId: epoch } = group
  const { topics } = coordinator.consumerGroups.options
  sendAway(group, outcome)
  coordinator.groups.delete(groupId)
  changes.note({ kind: 'group', group: groupId, value: null })
  const members = [...group.members.values()].map((member): Converted => {
    const subscription = subscriptionIn(metadataOf(group, member))
    const named = assignmentIn(member.assignment)?.assignedPartitions ?? []
    const metadata: MemberMetadata = {
      instanceId: member.groupInstanceId,
      rackId: subscription?.rackId || null,
      clientId: member.clientId,
      clientHost: member.clientHost,
      subscribedTopicNames: [...new Set(subscription?.topics)].sort(),
      subscribedTopicRegex: null,
      rebalanceTimeoutMs: member.rebalanceTimeoutMs,
      serverAssignor: null,
      classicMemberMetadata: {
        sessionTimeoutMs: member.sessionTimeoutMs,
        supportedProtocols: member.protocols.map((protocol) => ({ ...protocol })),
      },
    }
    return { memberId: member.memberId, metadata, assigned: assignedById(named, topics) }
  })
  const ofGroup = { group: groupId }
  for (const { memberId: member, metadata: value } of members) {
    changes.add({ kind: 'consumer-member', ...ofGroup, member, value })
  }
  const names = members.flatMap(({ metadata }) => metadata.subscribedTopicNames)
  const metadataHash = hashOf(new Set(names), topics)
  changes.add({ kind: 'consumer-group', ...ofGroup, value: { epoch, metadataHash } })
  for (const { memberId: member, assigned: value } of members) {
    changes.add({ kind: 'consumer-target', ...ofGroup, member, value })
  }
  const target = { assignmentEpoch: epoch, assignmentTimestamp: 0 }
  changes.add({ kind: 'consumer-target-epoch', ...ofGroup, value: target })
  for (const { memberId: member, assigned } of members) {
    const held = new EpochAssignmentBuilder()
    for (const [topicId, partition] of partitionsOf(assigned)) held.add(topicId, partition, epoch)
    const value = {
      memberEpoch: epoch,
      previousMemberEpoch: epoch,
      state: MemberState.STABLE,
      assigned: held.result,
      revoking: NOTHING_HELD,
    }
    changes.add({ kind: 'consumer-current', ...ofGroup, member, value })
  }
  for (const member of coordinator.consumerGroups.get(groupId)?.members.values() ?? []) {
    const ownMs = member.metadata.classicMemberMetadata?.sessionTimeoutMs ?? 0
    member.sessionDeadlineMs = changes.now.monotonicMs + ownMs
  }
}

function sendAway(group: ClassicGroup, outcome: Outcome): void {
  const error: ErrorName = 'REBALANCE_IN_PROGRESS'
  for (const { joinToken, syncToken, memberId } of group.members.values()) {
    if (joinToken !== undefined) {
      outcome.replies.push({ token: joinToken, response: joinFailure(error, memberId) })
    }
    if (syncToken !== undefined) {
      outcome.replies.push({ token: syncToken, response: syncFailure(error) })
    }
  }
}

/** Whether a group may become a classic one once it has these members. */
export function mayDowngrade(
  { consumerGroups, settings }: GroupCoordinator,
  members: readonly ConsumerMember[],
): boolean {
  const { migration } = consumerGroups.options
  const isAllowed = migration === 'bidirectional' || migration === 'downgrade'
  if (!isAllowed || members.length === 0 || members.length > settings.groupSizeMax) return false
  return members.every(({ metadata }) => metadata.classicMemberMetadata !== null)
}

interface Downgrade {
  readonly without: ReadonlySet<string>
  readonly mustRebalance: boolean
  /** That the classic group begins with. */
  readonly generationId: number
}

/** Makes a classic group of a consumer group without those who leave, all others being classic. */
export function downgrade(
  coordinator: GroupCoordinator,
  changes: Changes,
  group: ConsumerGroup,
  { without, mustRebalance, generationId }: Downgrade,
): void {
  const { groupId } = group
  const { topics } = coordinator.consumerGroups.options
  const staying = [...group.members.values()]
    .filter(({ memberId }) => !without.has(memberId))
    .map(({ memberId, metadata }) => ({ memberId, metadata, assigned: group.target(memberId) }))
  removeGroup(changes, group)
  const classic = new ClassicGroup(groupId, changes.now.wallMs)
  classic.generationId = generationId
  classic.protocolType = 'consumer'
  for (const { memberId, metadata } of staying) {
    addMember(classic, memberId, metadata, changes.now)
  }
  classic.protocolName = classic.selectProtocol()
  classic.subscribedTopics = subscribedTopicsOf(classic)
  for (const { memberId, assigned } of staying) {
    const member = classic.members.get(memberId)
    if (member) {
      member.assignment = assignmentBytes(assigned, classic.metadataOf(member), topics)
    }
  }
  classic.moveTo('Stable', changes.now.wallMs)
  coordinator.groups.set(groupId, classic)
  changes.note(groupRecord(classic))
  if (!mustRebalance) return
  // Nobody waits in a group that is new, so nobody is answered.
  const outcome = newOutcome()
  prepareRebalance(coordinator, classic, changes.now, outcome)
  for (const record of outcome.records) changes.note(record)
}

function addMember(
  group: ClassicGroup,
  memberId: string,
  metadata: MemberMetadata,
  now: Now,
): void {
  const classic = metadata.classicMemberMetadata
  const sessionTimeoutMs = classic?.sessionTimeoutMs ?? 0
  group.add({
    memberId,
    groupInstanceId: metadata.instanceId,
    clientId: metadata.clientId,
    clientHost: metadata.clientHost,
    rebalanceTimeoutMs: metadata.rebalanceTimeoutMs,
    sessionTimeoutMs,
    protocols: classic?.supportedProtocols ?? [],
    assignment: NO_ASSIGNMENT,
    sessionDeadlineMs: now.monotonicMs + sessionTimeoutMs,
    joinToken: undefined,
    syncToken: undefined,
    mustSync: false,
  })
}

/** Called for members that go; true when that made a classic group of their group. */
export function downgradeWithout(
  coordinator: GroupCoordinator,
  changes: Changes,
  group: ConsumerGroup,
  without: ReadonlySet<string>,
): boolean {
  const staying = [...group.members.values()].filter(({ memberId }) => !without.has(memberId))
  if (!mayDowngrade(coordinator, staying)) return false
  const { groupEpoch: generationId } = group
  downgrade(coordinator, changes, group, { without, mustRebalance: true, generationId })
  return true
}
