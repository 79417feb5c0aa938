/** Admin calls about topics and their records. */
import { apis, type ResponseOf } from '@ottla/protocol'
import { type AnyTopic, topicOf } from '../serde/topic.ts'
import { type AdminOptions, isError, type ValidateOptions } from './admin-core.ts'
import { EveryBrokerAdmin } from './every-broker.ts'
import {
  type ItemOptions,
  type ItemOutcome,
  inOrder,
  type Outcomes,
  type Results,
} from './item-results.ts'

export interface TopicName {
  readonly name: string
}

export interface NewTopic {
  readonly topic: string | AnyTopic
  /** The broker's default when left out. */
  readonly partitions?: number
  readonly replicationFactor?: number
  readonly configs?: Readonly<Record<string, string | number | boolean>>
  /** Brokers of each partition, in place of a number of partitions. */
  readonly assignments?: readonly (readonly number[])[]
}

export interface CreatedTopic {
  readonly name: string
  readonly id: string
  /** -1 when the broker is too old to say. */
  readonly partitions: number
  readonly replicationFactor: number
}

/** More partitions for a topic: a new total, or how many more there are to be. */
export type NewPartitions = { readonly topic: string | AnyTopic } & (
  | {
      readonly partitions: number
      /** Brokers of each partition that is new, the preferred leader first. */
      readonly assignments?: readonly (readonly number[])[]
    }
  | { readonly add: number }
)

export interface PartitionDescription {
  readonly partition: number
  /** -1 when there is none. */
  readonly leader: number
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
  readonly offlineReplicas: readonly number[]
}

export interface TopicDescription {
  readonly name: string
  readonly id: string
  readonly isInternal: boolean
  readonly partitions: readonly PartitionDescription[]
}

const PARTITIONS_PER_REQUEST = 2_000

export class TopicAdmin extends EveryBrokerAdmin {
  createTopics<Options extends ValidateOptions & ItemOptions>(
    topics: readonly NewTopic[],
    options: Options = {} as Options,
  ): Promise<Outcomes<Options, TopicName, CreatedTopic>> {
    const wanted = topics.map((topic) => ({
      name: topicOf(topic.topic).name,
      numPartitions: topic.assignments ? -1 : (topic.partitions ?? -1),
      replicationFactor: topic.assignments ? -1 : (topic.replicationFactor ?? -1),
      assignments: (topic.assignments ?? []).map((brokerIds, partitionIndex) => ({
        partitionIndex,
        brokerIds,
      })),
      configs: Object.entries(topic.configs ?? {}).map(([name, value]) => ({
        name,
        value: String(value),
      })),
    }))
    return this.each('createTopics', wanted, options, async (list) => {
      const response = await this.cluster.request('controller', apis.createTopics, {
        validateOnly: options.validateOnly ?? false,
        timeoutMs: this.cluster.context.requestTimeoutMs,
        topics: [...list],
      })
      return inOrder(list, response.topics, nameOf, nameOf).map(([{ name }, made]) =>
        this.outcome<TopicName, CreatedTopic>({ name }, `Creating topic ${name}`, made, () => ({
          name,
          id: made.topicId,
          partitions: made.numPartitions,
          replicationFactor: made.replicationFactor,
        })),
      )
    })
  }

  deleteTopics<Options extends ItemOptions>(
    topics: readonly (string | AnyTopic)[],
    options: Options = {} as Options,
  ): Promise<Results<Options, TopicName>> {
    const wanted = topics.map((topic) => ({ name: topicOf(topic).name }))
    return this.eachDone('deleteTopics', wanted, options, async (list) => {
      const { responses } = await this.cluster.request('controller', apis.deleteTopics, {
        topics: [...list],
        topicNames: list.map(nameOf),
        timeoutMs: this.cluster.context.requestTimeoutMs,
      })
      return inOrder(list, responses, nameOf, nameOf).map(([item, answer]) =>
        this.result(item, `Deleting topic ${item.name}`, answer),
      )
    })
  }

