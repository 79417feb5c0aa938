/** Committed offsets: commit, fetch, deletion and expiry, and what may be asked about groups. */
import type { ErrorName } from '@ottla/protocol'
import { Changes, deletionFault, removeGroup } from '../consumer-group/consumer-groups.ts'
import { consumerCommitFault } from '../consumer-group/offset-checks.ts'
import { readsTopic, streamsCommitFault } from '../streams-group/offset-checks.ts'
import {
  removeGroup as removeStreamsGroup,
  StreamsChanges,
} from '../streams-group/streams-groups.ts'
import type { ClassicGroup } from './classic-group.ts'
import type { GroupCoordinator, Now } from './group-coordinator.ts'
import type { GroupKind } from './group-kinds.ts'
import type { GroupRecord } from './group-records.ts'
import { memberFault } from './membership.ts'

export interface CommitRequest {
  readonly groupId: string
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly generationId: number
  /** A retention asked for by old clients, or -1. */
  readonly retentionTimeMs: number
}

/** How a commit was sent, as far as that matters to consumer groups. */
export interface CommitContext {
  readonly now: Now
  readonly apiVersion: number
  readonly isTransactional: boolean
  readonly partitions: readonly Pick<OffsetToCommit, 'topic' | 'topicId' | 'partition'>[]
}

export interface OffsetToCommit {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata: string
}

/** Whether a member may commit; also counts as its heartbeat. */
export function checkCommit(
  coordinator: GroupCoordinator,
  request: CommitRequest,
  context: CommitContext,
): ErrorName | undefined {
  const { groupId, generationId, memberId, groupInstanceId } = request
  if (coordinator.shareGroups.get(groupId)) return 'GROUP_ID_NOT_FOUND'
  const consumerGroup = coordinator.consumerGroups.get(groupId)
  if (consumerGroup) {
    const commit = { memberId, groupInstanceId, memberEpoch: generationId, ...context }
    return consumerCommitFault(consumerGroup, commit)
  }
  const streamsGroup = coordinator.streamsGroups.get(groupId)
  if (streamsGroup) {
    const commit = { memberId, groupInstanceId, memberEpoch: generationId, ...context }
    return streamsCommitFault(streamsGroup, commit)
  }
  const group = coordinator.groups.get(groupId)
  if (!group) {
    if (generationId < 0) return undefined
    if (coordinator.offsets.has(groupId)) return 'UNKNOWN_MEMBER_ID'
    // The versions that know of member epochs know that a group can be missing.
    const knowsEpochs = context.apiVersion >= (context.isTransactional ? 6 : 9)
    return knowsEpochs ? 'GROUP_ID_NOT_FOUND' : 'ILLEGAL_GENERATION'
  }
  if (group.state === 'Dead') return 'COORDINATOR_NOT_AVAILABLE'
  if (generationId < 0 && group.state === 'Empty') return undefined
  if (generationId < 0 && memberId === '' && groupInstanceId === null) return 'UNKNOWN_MEMBER_ID'
  const fault = memberFault(group, memberId, groupInstanceId)
  if (fault) return fault
  if (generationId !== group.generationId) return 'ILLEGAL_GENERATION'
  if (group.state === 'CompletingRebalance') return 'REBALANCE_IN_PROGRESS'
  const member = group.members.get(memberId)
  if (member) member.sessionDeadlineMs = context.now.monotonicMs + member.sessionTimeoutMs
  return undefined
}

/** Records for offsets that have passed {@link checkCommit}. */
export function commitRecords(
  request: CommitRequest,
  offsets: readonly OffsetToCommit[],
  now: Now,
): GroupRecord[] {
  const { groupId, retentionTimeMs } = request
  const endMs = Math.min(now.wallMs + retentionTimeMs, Number.MAX_SAFE_INTEGER)
  const expireTimestamp = retentionTimeMs >= 0 ? endMs : -1
  return offsets.map(({ topic, partition, offset, leaderEpoch, metadata }) => ({
    kind: 'offset',
    group: groupId,
    topic,
    partition,
    value: { offset, leaderEpoch, metadata, commitTimestamp: now.wallMs, expireTimestamp },
  }))
}

