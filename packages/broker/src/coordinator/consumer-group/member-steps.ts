/**
 * The steps that lead from what a member says to what it holds, whichever protocol it speaks:
 * place -> metadata -> group epoch -> target -> what the member holds.
 */
import type { Uuid } from '@ottla/base'
import type { Assignment } from './assignment.ts'
import { samePartitions } from './assignment.ts'
import { assignors } from './assignors.ts'
import type { ConsumerGroup, ConsumerMember } from './consumer-group.ts'
import type { MemberMetadata } from './consumer-group-records.ts'
import {
  bumpEpoch,
  type Changes,
  dropUnusedPatterns,
  FIRST_EPOCH,
  forgetMember,
  setEpoch,
} from './consumer-groups.ts'
import { hashOf } from './metadata-hash.ts'
import { reconcile } from './reconciliation.ts'
import { refreshPatterns, resolveFirst } from './subscribed-patterns.ts'

/** A static member that comes back takes over the place it had, under the id it has now. */
export function takePlace(
  changes: Changes,
  group: ConsumerGroup,
  old: ConsumerMember,
  member: string,
): void {
  const id = group.groupId
  const { metadata } = old
  const target = group.target(old.memberId)
  const value = { ...old.current, memberEpoch: 0, previousMemberEpoch: 0 }
  forgetMember(changes, group, old.memberId)
  changes.add({ kind: 'consumer-member', group: id, member, value: metadata })
  changes.add({ kind: 'consumer-target', group: id, member, value: target })
  changes.add({ kind: 'consumer-current', group: id, member, value })
}

/** Records what a member says anew; true when its subscription is another one. */
export function setMetadata(
  changes: Changes,
  groupId: string,
  member: string,
  metadata: MemberMetadata,
): boolean {
  const before = changes.groups.get(groupId)?.members.get(member)?.metadata
  if (before && sameMetadata(before, metadata)) return false
  changes.add({ kind: 'consumer-member', group: groupId, member, value: metadata })
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
    sameClassic(a.classicMemberMetadata, b.classicMemberMetadata) &&
    sameNames(a.subscribedTopicNames, b.subscribedTopicNames)
  )
}

type Classic = MemberMetadata['classicMemberMetadata']

function sameClassic(a: Classic, b: Classic): boolean {
  if (a === null || b === null) return a === b
  return (
    a.sessionTimeoutMs === b.sessionTimeoutMs &&
    a.supportedProtocols.length === b.supportedProtocols.length &&
    a.supportedProtocols.every(({ name, metadata }, i) => {
      const other = b.supportedProtocols[i]
      return name === other?.name && metadata.equals(other.metadata)
    })
  )
}

/** A new epoch when something changed, the topics included that came, grew or went. */
export function updateEpoch(changes: Changes, group: ConsumerGroup, isChanged: boolean): void {
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

/** Computes who shall read what, for the group as it is now, unless it is too soon for that. */
export function assign(changes: Changes, group: ConsumerGroup): void {
  if (group.groupEpoch <= group.assignmentEpoch) return
  const { groups, now } = changes
  const { topics, assignmentIntervalMs } = groups.options
  const { groupId: id, assignmentTimestamp } = group
  const isEarly = now.wallMs < assignmentTimestamp + assignmentIntervalMs(id)
  if (assignmentTimestamp !== 0 && isEarly) return
  const members = [...group.members.values()].map(({ memberId, metadata }) => {
    const { instanceId } = metadata
    const subscribed = subscribedIds(changes, group, metadata)
    return { memberId, instanceId, topics: subscribed, current: group.target(memberId) }
  })
  const assignor = assignors[groups.preferredAssignor(group)] ?? assignors['uniform']
  const count = (topicId: string) => topics.byId(topicId)?.partitionCount ?? 0
  for (const [member, value] of assignor?.(members, count) ?? []) {
    if (samePartitions(group.target(member), value)) continue
    changes.add({ kind: 'consumer-target', group: id, member, value })
  }
  const value = { assignmentEpoch: group.groupEpoch, assignmentTimestamp: now.wallMs }
  changes.add({ kind: 'consumer-target-epoch', group: id, value })
}

/** Topics that exist and that a member reads. */
function subscribedIds(
  changes: Changes,
  group: ConsumerGroup,
  metadata: MemberMetadata,
): ReadonlySet<Uuid> {
  const ids = new Set<Uuid>()
  for (const name of group.topicsOf(metadata)) {
    const topic = changes.groups.options.topics.byName(name)
    if (topic) ids.add(topic.id)
  }
  return ids
}

export interface Said {
  /** What the member says it holds; undefined when it said nothing. */
  readonly owned: Assignment | undefined
  readonly isResubscribed: boolean
}

/** Moves a member one step towards its target. */
export function reconcileMember(
  changes: Changes,
  group: ConsumerGroup,
  member: ConsumerMember,
  { owned, isResubscribed }: Said,
): void {
  const { memberId, current, metadata } = member
  const value = reconcile({
    current,
    target: group.target(memberId),
    targetEpoch: group.assignmentEpoch,
    owned,
    isResubscribed,
    subscribed: subscribedIds(changes, group, metadata),
    isFree: (topicId, partition) => group.ownerOf(topicId, partition) === undefined,
  })
  if (value === current) return
  changes.add({ kind: 'consumer-current', group: group.groupId, member: memberId, value })
}