  /** Raises the number of partitions of topics. */
  async createPartitions<Options extends ValidateOptions & ItemOptions>(
    topics: readonly NewPartitions[],
    options: Options = {} as Options,
  ): Promise<Results<Options, TopicName>> {
    const counts = await this.partitionCounts(topics, options)
    const wanted = topics.map((wish) => {
      const { name } = topicOf(wish.topic)
      if ('add' in wish) {
        return { name, count: (counts.get(name) ?? 0) + wish.add, assignments: null }
      }
      const assignments = wish.assignments?.map((brokerIds) => ({ brokerIds })) ?? null
      return { name, count: wish.partitions, assignments }
    })
    return this.eachDone('createPartitions', wanted, options, async (list) => {
      const { results } = await this.cluster.request('controller', apis.createPartitions, {
        validateOnly: options.validateOnly ?? false,
        timeoutMs: this.cluster.context.requestTimeoutMs,
        topics: [...list],
      })
      return inOrder(list, results, nameOf, nameOf).map(([{ name }, answer]) =>
        this.result({ name }, `Creating partitions of topic ${name}`, answer),
      )
    })
  }

  /** How many partitions the topics have that are to get so many more. */
  private async partitionCounts(
    topics: readonly NewPartitions[],
    options: AdminOptions,
  ): Promise<Map<string, number>> {
    const growing = topics.filter((wish) => 'add' in wish).map(({ topic }) => topic)
    const limits = { ...options, perItem: true } as const
    const found = await this.describeTopics(growing, limits)
    return new Map(found.map((topic) => [topic.name, topic.error ? 0 : topic.partitions.length]))
  }

  async listTopics(
    options: AdminOptions & { readonly includeInternal?: boolean } = {},
  ): Promise<TopicDescription[]> {
    const { topics } = await this.call('listTopics', options, () => this.requestMetadata(undefined))
    return topics
      .filter((topic) => topic.errorCode === 0)
      .filter((topic) => options.includeInternal || !topic.isInternal)
      .map(describe)
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** Describes topics; UNKNOWN_TOPIC_OR_PARTITION is the error of one that does not exist. */
  describeTopics<Options extends ItemOptions>(
    topics: readonly (string | AnyTopic)[],
    options: Options = {} as Options,
  ): Promise<Outcomes<Options, TopicName, TopicDescription>> {
    const names = topics.map((topic) => topicOf(topic).name)
    return this.each('describeTopics', names, options, async (list) => {
      try {
        return await this.describeByPartitions(list)
      } catch (error) {
        if (!isUnsupported(error) && !isError(error, 'UNSUPPORTED_VERSION')) throw error
        const response = await this.requestMetadata(list)
        return this.described(list, response.topics)
      }
    })
  }

  /** Page by page, so that topics with very many partitions do not need one huge response. */
  private async describeByPartitions(
    names: readonly string[],
  ): Promise<ItemOutcome<TopicName, TopicDescription>[]> {
    type Page = ResponseOf<typeof apis.describeTopicPartitions>
    const found = new Map<string, Page['topics'][number]>()
    const wanted = [...new Set(names)].map((name) => ({ name }))
    let cursor: Page['nextCursor'] = null
    do {
      const body = { topics: wanted, responsePartitionLimit: PARTITIONS_PER_REQUEST, cursor }
      const page: Page = await this.cluster.request('any', apis.describeTopicPartitions, body)
      for (const topic of page.topics) {
        const name = topic.name ?? ''
        const before = found.get(name)?.partitions ?? []
        found.set(name, { ...topic, partitions: [...before, ...topic.partitions] })
      }
      cursor = page.nextCursor
    } while (cursor)
    return this.described(names, [...found.values()])
  }

  private described(
    names: readonly string[],
    answers: readonly (Parameters<typeof describe>[0] & { readonly errorCode: number })[],
  ): ItemOutcome<TopicName, TopicDescription>[] {
    return inOrder(names, answers, String, nameOf).map(([name, answer]) =>
      this.outcome<TopicName, TopicDescription>(
        { name },
        `Describing topic ${name}`,
        { errorCode: answer.errorCode },
        () => describe(answer),
      ),
    )
  }
}

const nameOf = ({ name }: { readonly name: string | null }): string => name ?? ''

type TopicResponse = ResponseOf<typeof apis.metadata>['topics'][number]

function describe(
  topic: Pick<TopicResponse, 'name' | 'topicId' | 'isInternal'> & {
    partitions: readonly Omit<TopicResponse['partitions'][number], '__fields'>[]
  },
): TopicDescription {
  return {
    name: topic.name ?? '',
    id: topic.topicId,
    isInternal: topic.isInternal,
    partitions: topic.partitions
      .map((p) => ({
        partition: p.partitionIndex,
        leader: p.leaderId,
        leaderEpoch: p.leaderEpoch,
        replicas: p.replicaNodes,
        isr: p.isrNodes,
        offlineReplicas: p.offlineReplicas,
      }))
      .sort((a, b) => a.partition - b.partition),
  }
}

const isUnsupported = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'UNSUPPORTED_VERSION'
