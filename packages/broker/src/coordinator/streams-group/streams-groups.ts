/**
 * All streams groups of the broker: replay, the passing of time, assignments, and how members and
 * groups go. Pure. Changes are made by adding records to a {@link StreamsChanges}, which replays
 * each at once, so that a decision always sees what it has decided so far.
 */
import type { StreamsGroupMetadataValue } from '@ottla/protocol'
import { defaultConsumerGroupOptions, type TopicsView } from '../consumer-group/consumer-groups.ts'
import type { Now } from '../group/group-coordinator.ts'
import type { ConfiguredTopology } from './internal-topics.ts'
import { assignSticky } from './sticky-assignor.ts'
import { StreamsGroup } from './streams-group.ts'
import type { StreamsGroupRecord } from './streams-group-records.ts'
import { NO_TASKS, sameTargets, type TargetTasks } from './tasks.ts'

type OfGroup<T> = (groupId: string) => T

export interface StreamsGroupOptions {
  readonly topics: TopicsView
  readonly groupSizeMax: number
  readonly sessionTimeoutMs: OfGroup<number>
  readonly heartbeatIntervalMs: OfGroup<number>
  readonly initialRebalanceDelayMs: OfGroup<number>
  readonly assignmentIntervalMs: OfGroup<number>
  readonly standbyReplicas: OfGroup<number>
  readonly rackAwareTags: OfGroup<readonly string[]>
  readonly taskOffsetIntervalMs: number
  readonly acceptableRecoveryLag: number
}

/** Apache Kafka's defaults, without a topic and without waiting for others. */
export const defaultStreamsGroupOptions: StreamsGroupOptions = {
  topics: defaultConsumerGroupOptions.topics,
  groupSizeMax: 2147483647,
  sessionTimeoutMs: () => 45_000,
  heartbeatIntervalMs: () => 5_000,
  initialRebalanceDelayMs: () => 0,
  assignmentIntervalMs: () => 0,
  standbyReplicas: () => 0,
  rackAwareTags: () => [],
  taskOffsetIntervalMs: 60_000,
  acceptableRecoveryLag: 10_000,
}

export class StreamsGroups {
  readonly groups = new Map<string, StreamsGroup>()
  readonly options: StreamsGroupOptions

  constructor(options: StreamsGroupOptions = defaultStreamsGroupOptions) {
    this.options = options
  }

  get(groupId: string): StreamsGroup | undefined {
    return this.groups.get(groupId)
  }

