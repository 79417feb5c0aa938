/** The client: one object per cluster, from which producers, consumers and admin calls come. */
import type { ConnectionOptions as TlsOptions } from 'node:tls'
import {
  type ClientLogger,
  type Clock,
  type Random,
  realClock,
  realRandom,
  silentLogger,
} from '@ottla/base'
import type { OpenSocket, RequestReport, SaslOptions } from '@ottla/network'
import type { Api, Fields, FieldsInput, FieldsValue } from '@ottla/protocol'
import { Admin } from './admin/admin.ts'
import { type BackoffRange, type ClientContext, parseAddress } from './cluster/client-context.ts'
import { Cluster, type ClusterRequestOptions, type Target } from './cluster/cluster.ts'
import { Consumer } from './consumer/consumer.ts'
import type { ConsumerOptions } from './consumer/consumer-options.ts'
import { type ClientMetric, ClientMetrics } from './metrics/client-metrics.ts'
import { MetricsPush } from './metrics/metrics-push.ts'
import { Producer } from './producer/producer.ts'
import type { ProducerOptions } from './producer/producer-options.ts'
import { ShareConsumer } from './share/share-consumer.ts'
import type { ShareConsumerOptions } from './share/share-options.ts'
import type { Tracing } from './tracing/tracing.ts'

export interface KafkaOptions {
  /** `host:port` of one or more brokers, as a list or separated by commas. */
  readonly brokers: string | readonly string[]
  readonly clientId?: string
  /** True, or options of node:tls. */
  readonly tls?: boolean | TlsOptions
  /**
   * How the client proves who it is: `{ mechanism: 'SCRAM-SHA-512', username, password }`, PLAIN in
   * the same way, or `{ mechanism: 'OAUTHBEARER', token }`. A secret may be a function, which is
   * asked each time it is needed. Use PLAIN and OAUTHBEARER with `tls` only: they send the secret
   * itself.
   */
  readonly sasl?: SaslOptions
  /**
   * Opens what a connection runs over, in place of a TCP socket: a stream that is connected to the
   * broker, through a proxy or a tunnel. With `tls` the handshake goes over it. `connectTimeoutMs`
   * holds for it as well.
   */
  readonly openSocket?: OpenSocket
  /**
   * Told what a program need not act on, with a text that never changes and an object of what does:
   * `console`, or one's own. Default: nobody.
   */
  readonly logger?: ClientLogger
  /** Told of every record: `openTelemetry()` of `@ottla/opentelemetry`, or one's own. */
  readonly tracing?: Tracing
  /**
   * Pushes metrics to the cluster when its operators have subscribed to them (KIP-714).
   * `enable.metrics.push` of the Java client. Default true.
   */
  readonly metricsPush?: boolean
  readonly clock?: Clock
  readonly random?: Random
  /** How long one request may take. Default 30000. */
  readonly requestTimeoutMs?: number
  /** How long a call such as an admin call may take, retries included. Default 60000. */
  readonly apiTimeoutMs?: number
  /** Default 10000. */
  readonly connectTimeoutMs?: number
  /** Default 300000. */
  readonly metadataMaxAgeMs?: number
  /**
   * Pause before a request that failed is tried again, doubled with each failure up to
   * `retryBackoffMaxMs` (KIP-580). `retry.backoff.ms`. Default 100.
   */
  readonly retryBackoffMs?: number
  /** `retry.backoff.max.ms`. Default 1000, or `retryBackoffMs` when that is more. */
  readonly retryBackoffMaxMs?: number
  /**
   * Pause before a broker that could not be reached is tried again, doubled with each failure up to
   * `reconnectBackoffMaxMs`. `reconnect.backoff.ms`. Default 50.
   */
  readonly reconnectBackoffMs?: number
  /** `reconnect.backoff.max.ms`. Default 1000, or `reconnectBackoffMs` when that is more. */
  readonly reconnectBackoffMaxMs?: number
  /**
   * Whether a topic that is asked for and does not exist is created, where the broker allows it
   * (`auto.create.topics.enable`). Default true.
   */
  readonly allowAutoTopicCreation?: boolean
  /** Called with every request that was answered or given up: for metrics and tracing. */
  readonly onRequest?: (report: RequestReport) => void
}

export interface BrokerRequestOptions extends ClusterRequestOptions {
  /** A broker id, `controller`, or `any` (the default). */
  readonly broker?: Target
}

export class Kafka {
  /** Topics, settings, groups. */
  readonly admin: Admin
  private readonly cluster: Cluster
  private readonly open = new Set<AsyncDisposable>()
  private readonly push: MetricsPush | undefined

