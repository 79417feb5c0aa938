/**
 * One consumer group (KIP-848) as its records tell it.
 *
 *   group epoch       grows when subscriptions, members or topics change
 *   assignment epoch  group epoch the target was computed for; behind it the group is Assigning
 *   member epoch      assignment epoch the member has come to; behind it the group is Reconciling
 *
 * Must always hold: only `replay` changes what records tell; a partition has one owner at most,
 * who holds it as assigned or as still to be given up; what members renew by themselves (session
 * and rebalance deadlines) is never recorded.
 */
import { assert, type Uuid } from '@ottla/base'
import { type Assignment, type EpochAssignment, NO_PARTITIONS, partitionsOf } from './assignment.ts'
import type {
  ConsumerGroupRecord,
  MemberMetadata,
  ResolvedPattern,
} from './consumer-group-records.ts'
import { type CurrentAssignment, MemberState, NOT_ASSIGNED } from './reconciliation.ts'

export type ConsumerGroupState = 'Empty' | 'Assigning' | 'Reconciling' | 'Stable'

export interface ConsumerMember {
  readonly memberId: string
  metadata: MemberMetadata
  current: CurrentAssignment
  /** A heartbeat is due until then, in monotonic milliseconds. */
  sessionDeadlineMs: number
  /** What it must give up is due until then, in monotonic milliseconds. */
  revocationDeadlineMs: number
  /** A classic member that was told to join, or has joined, must do the next step until then. */
  joinDeadlineMs: number
  syncDeadlineMs: number
}

/** Earliest time at which a member is to be taken out. */
export const deadlineOf = (member: ConsumerMember): number =>
  Math.min(
    member.sessionDeadlineMs,
    member.revocationDeadlineMs,
    member.joinDeadlineMs,
    member.syncDeadlineMs,
  )

/** What replay needs to know beside the record. */
export interface ReplayContext {
  readonly monotonicMs: number
  readonly sessionTimeoutMs: number
}

const NO_METADATA: MemberMetadata = {
  instanceId: null,
  rackId: null,
  clientId: '',
  clientHost: '',
  subscribedTopicNames: [],
  subscribedTopicRegex: null,
  rebalanceTimeoutMs: -1,
  serverAssignor: null,
  classicMemberMetadata: null,
}

export class ConsumerGroup {
  readonly groupId: string
  groupEpoch = 0
  metadataHash = 0
  assignmentEpoch = 0
  /** Wall-clock time of the last assignment; 0 lets the next one come at once. */
  assignmentTimestamp = 0
  /** A record of a kind that is not written any more is still there. */
  hasTopicsRecord = false
  readonly members = new Map<string, ConsumerMember>()
  readonly staticMembers = new Map<string, string>()
  readonly patterns = new Map<string, ResolvedPattern>()
  private readonly targets = new Map<string, Assignment>()
  private readonly owners = new Map<Uuid, Map<number, string>>()
  /** Version of the topics that the group was last compared with; not recorded. */
  topicsVersion = -1

  constructor(groupId: string) {
    this.groupId = groupId
  }

  get isEmpty(): boolean {
    return this.members.size === 0
  }

  get state(): ConsumerGroupState {
    if (this.isEmpty) return 'Empty'
    if (this.groupEpoch > this.assignmentEpoch) return 'Assigning'
    for (const { current } of this.members.values()) {
      const isThere = current.state === MemberState.STABLE
      if (!isThere || current.memberEpoch !== this.assignmentEpoch) return 'Reconciling'
    }
    return 'Stable'
  }

  target(memberId: string): Assignment {
    return this.targets.get(memberId) ?? NO_PARTITIONS
  }

  targetMembers(): Iterable<string> {
    return this.targets.keys()
  }

  ownerOf(topicId: Uuid, partition: number): string | undefined {
    return this.owners.get(topicId)?.get(partition)
  }

  staticMember(instanceId: string): ConsumerMember | undefined {
    const memberId = this.staticMembers.get(instanceId)
    return memberId === undefined ? undefined : this.members.get(memberId)
  }

  /** Names of the topics a member reads, by name or by pattern; they need not exist. */
  topicsOf({ subscribedTopicNames, subscribedTopicRegex }: MemberMetadata): Iterable<string> {
    const pattern = subscribedTopicRegex ? this.patterns.get(subscribedTopicRegex) : undefined
    return pattern ? new Set([...subscribedTopicNames, ...pattern.topics]) : subscribedTopicNames
  }

  subscribedTopics(): ReadonlySet<string> {
    const topics = new Set<string>()
    const patterns = new Set<string>()
    for (const { metadata } of this.members.values()) {
      for (const topic of metadata.subscribedTopicNames) topics.add(topic)
      if (metadata.subscribedTopicRegex) patterns.add(metadata.subscribedTopicRegex)
    }
    for (const pattern of patterns) {
      for (const topic of this.patterns.get(pattern)?.topics ?? []) topics.add(topic)
    }
    return topics
  }

