/**
 * One engine for one producer, consumer or admin client, and what kafkajs calls its cluster: the
 * topics in use and what is known of them. The engine lives from `connect` to `disconnect`, and may
 * come to life again.
 */
import { messageOf, realClock } from '@ottla/base'
import { type BrokerRequestOptions, Kafka as Engine } from '@ottla/client'
import type { RequestReport } from '@ottla/network'
import { type Api, apis, type Fields, type FieldsInput, type FieldsValue } from '@ottla/protocol'
import { EARLIEST_OFFSET, LATEST_OFFSET } from '../constants.ts'
import { protocolError, toKafkaJSError } from '../engine-errors.ts'
import {
  KafkaJSBrokerNotFound,
  KafkaJSConnectionError,
  KafkaJSGroupCoordinatorNotFound,
  KafkaJSNonRetriableError,
  KafkaJSTopicMetadataNotLoaded,
} from '../errors.ts'
import type { InstrumentationEmitter } from '../observe/emitter.ts'
import { engineLogger } from '../observe/logger.ts'
import { type ResolvedRetry, retryBudgetMs, withRetry } from '../retry.ts'
import type {
  BrokerMetadata,
  Cluster,
  CoordinatorMetadata,
  PartitionMetadata,
  TopicOffsets,
} from '../types/cluster.ts'
import type { KafkaConfig } from '../types/config.ts'
import type { Logger } from '../types/logging.ts'
import { loginOf } from './sasl.ts'
import { throughFactory } from './socket-factory.ts'

export interface ClusterOptions {
  readonly config: KafkaConfig
  readonly logger: Logger
  readonly retry: ResolvedRetry
  readonly emitter: InstrumentationEmitter
  /** Prefix of the network events: `producer`, `consumer`, `admin`. */
  readonly role: string
  readonly metadataMaxAge?: number | undefined
  readonly allowAutoTopicCreation?: boolean | undefined
}

export type Metadata = BrokerMetadata & { clusterId: string; controllerId: number }

const UNKNOWN_TOPIC = 3
const LEADER_NOT_AVAILABLE = 5
/** Errors of a topic that would fail every later request for metadata as well. */
const REFUSED_TOPICS: readonly (string | undefined)[] = [
  'INVALID_TOPIC_EXCEPTION',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'TOPIC_AUTHORIZATION_FAILED',
]

export class KafkaCluster implements Cluster {
  readonly targetTopics = new Set<string>()
  readonly retry: ResolvedRetry
  private readonly options: ClusterOptions
  /** Told of each request as well: the consumer makes events of its own of some. */
  onReport: ((report: RequestReport) => void) | undefined
  private running: Engine | undefined
  private connecting: Promise<void> | undefined
  private known: Metadata | undefined
  private refreshedMs = 0
  /** The last call that adds topics. */
  private adding: Promise<void> = Promise.resolve()

  constructor(options: ClusterOptions) {
    this.options = options
    this.retry = options.retry
  }

  get requestTimeout(): number {
    return this.options.config.requestTimeout ?? 30_000
  }

  /** How long the engine may try again before it gives up. */
  get deadlineMs(): number {
    return Math.max(1_000, retryBudgetMs(this.retry))
  }

  // ---- connection -------------------------------------------------------------------------------

  connect(): Promise<void> {
    this.connecting ??= this.connectNow().finally(() => {
      this.connecting = undefined
    })
    return this.connecting
  }

  private async connectNow(): Promise<void> {
    if (this.running) return
    const engine = new Engine(await this.engineOptions())
    this.running = engine
    try {
      await withRetry(this.retry, () => this.load([]), isHopeless)
    } catch (error) {
      this.running = undefined
      await engine.close()
      throw error
    }
  }

