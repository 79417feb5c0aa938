/**
 * All share groups of the broker: replay, the passing of time, how members and groups go, and which
 * partitions have a state. Pure. Changes are made by adding records to a {@link ShareChanges},
 * which replays each at once, so that a decision always sees what it has decided so far.
 */
import type { Uuid } from '@ottla/base'
import type { TopicsView } from '../consumer-group/consumer-groups.ts'
import { hashOf } from '../consumer-group/metadata-hash.ts'
import type { Now } from '../group/group-coordinator.ts'
import { ShareGroup, type StateTopic } from './share-group.ts'
import type { ShareGroupRecord } from './share-group-records.ts'

export interface ShareGroupOptions {
  readonly topics: TopicsView
  readonly groupSizeMax: number
  readonly sessionTimeoutMs: (groupId: string) => number
  readonly heartbeatIntervalMs: (groupId: string) => number
  /** Fewest milliseconds between two assignments. */
  readonly assignmentIntervalMs: (groupId: string) => number
}

/** Apache Kafka's defaults, without a topic. */
export const defaultShareGroupOptions: ShareGroupOptions = {
  topics: { version: () => 0, byName: () => undefined, byId: () => undefined, names: () => [] },
  groupSizeMax: 200,
  sessionTimeoutMs: () => 45_000,
  heartbeatIntervalMs: () => 5_000,
  assignmentIntervalMs: () => 0,
}

/** Partitions by topic id. */
export type StatePartitions = ReadonlyMap<Uuid, StateTopic>

export class ShareGroups {
  readonly groups = new Map<string, ShareGroup>()
  readonly options: ShareGroupOptions

  constructor(options: ShareGroupOptions = defaultShareGroupOptions) {
    this.options = options
  }

  get(groupId: string): ShareGroup | undefined {
    return this.groups.get(groupId)
  }

  replay(record: ShareGroupRecord, now: Now): void {
    const { group: groupId } = record
    if (record.kind === 'share-group' && record.value === null) {
      this.groups.delete(groupId)
      return
    }
    let group = this.groups.get(groupId)
    if (!group) {
      if (record.value === null) return
      group = new ShareGroup(groupId)
      this.groups.set(groupId, group)
    }
    group.replay(record, now.monotonicMs + this.options.sessionTimeoutMs(groupId))
  }

  nextDeadlineMs(): number {
    let next = Number.POSITIVE_INFINITY
    for (const group of this.groups.values()) next = Math.min(next, group.nextDeadlineMs())
    return next
  }

  /** Takes out members that fell silent. */
  onTime(changes: ShareChanges): void {
    for (const group of this.groups.values()) {
      const due: string[] = []
      for (const { memberId, sessionDeadlineMs } of group.members.values()) {
        if (sessionDeadlineMs <= changes.now.monotonicMs) due.push(memberId)
      }
      if (due.length > 0) removeMembers(changes, group, due)
    }
  }
}

/** Records of one decision, each of which already counts. */
export class ShareChanges {
  readonly records: ShareGroupRecord[] = []
  readonly groups: ShareGroups
  readonly now: Now

  constructor(groups: ShareGroups, now: Now) {
    this.groups = groups
    this.now = now
  }

  add(record: ShareGroupRecord): void {
    this.records.push(record)
    this.groups.replay(record, this.now)
  }
}

export function bumpEpoch(changes: ShareChanges, group: ShareGroup): void {
  const epoch = group.groupEpoch + 1
  const metadataHash = hashOf(group.subscribedTopics(), changes.groups.options.topics)
  changes.add({ kind: 'share-group', group: group.groupId, value: { epoch, metadataHash } })
}

export function removeMembers(
  changes: ShareChanges,
  group: ShareGroup,
  memberIds: Iterable<string>,
): void {
  for (const memberId of memberIds) forgetMember(changes, group, memberId)
  bumpEpoch(changes, group)
  if (!group.isEmpty) return
  // Nobody is left to assign anything to.
  const value = { assignmentEpoch: group.groupEpoch, assignmentTimestamp: changes.now.wallMs }
  changes.add({ kind: 'share-target-epoch', group: group.groupId, value })
}

function forgetMember(changes: ShareChanges, group: ShareGroup, member: string): void {
  const id = group.groupId
  changes.add({ kind: 'share-current', group: id, member, value: null })
  changes.add({ kind: 'share-target', group: id, member, value: null })
  changes.add({ kind: 'share-member', group: id, member, value: null })
}

/** Removes an empty group with all that is recorded about it here. */
export function removeGroup(changes: ShareChanges, group: ShareGroup): void {
  const id = group.groupId
  for (const member of [...group.targetMembers()]) forgetMember(changes, group, member)
  changes.add({ kind: 'share-target-epoch', group: id, value: null })
  changes.add({ kind: 'share-state-partitions', group: id, value: null })
  changes.add({ kind: 'share-group', group: id, value: null })
}

/** Notes that partitions are about to get a state, or have it now. */
export function noteStates(
  changes: ShareChanges,
  group: ShareGroup,
  partitions: StatePartitions,
  phase: 'initializing' | 'initialized',
): void {
  const initialized = copyOf(group.initialized)
  const initializing = copyOf(group.initializing)
  for (const [topicId, { topicName, partitions: added }] of partitions) {
    if (phase === 'initialized') {
      addAll(initialized, topicId, topicName, added)
      const left = initializing.get(topicId)?.partitions
      for (const partition of added) left?.delete(partition)
    } else addAll(initializing, topicId, topicName, added)
  }
  writeStates(changes, group, { initialized, initializing })
}

/** Takes topics out of what a group keeps state of. */
export function forgetStates(
  changes: ShareChanges,
  group: ShareGroup,
  topicIds: ReadonlySet<Uuid>,
): void {
  const initialized = copyOf(group.initialized)
  const initializing = copyOf(group.initializing)
  for (const topicId of topicIds) {
    initialized.delete(topicId)
    initializing.delete(topicId)
  }
  writeStates(changes, group, { initialized, initializing })
}

type Editable = Map<Uuid, { readonly topicName: string; readonly partitions: Set<number> }>

const copyOf = (states: StatePartitions): Editable =>
  new Map(
    [...states].map(([topicId, { topicName, partitions }]) => [
      topicId,
      { topicName, partitions: new Set(partitions) },
    ]),
  )

function addAll(
  states: Editable,
  topicId: Uuid,
  topicName: string,
  partitions: Iterable<number>,
): void {
  let known = states.get(topicId)
  if (!known) {
    known = { topicName, partitions: new Set() }
    states.set(topicId, known)
  }
  for (const partition of partitions) known.partitions.add(partition)
}

function writeStates(
  changes: ShareChanges,
  group: ShareGroup,
  { initialized, initializing }: { initialized: Editable; initializing: Editable },
): void {
  const value = {
    initializingTopics: listed(initializing),
    initializedTopics: listed(initialized),
    deletingTopics: [...group.deleting].map(([topicId, topicName]) => ({ topicId, topicName })),
  }
  changes.add({ kind: 'share-state-partitions', group: group.groupId, value })
}

const listed = (states: Editable) =>
  [...states]
    .filter(([, { partitions }]) => partitions.size > 0)
    .map(([topicId, { topicName, partitions }]) => ({
      topicId,
      topicName,
      partitions: [...partitions].sort((a, b) => a - b),
    }))
