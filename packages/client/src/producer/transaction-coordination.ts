/** Requests to the coordinator of one transactional id, repeated until they are answered. */
import type { ApiVersions } from '@ottla/network'
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
import { KafkaError } from '../errors.ts'
import type { TopicPartition } from '../group/assignor.ts'
import type { ProducerIdentity } from './producer-batch.ts'

const ELSEWHERE = new Set(
  (['NOT_COORDINATOR', 'COORDINATOR_NOT_AVAILABLE'] as const).map((name) => errorCode(name)),
)

interface WithErrorCode {
  readonly errorCode: number
}

export class TransactionCoordination {
  private readonly cluster: Cluster
  private readonly pool: ConnectionPool
  private readonly transactionalId: string

  constructor(cluster: Cluster, pool: ConnectionPool, transactionalId: string) {
    this.cluster = cluster
    this.pool = pool
    this.transactionalId = transactionalId
  }

  /** Answers without an error; any other is thrown once trying again does not help. */
  request<Q extends Fields, S extends Fields>(
    api: Api<Q, S>,
    options: { readonly body: FieldsInput<Q>; readonly versionMax: number },
  ): Promise<{ response: FieldsValue<S>; versions: ApiVersions }> {
    return this.repeat(api.name, async (timeoutMs) => {
      const node = await this.cluster.coordinator('transaction', this.transactionalId)
      const { versions } = await this.pool.get(node)
      const { versionMax } = options
      const limits = { pool: this.pool, versionMax, timeoutMs }
      const response = await this.cluster.requestNode(node, api, options.body, limits)
      this.check((response as WithErrorCode).errorCode ?? 0, api.name)
      return { response, versions }
    })
  }

  async addPartitions(
    { producerId, producerEpoch }: ProducerIdentity,
    partitions: readonly TopicPartition[],
    { versionMax }: { readonly versionMax: number },
  ): Promise<void> {
    const topics = groupByTopic(partitions).map(([name, items]) => ({
      name,
      partitions: items.map(({ partition }) => partition),
    }))
    await this.repeat('AddPartitionsToTxn', async (timeoutMs) => {
      const node = await this.cluster.coordinator('transaction', this.transactionalId)
      const body = {
        v3AndBelowTransactionalId: this.transactionalId,
        v3AndBelowProducerId: producerId,
        v3AndBelowProducerEpoch: producerEpoch,
        v3AndBelowTopics: topics,
      }
      const limits = { pool: this.pool, versionMax, timeoutMs }
      const api = apis.addPartitionsToTxn
      const { resultsByTopicV3AndBelow } = await this.cluster.requestNode(node, api, body, limits)
      const results = resultsByTopicV3AndBelow.flatMap(({ resultsByPartition }) =>
        resultsByPartition.map(({ partitionErrorCode }) => partitionErrorCode),
      )
      // The partition at fault comes with its own code, the others only with "not attempted".
      const notAttempted = errorCode('OPERATION_NOT_ATTEMPTED')
      const code =
        results.find((c) => c !== 0 && c !== notAttempted) ?? results.find((c) => c !== 0)
      this.check(code ?? 0, api.name)
    })
  }

  async addOffsets({ producerId, producerEpoch }: ProducerIdentity, groupId: string) {
    const { transactionalId } = this
    await this.request(apis.addOffsetsToTxn, {
      versionMax: apis.addOffsetsToTxn.highest,
      body: { transactionalId, producerId, producerEpoch, groupId },
    })
  }

  private repeat<T>(what: string, attempt: (timeoutMs: number) => Promise<T>): Promise<T> {
    const { context } = this.cluster
    const options = {
      what: `${what} of ${this.transactionalId}`,
      timeoutMs: context.apiTimeoutMs,
      onRetry: (error: unknown) => {
        const isAnswer = error instanceof KafkaError
        if (!isAnswer || ELSEWHERE.has(error.errorCode)) this.forget()
      },
    }
    return retry(context, options, (remainingMs) =>
      attempt(Math.min(remainingMs, context.requestTimeoutMs)),
    )
  }

  private forget(): void {
    this.cluster.invalidateCoordinator('transaction', this.transactionalId)
  }

  private check(code: number, what: string): void {
    if (code !== 0) throw new KafkaError(code, `${what} of ${this.transactionalId}`)
  }
}
