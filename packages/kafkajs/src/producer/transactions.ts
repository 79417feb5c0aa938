/** The transactions of one producer, one after the other. */
import type { Producer as EngineProducer, GroupMetadata, TransactionOffset } from '@ottla/client'
import { KafkaJSNonRetriableError } from '../errors.ts'
import type { SharedConsumers } from '../shared-consumers.ts'
import type { TopicOffsets } from '../types/cluster.ts'
import type { Transaction } from '../types/producer.ts'
import type { EngineProducers } from './engine-producers.ts'
import { OpenTransaction } from './open-transaction.ts'
import type { SendMessages, SendRecords } from './producer.ts'

export interface GroupMember {
  readonly groupMetadata: GroupMetadata
}

export class Transactions {
  private readonly producers: EngineProducers
  private readonly consumers: SharedConsumers
  private producer: EngineProducer | undefined
  private current: OpenTransaction | undefined
  private isOpen = false

  constructor(producers: EngineProducers, consumers: SharedConsumers) {
    this.producers = producers
    this.consumers = consumers
  }

  async begin(sendMessages: SendMessages): Promise<Transaction> {
    if (this.isOpen) {
      throw new KafkaJSNonRetriableError(
        'There is already an ongoing transaction for this producer. Please end the transaction ' +
          'before beginning another.',
      )
    }
    this.isOpen = true
    try {
      this.producer ??= this.producers.transactional()
      this.current = await OpenTransaction.begin(this.producer)
    } catch (error) {
      this.isOpen = false
      throw error
    }
    return this.handle(sendMessages)
  }

  private handle(sendMessages: SendMessages): Transaction {
    let hasEnded = false
    const isActive = () => this.isOpen && !hasEnded
    const guarded =
      <A extends unknown[], R>(work: (...args: A) => Promise<R>) =>
      async (...args: A): Promise<R> => {
        if (isActive()) return work(...args)
        throw new KafkaJSNonRetriableError('Cannot continue to use transaction once ended')
      }
    const ending = (work: (open: OpenTransaction) => Promise<void>) =>
      guarded(async () => {
        const open = this.current as OpenTransaction
        await work(open)
        hasEnded = true
        this.isOpen = false
        this.current = undefined
      })
    const via: SendRecords = (topic, records, options) =>
      (this.current as OpenTransaction).send(topic, records, options)
    return {
      isActive,
      send: guarded(({ topic, messages, ...settings }) =>
        sendMessages({ ...settings, topicMessages: [{ topic, messages }] }, via),
      ),
      sendBatch: guarded((batch) => sendMessages(batch, via)),
      sendOffsets: guarded(({ consumerGroupId, topics }) =>
        this.sendOffsets(consumerGroupId, topics),
      ),
      commit: ending((open) => open.commit()),
      abort: ending((open) => open.abort()),
    }
  }

  private async sendOffsets(group: string, topics: readonly TopicOffsets[]): Promise<void> {
    const open = this.current as OpenTransaction
    const offsets: TransactionOffset[] = topics.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, offset }) => ({
        topic,
        partition: Number(partition),
        offset: Number(offset),
      })),
    )
    await open.sendOffsets(this.consumers.memberOf(group), offsets)
    this.consumers.markCommitted(group, topics)
  }

  /** The engine is gone, and with it what was open. */
  forget(): void {
    this.producer = undefined
    this.current = undefined
    this.isOpen = false
  }
}
