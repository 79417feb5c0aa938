/** Admin calls about topics and their records. */
import { apis, errorCode, type ResponseOf } from '@ottla/protocol'
import {
  checkOffset,
  groupByLeader,
  groupByTopic,
  listOffsetsOnce,
  OFFSET_SPEC,
} from '../consumer/list-offsets.ts'
import { KafkaError } from '../errors.ts'
import type { TopicPartition } from '../group/assignor.ts'
import { type AnyTopic, topicOf } from '../serde/topic.ts'
import { AdminCore, type AdminOptions, isError, type ValidateOptions } from './admin-core.ts'

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

/**
 * `earliest`, `latest`, the record with the greatest timestamp, or the first offset not before a
 * time. With tiered storage (KIP-405) also the earliest on the broker's own disk and the latest
 * that has left it; Kafka 3.9 and later.
 */
export type OffsetSpec = keyof typeof OFFSET_SPEC | number | Date

export interface ListedOffset extends TopicPartition {
  /** -1n when no record is that young. */
  readonly offset: bigint
  readonly timestamp: number
  readonly leaderEpoch: number
}

const PARTITIONS_PER_REQUEST = 2_000

export class TopicAdmin extends AdminCore {
  createTopics(
    topics: readonly NewTopic[],
    options: ValidateOptions = {},
  ): Promise<CreatedTopic[]> {
    const body = {
      validateOnly: options.validateOnly ?? false,
      timeoutMs: this.cluster.context.requestTimeoutMs,
      topics: topics.map((topic) => ({
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
      })),
    }
    return this.call('createTopics', options, async () => {
      const { topics: created } = await this.cluster.request('controller', apis.createTopics, body)
      this.checkAll(created, ({ name }) => `Creating topic ${name}`)
      return created.map((topic) => ({
        name: topic.name,
        id: topic.topicId,
        partitions: topic.numPartitions,
        replicationFactor: topic.replicationFactor,
      }))
    })
  }

  deleteTopics(topics: readonly (string | AnyTopic)[], options: AdminOptions = {}): Promise<void> {
    const names = topics.map((topic) => topicOf(topic).name)
    const body = {
      topics: names.map((name) => ({ name })),
      topicNames: names,
      timeoutMs: this.cluster.context.requestTimeoutMs,
    }
    return this.call('deleteTopics', options, async () => {
      const { responses } = await this.cluster.request('controller', apis.deleteTopics, body)
      this.checkAll(responses, ({ name }) => `Deleting topic ${name}`)
    })
  }