  private async engineOptions() {
    const { config, logger, metadataMaxAge, allowAutoTopicCreation } = this.options
    const { ssl, sasl, clientId, socketFactory } = config
    return {
      brokers: await this.brokerList(),
      clientId: clientId ?? 'kafkajs',
      ...(socketFactory
        ? { openSocket: throughFactory(socketFactory, ssl) }
        : ssl
          ? { tls: ssl }
          : {}),
      ...(sasl ? { sasl: loginOf(sasl, logger) } : {}),
      logger: engineLogger(logger.namespace('Engine')),
      connectTimeoutMs: config.connectionTimeout ?? 1_000,
      requestTimeoutMs: this.requestTimeout,
      apiTimeoutMs: this.deadlineMs,
      metadataMaxAgeMs: metadataMaxAge ?? 300_000,
      allowAutoTopicCreation: allowAutoTopicCreation ?? true,
      onRequest: (report: RequestReport) => this.report(report),
    }
  }

  private async brokerList(): Promise<string[]> {
    const { brokers } = this.options.config
    if (Array.isArray(brokers)) {
      if (brokers.length > 0 && brokers.every((one) => typeof one === 'string')) return brokers
      if (brokers.length > 0) {
        const odd = JSON.stringify(brokers.find((one) => typeof one !== 'string'))
        throw new KafkaJSNonRetriableError(`Failed to connect: broker must be a string, got ${odd}`)
      }
      throw new KafkaJSNonRetriableError(
        'Failed to connect: expected brokers array and got nothing',
      )
    }
    if (typeof brokers !== 'function') {
      throw new KafkaJSNonRetriableError(
        'Failed to connect: expected brokers array and got nothing',
      )
    }
    let found: unknown
    try {
      found = await brokers()
    } catch (error) {
      const message = `Failed to connect: "config.brokers" threw: ${messageOf(error)}`
      throw new KafkaJSConnectionError(message)
    }
    if (Array.isArray(found) && found.length > 0) return found
    const shown = Array.isArray(found) ? 'an empty array' : String(found)
    throw new KafkaJSConnectionError(
      `Failed to connect: "config.brokers" returned void or empty array: ${shown}`,
    )
  }

  async disconnect(): Promise<void> {
    const { running } = this
    this.running = undefined
    await running?.close()
  }

  isConnected(): boolean {
    return this.running !== undefined
  }

  /** The engine; throws before `connect`. */
  get engine(): Engine {
    if (this.running) return this.running
    throw new KafkaJSConnectionError('The client is not connected: call connect() first')
  }

  private report(report: RequestReport): void {
    this.onReport?.(report)
    const { emitter, role } = this.options
    const { broker, clientId, inFlight } = report
    const names = `${role}.network`
    emitter.emit(`${names}.request_queue_size`, { broker, clientId, queueSize: inFlight })
    const name = report.hasTimedOut ? `${names}.request_timeout` : `${names}.request`
    if (!emitter.has(name)) return
    const { apiKey, apiName, apiVersion, correlationId, sentAtMs } = report
    const about = { broker, clientId, correlationId, apiKey, apiName, apiVersion }
    const times = { createdAt: sentAtMs, sentAt: sentAtMs, pendingDuration: 0 }
    const rest = { duration: Math.round(report.durationMs), size: report.responseBytes }
    emitter.emit(name, { ...about, ...times, ...(report.hasTimedOut ? {} : rest) })
  }

  /** One request, its transport errors as kafkajs's; error codes in the answer are the caller's. */
  async request<Q extends Fields, S extends Fields>(
    api: Api<Q, S>,
    body: FieldsInput<Q>,
    options: BrokerRequestOptions = {},
  ): Promise<FieldsValue<S>> {
    // As in kafkajs, calls of an admin client connect where nobody has.
    if (!this.running) await this.connect()
    try {
      return await this.engine.request(api, body, options)
    } catch (error) {
      throw toKafkaJSError(error)
    }
  }

  // ---- metadata ---------------------------------------------------------------------------------

  /** Metadata of the topics; of all without any. Not remembered. */
  async metadata({ topics }: { topics?: readonly string[] } = {}): Promise<Metadata> {
    return withRetry(this.retry, async () => {
      const metadata = await this.ask(topics && topics.length > 0 ? topics : null)
      failOnTopicError(metadata)
      return metadata
    })
  }

