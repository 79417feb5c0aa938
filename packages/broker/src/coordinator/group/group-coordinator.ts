/**
 * The coordinator of classic groups as a pure state machine: requests and the passing of time in,
 * records and answers out. It does no I/O, reads no clock and draws no random numbers of its own.
 *
 * Two kinds of state: what `replay` restores (committed offsets; members, generation and assignment
 * of groups as last written) and what members renew by themselves (who waits, who is alive).
 * Files: membership in membership.ts, rebalances in rebalance.ts, offsets in group-offsets.ts.
 * Consumer groups (KIP-848) are in consumer-group/, share groups (KIP-932) in share-group/,
 * streams groups (KIP-1071) in streams-group/; a group id belongs to one kind at a time.
 */
import {
  Changes,
  type ConsumerGroupOptions,
  ConsumerGroups,
} from '../consumer-group/consumer-groups.ts'
import { downgradeWithout } from '../consumer-group/migration.ts'
import { isShareGroupRecord } from '../share-group/share-group-records.ts'
import { ShareChanges, type ShareGroupOptions, ShareGroups } from '../share-group/share-groups.ts'
import { isStreamsGroupRecord } from '../streams-group/streams-group-records.ts'
import {
  StreamsChanges,
  type StreamsGroupOptions,
  StreamsGroups,
} from '../streams-group/streams-groups.ts'
import { ClassicGroup, type GroupState, type Member } from './classic-group.ts'
import { subscribedTopicsOf } from './classic-subscriptions.ts'
import { CommittedOffsets, PendingOffsets } from './committed-offsets.ts'
import type { GroupRecord, GroupSnapshot } from './group-records.ts'
import { newOutcome, type Outcome } from './outcome.ts'
import {
  completeJoin,
  expireSyncs,
  prepareRebalance,
  removeMember,
  tryCompleteJoin,
} from './rebalance.ts'

export interface GroupSettings {
  readonly sessionTimeoutMsMin: number
  readonly sessionTimeoutMsMax: number
  readonly groupSizeMax: number
  readonly initialRebalanceDelayMs: number
  readonly offsetMetadataBytesMax: number
  readonly offsetsRetentionMs: number
}

/** Both clocks: timestamps go into records, deadlines are kept in monotonic time. */
export interface Now {
  readonly wallMs: number
  readonly monotonicMs: number
}

/** What groups of the newer protocols need; Apache Kafka's defaults where nothing is said. */
export interface GroupKindOptions {
  readonly consumer?: ConsumerGroupOptions
  readonly share?: ShareGroupOptions
  readonly streams?: StreamsGroupOptions
}

export interface CoordinatorState {
  readonly settings: GroupSettings
  readonly groups: Map<string, ClassicGroup>
  readonly offsets: CommittedOffsets
  /** A new member id's random part. */
  readonly newId: () => string
}

export class GroupCoordinator implements CoordinatorState {
  readonly settings: GroupSettings
  readonly groups = new Map<string, ClassicGroup>()
  readonly offsets = new CommittedOffsets()
  readonly consumerGroups: ConsumerGroups
  readonly shareGroups: ShareGroups
  readonly streamsGroups: StreamsGroups
  /** Offsets of transactions that are not over. */
  readonly pendingOffsets = new PendingOffsets()
  readonly newId: () => string

  constructor(settings: GroupSettings, newId: () => string, options: GroupKindOptions = {}) {
    this.settings = settings
    this.newId = newId
    this.consumerGroups = new ConsumerGroups(options.consumer)
    this.consumerGroups.downgradeWithout = (changes, group, without) =>
      downgradeWithout(this, changes, group, without)
    this.shareGroups = new ShareGroups(options.share)
    this.streamsGroups = new StreamsGroups(options.streams)
  }

  get groupCount(): number {
    const { consumerGroups, shareGroups, streamsGroups } = this
    const kinds = [consumerGroups, shareGroups, streamsGroups]
    return kinds.reduce((count, { groups }) => count + groups.size, this.groups.size)
  }

  /** Restores what a record says; at start for every record, afterwards for every durable one. */
  replay(record: GroupRecord, now: Now): void {
    if (record.kind === 'offset') {
      const { group, topic, partition, value } = record
      this.offsets.set(group, topic, partition, value)
      if (value === null) this.pendingOffsets.drop(group, topic, partition)
      return
    }
    if (isShareGroupRecord(record)) this.shareGroups.replay(record, now)
    else if (isStreamsGroupRecord(record)) this.streamsGroups.replay(record, now)
    else if (record.kind !== 'group') this.consumerGroups.replay(record, now)
    else if (record.value === null) this.groups.delete(record.group)
    else this.groups.set(record.group, restoreGroup(record.group, record.value, now))
    if (record.value === null) this.offsets.forget(record.group)
  }

