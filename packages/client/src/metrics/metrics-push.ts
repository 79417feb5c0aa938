/**
 * Pushes the client's metrics to the cluster where an operator has subscribed to them (KIP-714;
 * `enable.metrics.push` of the Java client).
 *
 *   ask --nothing wanted--> wait the interval --> ask ...
 *    |
 *    +--wanted--> wait 0.5 to 1.5 intervals --> push --> wait the interval --> push ...
 *                                                |
 *                     subscription changed <-----+   back to ask
 *
 * Must always hold:
 * - a cluster that knows nothing of it is asked once in ASK_AGAIN_MS and bothered no further;
 * - a failure is never the application's: it is logged and tried again later;
 * - the last push says so, and closing does not wait for it longer than LAST_PUSH_MS.
 */
import { AbortError, type Clock, delay, messageOf, ZERO_UUID } from '@ottla/base'
import { UnsupportedVersionError } from '@ottla/network'
import {
  apis,
  COMPRESSION,
  compress,
  type ErrorName,
  errorName,
  loadCodec,
  type ResponseOf,
} from '@ottla/protocol'
import type { Cluster } from '../cluster/cluster.ts'
import type { ClientMetric, ClientMetrics } from './client-metrics.ts'
import { encodeMetrics } from './otlp.ts'

const ASK_AGAIN_MS = 300_000
const LAST_PUSH_MS = 1_000

type Subscription = ResponseOf<typeof apis.getTelemetrySubscriptions>

export class MetricsPush {
  private readonly cluster: Cluster
  private readonly metrics: ClientMetrics
  private readonly clock: Clock
  private readonly stop = new AbortController()
  private instanceId = ZERO_UUID
  private subscription: Subscription | undefined
  /** Counters as of the push before, by name and labels. */
  private pushed = new Map<string, number>()
  private pushedMs: number
  /** Brokers know instances one by one: all requests go to the same while it can be reached. */
  private nodeId: number | undefined
  private running: Promise<void> | undefined

  constructor(cluster: Cluster, metrics: ClientMetrics) {
    this.cluster = cluster
    this.metrics = metrics
    this.clock = cluster.context.clock
    this.pushedMs = this.clock.now()
  }

  /** Begins once the client has heard of the cluster; asking for more than once does nothing. */
  start(): void {
    if (this.running) return
    const known = new Promise<void>((resolve) => {
      const stopListening = this.cluster.onUpdate(() => {
        stopListening()
        resolve()
      })
      this.stop.signal.addEventListener('abort', () => resolve(), { once: true })
    })
    this.running = known.then(() => this.turn())
  }

  get clientInstanceId(): string | undefined {
    return this.instanceId === ZERO_UUID ? undefined : this.instanceId
  }

  private async turn(): Promise<void> {
    while (!this.isStopped) {
      let waitMs: number
      try {
        waitMs = await this.step()
      } catch (error) {
        if (this.isStopped) return
        const isUnknown = error instanceof UnsupportedVersionError
        const reason = messageOf(error)
        if (!isUnknown) this.cluster.context.logger.debug('metrics were not pushed', { reason })
        waitMs = isUnknown ? ASK_AGAIN_MS : (this.subscription?.pushIntervalMs ?? ASK_AGAIN_MS)
        this.nodeId = undefined
        this.subscription = undefined
      }
      await this.pause(waitMs)
    }
  }

  private get isStopped(): boolean {
    return this.stop.signal.aborted
  }

  private async pause(waitMs: number): Promise<void> {
    try {
      await delay(this.clock, waitMs, this.stop.signal)
    } catch (error) {
      if (!(error instanceof AbortError) && !this.isStopped) throw error
    }
  }

  /** Asks or pushes; returns how long to wait before the next step. */
  private async step(): Promise<number> {
    if (!this.subscription) return this.ask()
    if (this.subscription.requestedMetrics.length === 0) {
      this.subscription = undefined
      return 0
    }
    const { pushIntervalMs } = this.subscription
    return this.judge(await this.push(this.subscription, false), pushIntervalMs)
  }

