/**
 * A transaction between `begin` and `commit` or `abort`. The engine runs a function in a
 * transaction; here the function waits until the application says how it ends.
 */
import type {
  Producer as EngineProducer,
  Transaction as EngineTransaction,
  SentRecords,
  TransactionalSendOptions,
  TransactionOffset,
} from '@ottla/client'
import { toKafkaJSError } from '../engine-errors.ts'
import { KafkaJSNonRetriableError } from '../errors.ts'
import type { GroupMember } from './transactions.ts'

class Abort extends Error {}

export class OpenTransaction {
  private readonly tx: EngineTransaction
  private readonly outcome: Promise<void>
  private readonly end: (error?: Error) => void

  private constructor(tx: EngineTransaction, outcome: Promise<void>, end: (error?: Error) => void) {
    this.tx = tx
    this.outcome = outcome
    this.end = end
  }

  /** Resolves once the producer has its identity, and older ones with its id are fenced. */
  static begin(producer: EngineProducer): Promise<OpenTransaction> {
    return new Promise((resolve, reject) => {
      let end: (error?: Error) => void = () => {}
      const ended = new Promise<void>((done, fail) => {
        end = (error) => (error ? fail(error) : done())
      })
      const outcome: Promise<void> = producer.transaction((tx) => {
        resolve(new OpenTransaction(tx, outcome, end))
        return ended
      })
      outcome.catch((error: unknown) => reject(toKafkaJSError(error)))
    })
  }

  async send(
    topic: string,
    records: readonly never[],
    options: TransactionalSendOptions,
  ): Promise<SentRecords> {
    try {
      return await this.tx.send(topic, records, options)
    } catch (error) {
      throw toKafkaJSError(error)
    }
  }

  async sendOffsets(member: GroupMember, offsets: readonly TransactionOffset[]): Promise<void> {
    try {
      await this.tx.commitOffsets(member, offsets)
    } catch (error) {
      throw toKafkaJSError(error)
    }
  }

  async commit(): Promise<void> {
    this.end()
    try {
      await this.outcome
    } catch (error) {
      throw toKafkaJSError(error)
    }
  }

  async abort(): Promise<void> {
    this.end(new Abort('The application aborted the transaction'))
    try {
      await this.outcome
    } catch (error) {
      const mapped = toKafkaJSError(error)
      // An aborted transaction is what was asked for, whatever else was wrong with it; a producer
      // that was replaced cannot know.
      if ((mapped as { type?: string }).type === 'INVALID_PRODUCER_EPOCH') throw mapped
      return
    }
    throw new KafkaJSNonRetriableError('The transaction could not be aborted')
  }
}
