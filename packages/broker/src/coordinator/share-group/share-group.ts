/**
 * One share group (KIP-932) as its records tell it.
 *
 *   group epoch       grows when subscriptions, members or topics change
 *   assignment epoch  group epoch the target was computed for
 *   member epoch      assignment epoch the member was told
 *
 * Members share partitions, so nothing needs to be given up before another may have it: a member is
 * moved to its target by its next heartbeat.
 *
 * Must always hold: only `replay` changes what records tell; a partition is assigned only when the
 * state of its records is kept (`initialized`), since without it nothing can be acknowledged.
 */
import type { Uuid } from '@ottla/base'
import type { ShareGroupStatePartitionMetadataValue } from '@ottla/protocol'
import { type Assignment, NO_PARTITIONS } from '../consumer-group/assignment.ts'
import type {
  ShareCurrentAssignment,
  ShareGroupRecord,
  ShareMemberMetadata,
} from './share-group-records.ts'

export type ShareGroupState = 'Empty' | 'Stable'

export interface ShareMember {
  readonly memberId: string
  metadata: ShareMemberMetadata
  current: ShareCurrentAssignment
  /** A heartbeat is due until then, in monotonic milliseconds. */
  sessionDeadlineMs: number
}

export interface StateTopic {
  readonly topicName: string
  readonly partitions: ReadonlySet<number>
}

const NO_METADATA: ShareMemberMetadata = {
  rackId: null,
  clientId: '',
  clientHost: '',
  subscribedTopicNames: [],
}

const NOT_ASSIGNED: ShareCurrentAssignment = {
  memberEpoch: 0,
  previousMemberEpoch: 0,
  state: 0,
  assigned: NO_PARTITIONS,
}

export class ShareGroup {
  readonly groupId: string
  /** Of a group in which nobody reads anything; the first subscription leads to the next. */
  groupEpoch = 1
  metadataHash = 0
  assignmentEpoch = 1
  /** When the target was computed, in wall-clock milliseconds; 0 of one that waits for nothing. */
  assignmentTimestamp = 0
  readonly members = new Map<string, ShareMember>()
  /** Topics whose partitions have a state of this group, and those that are about to. */
  initialized: ReadonlyMap<Uuid, StateTopic> = new Map()
  initializing: ReadonlyMap<Uuid, StateTopic> = new Map()
  deleting: ReadonlyMap<Uuid, string> = new Map()
  /** Something was recorded about states, if only that there are none any more. */
  hasStates = false
  private readonly targets = new Map<string, Assignment>()
  /** Version of the topics that the group was last compared with; not recorded. */
  topicsVersion = -1

  constructor(groupId: string) {
    this.groupId = groupId
  }

  get isEmpty(): boolean {
    return this.members.size === 0
  }

  get state(): ShareGroupState {
    return this.isEmpty ? 'Empty' : 'Stable'
  }

  target(memberId: string): Assignment {
    return this.targets.get(memberId) ?? NO_PARTITIONS
  }

  targetMembers(): Iterable<string> {
    return this.targets.keys()
  }

  subscribedTopics(): ReadonlySet<string> {
    const topics = new Set<string>()
    for (const { metadata } of this.members.values()) {
      for (const topic of metadata.subscribedTopicNames) topics.add(topic)
    }
    return topics
  }

  isInitialized(topicId: Uuid, partition: number): boolean {
    return this.initialized.get(topicId)?.partitions.has(partition) ?? false
  }

  nextDeadlineMs(): number {
    let next = Number.POSITIVE_INFINITY
    for (const { sessionDeadlineMs } of this.members.values())
      next = Math.min(next, sessionDeadlineMs)
    return next
  }

  replay(record: ShareGroupRecord, sessionDeadlineMs: number): void {
    switch (record.kind) {
      case 'share-group':
        this.groupEpoch = record.value?.epoch ?? 1
        this.metadataHash = record.value?.metadataHash ?? 0
        break
      case 'share-member':
        if (record.value) this.memberOf(record.member, sessionDeadlineMs).metadata = record.value
        else this.members.delete(record.member)
        break
      case 'share-target-epoch':
        this.assignmentEpoch = record.value?.assignmentEpoch ?? 1
        this.assignmentTimestamp = record.value?.assignmentTimestamp ?? 0
        break
      case 'share-target':
        if (record.value) this.targets.set(record.member, record.value)
        else this.targets.delete(record.member)
        break
      case 'share-current':
        // A compacted log may hold the removal of what a member held, and nothing else about it.
        if (record.value || this.members.has(record.member)) {
          const member = this.memberOf(record.member, sessionDeadlineMs)
          member.current = record.value ?? NOT_ASSIGNED
        }
        break
      case 'share-state-partitions':
        this.setStatePartitions(record.value)
        break
    }
  }

  private memberOf(memberId: string, sessionDeadlineMs: number): ShareMember {
    let member = this.members.get(memberId)
    if (!member) {
      member = { memberId, metadata: NO_METADATA, current: NOT_ASSIGNED, sessionDeadlineMs }
      this.members.set(memberId, member)
    }
    return member
  }

  private setStatePartitions(value: ShareGroupStatePartitionMetadataValue | null): void {
    this.hasStates = value !== null
    this.initialized = byTopic(value?.initializedTopics ?? [])
    this.initializing = byTopic(value?.initializingTopics ?? [])
    this.deleting = new Map(
      (value?.deletingTopics ?? []).map(({ topicId, topicName }) => [topicId, topicName]),
    )
  }
}

type ListedTopic = ShareGroupStatePartitionMetadataValue['initializedTopics'][number]

const byTopic = (topics: readonly ListedTopic[]): ReadonlyMap<Uuid, StateTopic> =>
  new Map(
    topics.map(({ topicId, topicName, partitions }) => [
      topicId,
      { topicName, partitions: new Set(partitions) },
    ]),
  )
