/**
 * One streams group (KIP-1071) as its records tell it.
 *
 *   group epoch       grows when members, topology, topics or settings of the assignment change
 *   assignment epoch  group epoch the target was computed for; behind it the group is Assigning
 *   member epoch      assignment epoch the member has come to; behind it the group is Reconciling
 *   validated epoch   topology epoch whose topics were found to be right; -1 makes it NotReady
 *
 * Must always hold: only `replay` changes what records tell; a task is processed by one member at
 * most. What is not recorded, members tell again or the topics show: deadlines, how far the states
 * of tasks are, endpoints' epoch, a shutdown that a member asked for, the configured topology.
 */
import type { StreamsGroupMetadataValue } from '@ottla/protocol'
import type { ConfiguredTopology } from './internal-topics.ts'
import type {
  StreamsGroupRecord,
  StreamsMemberMetadata,
  StreamsTopology,
} from './streams-group-records.ts'
import {
  type CurrentTasks,
  isReconciled,
  NOT_ASSIGNED,
  type TaskOwners,
  TaskState,
} from './task-reconciliation.ts'
import { NO_TASKS, type TargetTasks, type TaskId } from './tasks.ts'

export type StreamsGroupState = 'Empty' | 'NotReady' | 'Assigning' | 'Reconciling' | 'Stable'

/** How far the state of a task is, and how far it could be. */
export interface TaskOffsets {
  readonly offsets: ReadonlyMap<TaskId, number>
  readonly endOffsets: ReadonlyMap<TaskId, number>
}

export interface StreamsMember {
  readonly memberId: string
  metadata: StreamsMemberMetadata
  current: CurrentTasks
  /** A heartbeat is due until then, in monotonic milliseconds. */
  sessionDeadlineMs: number
  /** What it must give up is due until then, in monotonic milliseconds. */
  revocationDeadlineMs: number
  /** As it told last; not recorded. */
  told: TaskOffsets
}

/** What replay needs to know beside the record. */
export interface StreamsReplayContext {
  readonly monotonicMs: number
  readonly sessionTimeoutMs: number
}

export const NO_METADATA: StreamsMemberMetadata = {
  instanceId: null,
  rackId: null,
  clientId: '',
  clientHost: '',
  rebalanceTimeoutMs: -1,
  topologyEpoch: -1,
  processId: '',
  userEndpoint: null,
  clientTags: [],
}

const NOTHING_TOLD: TaskOffsets = { offsets: new Map(), endOffsets: new Map() }

/** Epoch of a group before anybody has joined. */
const FIRST_EPOCH = 1

const NEW_GROUP: StreamsGroupMetadataValue = {
  epoch: FIRST_EPOCH,
  metadataHash: 0,
  validatedTopologyEpoch: -1,
  lastAssignmentConfigs: [],
  storedDescriptionTopologyEpoch: -1,
  failedDescriptionTopologyEpoch: -1,
}

export class StreamsGroup {
  readonly groupId: string
  metadata: StreamsGroupMetadataValue = NEW_GROUP
  assignmentEpoch = FIRST_EPOCH
  /** Wall-clock time of the last assignment; 0 lets the next one come at once. */
  assignmentTimestamp = 0
  topology: StreamsTopology | undefined
  readonly members = new Map<string, StreamsMember>()
  readonly staticMembers = new Map<string, string>()
  private readonly targets = new Map<string, TargetTasks>()
  configured: ConfiguredTopology | undefined
  /** Version of the topics that the group was last compared with. */
  topicsVersion = -1
  endpointEpoch = 0
  /** Member that asked for the end of the whole application. */
  shutdownBy: string | undefined
  /** The first assignment of a group that was empty waits until then; monotonic. */
  initialDelayDeadlineMs: number | undefined

  constructor(groupId: string) {
    this.groupId = groupId
  }

  get groupEpoch(): number {
    return this.metadata.epoch
  }

  get isEmpty(): boolean {
    return this.members.size === 0
  }

  get state(): StreamsGroupState {
    if (this.isEmpty) return 'Empty'
    if (this.topology?.epoch !== this.metadata.validatedTopologyEpoch) return 'NotReady'
    if (this.groupEpoch > this.assignmentEpoch) return 'Assigning'
    for (const { current } of this.members.values()) {
      if (!isReconciled(current, this.assignmentEpoch)) return 'Reconciling'
    }
    return 'Stable'
  }

  target(memberId: string): TargetTasks {
    return this.targets.get(memberId) ?? NO_TASKS
  }