  /** Raises the number of partitions of topics; `partitions` is the new total. */
  createPartitions(
    topics: readonly { readonly topic: string | AnyTopic; readonly partitions: number }[],
    options: ValidateOptions = {},
  ): Promise<void> {
    const body = {
      validateOnly: options.validateOnly ?? false,
      timeoutMs: this.cluster.context.requestTimeoutMs,
      topics: topics.map(({ topic, partitions }) => ({
        name: topicOf(topic).name,
        count: partitions,
        assignments: null,
      })),
    }
    return this.call('createPartitions', options, async () => {
      const { results } = await this.cluster.request('controller', apis.createPartitions, body)
      this.checkAll(results, ({ name }) => `Creating partitions of topic ${name}`)
    })
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

  /** Describes topics; throws UNKNOWN_TOPIC_OR_PARTITION when one does not exist. */
  describeTopics(
    topics: readonly (string | AnyTopic)[],
    options: AdminOptions = {},
  ): Promise<TopicDescription[]> {
    const names = topics.map((topic) => topicOf(topic).name)
    return this.call('describeTopics', options, async () => {
      try {
        return await this.describeByPartitions(names)
      } catch (error) {
        if (!isUnsupported(error) && !isError(error, 'UNSUPPORTED_VERSION')) throw error
        const response = await this.requestMetadata(names)
        this.checkAll(response.topics, ({ name }) => `Describing topic ${name}`)
        return response.topics.map(describe)
      }
    })
  }

  /** Page by page, so that topics with very many partitions do not need one huge response. */
  private async describeByPartitions(names: readonly string[]): Promise<TopicDescription[]> {
    const found = new Map<string, TopicDescription>()
    const wanted = names.map((name) => ({ name }))
    type Cursor = ResponseOf<typeof apis.describeTopicPartitions>['nextCursor']
    let cursor: Cursor = null
    do {
      const body = { topics: wanted, responsePartitionLimit: PARTITIONS_PER_REQUEST, cursor }
      const page: ResponseOf<typeof apis.describeTopicPartitions> = await this.cluster.request(
        'any',
        apis.describeTopicPartitions,
        body,
      )
      this.checkAll(page.topics, ({ name }) => `Describing topic ${name}`)
      for (const topic of page.topics) {
        const part = describe(topic)
        const before = found.get(part.name)?.partitions ?? []
        found.set(part.name, { ...part, partitions: [...before, ...part.partitions] })
      }
      cursor = page.nextCursor
    } while (cursor)
    return names.flatMap((name) => found.get(name) ?? [])
  }

  /** Offsets of partitions by time. */
  listOffsets(
    questions: readonly (TopicPartition & { readonly at: OffsetSpec })[],
    options: AdminOptions & {
      readonly isolationLevel?: 'read_uncommitted' | 'read_committed'
    } = {},
  ): Promise<ListedOffset[]> {
    const isolationLevel = options.isolationLevel === 'read_committed' ? 1 : 0
    const asked = questions.map(({ topic, partition, at }) => ({
      topic,
      partition,
      timestamp: typeof at === 'string' ? OFFSET_SPEC[at] : Number(at),
    }))
    return this.call('listOffsets', options, async () => {
      await this.requestMetadata([...new Set(asked.map(({ topic }) => topic))])
      this.checkKnown(asked)
      const answers = await listOffsetsOnce(this.cluster, asked, { isolationLevel })
      return answers
        .map(checkOffset)
        .map(({ topic, partition, offset, timestamp, leaderEpoch }) => ({
          topic,
          partition,
          offset: BigInt(offset),
          timestamp,
          leaderEpoch,
        }))
    })
  }

  protected checkKnown(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition } of partitions) {
      if (this.cluster.metadata.partition(topic, partition)) continue
      const code = errorCode('UNKNOWN_TOPIC_OR_PARTITION')
      throw new KafkaError(code, `Partition ${topic}-${partition}`)
    }
  }

  /** Deletes all records before the given offsets; returns the new log start offsets. */
  deleteRecords(
    targets: readonly (TopicPartition & { readonly before: bigint | number | 'latest' })[],
    options: AdminOptions = {},
  ): Promise<(TopicPartition & { logStartOffset: bigint })[]> {
    return this.call('deleteRecords', options, async () => {
      await this.requestMetadata([...new Set(targets.map(({ topic }) => topic))])
      this.checkKnown(targets)
      const { byLeader, leaderless } = groupByLeader(this.cluster, targets)
      const [orphan] = leaderless
      if (orphan) {
        const what = `Deleting records of ${orphan.topic}-${orphan.partition}`
        throw new KafkaError(errorCode('LEADER_NOT_AVAILABLE'), what)
      }
      const answers = await Promise.all(
        [...byLeader].map(async ([leaderId, items]) => {
          const response = await this.cluster.request(leaderId, apis.deleteRecords, {
            timeoutMs: this.cluster.context.requestTimeoutMs,
            topics: groupByTopic(items).map(([name, partitions]) => ({
              name,
              partitions: partitions.map(({ partition, before }) => ({
                partitionIndex: partition,
                offset: before === 'latest' ? -1 : Number(before),
              })),
            })),
          })
          return response.topics.flatMap(({ name, partitions }) =>
            partitions.map((p) => ({ ...p, topic: name, partition: p.partitionIndex })),
          )
        }),
      )
      const all = answers.flat()
      this.checkAll(all, ({ topic, partition }) => `Deleting records of ${topic}-${partition}`)
      return all.map(({ topic, partition, lowWatermark }) => ({
        topic,
        partition,
        logStartOffset: BigInt(lowWatermark),
      }))
    })
  }
}

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