/** Records that remove a group with everything it committed. */
export function deleteGroup(
  coordinator: GroupCoordinator,
  groupId: string,
  now: Now,
): GroupRecord[] | ErrorName {
  const consumerGroup = coordinator.consumerGroups.get(groupId)
  if (consumerGroup) {
    const fault = deletionFault(consumerGroup)
    if (fault) return fault
    const changes = new Changes(coordinator.consumerGroups, now)
    removeGroup(changes, consumerGroup)
    coordinator.offsets.forget(groupId)
    return [...removalOf(coordinator, groupId), ...changes.records]
  }
  const streamsGroup = coordinator.streamsGroups.get(groupId)
  if (streamsGroup) {
    if (!streamsGroup.isEmpty) return 'NON_EMPTY_GROUP'
    const changes = new StreamsChanges(coordinator.streamsGroups, now)
    removeStreamsGroup(changes, streamsGroup)
    coordinator.offsets.forget(groupId)
    return [...removalOf(coordinator, groupId), ...changes.records]
  }
  const group = coordinator.groups.get(groupId)
  if (!group && !coordinator.offsets.has(groupId)) return 'GROUP_ID_NOT_FOUND'
  if (group && group.state !== 'Empty' && group.state !== 'Dead') return 'NON_EMPTY_GROUP'
  return [...removalOf(coordinator, groupId), { kind: 'group', group: groupId, value: null }]
}

/** Of what was committed, and of what transactions will commit. */
function removalOf({ offsets, pendingOffsets }: GroupCoordinator, group: string): GroupRecord[] {
  const removal = (topic: string, partition: number): GroupRecord => ({
    kind: 'offset',
    group,
    topic,
    partition,
    value: null,
  })
  const committed = [...offsets.of(group)].map(([topic, partition]) => removal(topic, partition))
  const pending = [...pendingOffsets.all()].filter((record) => record.group === group)
  return [...committed, ...pending.map(({ topic, partition }) => removal(topic, partition))]
}

/** Why offsets of a topic may not be deleted, or undefined when they may. */
export function offsetDeleteFault(
  coordinator: GroupCoordinator,
  groupId: string,
): ErrorName | undefined {
  if (groupId === '') return 'INVALID_GROUP_ID'
  if (coordinator.consumerGroups.get(groupId)) return undefined
  if (coordinator.streamsGroups.get(groupId)) return undefined
  if (coordinator.shareGroups.get(groupId)) return 'GROUP_ID_NOT_FOUND'
  const group = coordinator.groups.get(groupId)
  if (!group) return coordinator.offsets.has(groupId) ? undefined : 'GROUP_ID_NOT_FOUND'
  if (group.state === 'Dead') return 'GROUP_ID_NOT_FOUND'
  const isBusyOther = group.state !== 'Empty' && group.protocolType !== 'consumer'
  return isBusyOther ? 'NON_EMPTY_GROUP' : undefined
}

export function isSubscribed(coordinator: GroupCoordinator, groupId: string, topic: string) {
  const consumerGroup = coordinator.consumerGroups.get(groupId)
  if (consumerGroup) return consumerGroup.subscribedTopics().has(topic)
  const streamsGroup = coordinator.streamsGroups.get(groupId)
  if (streamsGroup) return readsTopic(streamsGroup, topic)
  const group = coordinator.groups.get(groupId)
  if (!group || group.isEmpty) return false
  const topics = group.subscribedTopics
  return topics === undefined || topics.has(topic)
}

/** Records that remove what has outlived its retention (G12 of Kafka's rules). */
export function expireOffsets(coordinator: GroupCoordinator, now: Now): GroupRecord[] {
  const records: GroupRecord[] = []
  const groupIds = new Set([...coordinator.groups.keys(), ...coordinator.offsets.groups()])
  const inTransactions = new Set([...coordinator.pendingOffsets.all()].map(({ group }) => group))
  for (const groupId of groupIds) {
    if (coordinator.consumerGroups.get(groupId) || coordinator.streamsGroups.get(groupId)) continue
    const group = coordinator.groups.get(groupId)
    let kept = 0
    for (const [topic, partition, value] of coordinator.offsets.of(groupId)) {
      if (isExpired(coordinator, group, topic, value, now)) {
        records.push({ kind: 'offset', group: groupId, topic, partition, value: null })
      } else kept++
    }
    const isEmpty = !group || (group.state === 'Empty' && group.pendingMembers.size === 0)
    if (isEmpty && kept === 0 && !inTransactions.has(groupId)) {
      records.push({ kind: 'group', group: groupId, value: null })
    }
  }
  return [
    ...records,
    ...expireInConsumerGroups(coordinator, now),
    ...expireInStreamsGroups(coordinator, now),
  ]
}