  hasTarget(memberId: string): boolean {
    return this.targets.has(memberId)
  }

  targetMembers(): Iterable<string> {
    return this.targets.keys()
  }

  staticMember(instanceId: string): StreamsMember | undefined {
    const memberId = this.staticMembers.get(instanceId)
    return memberId === undefined ? undefined : this.members.get(memberId)
  }

  /** Which processes have which tasks, given up or not. */
  owners(): TaskOwners {
    const active = new Map<TaskId, string>()
    const standby = new Map<TaskId, Set<string>>()
    const warmup = new Map<TaskId, Set<string>>()
    const add = (copies: Map<TaskId, Set<string>>, task: TaskId, processId: string) => {
      const processes = copies.get(task)
      if (processes) processes.add(processId)
      else copies.set(task, new Set([processId]))
    }
    for (const { metadata, current } of this.members.values()) {
      const { processId } = metadata
      for (const held of [current.assigned, current.revoking]) {
        for (const task of held.active.keys()) active.set(task, processId)
        for (const task of held.standby) add(standby, task, processId)
        for (const task of held.warmup) add(warmup, task, processId)
      }
    }
    return { active, standby, warmup }
  }

  /** Earliest time at which something is to be done. */
  nextDeadlineMs(): number {
    let next = this.initialDelayDeadlineMs ?? Number.POSITIVE_INFINITY
    for (const { sessionDeadlineMs, revocationDeadlineMs } of this.members.values()) {
      next = Math.min(next, sessionDeadlineMs, revocationDeadlineMs)
    }
    return next
  }

  replay(record: StreamsGroupRecord, context: StreamsReplayContext): void {
    switch (record.kind) {
      case 'streams-group':
        this.metadata = record.value ?? NEW_GROUP
        break
      case 'streams-topology':
        this.topology = record.value ?? undefined
        this.configured = undefined
        break
      case 'streams-member':
        if (record.value) this.setMetadata(record.member, record.value, context)
        else this.removeMember(record.member)
        break
      case 'streams-target-epoch':
        this.assignmentEpoch = record.value?.assignmentEpoch ?? -1
        this.assignmentTimestamp = record.value?.assignmentTimestamp ?? 0
        break
      case 'streams-target':
        if (record.value) this.targets.set(record.member, record.value)
        else this.targets.delete(record.member)
        break
      case 'streams-current':
        this.setCurrent(record.member, record.value, context)
        break
    }
  }

  private memberOf(memberId: string, context: StreamsReplayContext): StreamsMember {
    let member = this.members.get(memberId)
    if (!member) {
      member = {
        memberId,
        metadata: NO_METADATA,
        current: NOT_ASSIGNED,
        sessionDeadlineMs: context.monotonicMs + context.sessionTimeoutMs,
        revocationDeadlineMs: Number.POSITIVE_INFINITY,
        told: NOTHING_TOLD,
      }
      this.members.set(memberId, member)
    }
    return member
  }

  private setMetadata(
    memberId: string,
    metadata: StreamsMemberMetadata,
    context: StreamsReplayContext,
  ): void {
    const member = this.memberOf(memberId, context)
    this.forgetInstance(member)
    member.metadata = metadata
    if (metadata.instanceId !== null) this.staticMembers.set(metadata.instanceId, memberId)
  }

  private forgetInstance({ memberId, metadata: { instanceId } }: StreamsMember): void {
    if (instanceId !== null && this.staticMembers.get(instanceId) === memberId) {
      this.staticMembers.delete(instanceId)
    }
  }

  private removeMember(memberId: string): void {
    const member = this.members.get(memberId)
    if (!member) return
    this.forgetInstance(member)
    this.members.delete(memberId)
    if (this.isEmpty) this.shutdownBy = undefined
  }

  private setCurrent(
    memberId: string,
    current: CurrentTasks | null,
    context: StreamsReplayContext,
  ): void {
    // A compacted log may hold the removal of what a member held, and nothing else about it.
    if (!current && !this.members.has(memberId)) return
    const member = this.memberOf(memberId, context)
    member.current = current ?? NOT_ASSIGNED
    const { rebalanceTimeoutMs } = member.metadata
    const isDue = member.current.state === TaskState.UNREVOKED && rebalanceTimeoutMs >= 0
    member.revocationDeadlineMs = isDue
      ? context.monotonicMs + rebalanceTimeoutMs
      : Number.POSITIVE_INFINITY
  }
}
