/** A coordinator with topics and members of its own, for tests of consumer groups. */
import type { ConsumerGroupHeartbeatRequest } from '@ottla/protocol'
import { GroupCoordinator } from '../group/group-coordinator.ts'
import { decodeGroupRecord, encodeGroupRecord, type GroupRecord } from '../group/group-records.ts'
import type { Reply } from '../group/outcome.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import type { ConsumerGroupOptions, MigrationPolicy, Topic, TopicsView } from './consumer-groups.ts'
import { consumerGroupHeartbeat, type HeartbeatAnswer } from './heartbeat.ts'

export const SESSION_MS = 45_000

const SETTINGS = {
  sessionTimeoutMsMin: 6_000,
  sessionTimeoutMsMax: 1_800_000,
  groupSizeMax: 1000,
  initialRebalanceDelayMs: 0,
  offsetMetadataBytesMax: 4096,
  offsetsRetentionMs: 7 * 24 * 3_600_000,
}

/** Topics that a test makes, widens and removes (0 partitions). */
export class Topics implements TopicsView {
  readonly all = new Map<string, Topic>()
  private changes = 0

  set(name: string, partitionCount: number): void {
    this.changes++
    if (partitionCount === 0) this.all.delete(name)
    else
      this.all.set(name, {
        name,
        id: Buffer.from(`id of ${name}`.padEnd(16)).toString('base64url'),
        partitionCount,
      })
  }

  version(): number {
    return this.changes
  }

  byName(name: string): Topic | undefined {
    return this.all.get(name)
  }

  byId(id: string): Topic | undefined {
    return [...this.all.values()].find((topic) => topic.id === id)
  }

  names(): Iterable<string> {
    return this.all.keys()
  }
}

export type Heartbeat = Partial<ConsumerGroupHeartbeatRequest>

interface Limits {
  readonly groupSizeMax?: number
  readonly assignors?: readonly string[]
  readonly migration?: MigrationPolicy
}

export class ConsumerGroupHarness {
  readonly topics = new Topics()
  readonly records: GroupRecord[] = []
  coordinator: GroupCoordinator
  nowMs = 1_000
  /** Answers to classic members that waited in what is no classic group any more. */
  readonly sentAway: Reply[] = []
  assignmentIntervalMs = 0
  private readonly limits: Limits
  private ids = 0

  constructor(limits: Limits = {}) {
    this.limits = limits
    this.coordinator = this.newCoordinator()
  }

  private newCoordinator(): GroupCoordinator {
    const consumer: ConsumerGroupOptions = {
      topics: this.topics,
      groupSizeMax: this.limits.groupSizeMax ?? 1000,
      assignors: this.limits.assignors ?? ['uniform', 'range'],
      sessionTimeoutMs: () => SESSION_MS,
      heartbeatIntervalMs: () => 5_000,
      assignmentIntervalMs: () => this.assignmentIntervalMs,
      migration: this.limits.migration ?? 'bidirectional',
    }
    return new GroupCoordinator(SETTINGS, () => `generated-${++this.ids}`, { consumer })
  }

  get now() {
    return { wallMs: 1_700_000_000_000 + this.nowMs, monotonicMs: this.nowMs }
  }

  get group(): ConsumerGroup {
    const group = this.coordinator.consumerGroups.get('g')
    if (!group) throw new Error('the group does not exist')
    return group
  }

  heartbeat(request: Heartbeat, apiVersion = 1): HeartbeatAnswer {
    const full: ConsumerGroupHeartbeatRequest = {
      groupId: 'g',
      memberId: '',
      memberEpoch: 0,
      instanceId: null,
      rackId: null,
      rebalanceTimeoutMs: -1,
      subscribedTopicNames: null,
      subscribedTopicRegex: null,
      serverAssignor: null,
      topicPartitions: null,
      ...request,
    }
    const context = { now: this.now, apiVersion, clientId: 'client', clientHost: '/127.0.0.1' }
    const decision = consumerGroupHeartbeat(this.coordinator, full, context)
    this.records.push(...decision.records)
    this.sentAway.push(...decision.replies)
    return decision.response
  }

  join(memberId: string, topics: string[] | null, more: Heartbeat = {}): HeartbeatAnswer {
    return this.heartbeat({
      memberId,
      rebalanceTimeoutMs: 60_000,
      subscribedTopicNames: topics,
      topicPartitions: [],
      ...more,
    })
  }

  pass(ms: number): void {
    this.nowMs += ms
    const outcome = this.coordinator.onTime(this.now)
    this.records.push(...outcome.records)
  }

  /** What a coordinator knows that has only the records, as they are written. */
  replayed(): GroupCoordinator {
    const coordinator = this.newCoordinator()
    for (const record of this.records) {
      const { key, value } = encodeGroupRecord(record)
      const read = decodeGroupRecord(key, value)
      if (read.kind !== 'other') coordinator.replay(read, this.now)
    }
    return coordinator
  }

  restart(): void {
    this.coordinator = this.replayed()
  }
}

/** All that records tell about a group, in a form that can be compared. */
export function durableState(coordinator: GroupCoordinator): unknown {
  return [...coordinator.consumerGroups.groups.values()].map((group) => ({
    epochs: [group.groupEpoch, group.assignmentEpoch, group.metadataHash],
    patterns: [...group.patterns].sort(),
    statics: [...group.staticMembers].sort(),
    members: [...group.members.values()]
      .map(({ memberId, metadata, current }) => ({
        memberId,
        metadata,
        epochs: [current.memberEpoch, current.previousMemberEpoch, current.state],
        assigned: flat(current.assigned),
        revoking: flat(current.revoking),
        target: flat(group.target(memberId)),
      }))
      .sort((a, b) => (a.memberId < b.memberId ? -1 : 1)),
  }))
}

function flat(held: ReadonlyMap<string, ReadonlyMap<number, number> | ReadonlySet<number>>) {
  return [...held]
    .flatMap(([topic, partitions]) =>
      [...partitions.entries()].map(([partition, epoch]) => `${topic}-${partition}@${epoch}`),
    )
    .sort()
}
