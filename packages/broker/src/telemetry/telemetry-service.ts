/**
 * The shell around client-telemetry.ts: who the clients are, and where their metrics go.
 *
 * Apache Kafka gives pushed metrics to plugins written in Java. Here they can go to a collector of
 * OpenTelemetry: a push is an OTLP message, which the collector's HTTP endpoint takes as it is.
 * Without a collector metrics are read, so that a client hears of what cannot be, and let go.
 */
import { type Clock, type Logger, messageOf, parseConfig, type Random } from '@ottla/base'
import type { ServerConnection } from '@ottla/network'
import { clientMetricsSettings } from '../config/client-metrics-settings.ts'
import { ResourceType } from '../config/config-resolver.ts'
import type { MetadataImage } from '../metadata/metadata-image.ts'
import type { MetadataStore } from '../metadata/metadata-store.ts'
import {
  type ClientAttributes,
  ClientTelemetry,
  type MetricsSubscription,
} from './client-telemetry.ts'

export interface TelemetryServiceOptions {
  readonly image: MetadataImage
  readonly metadata: MetadataStore
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly pushBytesMax: number
  /** URL of the collector's OTLP endpoint for metrics, or null. */
  readonly collector: string | null
}

interface Software {
  readonly name: string
  readonly version: string
}

/** Pushes on their way to the collector; what comes beyond is dropped. */
const IN_FLIGHT_MAX = 16
const COLLECTOR_TIMEOUT_MS = 10_000
const NO_SOFTWARE: Software = { name: 'unknown', version: 'unknown' }

export class TelemetryService {
  readonly clients: ClientTelemetry
  private readonly options: TelemetryServiceOptions
  private readonly software = new WeakMap<ServerConnection, Software>()
  private readonly ids = new WeakMap<ServerConnection, string>()
  private inFlight = 0
  private isFailing = false

  constructor(options: TelemetryServiceOptions) {
    this.options = options
    const { random, pushBytesMax, metadata } = options
    const subscriptions = () => this.subscriptions()
    this.clients = new ClientTelemetry({ random, pushBytesMax, subscriptions })
    metadata.onRecord((record) => {
      const isSubscription =
        record.name === 'ConfigRecord' && record.value.resourceType === ResourceType.CLIENT_METRICS
      if (isSubscription) this.clients.changed()
    })
  }

  /** Whether clients are told that they may push at all. */
  get isCollecting(): boolean {
    return this.options.collector !== null
  }

  get pushBytesMax(): number {
    return this.options.pushBytesMax
  }

  now(): number {
    return this.options.clock.now()
  }

  /** Keeps what a client said of itself in ApiVersions. */
  introduce(connection: ServerConnection, software: Software): void {
    this.software.set(connection, software)
  }

  /** The instance goes with the connection. */
  bind(connection: ServerConnection, id: string): void {
    const isBound = this.ids.has(connection)
    this.ids.set(connection, id)
    if (!isBound) {
      connection.onceClosed(() => this.clients.forget(this.ids.get(connection) as string))
    }
  }

  attributesOf(connection: ServerConnection, clientId: string): ClientAttributes {
    const { name, version } = this.software.get(connection) ?? NO_SOFTWARE
    return {
      client_id: clientId,
      client_software_name: name,
      client_software_version: version,
      client_source_address: connection.remoteAddress,
      client_source_port: String(connection.remotePort),
    }
  }

  /** Sends metrics to the collector without waiting; metrics are not worth more than that. */
  collect(metrics: Buffer): void {
    const { collector, logger } = this.options
    if (collector === null || this.inFlight >= IN_FLIGHT_MAX) return
    this.inFlight++
    this.send(collector, metrics)
      .then(
        () => {
          this.isFailing = false
        },
        (error: unknown) => {
          if (!this.isFailing) {
            logger.warn('the collector takes no client metrics', { reason: messageOf(error) })
          }
          this.isFailing = true
        },
      )
      .finally(() => {
        this.inFlight--
      })
  }

  private async send(collector: string, metrics: Buffer): Promise<void> {
    const answer = await fetch(collector, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf' },
      body: new Uint8Array(metrics),
      signal: AbortSignal.timeout(COLLECTOR_TIMEOUT_MS),
    })
    await answer.arrayBuffer()
    if (!answer.ok) throw new Error(`${collector} answered with status ${answer.status}`)
  }

  private subscriptions(): MetricsSubscription[] {
    const { image } = this.options
    return image.configuredResources(ResourceType.CLIENT_METRICS).map((name) => {
      const own = image.config(ResourceType.CLIENT_METRICS, name)
      const value = <K extends keyof typeof clientMetricsSettings>(key: K) => {
        const text = own?.get(key)
        const row = clientMetricsSettings[key]
        return text === undefined ? row.default : parseConfig(key, row, text)
      }
      return {
        metrics: value('metrics') as readonly string[],
        intervalMs: value('interval.ms') as number,
        match: value('match') as readonly string[],
      }
    })
  }
}