  constructor(options: KafkaOptions) {
    const context = contextOf(options)
    this.cluster = new Cluster(context)
    if (options.metricsPush !== false) this.push = new MetricsPush(this.cluster, context.metrics)
    this.admin = new Admin(this.cluster)
  }

  producer(options: ProducerOptions = {}): Producer {
    const producer: Producer = new Producer(this.cluster, options, () => this.open.delete(producer))
    this.remember(producer)
    return producer
  }

  consumer(options: ConsumerOptions = {}): Consumer {
    const consumer: Consumer = new Consumer(this.cluster, options, () => this.open.delete(consumer))
    this.remember(consumer)
    return consumer
  }

  /** A member of a share group (KIP-932), as Kafka 4.2 and later offer them. */
  shareConsumer(options: ShareConsumerOptions): ShareConsumer {
    const consumer: ShareConsumer = new ShareConsumer(this.cluster, options, () =>
      this.open.delete(consumer),
    )
    this.remember(consumer)
    return consumer
  }

  private remember(opened: AsyncDisposable): void {
    this.open.add(opened)
    this.push?.start()
  }

  /**
   * What the producers and consumers of this client have measured, by the names of the Java
   * client's metrics; `prometheusText` makes a page of them.
   */
  metrics(): ClientMetric[] {
    return this.cluster.context.metrics.collect()
  }

  /**
   * What the cluster knows this client by where its metrics arrive (KIP-714, `clientInstanceId` of
   * the Java clients); undefined before it has been asked, or without `metricsPush`.
   */
  get clientInstanceId(): string | undefined {
    return this.push?.clientInstanceId
  }

  /**
   * Sends any request of Kafka's protocol: for what has no method of its own. Takes the tables of
   * `@ottla/protocol`, chooses the version, and leaves error codes in the response alone.
   */
  request<Q extends Fields, S extends Fields>(
    api: Api<Q, S>,
    body: FieldsInput<Q>,
    options: BrokerRequestOptions = {},
  ): Promise<FieldsValue<S>> {
    return this.cluster.request(options.broker ?? 'any', api, body, options)
  }

  /** Closes every producer and consumer that came from here, then the connections. */
  async close(): Promise<void> {
    const results = await Promise.allSettled(
      [...this.open].map((opened) => opened[Symbol.asyncDispose]()),
    )
    this.open.clear()
    await this.push?.close()
    this.cluster.close()
    for (const result of results) if (result.status === 'rejected') throw result.reason
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function contextOf(options: KafkaOptions): ClientContext {
  const list = typeof options.brokers === 'string' ? options.brokers.split(',') : options.brokers
  const brokers = list.map((text) => parseAddress(text.trim()))
  if (brokers.length === 0) throw new TypeError('brokers must name at least one host:port')
  const { tls } = options
  const context: ClientContext = {
    clientId: options.clientId ?? 'ottla',
    brokers,
    tls: tls === true ? {} : tls || undefined,
    sasl: options.sasl,
    openSocket: options.openSocket,
    clock: options.clock ?? realClock,
    random: options.random ?? realRandom,
    logger: options.logger ?? silentLogger,
    tracing: options.tracing,
    metrics: new ClientMetrics(options.clock ?? realClock),
    requestTimeoutMs: options.requestTimeoutMs ?? 30_000,
    apiTimeoutMs: options.apiTimeoutMs ?? 60_000,
    connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
    metadataMaxAgeMs: options.metadataMaxAgeMs ?? 300_000,
    allowAutoTopicCreation: options.allowAutoTopicCreation ?? true,
    onRequest: options.onRequest,
    retryBackoff: backoffRange('retryBackoff', options, 100),
    reconnectBackoff: backoffRange('reconnectBackoff', options, 50),
  }
  // Whoever logs a client sees its options, but not these.
  return Object.defineProperties(context, { sasl: HIDDEN, tls: HIDDEN })
}

const HIDDEN = { enumerable: false }

function backoffRange(
  name: 'retryBackoff' | 'reconnectBackoff',
  options: KafkaOptions,
  usualMs: number,
): BackoffRange {
  const minMs = options[`${name}Ms`] ?? usualMs
  const maxMs = options[`${name}MaxMs`] ?? Math.max(1_000, minMs)
  if (minMs >= 0 && maxMs >= minMs) return { minMs, maxMs }
  throw new RangeError(`${name}Ms must be 0 or more, and not above ${name}MaxMs`)
}