  private async ask(topics: readonly string[] | null): Promise<Metadata> {
    const allowAutoTopicCreation = this.options.allowAutoTopicCreation ?? true
    const wanted = topics === null ? null : topics.map((name) => ({ name }))
    const body = { topics: wanted, allowAutoTopicCreation }
    const answer = await this.request(apis.metadata, body)
    return {
      clusterId: answer.clusterId ?? '',
      controllerId: answer.controllerId,
      brokers: answer.brokers.map(({ nodeId, host, port, rack }) => ({
        ...{ nodeId, host, port },
        ...(rack === null ? {} : { rack }),
      })),
      topicMetadata: answer.topics.map((topic) => ({
        topicErrorCode: topic.errorCode,
        topic: topic.name ?? '',
        isInternal: topic.isInternal,
        partitionMetadata: topic.partitions.map((partition) => ({
          partitionErrorCode: partition.errorCode,
          partitionId: partition.partitionIndex,
          leader: partition.leaderId,
          replicas: [...partition.replicaNodes],
          isr: [...partition.isrNodes],
          offlineReplicas: [...partition.offlineReplicas],
        })),
      })),
    }
  }

  private async load(topics: readonly string[]): Promise<void> {
    const metadata = await this.ask(topics)
    failOnTopicError(metadata)
    this.known = metadata
    this.refreshedMs = realClock.monotonicMs()
  }

  refreshMetadata(): Promise<void> {
    return withRetry(
      this.retry,
      () => this.load([...this.targetTopics]),
      (error) => (error as { type?: string }).type === 'INVALID_TOPIC_EXCEPTION',
    )
  }

  async refreshMetadataIfNecessary(): Promise<void> {
    const ageMs = realClock.monotonicMs() - this.refreshedMs
    const isKnown = [...this.targetTopics].every((topic) => this.topicMetadata(topic))
    if (isKnown && ageMs < (this.options.metadataMaxAge ?? 300_000)) return
    await this.refreshMetadata()
  }

  addTargetTopic(topic: string): Promise<void> {
    return this.addMultipleTargetTopics([topic])
  }

  /**
   * Topics whose metadata is kept; one that is unknown is asked for now. One call after the other:
   * a topic that is refused is forgotten again before the next call asks for all of them.
   */
  addMultipleTargetTopics(topics: readonly string[]): Promise<void> {
    if (this.known && topics.every((topic) => this.targetTopics.has(topic))) {
      return Promise.resolve()
    }
    const added = this.adding.then(() => this.addTargetTopics(topics))
    this.adding = added.catch(() => {
      // Its caller is told.
    })
    return added
  }

  private async addTargetTopics(topics: readonly string[]): Promise<void> {
    const before = new Set(this.targetTopics)
    for (const topic of topics) this.targetTopics.add(topic)
    if (this.known && this.targetTopics.size === before.size) return
    try {
      await this.refreshMetadata()
    } catch (error) {
      const { type } = innermost(error) as { type?: string }
      if (REFUSED_TOPICS.includes(type)) {
        for (const topic of topics) if (!before.has(topic)) this.targetTopics.delete(topic)
      }
      throw error
    }
  }

  getNodeIds(): number[] {
    return this.known?.brokers.map(({ nodeId }) => nodeId) ?? []
  }

  /** The id of a broker by `host:port`; -1 for one that metadata does not list. */
  nodeIdOf(address: string): number {
    const found = this.known?.brokers.find(({ host, port }) => `${host}:${port}` === address)
    return found?.nodeId ?? -1
  }

  private topicMetadata(topic: string) {
    return this.known?.topicMetadata.find((one) => one.topic === topic)
  }

  findTopicPartitionMetadata(topic: string): PartitionMetadata[] {
    const found = this.topicMetadata(topic)
    if (found) return found.partitionMetadata
    if (this.known && this.targetTopics.has(topic)) return []
    throw new KafkaJSTopicMetadataNotLoaded('Topic metadata not loaded', { topic })
  }

  /** Partitions by the broker that leads them. */
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Record<string, number[]> {
    const metadata = this.findTopicPartitionMetadata(topic)
    const byLeader: Record<string, number[]> = {}
    for (const partition of partitions) {
      const found = metadata.find(({ partitionId }) => partitionId === Number(partition))
      if (!found) continue
      byLeader[found.leader] = [...(byLeader[found.leader] ?? []), Number(partition)]
    }
    return byLeader
  }

