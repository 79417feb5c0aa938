/** A coordinator with topics and members of its own, for tests of streams groups. */
import type { StreamsGroupHeartbeatRequest } from '@ottla/protocol'
import { Topics } from '../consumer-group/group-harness.ts'
import { GroupCoordinator } from '../group/group-coordinator.ts'
import { decodeGroupRecord, encodeGroupRecord, type GroupRecord } from '../group/group-records.ts'
import { streamsGroupHeartbeat } from './heartbeat.ts'
import type { StreamsHeartbeatAnswer } from './heartbeat-answer.ts'
import type { StreamsGroup } from './streams-group.ts'
import { defaultStreamsGroupOptions } from './streams-groups.ts'
import { taskIdsOf } from './tasks.ts'
import type { Subtopology, TopicInfo } from './topology.ts'

export const SESSION_MS = 45_000

const SETTINGS = {
  sessionTimeoutMsMin: 6_000,
  sessionTimeoutMsMax: 1_800_000,
  groupSizeMax: 1000,
  initialRebalanceDelayMs: 0,
  offsetMetadataBytesMax: 4096,
  offsetsRetentionMs: 7 * 24 * 3_600_000,
}

export type Heartbeat = Partial<StreamsGroupHeartbeatRequest>

export const topicInfo = (name: string, partitions = 0): TopicInfo => ({
  name,
  partitions,
  replicationFactor: 0,
  topicConfigs: [],
})

export const subtopology = (
  subtopologyId: string,
  sourceTopics: string[],
  more: Partial<Subtopology> = {},
): Subtopology => ({
  subtopologyId,
  sourceTopics,
  sourceTopicRegex: [],
  stateChangelogTopics: [],
  repartitionSinkTopics: [],
  repartitionSourceTopics: [],
  copartitionGroups: [],
  ...more,
})

export class StreamsHarness {
  readonly topics = new Topics()
  readonly records: GroupRecord[] = []
  coordinator: GroupCoordinator
  nowMs = 1_000
  standbyReplicas = 0
  initialDelayMs = 0
  assignmentIntervalMs = 0
  /** Internal topics are made as soon as they are named, as the shell does. */
  makesTopics = true

  constructor() {
    this.coordinator = this.newCoordinator()
  }

  private newCoordinator(): GroupCoordinator {
    const streams = {
      ...defaultStreamsGroupOptions,
      topics: this.topics,
      groupSizeMax: 20,
      sessionTimeoutMs: () => SESSION_MS,
      standbyReplicas: () => this.standbyReplicas,
      initialRebalanceDelayMs: () => this.initialDelayMs,
      assignmentIntervalMs: () => this.assignmentIntervalMs,
    }
    return new GroupCoordinator(SETTINGS, () => 'id', { streams })
  }

  get now() {
    return { wallMs: 1_700_000_000_000 + this.nowMs, monotonicMs: this.nowMs }
  }

  get group(): StreamsGroup {
    const group = this.coordinator.streamsGroups.get('g')
    if (!group) throw new Error('the group does not exist')
    return group
  }

  heartbeat(request: Heartbeat): StreamsHeartbeatAnswer {
    const full: StreamsGroupHeartbeatRequest = {
      groupId: 'g',
      memberId: '',
      memberEpoch: 0,
      endpointInformationEpoch: 0,
      instanceId: null,
      rackId: null,
      rebalanceTimeoutMs: -1,
      topology: null,
      activeTasks: null,
      standbyTasks: null,
      warmupTasks: null,
      processId: null,
      userEndpoint: null,
      clientTags: null,
      taskOffsets: null,
      taskEndOffsets: null,
      shutdownApplication: false,
      ...request,
    }
    const context = { now: this.now, apiVersion: 1, clientId: 'client', clientHost: '/127.0.0.1' }
    const decision = streamsGroupHeartbeat(this.coordinator, full, context)
    this.records.push(...decision.records)
    if (this.makesTopics) {
      for (const { name, partitions } of decision.toCreate) this.topics.set(name, partitions)
    }
    return decision.response
  }

  join(memberId: string, subtopologies: Subtopology[], more: Heartbeat = {}) {
    return this.heartbeat({
      memberId,
      rebalanceTimeoutMs: 60_000,
      processId: memberId,
      topology: { epoch: 0, subtopologies },
      activeTasks: [],
      standbyTasks: [],
      warmupTasks: [],
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

/** All that records tell about groups, in a form that can be compared. */
export function durableState(coordinator: GroupCoordinator): unknown {
  return [...coordinator.streamsGroups.groups.values()].map((group) => ({
    metadata: { ...group.metadata, lastAssignmentConfigs: undefined },
    configs: group.metadata.lastAssignmentConfigs ?? [],
    assignment: [group.assignmentEpoch, group.assignmentTimestamp],
    topology: group.topology,
    statics: [...group.staticMembers].sort(),
    members: [...group.members.values()]
      .map(({ memberId, metadata, current }) => ({
        memberId,
        metadata,
        epochs: [current.memberEpoch, current.previousMemberEpoch, current.state],
        active: [...current.assigned.active].sort(),
        copies: [taskIdsOf(current.assigned.standby), taskIdsOf(current.assigned.warmup)],
        revoking: [...current.revoking.active].sort(),
        revokingCopies: taskIdsOf(current.revoking.standby),
        target: Object.values(group.target(memberId)).map(taskIdsOf),
      }))
      .sort((a, b) => (a.memberId < b.memberId ? -1 : 1)),
  }))
}
