import type { ConnectionOptions as TlsOptions } from 'node:tls'
import type { ClientLogger, Clock, Random } from '@ottla/base'
import type { OpenSocket, RequestReport, SaslOptions } from '@ottla/network'
import type { ClientMetrics } from '../metrics/client-metrics.ts'
import type { Tracing } from '../tracing/tracing.ts'

/** What every part of a client shares. Made once by `Kafka`, from its options. */
export interface ClientContext {
  readonly clientId: string
  readonly brokers: readonly Address[]
  readonly tls: TlsOptions | undefined
  readonly sasl: SaslOptions | undefined
  readonly openSocket: OpenSocket | undefined
  readonly clock: Clock
  readonly random: Random
  readonly logger: ClientLogger
  /** request.timeout.ms */
  readonly requestTimeoutMs: number
  /** default.api.timeout.ms */
  readonly apiTimeoutMs: number
  /** socket.connection.setup.timeout.ms */
  readonly connectTimeoutMs: number
  /** metadata.max.age.ms */
  readonly metadataMaxAgeMs: number
  readonly tracing: Tracing | undefined
  readonly metrics: ClientMetrics
  /** allow.auto.create.topics */
  readonly allowAutoTopicCreation: boolean
  readonly onRequest: ((report: RequestReport) => void) | undefined
  readonly retryBackoff: BackoffRange
  readonly reconnectBackoff: BackoffRange
}

export interface BackoffRange {
  readonly minMs: number
  readonly maxMs: number
}

export interface Address {
  readonly host: string
  readonly port: number
}

/** A broker as metadata names it; bootstrap addresses have negative ids. */
export interface Node extends Address {
  readonly id: number
  readonly rack: string | null
}

const DEFAULT_PORT = 9092

/** Reads `host:port`, `host`, `[::1]:9092` or `kafka://host:port`. */
export function parseAddress(text: string): Address {
  const bare = text.replace(/^(kafka|plaintext|ssl):\/\//i, '').replace(/\/+$/, '')
  const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(bare)
  const host = match?.[1] ?? match?.[2]
  if (!host) throw new TypeError(`Not a broker address: ${text}. Expected host:port.`)
  return { host, port: match?.[3] === undefined ? DEFAULT_PORT : Number(match[3]) }
}
