/**
 * Which metrics clients shall push, and whether a push may come (KIP-714). Pure: time is passed in.
 *
 * A client asks for its subscription, gets an id for it, and pushes under that id every interval.
 * An instance is what is known of one client:
 *
 *   get -> subscription id -> push, push, ... -> push with `terminating` -> nothing more
 *
 * - A push or a question before the interval is over is refused, except after an error that makes
 *   the client ask again.
 * - When subscriptions change, the next request finds another id, and the client must ask again.
 * - An instance goes with its connection, after three silent intervals, or when more than the most
 *   are known and it is the one that was silent longest.
 */
import { type Random, randomUuid, type Uuid, ZERO_UUID } from '@ottla/base'
import { crc32c, type ErrorName } from '@ottla/protocol'
import { type MatchName, matcherOf } from '../config/client-metrics-settings.ts'

/** What a subscription can tell a client by. */
export type ClientAttributes = Readonly<Record<Exclude<MatchName, 'client_instance_id'>, string>>

export interface MetricsSubscription {
  readonly metrics: readonly string[]
  readonly intervalMs: number
  readonly match: readonly string[]
}

export interface Instance {
  readonly id: Uuid
  readonly attributes: ClientAttributes
  readonly subscriptionId: number
  /** Of the subscriptions it was made from. */
  readonly version: number
  readonly metrics: readonly string[]
  readonly intervalMs: number
  lastGetMs: number
  lastPushMs: number
  lastSeenMs: number
  isTerminating: boolean
  lastError: ErrorName
}

export interface Push {
  readonly id: Uuid
  readonly subscriptionId: number
  readonly isTerminating: boolean
  readonly compressionType: number
  readonly size: number
}

export interface ClientTelemetryOptions {
  readonly random: Random
  readonly pushBytesMax: number
  readonly subscriptions: () => Iterable<MetricsSubscription>
}

const INSTANCES_MAX = 16_384
const INTERVAL_MS_DEFAULT = 300_000
const SILENCE_MS_MIN = 60_000
const COMPRESSION_TYPE_MAX = 4
const EVERYTHING = '*'
/** Ids that never are a client's: zero, and the one of the metadata topic. */
const RESERVED: readonly Uuid[] = [ZERO_UUID, 'AAAAAAAAAAAAAAAAAAAAAQ']
/** Errors after which a client may ask again at once. */
const ASK_AGAIN: readonly ErrorName[] = ['UNKNOWN_SUBSCRIPTION_ID', 'UNSUPPORTED_COMPRESSION_TYPE']

export class ClientTelemetry {
  private readonly options: ClientTelemetryOptions
  /** In the order in which they were last heard of. */
  private readonly instances = new Map<Uuid, Instance>()
  private version = 0

  constructor(options: ClientTelemetryOptions) {
    this.options = options
  }

  /** Subscriptions are not what they were. */
  changed(): void {
    this.version++
  }

  /** The client's connection is gone. */
  forget(id: Uuid): void {
    this.instances.delete(id)
  }

  /** Answers a question for a subscription; a zero id gets one. */
  get(asked: Uuid, attributes: ClientAttributes, nowMs: number): Instance | ErrorName {
    const id = asked === ZERO_UUID ? randomUuid(this.options.random) : asked
    const instance = this.instanceOf(id, attributes, nowMs)
    const sinceMs = nowMs - Math.max(instance.lastGetMs, instance.lastPushMs)
    if (sinceMs >= instance.intervalMs) instance.lastGetMs = nowMs
    else if (!ASK_AGAIN.includes(instance.lastError)) return 'THROTTLING_QUOTA_EXCEEDED'
    instance.lastError = 'NONE'
    return instance
  }

  /** Whether a push may come; NONE when it may. */
  push(push: Push, attributes: ClientAttributes, nowMs: number): ErrorName {
    if (RESERVED.includes(push.id)) return 'INVALID_REQUEST'
    const instance = this.instanceOf(push.id, attributes, nowMs)
    instance.lastError = this.pushFault(push, instance, nowMs)
    instance.isTerminating = push.isTerminating
    return instance.lastError
  }

  /** What was pushed could not be read. */
  unreadable(id: Uuid): void {
    const instance = this.instances.get(id)
    if (instance) instance.lastError = 'INVALID_RECORD'
  }

  private pushFault(push: Push, instance: Instance, nowMs: number): ErrorName {
    if (instance.isTerminating) return 'INVALID_REQUEST'
    const isDue =
      instance.lastGetMs > instance.lastPushMs || nowMs - instance.lastPushMs >= instance.intervalMs
    if (isDue) instance.lastPushMs = nowMs
    else if (!push.isTerminating) return 'THROTTLING_QUOTA_EXCEEDED'
    if (push.subscriptionId !== instance.subscriptionId) return 'UNKNOWN_SUBSCRIPTION_ID'
    if (push.compressionType < 0 || push.compressionType > COMPRESSION_TYPE_MAX) {
      return 'UNSUPPORTED_COMPRESSION_TYPE'
    }
    return push.size > this.options.pushBytesMax ? 'TELEMETRY_TOO_LARGE' : 'NONE'
  }

  private instanceOf(id: Uuid, attributes: ClientAttributes, nowMs: number): Instance {
    let instance = this.instances.get(id)
    this.instances.delete(id)
    const isSilent = instance && nowMs - instance.lastSeenMs > silenceMs(instance)
    if (!instance || isSilent) instance = this.newInstance(id, attributes)
    else if (instance.version < this.version) instance = this.newInstance(id, instance.attributes)
    instance.lastSeenMs = nowMs
    this.instances.set(id, instance)
    for (const [oldest] of this.instances) {
      if (this.instances.size <= INSTANCES_MAX) break
      this.instances.delete(oldest)
    }
    return instance
  }

  private newInstance(id: Uuid, attributes: ClientAttributes): Instance {
    const wanted = new Set<string>()
    let intervalMs = INTERVAL_MS_DEFAULT
    for (const subscription of this.options.subscriptions()) {
      if (!isMatch(subscription, { ...attributes, client_instance_id: id })) continue
      for (const metric of subscription.metrics) wanted.add(metric)
      intervalMs = Math.min(intervalMs, subscription.intervalMs)
    }
    const metrics = wanted.has(EVERYTHING) ? [EVERYTHING] : [...wanted].sort()
    return {
      id,
      attributes,
      subscriptionId: crc32c(Buffer.from(`${id} ${intervalMs} ${metrics}`)) | 0,
      version: this.version,
      metrics,
      intervalMs,
      lastGetMs: 0,
      lastPushMs: 0,
      lastSeenMs: 0,
      isTerminating: false,
      lastError: 'NONE',
    }
  }
}

const silenceMs = ({ intervalMs }: Instance): number => Math.max(SILENCE_MS_MIN, 3 * intervalMs)

function isMatch(
  { match }: MetricsSubscription,
  attributes: Readonly<Record<MatchName, string>>,
): boolean {
  return match.every((text) => {
    const matcher = matcherOf(text)
    return matcher?.pattern.test(attributes[matcher.name])
  })
}
