/** kafkajs's producer over the engine's. */
import { delay, realClock } from '@ottla/base'
import type { SentRecords, TransactionalSendOptions } from '@ottla/client'
import type { KafkaCluster } from '../cluster/kafka-cluster.ts'
import { toKafkaJSError } from '../engine-errors.ts'
import { KafkaJSError, KafkaJSNonRetriableError } from '../errors.ts'
import { type InstrumentationEmitter, listenWith } from '../observe/emitter.ts'
import { PRODUCER_EVENTS } from '../observe/events.ts'
import { withRetry } from '../retry.ts'
import type { SharedConsumers } from '../shared-consumers.ts'
import type { ProducerConfig } from '../types/config.ts'
import type { Logger } from '../types/logging.ts'
import type { Message, Producer, ProducerBatch, RecordMetadata } from '../types/producer.ts'
import { compressionName } from './compression.ts'
import { EngineProducers } from './engine-producers.ts'
import { answersFor, mergeByTopic, recordsOf, validateMessages } from './messages.ts'
import { Partitioners } from './partitioners.ts'
import { Transactions } from './transactions.ts'

export interface ProducerParts {
  readonly cluster: KafkaCluster
  readonly logger: Logger
  readonly emitter: InstrumentationEmitter
  readonly consumers: SharedConsumers
}

/** How the records of one topic go out. */
export type SendRecords = (
  topic: string,
  records: never[],
  options: TransactionalSendOptions,
) => Promise<SentRecords>

export type SendMessages = (batch: ProducerBatch, via: SendRecords) => Promise<RecordMetadata[]>

type Status = 'connected' | 'disconnecting' | 'disconnected'

class ProducerCore {
  status: Status = 'disconnected'
  readonly engines: EngineProducers
  readonly transactions: Transactions
  private readonly cluster: KafkaCluster
  private readonly isIdempotent: boolean
  private readonly partitioner

  constructor(config: ProducerConfig, { cluster, consumers }: ProducerParts) {
    this.cluster = cluster
    this.isIdempotent = config.idempotent ?? false
    this.partitioner = (config.createPartitioner ?? Partitioners.DefaultPartitioner)()
    this.engines = new EngineProducers(cluster, config)
    this.transactions = new Transactions(this.engines, consumers)
  }

  private checkStatus(): void {
    if (this.status === 'connected') return
    if (this.status === 'disconnecting') {
      throw new KafkaJSNonRetriableError(
        "The producer is disconnecting; therefore, it can't safely accept messages anymore",
      )
    }
    throw new KafkaJSError('The producer is disconnected')
  }

  /** Outside of transactions. */
  send(batch: ProducerBatch): Promise<RecordMetadata[]> {
    const { acks = -1, timeout } = batch
    if (this.isIdempotent && acks !== -1) {
      throw new KafkaJSNonRetriableError(
        "Not requiring ack for all messages invalidates the idempotent producer's EoS guarantees",
      )
    }
    return this.sendMessages(batch, (topic, records, options) =>
      this.engines.get({ acks, timeout }).send(topic, records, options),
    )
  }

  readonly sendMessages: SendMessages = async (batch, via) => {
    const { topicMessages = [], acks } = batch
    validateMessages(topicMessages)
    this.checkStatus()
    const options = { compression: compressionName(batch.compression) }
    const merged = mergeByTopic(topicMessages)
    const prepared = await this.prepare(merged)
    try {
      const sent = await Promise.all(
        prepared.map(async ({ topic, records }) => {
          if (records.length === 0) return []
          const send = () => via(topic, records as never[], options)
          const answer = await untilKnown(send)
          return acks === 0 ? [] : answersFor(topic, records, answer)
        }),
      )
      return sent.flat()
    } catch (error) {
      const { retries, initialRetryTime } = this.cluster.retry
      throw toKafkaJSError(error, { retryCount: retries, retryTime: initialRetryTime })
    }
  }

  /** Waits for metadata of the topics, and chooses partitions. */
  private async prepare(merged: ReadonlyMap<string, Message[]>) {
    const { cluster, partitioner } = this
    await cluster.addMultipleTargetTopics([...merged.keys()])
    return withRetry(cluster.retry, async () => {
      await cluster.refreshMetadataIfNecessary()
      return [...merged].map(([topic, messages]) => {
        const partitionMetadata = cluster.findTopicPartitionMetadata(topic)
        return { topic, records: recordsOf(topic, messages, { partitionMetadata, partitioner }) }
      })
    })
  }

  forget(): void {
    this.engines.forget()
    this.transactions.forget()
  }
}

const UNKNOWN_PARTITION_MS = 100
const UNKNOWN_PARTITION_TRIES = 50

/** Partitions that were added a moment ago: the engine asks for them as soon as it is asked. */
async function untilKnown<T>(send: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await send()
    } catch (error) {
      if (!(error instanceof RangeError) || tries === UNKNOWN_PARTITION_TRIES) throw error
      await delay(realClock, UNKNOWN_PARTITION_MS)
    }
  }
}

export function createProducer(config: ProducerConfig, parts: ProducerParts): Producer {
  const { cluster, emitter } = parts
  const { idempotent = false, transactionalId } = config
  const logger = parts.logger.namespace('Producer')
  if (idempotent && cluster.retry.retries < 1) {
    throw new KafkaJSNonRetriableError(
      'Idempotent producer must allow retries to protect against transient errors',
    )
  }
  if (idempotent && cluster.retry.retries < Number.MAX_SAFE_INTEGER) {
    logger.warn('Limiting retries for the idempotent producer may invalidate EoS guarantees')
  }
  const core = new ProducerCore(config, parts)
  return {
    events: PRODUCER_EVENTS,
    on: listenWith('producer', PRODUCER_EVENTS, { emitter, logger }) as Producer['on'],
    logger: () => logger,
    isIdempotent: () => idempotent,
    connect: async () => {
      await cluster.connect()
      core.status = 'connected'
      emitter.emit(PRODUCER_EVENTS.CONNECT, null)
    },
    disconnect: async () => {
      core.status = 'disconnecting'
      await cluster.disconnect()
      core.forget()
      core.status = 'disconnected'
      emitter.emit(PRODUCER_EVENTS.DISCONNECT, null)
    },
    send: async ({ topic, messages, ...settings }) =>
      core.send({ ...settings, topicMessages: [{ topic, messages }] }),
    sendBatch: async (batch) => core.send(batch),
    transaction: async () => {
      if (transactionalId) return core.transactions.begin(core.sendMessages)
      throw new KafkaJSNonRetriableError('Must provide transactional id for transactional producer')
    },
  }
}