  private async ask(): Promise<number> {
    const node = this.node()
    const answer = await this.cluster.request(node, apis.getTelemetrySubscriptions, {
      clientInstanceId: this.instanceId,
    })
    const { errorCode, clientInstanceId, pushIntervalMs, requestedMetrics } = answer
    if (errorCode !== 0) throw new TypeError(`GetTelemetrySubscriptions: ${errorName(errorCode)}`)
    if (clientInstanceId !== ZERO_UUID) this.instanceId = clientInstanceId
    this.subscription = answer
    if (requestedMetrics.length === 0) return pushIntervalMs
    // Clients that began together do not push together.
    return pushIntervalMs * (0.5 + this.cluster.context.random.integer(1001) / 1000)
  }

  private node(): number | 'any' {
    const { metadata } = this.cluster
    if (this.nodeId === undefined || !metadata.node(this.nodeId)) {
      const nodes = metadata.allNodes()
      this.nodeId = nodes[this.cluster.context.random.integer(Math.max(1, nodes.length))]?.id
    }
    return this.nodeId ?? 'any'
  }

  private async push(subscription: Subscription, terminating: boolean): Promise<ErrorName> {
    const { subscriptionId, requestedMetrics, deltaTemporality: isDelta } = subscription
    const isAll = requestedMetrics.includes('*')
    const wanted = (name: string) =>
      isAll || requestedMetrics.some((prefix) => name.startsWith(prefix))
    const counters = new Map<string, number>()
    const metrics = this.metrics
      .collect()
      .filter(({ name }) => wanted(name))
      .map((metric) => this.sincePush(metric, isDelta, counters))
    const nowMs = this.clock.now()
    const bytes = encodeMetrics(metrics, { startMs: this.pushedMs, nowMs, isDelta })
    const { compressionType, data } = await this.pack(bytes, subscription)
    if (data.length > subscription.telemetryMaxBytes) return 'TELEMETRY_TOO_LARGE'
    const answer = await this.cluster.request(this.node(), apis.pushTelemetry, {
      clientInstanceId: this.instanceId,
      ...{ subscriptionId, terminating, compressionType, metrics: data },
    })
    if (answer.errorCode === 0 && isDelta) {
      this.pushed = counters
      this.pushedMs = nowMs
    }
    return errorName(answer.errorCode)
  }

  private sincePush(
    metric: ClientMetric,
    isDelta: boolean,
    counters: Map<string, number>,
  ): ClientMetric {
    if (metric.kind !== 'counter' || !isDelta) return metric
    const key = `${metric.name} ${JSON.stringify(metric.labels)}`
    counters.set(key, metric.value)
    return { ...metric, value: metric.value - (this.pushed.get(key) ?? 0) }
  }

  /** Compressed in the first way that the broker names. */
  private async pack(bytes: Buffer, { acceptedCompressionTypes }: Subscription) {
    const known = Object.values(COMPRESSION) as number[]
    const codec = acceptedCompressionTypes.find((type) => known.includes(type)) ?? COMPRESSION.none
    if (codec === COMPRESSION.none) return { compressionType: codec, data: bytes }
    await loadCodec(codec)
    return { compressionType: codec, data: compress(codec, bytes) }
  }

  /** How long to wait after an answer. */
  private judge(error: ErrorName, intervalMs: number): number {
    switch (error) {
      case 'NONE':
      case 'TELEMETRY_TOO_LARGE':
      case 'THROTTLING_QUOTA_EXCEEDED':
        return intervalMs
      case 'UNKNOWN_SUBSCRIPTION_ID':
        this.subscription = undefined
        return 0
      default:
        throw new TypeError(`PushTelemetry: ${error}`)
    }
  }

  /** Pushes what came since, for the last time. */
  async close(): Promise<void> {
    if (this.isStopped) return
    this.stop.abort()
    const { subscription } = this
    if (!subscription || subscription.requestedMetrics.length === 0) return
    const last = this.push(subscription, true).catch((error: unknown) => {
      this.cluster.context.logger.debug('the last metrics were not pushed', { error })
    })
    const giveUp = new AbortController()
    const timeout = delay(this.clock, LAST_PUSH_MS, giveUp.signal).catch(() => {
      // The push was faster.
    })
    await Promise.race([last, timeout])
    giveUp.abort()
  }
}