  isPatternUsed(pattern: string): boolean {
    for (const { metadata } of this.members.values()) {
      if (metadata.subscribedTopicRegex === pattern) return true
    }
    return false
  }

  /** Earliest time at which a member is to be taken out. */
  nextDeadlineMs(): number {
    let next = Number.POSITIVE_INFINITY
    for (const member of this.members.values()) next = Math.min(next, deadlineOf(member))
    return next
  }

  replay(record: ConsumerGroupRecord, context: ReplayContext): void {
    switch (record.kind) {
      case 'consumer-group':
        this.groupEpoch = record.value?.epoch ?? 0
        this.metadataHash = record.value?.metadataHash ?? 0
        break
      case 'consumer-topics':
        this.hasTopicsRecord = record.value !== null
        break
      case 'consumer-member':
        if (record.value) this.setMetadata(record.member, record.value, context)
        else this.removeMember(record.member)
        break
      case 'consumer-target-epoch':
        this.assignmentEpoch = record.value?.assignmentEpoch ?? 0
        this.assignmentTimestamp = record.value?.assignmentTimestamp ?? 0
        break
      case 'consumer-target':
        if (record.value) this.targets.set(record.member, record.value)
        else this.targets.delete(record.member)
        break
      case 'consumer-current':
        this.setCurrent(record.member, record.value, context)
        break
      case 'consumer-pattern':
        if (record.value) this.patterns.set(record.pattern, record.value)
        else this.patterns.delete(record.pattern)
        break
    }
  }

  private memberOf(memberId: string, { monotonicMs, sessionTimeoutMs }: ReplayContext) {
    let member = this.members.get(memberId)
    if (!member) {
      member = {
        memberId,
        metadata: NO_METADATA,
        current: NOT_ASSIGNED,
        sessionDeadlineMs: monotonicMs + sessionTimeoutMs,
        revocationDeadlineMs: Number.POSITIVE_INFINITY,
        joinDeadlineMs: Number.POSITIVE_INFINITY,
        syncDeadlineMs: Number.POSITIVE_INFINITY,
      }
      this.members.set(memberId, member)
    }
    return member
  }

  private setMetadata(memberId: string, metadata: MemberMetadata, context: ReplayContext): void {
    const member = this.memberOf(memberId, context)
    const { instanceId } = member.metadata
    if (instanceId !== null && this.staticMembers.get(instanceId) === memberId) {
      this.staticMembers.delete(instanceId)
    }
    member.metadata = metadata
    if (metadata.classicMemberMetadata === null) {
      member.joinDeadlineMs = Number.POSITIVE_INFINITY
      member.syncDeadlineMs = Number.POSITIVE_INFINITY
    }
    if (metadata.instanceId !== null) this.staticMembers.set(metadata.instanceId, memberId)
  }

  private removeMember(memberId: string): void {
    const member = this.members.get(memberId)
    if (!member) return
    this.release(member)
    const { instanceId } = member.metadata
    if (instanceId !== null && this.staticMembers.get(instanceId) === memberId) {
      this.staticMembers.delete(instanceId)
    }
    this.members.delete(memberId)
  }

  private setCurrent(
    memberId: string,
    current: CurrentAssignment | null,
    context: ReplayContext,
  ): void {
    // A compacted log may hold the removal of what a member held, and nothing else about it.
    if (!current && !this.members.has(memberId)) return
    const member = this.memberOf(memberId, context)
    this.release(member)
    member.current = current ?? NOT_ASSIGNED
    this.claim(member, member.current.assigned)
    this.claim(member, member.current.revoking)
    const { rebalanceTimeoutMs, classicMemberMetadata } = member.metadata
    const isRevoking = member.current.state === MemberState.UNREVOKED
    const isDue = isRevoking && classicMemberMetadata === null && rebalanceTimeoutMs >= 0
    member.revocationDeadlineMs = isDue
      ? context.monotonicMs + rebalanceTimeoutMs
      : Number.POSITIVE_INFINITY
  }

  private claim({ memberId }: ConsumerMember, assignment: EpochAssignment): void {
    for (const [topicId, partition] of partitionsOf(assignment)) {
      let partitions = this.owners.get(topicId)
      if (!partitions) {
        partitions = new Map()
        this.owners.set(topicId, partitions)
      }
      const owner = partitions.get(partition)
      assert(
        owner === undefined || owner === memberId,
        `${topicId}-${partition} of group ${this.groupId} goes from ${owner} to ${memberId}`,
      )
      partitions.set(partition, memberId)
    }
  }

  private release({ memberId, current }: ConsumerMember): void {
    for (const held of [current.assigned, current.revoking]) {
      for (const [topicId, partition] of partitionsOf(held)) {
        const partitions = this.owners.get(topicId)
        if (partitions?.get(partition) !== memberId) continue
        partitions.delete(partition)
        if (partitions.size === 0) this.owners.delete(topicId)
      }
    }
  }
}
