/** Admin calls about transactions and the producers that write them (KIP-664). */
import { apis, type ResponseOf } from '@ottla/protocol'
import { groupByTopic } from '../consumer/list-offsets.ts'
import type { TopicPartition } from '../group/assignor.ts'
import type { AdminOptions } from './admin-core.ts'
import { asCoordinator } from './every-broker.ts'
import { GroupOffsetAdmin } from './group-offset-admin.ts'
import {
  type CoordinatorId,
  type ItemAnswer,
  type ItemOptions,
  type ItemResult,
  type Outcomes,
  partitionName,
  type Results,
} from './item-results.ts'

export interface ListedTransaction extends TransactionalId, CoordinatorId {
  readonly producerId: bigint
  /** `Empty`, `Ongoing`, `PrepareCommit`, `CompleteAbort`, ... */
  readonly state: string
}

export interface TransactionalId {
  readonly transactionalId: string
}

export interface TransactionDescription extends TransactionalId {
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

export interface PartitionProducers extends TopicPartition {
  readonly producers: readonly ActiveProducer[]
}

/** A transaction that nobody will end: what `describeProducers` says of its producer. */
export interface HangingTransaction extends TopicPartition {
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
}

/** The end of a transaction in one partition; how `abortTransaction` and coordinators end them. */
export interface TransactionMarker extends HangingTransaction {
  readonly type: 'abort' | 'commit'
}

export class TransactionAdmin extends GroupOffsetAdmin {
  /**
   * Transactional ids of all brokers (ListTransactions). With `perItem` followed by an error for
   * each broker whose ids are not known; without it the call throws unless all of them answer.
   */
  async listTransactions<
    Options extends ItemOptions & {
      readonly states?: readonly string[]
      readonly producerIds?: readonly bigint[]
      /** Only those open for longer, in milliseconds; Kafka 3.8 and later. */
      readonly openForMs?: number
      /** Only ids that match this expression of RE2, as a whole; Kafka 4.1 and later (KIP-1152). */
      readonly idPattern?: string
    },
  >(
    options: Options = {} as Options,
  ): Promise<Outcomes<Options, CoordinatorId, ListedTransaction>> {
    const { idPattern } = options
    // An older broker would leave the pattern out and answer with all of them.
    const api = { ...apis.listTransactions, ...(idPattern !== undefined && { lowest: 2 }) }
    const body = {
      stateFilters: [...(options.states ?? [])],
      producerIdFilters: (options.producerIds ?? []).map(Number),
      durationFilter: options.openForMs ?? -1,
      transactionalIdPattern: idPattern ?? null,
    }
    const asking = this.askEvery('listTransactions', options, async (coordinator) => {
      const response = await this.cluster.request(coordinator, api, body)
      this.check(response.errorCode, `Transactions of broker ${coordinator}`)
      return response.transactionStates.map((found) => ({
        transactionalId: found.transactionalId,
        producerId: BigInt(found.producerId),
        state: found.transactionState,
        coordinator,
      }))
    })
    const { found, failed } = await asking
    const unknown = failed.map(asCoordinator)
    return this.withFailed<CoordinatorId, ListedTransaction, Options>(found, unknown, options)
  }

