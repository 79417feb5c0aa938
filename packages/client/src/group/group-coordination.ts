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
    const isElsewhere =
      code === errorCode('NOT_COORDINATOR') || code === errorCode('COORDINATOR_NOT_AVAILABLE')
    if (isElsewhere) this.forget()
    throw new KafkaError(code, `${what} of group ${this.group}`, detail)
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
    const body = {
      groupId: this.group,
      generationIdOrMemberEpoch: as.generationId,
      memberId: as.memberId,
      groupInstanceId: as.groupInstanceId,
      topics: topicsOf(offsets),
    }
    const options = { versionMax: OFFSETS_BY_NAME_MAX }
    const response = await this.request(apis.offsetCommit, body, options)
    for (const topic of response.topics) {
      for (const { errorCode: code } of topic.partitions) this.check(code, 'OffsetCommit')
    }
  }

  /**
   * Committed offsets; of all partitions when none are named. Partitions without one are left out.
   */
  async committed(partitions?: readonly TopicPartition[]): Promise<CommittedOffset[]> {
    const topics = partitions
      ? groupByTopic(partitions).map(([name, items]) => ({
          name,
          partitionIndexes: items.map(({ partition }) => partition),
        }))
      : null
    const body = {
      groupId: this.group,
      topics,
      groups: [{ groupId: this.group, topics }],
      requireStable: true,
    }
    const options = { versionMax: OFFSETS_BY_NAME_MAX }
    const response = await this.request(apis.offsetFetch, body, options)
    const answer = response.groups[0] ?? response
    this.check(answer.errorCode, 'OffsetFetch')
    return answer.topics.flatMap(({ name, partitions: found }) =>
      found
        .filter((p) => {
          this.check(p.errorCode, 'OffsetFetch')
          return p.committedOffset >= 0
        })
        .map((p) => ({
          topic: name,
          partition: p.partitionIndex,
          offset: p.committedOffset,
          leaderEpoch: p.committedLeaderEpoch,
          metadata: p.metadata ?? '',
        })),
    )
  }
}

const topicsOf = (offsets: readonly OffsetToCommit[]) =>
  groupByTopic(offsets).map(([name, items]) => ({
    name,
    partitions: items.map((item) => ({
      partitionIndex: item.partition,
      committedOffset: item.offset,
      committedLeaderEpoch: item.leaderEpoch,
      committedMetadata: item.metadata ?? '',
    })),
  }))
