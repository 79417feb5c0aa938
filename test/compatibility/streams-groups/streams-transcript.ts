/** Heartbeats of members of streams groups, sent one by one, and the broker's whole answers. */
import {
  apis,
  type StreamsGroupHeartbeatRequest,
  type StreamsGroupHeartbeatResponse,
} from '@ottla/protocol'
import { ShareTranscript } from '../share-groups/share-transcript.ts'
import { waitUntil } from '../support/judged-broker.ts'

type Told = Partial<StreamsGroupHeartbeatRequest>
type Topology = NonNullable<StreamsGroupHeartbeatRequest['topology']>
type Subtopology = Topology['subtopologies'][number]

export interface Member {
  readonly groupId: string
  readonly memberId: string
  readonly processId?: string
  readonly instanceId?: string
}

/** Partitions by subtopology, as `{ 0: [0, 1] }`. */
export type TaskList = Readonly<Record<string, readonly number[]>>

export interface Owned {
  readonly active?: TaskList
  readonly standby?: TaskList
  readonly warmup?: TaskList
}

const taskIds = (tasks: TaskList = {}) =>
  Object.entries(tasks).map(([subtopologyId, partitions]) => ({
    subtopologyId,
    partitions: [...partitions],
  }))

export const owned = ({ active, standby, warmup }: Owned): Told => ({
  activeTasks: taskIds(active),
  standbyTasks: taskIds(standby),
  warmupTasks: taskIds(warmup),
})

export const topic = (
  name: string,
  partitions = 0,
  configs: Readonly<Record<string, string>> = {},
) => ({
  name,
  partitions,
  replicationFactor: 0,
  topicConfigs: Object.entries(configs).map(([key, value]) => ({ key, value })),
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

export const topology = (...subtopologies: Subtopology[]): Topology => ({ epoch: 0, subtopologies })

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

export class StreamsTranscript extends ShareTranscript {
  /** Epoch each member was told last. */
  private readonly epochs = new Map<string, number>()

  private keyOf = ({ groupId, memberId }: Member): string => `${groupId}/${memberId}`

  epochOf(member: Member): number {
    return this.epochs.get(this.keyOf(member)) ?? 0
  }

  /** A heartbeat in the epoch the member was told last, unless another is given. */
  async says(
    what: string,
    member: Member,
    told: Told = {},
    version = 1,
  ): Promise<StreamsGroupHeartbeatResponse> {
    const { groupId, memberId, instanceId = null } = member
    const memberEpoch = this.epochOf(member)
    const body = { groupId, memberId, instanceId, memberEpoch, endpointInformationEpoch: 0 }
    const answer = await this.send<StreamsGroupHeartbeatResponse>(
      this.keyOf(member),
      apis.streamsGroupHeartbeat,
      version,
      { ...body, ...told } as never,
    )
    if (answer.errorCode === 0) this.epochs.set(this.keyOf(member), answer.memberEpoch)
    this.note(what, answer)
    return answer
  }

  joins(what: string, member: Member, brought: Topology, told: Told = {}) {
    return this.says(what, member, {
      memberEpoch: 0,
      rebalanceTimeoutMs: 60_000,
      processId: member.processId ?? 'p',
      clientTags: [],
      topology: brought,
      ...owned({}),
      ...told,
    })
  }

  leaves(what: string, member: Member, memberEpoch = -1) {
    return this.says(what, member, { memberEpoch })
  }

  async describes(what: string, ...groupIds: string[]): Promise<void> {
    const body = { groupIds, includeAuthorizedOperations: false }
    await this.ask(what, apis.streamsGroupDescribe, 1, body)
  }

  override async createTopic(name: string, numPartitions: number): Promise<void> {
    await super.createTopic(name, numPartitions)
    await this.waitForTopics(name)
  }

  /** Waits until the group coordinator has heard of topics, which may be later than others did. */
  async waitForTopics(...names: string[]): Promise<void> {
    for (const name of names) await this.waitForCount(name, (count) => count > 0)
  }

  private async waitForCount(name: string, isRight: (count: number) => boolean): Promise<void> {
    const who = { groupId: `probe-${name}`, memberId: 'probe' }
    const joining = { memberEpoch: 0, rebalanceTimeoutMs: 60_000, topicPartitions: [] }
    type Answer = { assignment: { topicPartitions: { partitions: unknown[] }[] } | null }
    const beat = (body: object) =>
      this.send<Answer>('admin', apis.consumerGroupHeartbeat, 1, { ...who, ...body } as never)
    await waitUntil(`the coordinator knows of ${name}`, async () => {
      const { assignment } = await beat({ ...joining, subscribedTopicNames: [name] })
      await beat({ memberEpoch: -1 })
      return isRight(assignment?.topicPartitions[0]?.partitions.length ?? 0)
    })
  }

  /** How many partitions topics have, and which settings of their own. */
  async showTopics(...names: string[]): Promise<void> {
    const asked = {
      topics: names.map((name) => ({ name, topicId: NO_ID })),
      allowAutoTopicCreation: false,
    }
    type Seen = { topics: { name: string; errorCode: number; partitions: unknown[] }[] }
    const seen = await this.send<Seen>('admin', apis.metadata, 12, asked)
    const byName = seen.topics.sort((a, b) => (a.name < b.name ? -1 : 1))
    for (const { name, errorCode, partitions } of byName) {
      this.note(`topic ${name}`, { errorCode, count: partitions.length })
    }
    type Config = { name: string; value: string; configSource: number }
    type Told = { results: { resourceName: string; configs: Config[] }[] }
    const resources = names.map((resourceName) => ({
      resourceType: 2,
      resourceName,
      configurationKeys: null,
    }))
    const told = await this.send<Told>('admin', apis.describeConfigs, 4, { resources })
    for (const { resourceName, configs } of told.results) {
      const own = configs.filter(({ configSource }) => configSource === 1)
      this.note(
        `settings of ${resourceName}`,
        own.map(({ name, value }) => ({ name, value })),
      )
    }
  }

  pause(ms: number): Promise<unknown> {
    return pause(ms)
  }

  async grow(name: string, count: number): Promise<void> {
    const topics = [{ name, count, assignments: null }]
    await this.send('admin', apis.createPartitions, 3, {
      topics,
      timeoutMs: 30_000,
      validateOnly: false,
    })
    await this.waitForCount(name, (known) => known === count)
  }

  async drop(name: string): Promise<void> {
    const topics = [{ name, topicId: NO_ID }]
    await this.send('admin', apis.deleteTopics, 6, { topics, timeoutMs: 30_000 })
    await this.waitForCount(name, (known) => known === 0)
  }
}

const NO_ID = 'AAAAAAAAAAAAAAAAAAAAAA'