  describeTransactions<Options extends ItemOptions>(
    transactionalIds: readonly string[],
    options: Options = {} as Options,
  ): Promise<Outcomes<Options, TransactionalId, TransactionDescription>> {
    const keys = transactionalIds.map((transactionalId) => ({ transactionalId }))
    return this.eachAlone(keys, options, ({ transactionalId }) =>
      this.describeTransaction(transactionalId, options),
    )
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
  describeProducers<Options extends ItemOptions>(
    partitions: readonly TopicPartition[],
    options: Options = {} as Options,
  ): Promise<Outcomes<Options, TopicPartition, PartitionProducers>> {
    return this.each('describeProducers', partitions, options, async (list) => {
      const answers = await this.askLeaders(list, options, async (leader, items) => {
        const topics = groupByTopic(items).map(([name, found]) => ({
          name,
          partitionIndexes: found.map(({ partition }) => partition),
        }))
        const response = await this.cluster.request(leader, apis.describeProducers, { topics })
        return response.topics.flatMap(({ name, partitions: found }) =>
          found.map((answer) => ({ ...answer, topic: name, partition: answer.partitionIndex })),
        )
      })
      return answers.map(([{ topic, partition }, answer]) =>
        this.outcome<TopicPartition, PartitionProducers, ProducersAnswer>(
          { topic, partition },
          `Producers of ${topic}-${partition}`,
          answer,
          ({ activeProducers }) => ({
            topic,
            partition,
            producers: activeProducers.map(producerOf),
          }),
        ),
      )
    })
  }

  /**
   * Writes the abort marker of a transaction that nobody will end, so that readers of committed
   * records get on. Not for a transaction that its coordinator knows: that one ends by itself.
   */
  async abortTransaction(hanging: HangingTransaction, options: AdminOptions = {}): Promise<void> {
    await this.writeTransactionMarkers([{ ...hanging, type: 'abort' }], options)
  }

  /**
   * Writes ends of transactions into partitions, as their coordinator does, with nothing that makes
   * sure that this is how they ended: for repairs. The right to alter the cluster is needed.
   */
  writeTransactionMarkers<Options extends ItemOptions>(
    markers: readonly TransactionMarker[],
    options: Options = {} as Options,
  ): Promise<Results<Options, TopicPartition>> {
    return this.eachDone('writeTransactionMarkers', markers, options, async (list) => {
      const answers = await this.askLeaders(list, options, async (leader, items) => {
        const response = await this.cluster.request(leader, apis.writeTxnMarkers, {
          markers: items.map((marker) => ({
            producerId: Number(marker.producerId),
            producerEpoch: marker.producerEpoch,
            transactionResult: marker.type === 'commit',
            coordinatorEpoch: marker.coordinatorEpoch,
            topics: [{ name: marker.topic, partitionIndexes: [marker.partition] }],
          })),
        })
        return response.markers.flatMap(({ topics }) =>
          topics.flatMap(({ name, partitions }) =>
            partitions.map((p) => ({ ...p, topic: name, partition: p.partitionIndex })),
          ),
        )
      })
      return answers.map(([{ topic, partition, type }, answer]): ItemResult<TopicPartition> => {
        const said: ItemAnswer = 'errorCode' in answer ? answer : { errorCode: 0 }
        const at = { topic, partition }
        return this.result(at, `Writing the ${type} marker of ${partitionName(at)}`, said)
      })
    })
  }

  /** Makes sure that no producer that has these ids now can write any more. */
  async fenceProducers<Options extends ItemOptions>(
    transactionalIds: readonly string[],
    options: Options = {} as Options,
  ): Promise<Results<Options, TransactionalId>> {
    const keys = transactionalIds.map((transactionalId) => ({ transactionalId }))
    const fence = async ({ transactionalId }: TransactionalId) => {
      await this.call('fenceProducers', options, async () => {
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
      })
      return { transactionalId }
    }
    const results = await this.eachAlone<TransactionalId, TransactionalId, Options>(
      keys,
      options,
      fence,
    )
    return (options.perItem ? results : undefined) as Results<Options, TransactionalId>
  }
}

type ProducersAnswer = ResponseOf<
  typeof apis.describeProducers
>['topics'][number]['partitions'][number]

const producerOf = (producer: ProducersAnswer['activeProducers'][number]): ActiveProducer => ({
  producerId: BigInt(producer.producerId),
  producerEpoch: producer.producerEpoch,
  lastSequence: producer.lastSequence,
  lastTimestamp: BigInt(producer.lastTimestamp),
  coordinatorEpoch: producer.coordinatorEpoch,
  transactionStartOffset:
    producer.currentTxnStartOffset < 0 ? undefined : BigInt(producer.currentTxnStartOffset),
})