/** What a consumer group reads never expires; without members and offsets it goes itself. */
function expireInConsumerGroups(coordinator: GroupCoordinator, now: Now): GroupRecord[] {
  const records: GroupRecord[] = []
  const changes = new Changes(coordinator.consumerGroups, now)
  for (const group of [...coordinator.consumerGroups.groups.values()]) {
    const subscribed = group.subscribedTopics()
    const isRead = (topic: string) => subscribed.has(topic)
    const kept = expireUnread(coordinator, { groupId: group.groupId, isRead }, now, records)
    if (kept > 0 || !group.isEmpty) continue
    removeGroup(changes, group)
    coordinator.offsets.forget(group.groupId)
  }
  return [...records, ...changes.records]
}

/** The same for what the topology of a streams group reads. */
function expireInStreamsGroups(coordinator: GroupCoordinator, now: Now): GroupRecord[] {
  const records: GroupRecord[] = []
  const changes = new StreamsChanges(coordinator.streamsGroups, now)
  for (const group of [...coordinator.streamsGroups.groups.values()]) {
    const isRead = (topic: string) => readsTopic(group, topic)
    const kept = expireUnread(coordinator, { groupId: group.groupId, isRead }, now, records)
    if (kept > 0 || !group.isEmpty) continue
    removeStreamsGroup(changes, group)
    coordinator.offsets.forget(group.groupId)
  }
  return [...records, ...changes.records]
}

/** Removes old offsets of topics that a group does not read; the number of those that stay. */
function expireUnread(
  coordinator: GroupCoordinator,
  { groupId, isRead }: { groupId: string; isRead: (topic: string) => boolean },
  now: Now,
  records: GroupRecord[],
): number {
  const { offsetsRetentionMs } = coordinator.settings
  let kept = 0
  for (const [topic, partition, value] of coordinator.offsets.of(groupId)) {
    const endMs =
      value.expireTimestamp >= 0
        ? value.expireTimestamp
        : value.commitTimestamp + offsetsRetentionMs
    if (isRead(topic) || now.wallMs < endMs) kept++
    else records.push({ kind: 'offset', group: groupId, topic, partition, value: null })
  }
  return kept
}

function isExpired(
  coordinator: GroupCoordinator,
  group: ClassicGroup | undefined,
  topic: string,
  value: { readonly commitTimestamp: number; readonly expireTimestamp: number },
  now: Now,
): boolean {
  const { offsetsRetentionMs } = coordinator.settings
  if (group && !group.isEmpty) {
    const topics = group.subscribedTopics
    if (!topics || topics.has(topic)) return false
  }
  if (value.expireTimestamp >= 0) return now.wallMs >= value.expireTimestamp
  const isSimple = !group || group.protocolType === null
  const since = isSimple || !group.isEmpty ? value.commitTimestamp : group.stateTimestamp
  return now.wallMs - Math.max(since, value.commitTimestamp) >= offsetsRetentionMs
}

export interface DescribedGroup {
  readonly groupId: string
  readonly state: string
  readonly protocolType: string
  readonly type: GroupKind
}

/** Every group there is, those with nothing but committed offsets included. */
export function listGroups(coordinator: GroupCoordinator): DescribedGroup[] {
  const listed: DescribedGroup[] = []
  for (const { groupId, state, protocolType } of coordinator.groups.values()) {
    listed.push({ groupId, state, protocolType: protocolType ?? '', type: 'classic' })
  }
  for (const { groupId, state } of coordinator.consumerGroups.groups.values()) {
    listed.push({ groupId, state, protocolType: 'consumer', type: 'consumer' })
  }
  for (const { groupId, state } of coordinator.shareGroups.groups.values()) {
    listed.push({ groupId, state, protocolType: 'share', type: 'share' })
  }
  for (const { groupId, state } of coordinator.streamsGroups.groups.values()) {
    listed.push({ groupId, state, protocolType: 'streams', type: 'streams' })
  }
  for (const groupId of coordinator.offsets.groups()) {
    if (coordinator.groups.has(groupId) || coordinator.consumerGroups.get(groupId)) continue
    if (coordinator.streamsGroups.get(groupId)) continue
    listed.push({ groupId, state: 'Empty', protocolType: '', type: 'classic' })
  }
  return listed
}
