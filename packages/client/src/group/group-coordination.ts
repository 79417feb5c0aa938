/** Requests to the coordinator of one group: finds it, and forgets it when it says it is not. */
import {
  type Api,
  apis,
  errorCode,
  type Fields,
  type FieldsInput,
  type FieldsValue,
} from '@ottla/protocol'
import type { Cluster } from '../cluster/cluster.ts'
import type { ConnectionPool } from '../cluster/connection-pool.ts'
import { retry } from '../cluster/retry.ts'
import { groupByTopic } from '../consumer/list-offsets.ts'
import type { CommittedOffset } from '../consumer/position-lookup.ts'
import { isRetriableError, KafkaError } from '../errors.ts'
import type { TopicPartition } from './assignor.ts'

/** How long a farewell is waited for: a session that ends by itself does the same, later. */
export const LEAVE_MS_MAX = 3_000
/** Newest version that names topics by name. */
const OFFSETS_BY_NAME_MAX = 9

/** Whether topics are named by their names or by their ids (Kafka 4.1 and later). */
export type TopicKey = 'name' | 'id'

/** What a coordinator says of one partition; `topic` is a name or an id, as it was asked. */
export interface PartitionAnswer extends TopicPartition {
  readonly errorCode: number
}

export interface OffsetToCommit extends TopicPartition {
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata?: string
}

export interface CommitIdentity {
  readonly generationId: number
  readonly memberId: string
  readonly groupInstanceId: string | null
}

/** Who a consumer is in its group, for offsets that are committed in a transaction (KIP-447). */
export interface GroupMetadata extends CommitIdentity {
  readonly group: string
}

/** The producer in whose transaction offsets are committed. */
export interface OffsetsProducer {
  readonly transactionalId: string
  readonly producerId: number
  readonly producerEpoch: number
}

/** Commits from outside the group, as the admin client makes them. */
export const NO_MEMBER: CommitIdentity = {
  generationId: -1,
  memberId: '',
  groupInstanceId: null,
}

export class GroupCoordination {
  readonly group: string
  private readonly cluster: Cluster
  private readonly pool: ConnectionPool

  constructor(cluster: Cluster, pool: ConnectionPool, group: string) {
    this.cluster = cluster
    this.pool = pool
    this.group = group
  }

  /** One request, once. The caller passes the error code of the response to `check`. */
  async request<Q extends Fields, S extends Fields>(
    api: Api<Q, S>,
    body: FieldsInput<Q>,
    options: { timeoutMs?: number; versionMax?: number } = {},
  ): Promise<FieldsValue<S>> {
    const node = await this.cluster.coordinator('group', this.group)
    try {
      return await this.cluster.requestNode(node, api, body, { ...options, pool: this.pool })
    } catch (error) {
      if (isRetriableError(error)) this.forget()
      throw error
    }
  }

  /** Throws the error of a response; one that says "not me" makes the next request look again. */
  check(code: number, what: string, detail?: string | null): void {
    if (code === 0) return
    this.heed(code)
    throw new KafkaError(code, `${what} of group ${this.group}`, detail)
  }

  /** A coordinator that says it is none is looked for by the next request. */
  heed(code: number): void {
    const isElsewhere =
      code === errorCode('NOT_COORDINATOR') || code === errorCode('COORDINATOR_NOT_AVAILABLE')
    if (isElsewhere) this.forget()
  }

  forget(): void {
    this.cluster.invalidateCoordinator('group', this.group)
  }

  /**
   * Offsets that count when the producer's transaction is committed. Tries again until answered.
   */
  async commitInTransaction(
    offsets: readonly OffsetToCommit[],
    as: CommitIdentity,
    producer: OffsetsProducer,
    versionMax: number,
  ): Promise<void> {
    const body = {
      transactionalId: producer.transactionalId,
      groupId: this.group,
      producerId: producer.producerId,
      producerEpoch: producer.producerEpoch,
      generationIdOrMemberEpoch: as.generationId,
      memberId: as.memberId,
      groupInstanceId: as.groupInstanceId,
      topics: topicsOf(offsets),
    }
    const { context } = this.cluster
    const options = { what: `TxnOffsetCommit of ${this.group}`, timeoutMs: context.apiTimeoutMs }
    await retry(context, options, async (remainingMs) => {
      const timeoutMs = Math.min(remainingMs, context.requestTimeoutMs)
      const response = await this.request(apis.txnOffsetCommit, body, { versionMax, timeoutMs })
      for (const { partitions } of response.topics) {
        for (const { errorCode: code } of partitions) this.check(code, 'TxnOffsetCommit')
      }
    })
  }

