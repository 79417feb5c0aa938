/** Admin calls about where partitions live and who leads them. */
import { apis } from '@ottla/protocol'
import { type EpochAnswer, endOfEpochs, groupByTopic } from '../consumer/list-offsets.ts'
import type { TopicPartition } from '../group/assignor.ts'
import type { AdminOptions } from './admin-core.ts'
import { type ItemResult, inOrder, isItemError, partitionName } from './item-results.ts'
import { StreamsGroupAdmin } from './streams-group-admin.ts'

const ELECTIONS = { preferred: 0, unclean: 1 } as const
/** To the first replica, or to one that may lack records that were acknowledged. */
export type ElectionType = keyof typeof ELECTIONS

export interface PartitionReassignment extends TopicPartition {
  /** Brokers that keep the partition from now on, the preferred leader first. */
  readonly replicas: readonly number[]
  readonly adding: readonly number[]
  readonly removing: readonly number[]
}

export interface ReplicaLogDir extends TopicPartition {
  readonly broker: number
  /** Path of a log directory of the broker. */
  readonly path: string
}

export interface EpochQuestion extends TopicPartition {
  readonly leaderEpoch: number
}

export interface EpochEnd extends EpochQuestion {
  /** Offset behind the last record of the epoch; undefined when the leader knows none so old. */
  readonly endOffset: bigint | undefined
}

const replicaName = (replica: ReplicaLogDir): string =>
  `${partitionName(replica)} of ${replica.broker}`

function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const known = groups.get(key)
    if (known) known.push(item)
    else groups.set(key, [item])
  }
  return groups
}

export class PartitionAdmin extends StreamsGroupAdmin {
  /**
   * Elects leaders, of all partitions that need it when none are named. ELECTION_NOT_NEEDED says
   * that the leader is the right one already.
   */
  electLeaders(
    election: ElectionType,
    partitions?: readonly TopicPartition[],
    options: AdminOptions = {},
  ): Promise<ItemResult<TopicPartition>[]> {
    const topicPartitions = partitions
      ? groupByTopic(partitions).map(([topic, items]) => ({
          topic,
          partitions: items.map(({ partition }) => partition),
        }))
      : null
    return this.call('electLeaders', options, async () => {
      const response = await this.cluster.request('controller', apis.electLeaders, {
        electionType: ELECTIONS[election],
        topicPartitions,
        timeoutMs: this.cluster.context.requestTimeoutMs,
      })
      this.check(response.errorCode, 'Electing leaders')
      return response.replicaElectionResults.flatMap(({ topic, partitionResult }) =>
        partitionResult.map((answer) => {
          const at = { topic, partition: answer.partitionId }
          return this.result(at, `Electing a leader of ${partitionName(at)}`, answer)
        }),
      )
    })
  }

  /**
   * Moves partitions to other brokers, in the background; null calls a move off. See
   * `listPartitionReassignments` for what is under way.
   */
  alterPartitionReassignments(
    reassignments: readonly (TopicPartition & { readonly replicas: readonly number[] | null })[],
    options: AdminOptions & {
      /** Whether the number of replicas may change; Kafka 4.1 and later. Default true. */
      readonly allowReplicationFactorChange?: boolean
    } = {},
  ): Promise<ItemResult<TopicPartition>[]> {
    const api = apis.alterPartitionReassignments
    return this.call('alterPartitionReassignments', options, async () => {
      const response = await this.cluster.request('controller', api, {
        timeoutMs: this.cluster.context.requestTimeoutMs,
        allowReplicationFactorChange: options.allowReplicationFactorChange ?? true,
        topics: groupByTopic(reassignments).map(([name, items]) => ({
          name,
          partitions: items.map(({ partition, replicas }) => ({
            partitionIndex: partition,
            replicas: replicas === null ? null : [...replicas],
          })),
        })),
      })
      this.check(response.errorCode, 'Reassigning partitions', response.errorMessage)
      return response.responses.flatMap(({ name, partitions }) =>
        partitions.map((answer) => {
          const at = { topic: name, partition: answer.partitionIndex }
          return this.result(at, `Reassigning ${partitionName(at)}`, answer)
        }),
      )
    })
  }

