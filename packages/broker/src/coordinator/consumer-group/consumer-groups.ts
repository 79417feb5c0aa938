/**
 * All consumer groups of the broker: replay, the passing of time, and how members and groups go.
 * Pure like the rest of the coordinator. Changes are made by adding records to a {@link Changes},
 * which replays each at once, so that a decision always sees what it has decided so far.
 */
import type { ErrorName } from '@ottla/protocol'
import type { Now } from '../group/group-coordinator.ts'
import type { GroupRecord } from '../group/group-records.ts'
import { assignors as known } from './assignors.ts'
import { ConsumerGroup, deadlineOf } from './consumer-group.ts'
import type { ConsumerGroupRecord } from './consumer-group-records.ts'
import { hashOf } from './metadata-hash.ts'

/** Topics as the coordinator sees them. */
export interface TopicsView {
  /** Grows with every topic or partition that comes or goes. */
  version(): number
  byName(name: string): Topic | undefined
  byId(id: string): Topic | undefined
  names(): Iterable<string>
}

export interface Topic {
  readonly name: string
  readonly id: string
  readonly partitionCount: number
}

export interface ConsumerGroupOptions {
  readonly topics: TopicsView
  readonly groupSizeMax: number
  /** Names, the default first. */
  readonly assignors: readonly string[]
  readonly sessionTimeoutMs: (groupId: string) => number
  readonly heartbeatIntervalMs: (groupId: string) => number
  /** Fewest milliseconds between two assignments of a group. */
  readonly assignmentIntervalMs: (groupId: string) => number
  /** Which way groups with members may change between the protocols. */
  readonly migration: MigrationPolicy
}

export type MigrationPolicy = 'bidirectional' | 'upgrade' | 'downgrade' | 'disabled'

const NO_TOPICS: TopicsView = {
  version: () => 0,
  byName: () => undefined,
  byId: () => undefined,
  names: () => [],
}

/** Apache Kafka's defaults, without a topic. */
export const defaultConsumerGroupOptions: ConsumerGroupOptions = {
  topics: NO_TOPICS,
  groupSizeMax: 2147483647,
  assignors: ['uniform', 'range'],
  sessionTimeoutMs: () => 45_000,
  heartbeatIntervalMs: () => 5_000,
  assignmentIntervalMs: () => 0,
  migration: 'bidirectional',
}

export class ConsumerGroups {
  readonly groups = new Map<string, ConsumerGroup>()
  readonly options: ConsumerGroupOptions
  /** Asked when members go; true when their group is a classic one now. Set by the coordinator. */
  downgradeWithout: (
    changes: Changes,
    group: ConsumerGroup,
    without: ReadonlySet<string>,
  ) => boolean = () => false

  constructor(options: ConsumerGroupOptions = defaultConsumerGroupOptions) {
    this.options = options
  }

  get(groupId: string): ConsumerGroup | undefined {
    return this.groups.get(groupId)
  }

  /** Assignors that are configured and that exist here. */
  get assignors(): readonly string[] {
    return this.options.assignors.filter((name) => Object.hasOwn(known, name))
  }

  replay(record: ConsumerGroupRecord, now: Now): void {
    const { group: groupId } = record
    if (record.kind === 'consumer-group' && record.value === null) {
      this.groups.delete(groupId)
      return
    }
    let group = this.groups.get(groupId)
    if (!group) {
      if (record.value === null) return
      group = new ConsumerGroup(groupId)
      this.groups.set(groupId, group)
    }
    const sessionTimeoutMs = this.options.sessionTimeoutMs(groupId)
    group.replay(record, { monotonicMs: now.monotonicMs, sessionTimeoutMs })
  }

  nextDeadlineMs(): number {
    let next = Number.POSITIVE_INFINITY
    for (const group of this.groups.values()) next = Math.min(next, group.nextDeadlineMs())
    return next
  }

  /** Takes out members that fell silent or did not give up in time what they had to. */
  onTime(changes: Changes): void {
    const nowMs = changes.now.monotonicMs
    for (const group of this.groups.values()) {
      const due: string[] = []
      for (const member of group.members.values()) {
        if (deadlineOf(member) <= nowMs) due.push(member.memberId)
      }
      if (due.length > 0) removeMembers(changes, group, due)
    }
  }