  replay(record: StreamsGroupRecord, now: Now): void {
    const { group: groupId } = record
    if (record.kind === 'streams-group' && record.value === null) {
      this.groups.delete(groupId)
      return
    }
    let group = this.groups.get(groupId)
    if (!group) {
      if (record.value === null) return
      group = new StreamsGroup(groupId)
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

  /**
   * Takes out members that fell silent or did not give up in time what they had to, and assigns
   * for the first time where the wait for more members is over.
   */
  onTime(changes: StreamsChanges): void {
    const nowMs = changes.now.monotonicMs
    for (const group of this.groups.values()) {
      for (const member of [...group.members.values()]) {
        const { memberId, sessionDeadlineMs, revocationDeadlineMs } = member
        const isDue = Math.min(sessionDeadlineMs, revocationDeadlineMs) <= nowMs
        if (isDue) removeMember(changes, group, memberId)
      }
      if ((group.initialDelayDeadlineMs ?? Number.POSITIVE_INFINITY) > nowMs) continue
      group.initialDelayDeadlineMs = undefined
      if (!group.isEmpty && group.configured) assign(changes, group, group.configured)
    }
  }
}

/** Records of one decision, each of which already counts. */
export class StreamsChanges {
  readonly records: StreamsGroupRecord[] = []
  readonly groups: StreamsGroups
  readonly now: Now

  constructor(groups: StreamsGroups, now: Now) {
    this.groups = groups
    this.now = now
  }

  add(record: StreamsGroupRecord): void {
    this.records.push(record)
    this.groups.replay(record, this.now)
  }
}

/** A new group epoch, with whatever else the group's record tells. */
export function bumpEpoch(
  changes: StreamsChanges,
  group: StreamsGroup,
  changed: Partial<StreamsGroupMetadataValue> = {},
): void {
  const value = { ...group.metadata, ...changed, epoch: group.groupEpoch + 1 }
  const lastAssignmentConfigs = value.lastAssignmentConfigs ?? []
  const record = { ...value, lastAssignmentConfigs }
  changes.add({ kind: 'streams-group', group: group.groupId, value: record })
}

/** Removes what is recorded about a member, in the order in which Apache Kafka does. */
export function forgetMember(changes: StreamsChanges, group: StreamsGroup, member: string): void {
  const id = group.groupId
  changes.add({ kind: 'streams-current', group: id, member, value: null })
  changes.add({ kind: 'streams-target', group: id, member, value: null })
  changes.add({ kind: 'streams-member', group: id, member, value: null })
}

export function removeMember(changes: StreamsChanges, group: StreamsGroup, member: string): void {
  forgetMember(changes, group, member)
  bumpEpoch(changes, group)
  if (!group.isEmpty) return
  // Nobody is left to assign anything to, and who comes next does not wait for an interval.
  const value = { assignmentEpoch: group.groupEpoch, assignmentTimestamp: 0 }
  changes.add({ kind: 'streams-target-epoch', group: group.groupId, value })
}

/** Removes a group with all that is recorded about it, committed offsets apart. */
export function removeGroup(changes: StreamsChanges, group: StreamsGroup): void {
  const id = group.groupId
  const members = new Set([...group.members.keys(), ...group.targetMembers()])
  for (const member of members) forgetMember(changes, group, member)
  changes.add({ kind: 'streams-target-epoch', group: id, value: null })
  changes.add({ kind: 'streams-group', group: id, value: null })
  changes.add({ kind: 'streams-topology', group: id, value: null })
}

/** Why the next assignment has to wait, or undefined once it was made. */
export function assign(
  changes: StreamsChanges,
  group: StreamsGroup,
  configured: ConfiguredTopology,
): 'interval' | undefined {
  if (group.assignmentEpoch >= group.groupEpoch) return undefined
  const { groupId: id, assignmentTimestamp } = group
  const intervalMs = changes.groups.options.assignmentIntervalMs(id)
  const isEarly = changes.now.wallMs < assignmentTimestamp + intervalMs
  if (assignmentTimestamp !== 0 && isEarly) return 'interval'
  for (const [member, value] of targetsOf(group, configured)) {
    if (group.hasTarget(member) && sameTargets(group.target(member), value)) continue
    changes.add({ kind: 'streams-target', group: id, member, value })
  }
  const value = { assignmentEpoch: group.groupEpoch, assignmentTimestamp: changes.now.wallMs }
  changes.add({ kind: 'streams-target-epoch', group: id, value })
  return undefined
}

export const STANDBY_REPLICAS = 'num.standby.replicas'
export const RACK_AWARE_TAGS = 'rack.aware.assignment.tags'

function targetsOf(
  group: StreamsGroup,
  { fault, subtopologies }: ConfiguredTopology,
): ReadonlyMap<string, TargetTasks> {
  if (fault || !subtopologies) {
    return new Map([...group.members.keys()].map((memberId) => [memberId, NO_TASKS]))
  }
  const members = [...group.members.values()].map(({ memberId, metadata, current, told }) => ({
    memberId,
    processId: metadata.processId,
    active: current.assigned.active.keys(),
    standby: current.assigned.standby,
    offsets: told.offsets,
  }))
  const tasks = [...subtopologies.values()].map((subtopology) => ({
    subtopologyId: subtopology.subtopologyId,
    taskCount: subtopology.taskCount,
    isStateful: subtopology.stateChangelogTopics.length > 0,
  }))
  const configs = group.metadata.lastAssignmentConfigs ?? []
  const replicas = configs.find(({ key }) => key === STANDBY_REPLICAS)?.value ?? '0'
  return assignSticky(members, tasks, Number(replicas))
}