  /** Moves that are under way, of all partitions when none are named. */
  listPartitionReassignments(
    partitions?: readonly TopicPartition[],
    options: AdminOptions = {},
  ): Promise<PartitionReassignment[]> {
    const topics = partitions
      ? groupByTopic(partitions).map(([name, items]) => ({
          name,
          partitionIndexes: items.map(({ partition }) => partition),
        }))
      : null
    const body = { timeoutMs: this.cluster.context.requestTimeoutMs, topics }
    return this.call('listPartitionReassignments', options, async () => {
      const api = apis.listPartitionReassignments
      const response = await this.cluster.request('controller', api, body)
      this.check(response.errorCode, 'Listing reassignments', response.errorMessage)
      return response.topics.flatMap(({ name, partitions: found }) =>
        found.map((p) => ({
          topic: name,
          partition: p.partitionIndex,
          replicas: p.replicas,
          adding: p.addingReplicas,
          removing: p.removingReplicas,
        })),
      )
    })
  }

  /**
   * Moves replicas to other log directories of their brokers (AlterReplicaLogDirs), in the
   * background. When a broker cannot be asked, that is the error of its replicas.
   */
  async alterReplicaLogDirs(
    moves: readonly ReplicaLogDir[],
    options: AdminOptions = {},
  ): Promise<ItemResult<ReplicaLogDir>[]> {
    const moveAll = async (
      broker: number,
      own: readonly ReplicaLogDir[],
    ): Promise<readonly ItemResult<ReplicaLogDir>[]> => {
      const what = `alterReplicaLogDirs of broker ${broker}`
      try {
        return await this.call(what, options, () => this.moveReplicas(broker, own))
      } catch (error) {
        if (!isItemError(error)) throw error
        const failure = error
        return own.map((move) => ({ ...move, error: failure }))
      }
    }
    const byBroker = [...groupBy(moves, ({ broker }) => broker)]
    const results = await Promise.all(byBroker.map(([broker, own]) => moveAll(broker, own)))
    return inOrder(moves, results.flat(), replicaName, replicaName).map(([, result]) => result)
  }

  private async moveReplicas(
    broker: number,
    moves: readonly ReplicaLogDir[],
  ): Promise<ItemResult<ReplicaLogDir>[]> {
    const dirs = [...groupBy(moves, ({ path }) => path)].map(([path, items]) => ({
      path,
      topics: groupByTopic(items).map(([name, found]) => ({
        name,
        partitions: found.map(({ partition }) => partition),
      })),
    }))
    const response = await this.cluster.request(broker, apis.alterReplicaLogDirs, { dirs })
    const answers = response.results.flatMap(({ topicName: topic, partitions }) =>
      partitions.map((answer) => ({ ...answer, topic, partition: answer.partitionIndex })),
    )
    return inOrder(moves, answers, partitionName, partitionName).map(([move, answer]) =>
      this.result(move, `Moving ${partitionName(move)} to ${move.path}`, answer),
    )
  }

  /** Where leader epochs end in the logs of the leaders (KIP-320). */
  async listEpochEnds(
    questions: readonly EpochQuestion[],
    options: AdminOptions = {},
  ): Promise<ItemResult<EpochEnd>[]> {
    const perItem = { ...options, perItem: true } as const
    const found = await this.each('listEpochEnds', questions, perItem, async (list) => {
      const answers = await this.askLeaders(list, perItem, (_leader, items) =>
        endOfEpochs(this.cluster, items),
      )
      return answers.map(([{ topic, partition, leaderEpoch }, answer]) =>
        this.outcome<EpochQuestion, EpochEnd, EpochAnswer>(
          { topic, partition, leaderEpoch },
          `Epochs of ${topic}-${partition}`,
          answer,
          (end) => ({
            ...{ topic, partition, leaderEpoch: end.leaderEpoch },
            endOffset: end.endOffset < 0 ? undefined : BigInt(end.endOffset),
          }),
        ),
      )
    })
    return found.map((one) => ({ endOffset: undefined, ...one }))
  }
}