  /** The assignor most members ask for; the first that is configured when none asks. */
  preferredAssignor(group: ConsumerGroup): string {
    const votes = new Map<string, number>()
    for (const { metadata } of group.members.values()) {
      const name = metadata.serverAssignor
      if (name !== null) votes.set(name, (votes.get(name) ?? 0) + 1)
    }
    let preferred = this.assignors[0] ?? 'uniform'
    let most = 0
    for (const [name, count] of votes) {
      if (count > most && Object.hasOwn(known, name)) {
        preferred = name
        most = count
      }
    }
    return preferred
  }
}

/** Records of one decision, each of which already counts. */
export class Changes {
  readonly records: GroupRecord[] = []
  readonly groups: ConsumerGroups
  readonly now: Now

  constructor(groups: ConsumerGroups, now: Now) {
    this.groups = groups
    this.now = now
  }

  add(record: ConsumerGroupRecord): void {
    this.records.push(record)
    this.groups.replay(record, this.now)
  }

  /** A record of something else than consumer groups, which has been done already. */
  note(record: GroupRecord): void {
    this.records.push(record)
  }
}

/** Epoch of a group in which nobody reads anything; the first subscription leads to the next. */
export const FIRST_EPOCH = 1

/** A new group epoch; the next heartbeat of any member assigns for it. */
export const bumpEpoch = (changes: Changes, group: ConsumerGroup): void =>
  setEpoch(changes, group, Math.max(group.groupEpoch, FIRST_EPOCH) + 1)

export function setEpoch(changes: Changes, group: ConsumerGroup, epoch: number): void {
  const { groupId: id, hasTopicsRecord } = group
  if (hasTopicsRecord) changes.add({ kind: 'consumer-topics', group: id, value: null })
  const metadataHash = hashOf(group.subscribedTopics(), changes.groups.options.topics)
  changes.add({ kind: 'consumer-group', group: id, value: { epoch, metadataHash } })
}

/** Removes what is recorded about a member, in the order in which Apache Kafka does. */
export function forgetMember(changes: Changes, group: ConsumerGroup, member: string): void {
  const id = group.groupId
  changes.add({ kind: 'consumer-current', group: id, member, value: null })
  changes.add({ kind: 'consumer-target', group: id, member, value: null })
  changes.add({ kind: 'consumer-member', group: id, member, value: null })
}

export function removeMembers(
  changes: Changes,
  group: ConsumerGroup,
  memberIds: readonly string[],
): void {
  if (changes.groups.downgradeWithout(changes, group, new Set(memberIds))) return
  for (const memberId of memberIds) forgetMember(changes, group, memberId)
  dropUnusedPatterns(changes, group)
  bumpEpoch(changes, group)
  if (!group.isEmpty) return
  // Nobody is left to assign anything to.
  const value = { assignmentEpoch: group.groupEpoch, assignmentTimestamp: 0 }
  changes.add({ kind: 'consumer-target-epoch', group: group.groupId, value })
}

export function dropUnusedPatterns(changes: Changes, group: ConsumerGroup): void {
  for (const pattern of [...group.patterns.keys()]) {
    if (group.isPatternUsed(pattern)) continue
    changes.add({ kind: 'consumer-pattern', group: group.groupId, pattern, value: null })
  }
}

/** Removes a group with all that is recorded about it, committed offsets apart. */
export function removeGroup(changes: Changes, group: ConsumerGroup): void {
  const id = group.groupId
  const members = [...new Set([...group.members.keys(), ...group.targetMembers()])]
  const forget = (kind: 'consumer-current' | 'consumer-target' | 'consumer-member') => {
    for (const member of members) changes.add({ kind, group: id, member, value: null })
  }
  forget('consumer-current')
  forget('consumer-target')
  changes.add({ kind: 'consumer-target-epoch', group: id, value: null })
  forget('consumer-member')
  dropUnusedPatterns(changes, group)
  if (group.hasTopicsRecord) changes.add({ kind: 'consumer-topics', group: id, value: null })
  changes.add({ kind: 'consumer-group', group: id, value: null })
}

/** Why a consumer group cannot be deleted now. */
export const deletionFault = (group: ConsumerGroup): ErrorName | undefined =>
  group.isEmpty ? undefined : 'NON_EMPTY_GROUP'