  // ---- offsets and coordinators -----------------------------------------------------------------

  defaultOffset({ fromBeginning }: { fromBeginning?: boolean }): number {
    return fromBeginning ? EARLIEST_OFFSET : LATEST_OFFSET
  }

  async fetchTopicsOffset(
    topics: Parameters<Cluster['fetchTopicsOffset']>[0],
  ): Promise<TopicOffsets[]> {
    await this.addMultipleTargetTopics(topics.map(({ topic }) => topic))
    return Promise.all(
      topics.map(async ({ topic, partitions, fromBeginning, fromTimestamp }) => {
        const fallback = this.defaultOffset({ fromBeginning: !!fromBeginning })
        // Some pass it as text.
        const timestamp = Number(fromTimestamp ?? fallback)
        const wanted = partitions.map(({ partition }) => partition)
        const byLeader = Object.entries(this.findLeaderForPartitions(topic, wanted))
        const parts = await Promise.all(
          byLeader.map(([leader, led]) => this.listOffsets(Number(leader), topic, led, timestamp)),
        )
        return { topic, partitions: parts.flat() }
      }),
    )
  }

  private async listOffsets(
    broker: number,
    topic: string,
    partitions: readonly number[],
    timestamp: number,
  ): Promise<{ partition: number; offset: string }[]> {
    const wanted = partitions.map((partitionIndex) => ({ partitionIndex, timestamp }))
    const topics = [{ name: topic, partitions: wanted }]
    const body = { replicaId: -1, isolationLevel: 1, topics }
    const answer = await this.request(apis.listOffsets, body, { broker })
    return answer.topics.flatMap((found) =>
      found.partitions.map((partition) => {
        if (partition.errorCode !== 0) throw protocolError(partition.errorCode)
        return { partition: partition.partitionIndex, offset: String(partition.offset) }
      }),
    )
  }

  /** Broker id of a group's coordinator. */
  async findGroupCoordinator({ groupId }: { groupId: string }): Promise<number> {
    const { coordinator } = await this.findGroupCoordinatorMetadata({ groupId })
    return coordinator.nodeId
  }

  findGroupCoordinatorMetadata({ groupId }: { groupId: string }): Promise<CoordinatorMetadata> {
    return withRetry(this.retry, async () => {
      const body = { key: groupId, keyType: 0, coordinatorKeys: [groupId] }
      const answer = await this.request(apis.findCoordinator, body)
      const { errorCode, nodeId, host, port } = answer.coordinators[0] ?? answer
      if (errorCode !== 0) throw protocolError(errorCode)
      if (nodeId < 0) throw new KafkaJSGroupCoordinatorNotFound(`No coordinator: ${groupId}`)
      if (!this.getNodeIds().includes(nodeId)) await this.load([...this.targetTopics])
      return { errorCode, coordinator: { nodeId, host, port } }
    })
  }

  /** Broker id of the controller. */
  controller(): number {
    const id = this.known?.controllerId ?? -1
    if (id >= 0) return id
    throw new KafkaJSBrokerNotFound('No controller is known')
  }
}

function failOnTopicError(metadata: Metadata): void {
  for (const { topicErrorCode, partitionMetadata } of metadata.topicMetadata) {
    if (topicErrorCode !== 0) throw protocolError(topicErrorCode)
    const isLeaderless = partitionMetadata.some(
      ({ partitionErrorCode }) => partitionErrorCode === LEADER_NOT_AVAILABLE,
    )
    if (isLeaderless) throw protocolError(LEADER_NOT_AVAILABLE)
  }
}

/** A login that was refused stays refused. */
const isHopeless = (error: Error): boolean => error.name === 'KafkaJSSASLAuthenticationError'

export function innermost(error: unknown): unknown {
  const { cause } = error as { cause?: unknown }
  return cause === undefined ? error : innermost(cause)
}

export { UNKNOWN_TOPIC }
