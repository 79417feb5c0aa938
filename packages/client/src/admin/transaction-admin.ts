/** Admin calls about transactions and the producers that write them (KIP-664). */
import { apis } from '@ottla/protocol'
import { groupByTopic } from '../consumer/list-offsets.ts'
import type { TopicPartition } from '../group/assignor.ts'
import type { AdminOptions } from './admin-core.ts'
import { GroupAdmin } from './group-admin.ts'

export interface ListedTransaction {
  readonly transactionalId: string
  readonly producerId: bigint
  /** `Empty`, `Ongoing`, `PrepareCommit`, `CompleteAbort`, ... */
  readonly state: string
  /** The broker that coordinates it. */
  readonly coordinator: number
}

export interface TransactionDescription {
  readonly transactionalId: string
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly state: string
  readonly timeoutMs: number
  /** When it began; undefined when none is open. */
  readonly startTime: Date | undefined
  readonly partitions: readonly TopicPartition[]
}

export interface ActiveProducer {
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly lastSequence: number
  readonly lastTimestamp: bigint
  readonly coordinatorEpoch: number
  /** Where its open transaction begins; undefined without one. */
  readonly transactionStartOffset: bigint | undefined
}

/** A transaction that nobody will end: what `describeProducers` says of its producer. */
export interface HangingTransaction extends TopicPartition {
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
}

export class TransactionAdmin extends GroupAdmin {
  /** Transactional ids of all coordinators. */
  listTransactions(
    options: AdminOptions & {
      readonly states?: readonly string[]
      readonly producerIds?: readonly bigint[]
      /** Only those open for longer, in milliseconds; Kafka 3.8 and later. */
      readonly openForMs?: number
    } = {},
  ): Promise<ListedTransaction[]> {
    return this.call('listTransactions', options, async () => {
      const { brokers } = await this.requestMetadata([])
      const lists = await Promise.all(
        brokers.map(async ({ nodeId }) => {
          const response = await this.cluster.request(nodeId, apis.listTransactions, {
            stateFilters: [...(options.states ?? [])],
            producerIdFilters: (options.producerIds ?? []).map(Number),
            durationFilter: options.openForMs ?? -1,
          })
          this.check(response.errorCode, `Transactions of broker ${nodeId}`)
          return response.transactionStates.map((found) => ({
            transactionalId: found.transactionalId,
            producerId: BigInt(found.producerId),
            state: found.transactionState,
            coordinator: nodeId,
          }))
        }),
      )
      return lists.flat()
    })
  }

  describeTransactions(
    transactionalIds: readonly string[],
    options: AdminOptions = {},
  ): Promise<TransactionDescription[]> {
    return Promise.all(transactionalIds.map((id) => this.describeTransaction(id, options)))
  }

  private describeTransaction(id: string, options: AdminOptions): Promise<TransactionDescription> {
    const what = `Transaction of ${id}`
    return this.call('describeTransactions', options, async () => {
      try {
        const node = await this.cluster.coordinator('transaction', id)
        const body = { transactionalIds: [id] }
        const response = await this.cluster.requestNode(node, apis.describeTransactions, body)
        const [found] = response.transactionStates
        if (!found) throw new TypeError(`${what}: the coordinator left it out`)
        this.check(found.errorCode, what)
        return {
          transactionalId: id,
          producerId: BigInt(found.producerId),
          producerEpoch: found.producerEpoch,
          state: found.transactionState,
          timeoutMs: found.transactionTimeoutMs,
          startTime:
            found.transactionStartTimeMs < 0 ? undefined : new Date(found.transactionStartTimeMs),
          partitions: found.topics.flatMap(({ topic, partitions }) =>
            partitions.map((partition) => ({ topic, partition })),
          ),
        }
      } catch (error) {
        this.cluster.invalidateCoordinator('transaction', id)
        throw error
      }
    })
  }