  async commit(offsets: readonly OffsetToCommit[], as: CommitIdentity): Promise<void> {
    for (const { errorCode: code } of await this.commitEach(offsets, as)) {
      this.check(code, 'OffsetCommit')
    }
  }

  /** As `commit`, with what the coordinator says of each partition. */
  async commitEach(
    offsets: readonly OffsetToCommit[],
    as: CommitIdentity,
    by: TopicKey = 'name',
  ): Promise<PartitionAnswer[]> {
    const body = {
      groupId: this.group,
      generationIdOrMemberEpoch: as.generationId,
      memberId: as.memberId,
      groupInstanceId: as.groupInstanceId,
      topics: topicsOf(offsets, by),
    }
    const [api, options] = versionsBy(apis.offsetCommit, by)
    const { topics } = await this.request(api, body, options)
    return topics.flatMap(({ name, topicId, partitions }) =>
      partitions.map(({ partitionIndex, errorCode: code }) => {
        this.heed(code)
        return { topic: by === 'id' ? topicId : name, partition: partitionIndex, errorCode: code }
      }),
    )
  }

  /**
   * Committed offsets; of all partitions when none are named. Partitions without one are left out.
   */
  async committed(partitions?: readonly TopicPartition[]): Promise<CommittedOffset[]> {
    const found = await this.committedEach(partitions)
    for (const { errorCode: code } of found) this.check(code, 'OffsetFetch')
    return found.filter(({ offset }) => offset >= 0)
  }

  /** As `committed`, with what the coordinator says of each; -1 where none is committed. */
  async committedEach(
    partitions?: readonly TopicPartition[],
    by: TopicKey = 'name',
  ): Promise<(CommittedOffset & PartitionAnswer)[]> {
    const topics = partitions
      ? groupByTopic(partitions).map(([topic, items]) => ({
          name: by === 'id' ? '' : topic,
          ...(by === 'id' && { topicId: topic }),
          partitionIndexes: items.map(({ partition }) => partition),
        }))
      : null
    const body = {
      groupId: this.group,
      topics,
      groups: [{ groupId: this.group, topics }],
      requireStable: true,
    }
    const [api, options] = versionsBy(apis.offsetFetch, by)
    const response = await this.request(api, body, options)
    const [found = response] = response.groups
    this.check(found.errorCode, 'OffsetFetch')
    return found.topics.flatMap((topic) =>
      topic.partitions.map((p) => {
        this.heed(p.errorCode)
        return {
          topic: by === 'id' && 'topicId' in topic ? topic.topicId : topic.name,
          partition: p.partitionIndex,
          offset: p.committedOffset,
          leaderEpoch: p.committedLeaderEpoch,
          metadata: p.metadata ?? '',
          errorCode: p.errorCode,
        }
      }),
    )
  }
}

const topicsOf = (offsets: readonly OffsetToCommit[], by: TopicKey = 'name') =>
  groupByTopic(offsets).map(([topic, items]) => ({
    ...(by === 'id' ? { topicId: topic } : { name: topic }),
    partitions: items.map((item) => ({
      partitionIndex: item.partition,
      committedOffset: item.offset,
      committedLeaderEpoch: item.leaderEpoch,
      committedMetadata: item.metadata ?? '',
    })),
  }))

/** The API in versions that name topics so, and the options of a request with it. */
const versionsBy = <A extends object>(api: A, by: TopicKey): [A, { versionMax?: number }] =>
  by === 'id'
    ? [{ ...api, lowest: OFFSETS_BY_NAME_MAX + 1 }, {}]
    : [api, { versionMax: OFFSETS_BY_NAME_MAX }]