  /** Earliest deadline among all groups, in monotonic milliseconds. */
  nextDeadlineMs(): number {
    let next = Number.POSITIVE_INFINITY
    for (const group of this.groups.values()) next = Math.min(next, deadlineOf(group))
    const kinds = [this.consumerGroups, this.shareGroups, this.streamsGroups]
    return Math.min(next, ...kinds.map((groups) => groups.nextDeadlineMs()))
  }

  /** Ends join and sync phases whose time is up, and removes members that fell silent. */
  onTime(now: Now): Outcome {
    const outcome = newOutcome()
    for (const group of this.groups.values()) {
      if (deadlineOf(group) <= now.monotonicMs) this.expire(group, now, outcome)
    }
    const changes = new Changes(this.consumerGroups, now)
    this.consumerGroups.onTime(changes)
    const shareChanges = new ShareChanges(this.shareGroups, now)
    this.shareGroups.onTime(shareChanges)
    const streamsChanges = new StreamsChanges(this.streamsGroups, now)
    this.streamsGroups.onTime(streamsChanges)
    outcome.records.push(...changes.records, ...shareChanges.records, ...streamsChanges.records)
    return outcome
  }

  private expire(group: ClassicGroup, now: Now, outcome: Outcome): void {
    const nowMs = now.monotonicMs
    for (const [memberId, deadlineMs] of group.pendingMembers) {
      if (deadlineMs <= nowMs) group.pendingMembers.delete(memberId)
    }
    for (const member of [...group.members.values()]) {
      if (isWaiting(member) || member.sessionDeadlineMs > nowMs) continue
      removeMember(this, group, member.memberId, now, outcome)
    }
    if (group.state === 'PreparingRebalance') {
      if (group.joinDeadlineMs <= nowMs) completeJoin(group, now, outcome)
      else tryCompleteJoin(group, now, outcome)
    } else if (group.state === 'CompletingRebalance' && group.syncDeadlineMs <= nowMs) {
      expireSyncs(this, group, now, outcome)
    }
  }

  /** The group, made when it is missing. */
  groupOf(groupId: string, now: Now): ClassicGroup {
    let group = this.groups.get(groupId)
    if (!group) {
      group = new ClassicGroup(groupId, now.wallMs)
      this.groups.set(groupId, group)
    }
    return group
  }

  /** Starts a rebalance from outside, for instance when partitions were added. */
  rebalance(group: ClassicGroup, now: Now): Outcome {
    const outcome = newOutcome()
    prepareRebalance(this, group, now, outcome)
    return outcome
  }
}

/** A member whose join or sync is waiting here is alive, whatever its heartbeats say. */
const isWaiting = (member: Member): boolean =>
  member.joinToken !== undefined || member.syncToken !== undefined

function deadlineOf(group: ClassicGroup): number {
  let next = Number.POSITIVE_INFINITY
  if (group.state === 'PreparingRebalance') next = group.joinDeadlineMs
  if (group.state === 'CompletingRebalance') next = group.syncDeadlineMs
  for (const deadlineMs of group.pendingMembers.values()) next = Math.min(next, deadlineMs)
  for (const member of group.members.values()) {
    if (!isWaiting(member)) next = Math.min(next, member.sessionDeadlineMs)
  }
  return next
}

function restoreGroup(groupId: string, snapshot: GroupSnapshot, now: Now): ClassicGroup {
  const group = new ClassicGroup(groupId, now.wallMs)
  group.generationId = snapshot.generation
  group.protocolType = snapshot.protocolType === '' ? null : snapshot.protocolType
  group.protocolName = snapshot.protocol
  for (const member of snapshot.members) {
    group.add({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      rebalanceTimeoutMs: member.rebalanceTimeout,
      sessionTimeoutMs: member.sessionTimeout,
      protocols: [{ name: snapshot.protocol ?? '', metadata: member.subscription }],
      assignment: member.assignment,
      sessionDeadlineMs: now.monotonicMs + member.sessionTimeout,
      joinToken: undefined,
      syncToken: undefined,
      mustSync: false,
    })
  }
  group.leaderId = snapshot.leader
  group.subscribedTopics = subscribedTopicsOf(group)
  const state: GroupState = group.isEmpty ? 'Empty' : 'Stable'
  group.moveTo(state, now.wallMs)
  if (snapshot.currentStateTimestamp >= 0) group.stateTimestamp = snapshot.currentStateTimestamp
  return group
}