  /** The producers a partition knows, with their open transactions; asked of its leader. */
  describeProducers(
    partitions: readonly TopicPartition[],
    options: AdminOptions = {},
  ): Promise<(TopicPartition & { readonly producers: readonly ActiveProducer[] })[]> {
    return this.call('describeProducers', options, async () => {
      const found = await Promise.all(
        [...(await this.byLeader(partitions))].map(async ([leader, list]) => {
          const topics = groupByTopic(list).map(([name, items]) => ({
            name,
            partitionIndexes: items.map(({ partition }) => partition),
          }))
          const response = await this.cluster.request(leader, apis.describeProducers, { topics })
          return response.topics.flatMap(({ name, partitions: answers }) =>
            answers.map((answer) => ({ ...answer, topic: name })),
          )
        }),
      )
      const answers = found.flat()
      this.checkAll(answers, (a) => `Producers of ${a.topic}-${a.partitionIndex}`)
      return answers.map(({ topic, partitionIndex, activeProducers }) => ({
        topic,
        partition: partitionIndex,
        producers: activeProducers.map((producer) => ({
          producerId: BigInt(producer.producerId),
          producerEpoch: producer.producerEpoch,
          lastSequence: producer.lastSequence,
          lastTimestamp: BigInt(producer.lastTimestamp),
          coordinatorEpoch: producer.coordinatorEpoch,
          transactionStartOffset:
            producer.currentTxnStartOffset < 0 ? undefined : BigInt(producer.currentTxnStartOffset),
        })),
      }))
    })
  }

  /**
   * Writes the abort marker of a transaction that nobody will end, so that readers of committed
   * records get on. Not for a transaction that its coordinator knows: that one ends by itself.
   */
  abortTransaction(hanging: HangingTransaction, options: AdminOptions = {}): Promise<void> {
    const { topic, partition } = hanging
    return this.call('abortTransaction', options, async () => {
      const [leader] = [...(await this.byLeader([hanging])).keys()]
      const response = await this.cluster.request(leader as number, apis.writeTxnMarkers, {
        markers: [
          {
            producerId: Number(hanging.producerId),
            producerEpoch: hanging.producerEpoch,
            transactionResult: false,
            coordinatorEpoch: hanging.coordinatorEpoch,
            topics: [{ name: topic, partitionIndexes: [partition] }],
          },
        ],
      })
      for (const marker of response.markers) {
        for (const { partitions } of marker.topics) {
          this.checkAll(partitions, () => `Aborting a transaction in ${topic}-${partition}`)
        }
      }
    })
  }

  /** Makes sure that no producer that has these ids now can write any more. */
  async fenceProducers(
    transactionalIds: readonly string[],
    options: AdminOptions = {},
  ): Promise<void> {
    await Promise.all(
      transactionalIds.map((transactionalId) =>
        this.call('fenceProducers', options, async () => {
          try {
            const node = await this.cluster.coordinator('transaction', transactionalId)
            const body = { transactionalId, transactionTimeoutMs: 1 }
            const limits = { versionMax: 5 }
            const response = await this.cluster.requestNode(node, apis.initProducerId, body, limits)
            this.check(response.errorCode, `Fencing ${transactionalId}`)
          } catch (error) {
            this.cluster.invalidateCoordinator('transaction', transactionalId)
            throw error
          }
        }),
      ),
    )
  }

  private async byLeader(
    partitions: readonly TopicPartition[],
  ): Promise<Map<number, TopicPartition[]>> {
    const { topics } = await this.requestMetadata([
      ...new Set(partitions.map(({ topic }) => topic)),
    ])
    const leaders = new Map<number, TopicPartition[]>()
    for (const wanted of partitions) {
      const name = `${wanted.topic}-${wanted.partition}`
      const topic = topics.find((found) => found.name === wanted.topic)
      if (topic) this.check(topic.errorCode, `Leader of ${name}`)
      const found = topic?.partitions.find((p) => p.partitionIndex === wanted.partition)
      if (!found) throw new RangeError(`there is no partition ${name}`)
      this.check(found.errorCode, `Leader of ${name}`)
      leaders.set(found.leaderId, [...(leaders.get(found.leaderId) ?? []), wanted])
    }
    return leaders
  }
}
