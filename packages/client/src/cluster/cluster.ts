/**
 * The way to the cluster: metadata kept fresh, requests sent to the right broker, coordinators
 * found. One per `Kafka` object; producers and consumers share its metadata and bring connection
 * pools of their own for requests that may block others.
 *
 * Metadata is asked for by topic, and questions that come up while one is on its way are joined to
 * the next, so a burst of sends to new topics costs two requests, not hundreds.
 */
import { messageOf, type Timer } from '@ottla/base'
import { ConnectionError } from '@ottla/network'
import {
  type Api,
  apis,
  errorCode,
  type Fields,
  type FieldsInput,
  type FieldsValue,
} from '@ottla/protocol'
import { isRetriableError, KafkaError } from '../errors.ts'
import type { ClientContext, Node } from './client-context.ts'
import { ClusterMetadata, type PartitionMetadata, type TopicMetadata } from './cluster-metadata.ts'
import { ConnectionPool } from './connection-pool.ts'
import { abortable, retry } from './retry.ts'

/** A broker by id, whichever answers first, or the controller. */
export type Target = number | 'any' | 'controller'

export interface ClusterRequestOptions {
  readonly timeoutMs?: number
  /** Use no newer version than this. */
  readonly versionMax?: number
  readonly signal?: AbortSignal | undefined
  readonly pool?: ConnectionPool
}

export interface TopicOptions {
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

export type CoordinatorType = 'group' | 'transaction'
const COORDINATOR_KEY_TYPE = { group: 0, transaction: 1 } as const

export class Cluster {
  readonly context: ClientContext
  readonly metadata = new ClusterMetadata()
  readonly pool: ConnectionPool
  private readonly bootstrap: readonly Node[]
  private readonly watched = new Map<string, number>()
  private readonly listeners = new Set<() => void>()
  private readonly coordinators = new Map<string, Node>()
  private readonly stale = new Set<string>()
  private pending: { names: Set<string>; done: Promise<void> } | undefined
  private running: Promise<void> = Promise.resolve()
  private staleTimer: Timer | undefined
  private ageTimer: Timer | undefined
  private lastRefreshMs = Number.NEGATIVE_INFINITY
  private isClosed = false

  constructor(context: ClientContext) {
    this.context = context
    this.pool = new ConnectionPool(context)
    this.bootstrap = context.brokers.map((address, i) => ({ ...address, id: -1 - i, rack: null }))
  }

  // ---- requests ---------------------------------------------------------------------------------

  /** Sends one request once; does not retry. */
  async request<Q extends Fields, S extends Fields>(
    target: Target,
    api: Api<Q, S>,
    body: FieldsInput<Q>,
    options: ClusterRequestOptions = {},
  ): Promise<FieldsValue<S>> {
    if (target === 'any') return this.requestAny(api, body, options)
    const id = target === 'controller' ? await this.controllerId() : target
    if (id >= 0 && !this.metadata.node(id)) await this.refreshTopics([])
    const node = this.metadata.node(id)
    // A broker that metadata does not list (yet): any broker can still answer most requests.
    if (!node) {
      if (target === 'controller') return this.requestAny(api, body, options)
      throw new ConnectionError(`broker ${id}`, 'the cluster metadata does not list it')
    }
    return this.requestNode(node, api, body, options)
  }

  async requestNode<Q extends Fields, S extends Fields>(
    node: Node,
    api: Api<Q, S>,
    body: FieldsInput<Q>,
    options: ClusterRequestOptions = {},
  ): Promise<FieldsValue<S>> {
    const { connection, versions } = await abortable(
      (options.pool ?? this.pool).get(node),
      options.signal,
    )
    const version = versions.pick(api, options.versionMax)
    const timeoutMs = options.timeoutMs ?? this.context.requestTimeoutMs
    return abortable(connection.request(api, version, body, { timeoutMs }), options.signal)
  }

  /** Tries brokers until one answers: known ones in random order, then the bootstrap addresses. */
  private async requestAny<Q extends Fields, S extends Fields>(
    api: Api<Q, S>,
    body: FieldsInput<Q>,
    options: ClusterRequestOptions,
  ): Promise<FieldsValue<S>> {
    let last: unknown
    for (const node of this.candidates()) {
      try {
        return await this.requestNode(node, api, body, options)
      } catch (error) {
        if (!isRetriableError(error)) throw error
        last = error
      }
    }
    throw last
  }

  private candidates(): Node[] {
    const { random } = this.context
    const order = (nodes: readonly Node[]) =>
      nodes
        .map((node) => ({ node, key: random.integer(2 ** 30) }))
        .sort((a, b) => a.key - b.key)
        .map(({ node }) => node)
    const known = order(this.metadata.allNodes())
    const all = [
      ...known.filter((node) => this.pool.peek(node)),
      ...known,
      ...order(this.bootstrap),
    ]
    const ready = all.filter((node) => !this.pool.isBackingOff(node))
    return [...new Set(ready.length > 0 ? ready : all)]
  }

