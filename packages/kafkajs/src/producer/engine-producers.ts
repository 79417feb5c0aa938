/**
 * kafkajs chooses acks and timeout with each call, the engine with each producer: one engine
 * producer for each combination in use. No lingering: a call goes out at once, as in kafkajs.
 */
import type { Producer as EngineProducer, ProducerOptions } from '@ottla/client'
import type { KafkaCluster } from '../cluster/kafka-cluster.ts'
import type { ProducerConfig } from '../types/config.ts'

export interface SendSettings {
  readonly acks: number
  readonly timeout?: number | undefined
}

/** The broker counts the size of a request, and by default takes as much in one. */
const REQUEST_BYTES_MAX = 104_857_600 - 4_096

export class EngineProducers {
  private readonly cluster: KafkaCluster
  private readonly config: ProducerConfig
  private readonly producers = new Map<string, EngineProducer>()

  constructor(cluster: KafkaCluster, config: ProducerConfig) {
    this.cluster = cluster
    this.config = config
  }

  get(settings: SendSettings): EngineProducer {
    const key = JSON.stringify([settings.acks, settings.timeout])
    let producer = this.producers.get(key)
    if (!producer) {
      producer = this.make(settings, {})
      this.producers.set(key, producer)
    }
    return producer
  }

  transactional(): EngineProducer {
    const { transactionalId, transactionTimeout } = this.config
    return this.make(
      { acks: -1 },
      {
        transactionalId: transactionalId as string,
        ...(transactionTimeout === undefined ? {} : { transactionTimeoutMs: transactionTimeout }),
        idempotence: true,
      },
    )
  }

  private make(settings: SendSettings, more: Partial<ProducerOptions>): EngineProducer {
    const { cluster, config } = this
    const idempotence = more.idempotence ?? config.idempotent ?? false
    const inFlight = config.maxInFlightRequests ?? 5
    const deliveryTimeoutMs = Math.max(cluster.deadlineMs, cluster.requestTimeout)
    return cluster.engine.producer({
      acks: settings.acks as -1 | 0 | 1,
      idempotence,
      linger: 0,
      batchSize: 65_536,
      maxRequestSize: REQUEST_BYTES_MAX,
      bufferMemory: 4 * REQUEST_BYTES_MAX,
      maxInFlight: idempotence ? Math.min(5, inFlight) : inFlight,
      deliveryTimeoutMs,
      requestTimeoutMs: settings.timeout ?? cluster.requestTimeout,
      maxBlockMs: cluster.deadlineMs,
      ...more,
    })
  }

  /** They are closed with the engine; a new engine gets new ones. */
  forget(): void {
    this.producers.clear()
  }
}
