/** One open transaction, as the function that was given to `Producer.transaction` sees it. */
import type { Consumer } from '../consumer/consumer.ts'
import { ConsumerBatch } from '../consumer/consumer-batch.ts'
import type { TopicPartition } from '../group/assignor.ts'
import type { OffsetToCommit } from '../group/group-coordination.ts'
import type { AnyTopic } from '../serde/topic.ts'
import type { SendOptions } from './producer-options.ts'
import type { ProducerRecord, RecordFor } from './producer-record.ts'
import type { RecordMetadata, SentRecords } from './send-operation.ts'
import type { TransactionManager } from './transaction-manager.ts'

/** An offset to commit: that of the next record to read. */
export type TransactionOffset =
  | ConsumerBatch
  | (TopicPartition & { readonly offset: number | bigint; readonly metadata?: string })

/** How one call in a transaction sends; the transaction itself waits for all of them. */
export type TransactionalSendOptions = Pick<SendOptions, 'compression'>

/** What a transaction does through its producer. */
export interface TransactionalSends {
  send(
    topic: string | AnyTopic,
    input: ProducerRecord<unknown, unknown> | readonly ProducerRecord<unknown, unknown>[],
    options: TransactionalSendOptions,
  ): Promise<RecordMetadata | SentRecords>
  enqueue(topic: string | AnyTopic, record: ProducerRecord<unknown, unknown>): boolean
  whenReady(): Promise<void>
}

export class Transaction {
  private readonly sends: TransactionalSends
  private readonly manager: TransactionManager
  private isOver = false

  constructor(sends: TransactionalSends, manager: TransactionManager) {
    this.sends = sends
    this.manager = manager
  }

  /**
   * Sends one record; resolves when it is stored. Readers see it once the transaction is committed.
   */
  send<T extends string | AnyTopic>(
    topic: T,
    record: RecordFor<T>,
    options?: TransactionalSendOptions,
  ): Promise<RecordMetadata>
  /**
   * Sends records in order. The promise need not be awaited: the transaction waits for all records,
   * and is aborted when one cannot be stored.
   */
  send<T extends string | AnyTopic>(
    topic: T,
    records: readonly RecordFor<T>[],
    options?: TransactionalSendOptions,
  ): Promise<SentRecords>
  send(
    topic: string | AnyTopic,
    input: ProducerRecord<unknown, unknown> | readonly ProducerRecord<unknown, unknown>[],
    options: TransactionalSendOptions = {},
  ): Promise<RecordMetadata | SentRecords> {
    this.check()
    const sent = this.sends.send(topic, input, options)
    sent.catch((error: Error) => this.manager.fail(error))
    return sent
  }

  /**
   * Sends a record without a promise of its own. When it is false, await `ready` before going on.
   */
  enqueue<T extends string | AnyTopic>(topic: T, record: RecordFor<T>): boolean {
    this.check()
    return this.sends.enqueue(topic, record as ProducerRecord<unknown, unknown>)
  }

  /** Resolves when the producer has room again. */
  get ready(): Promise<void> {
    return this.sends.whenReady()
  }

  /** Why the transaction can only be aborted, once that is so; whoever sees it may stop working. */
  get fault(): Error | undefined {
    return this.manager.fault
  }

  /**
   * Makes offsets of the consumer's group part of the transaction (KIP-447): they are committed
   * with the records or not at all. Takes batches, whose end is committed, or offsets. The consumer
   * needs `autoCommit: false`. Rejects with a CommitFailedError when the partitions are another
   * member's by now; the transaction is then aborted.
   */
  commitOffsets(
    consumer: Pick<Consumer, 'groupMetadata'>,
    offsets: readonly TransactionOffset[],
  ): Promise<void> {
    this.check()
    return this.manager.commitOffsets(consumer.groupMetadata, offsets.map(offsetToCommit))
  }

  private check(): void {
    if (this.isOver) throw new TypeError('the transaction is over')
    if (this.manager.fault) throw this.manager.fault
  }

  /** The function has ended; what it left running must not write into the next transaction. */
  finish(): void {
    this.isOver = true
  }
}

function offsetToCommit(offset: TransactionOffset): OffsetToCommit {
  if (offset instanceof ConsumerBatch) return offset.end
  return { ...offset, offset: Number(offset.offset), leaderEpoch: -1 }
}