  private async controllerId(): Promise<number> {
    if (!this.metadata.node(this.metadata.controllerId)) await this.refreshTopics([])
    return this.metadata.controllerId
  }

  // ---- metadata ---------------------------------------------------------------------------------

  /** Tells the listener about every metadata update; returns the way to stop that. */
  onUpdate(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Keeps a topic's metadata fresh until the matching unwatch. */
  watch(topic: string): void {
    this.watched.set(topic, (this.watched.get(topic) ?? 0) + 1)
    this.armAgeTimer()
  }

  unwatch(topic: string): void {
    const count = (this.watched.get(topic) ?? 0) - 1
    if (count > 0) this.watched.set(topic, count)
    else this.watched.delete(topic)
    if (this.watched.size > 0) return
    this.ageTimer?.cancel()
    this.ageTimer = undefined
  }

  private armAgeTimer(): void {
    if (this.ageTimer || this.isClosed) return
    this.ageTimer = this.context.clock.setTimer(this.context.metadataMaxAgeMs, () => {
      this.ageTimer = undefined
      this.refreshInBackground([...this.watched.keys()])
      this.armAgeTimer()
    })
  }

  private refreshInBackground(names: readonly string[]): void {
    this.refreshTopics(names).catch((error: unknown) => {
      if (this.isClosed) return
      this.context.logger.warn('metadata refresh failed', { reason: messageOf(error) })
      for (const name of names) this.markStale(name)
    })
  }

  /** A topic's leaders are out of date: asks again soon, at most once per retry backoff. */
  markStale(topic: string): void {
    this.stale.add(topic)
    if (this.staleTimer || this.isClosed) return
    const { clock, retryBackoff } = this.context
    const delayMs = Math.max(0, this.lastRefreshMs + retryBackoff.minMs - clock.monotonicMs())
    this.staleTimer = clock.setTimer(delayMs, () => {
      this.staleTimer = undefined
      const names = [...this.stale]
      this.stale.clear()
      this.refreshInBackground(names)
    })
  }

  /** Metadata of one topic, asked for when it is not known yet. */
  async topic(name: string, options: TopicOptions): Promise<TopicMetadata> {
    const known = this.metadata.topic(name)
    if (known) return known
    const retryOptions = { what: `Metadata of topic ${name}`, ...options }
    return retry(this.context, retryOptions, async () => {
      await this.refreshTopics([name])
      const topic = this.metadata.topic(name)
      if (topic) return topic
      const error = this.metadata.topicError(name) || errorCode('LEADER_NOT_AVAILABLE')
      throw new KafkaError(error, `Metadata of topic ${name}`)
    })
  }

  partition(topic: string, partition: number): PartitionMetadata | undefined {
    return this.metadata.partition(topic, partition)
  }

  /** Asks for the given topics; one call of several that come at the same time does the work. */
  refreshTopics(names: readonly string[]): Promise<void> {
    if (this.pending) {
      for (const name of names) this.pending.names.add(name)
      return this.pending.done
    }
    const wanted = new Set(names)
    const done = this.running.then(() => {
      this.pending = undefined
      return this.load([...wanted])
    })
    this.pending = { names: wanted, done }
    this.running = done.catch(() => {
      // Whoever asked has been told through `done`; the next refresh starts afresh.
    })
    return done
  }

  private async load(names: readonly string[]): Promise<void> {
    this.lastRefreshMs = this.context.clock.monotonicMs()
    const { allowAutoTopicCreation } = this.context
    const body = { topics: names.map((name) => ({ name })), allowAutoTopicCreation }
    this.metadata.update(await this.request('any', apis.metadata, body), false)
    for (const listener of this.listeners) listener()
  }

  /** Asks for all topics, for pattern subscriptions and listings. */
  async refreshAll(): Promise<void> {
    this.metadata.update(await this.request('any', apis.metadata, { topics: null }), true)
    for (const listener of this.listeners) listener()
  }

  // ---- coordinators -----------------------------------------------------------------------------

  /** The broker that coordinates a group or a transactional id; remembered until invalidated. */
  async coordinator(type: CoordinatorType, key: string): Promise<Node> {
    const known = this.coordinators.get(`${type}:${key}`)
    if (known) return known
    const response = await this.request('any', apis.findCoordinator, {
      key,
      keyType: COORDINATOR_KEY_TYPE[type],
      coordinatorKeys: [key],
    })
    const found = response.coordinators[0] ?? response
    if (found.errorCode !== 0) {
      throw new KafkaError(found.errorCode, `Coordinator of ${type} ${key}`, found.errorMessage)
    }
    const node = { id: found.nodeId, host: found.host, port: found.port, rack: null }
    this.coordinators.set(`${type}:${key}`, node)
    return node
  }

  invalidateCoordinator(type: CoordinatorType, key: string): void {
    this.coordinators.delete(`${type}:${key}`)
  }

  close(): void {
    this.isClosed = true
    this.staleTimer?.cancel()
    this.ageTimer?.cancel()
    this.pool.close()
  }
}
