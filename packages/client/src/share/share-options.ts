import type { ShareCommitResult } from './share-broker.ts'

/** Options of a share consumer. Names and defaults are those of Kafka's Java client. */
export interface ShareConsumerOptions {
  /** The share group. Where a new one begins is its setting `share.auto.offset.reset`. */
  readonly group: string
  /**
   * `implicit`: what the loop has got counts as accepted when it asks for more, unless it said
   * otherwise of a record. `explicit`: each record is held until the loop says what became of it,
   * across batches. `share.acknowledgement.mode` of the Java client. Default `implicit`.
   */
  readonly acknowledgement?: 'implicit' | 'explicit'
  /** Most records of one request. `max.poll.records`. Default 500. */
  readonly maxRecords?: number
  /**
   * `batch-optimized`: `maxRecords` is a target, and what was written as one batch comes as one.
   * `record-limit`: never more than `maxRecords` are held by one request, from one broker at a time
   * (KIP-1206; Kafka 4.2 and later). `share.acquire.mode`. Default `batch-optimized`.
   */
  readonly acquireMode?: 'batch-optimized' | 'record-limit'
  /** Longest time between two batches before the group gives this member up. Default 300000. */
  readonly maxPollIntervalMs?: number
  /** Default 1. */
  readonly fetchMinBytes?: number
  /** Default 52428800. */
  readonly fetchMaxBytes?: number
  /** How long a broker waits for records. Acknowledgements wait behind it. Default 500. */
  readonly fetchMaxWaitMs?: number
  /** Verifies the checksum of each batch. Default true. */
  readonly checkCrcs?: boolean
  /** Default 30000. */
  readonly requestTimeoutMs?: number
  /** Location of this consumer. `client.rack`. */
  readonly rack?: string
  /**
   * Told what became of acknowledgements, partition by partition, however they were sent.
   * `AcknowledgementCommitCallback` of the Java client.
   */
  readonly onAcknowledged?: (result: ShareCommitResult) => void
}

export type ResolvedShareOptions = Required<ShareConsumerOptions>

export function resolveShareOptions(options: ShareConsumerOptions): ResolvedShareOptions {
  const resolved: ResolvedShareOptions = {
    group: options.group,
    acknowledgement: options.acknowledgement ?? 'implicit',
    maxRecords: options.maxRecords ?? 500,
    acquireMode: options.acquireMode ?? 'batch-optimized',
    maxPollIntervalMs: options.maxPollIntervalMs ?? 300_000,
    fetchMinBytes: options.fetchMinBytes ?? 1,
    fetchMaxBytes: options.fetchMaxBytes ?? 52_428_800,
    fetchMaxWaitMs: options.fetchMaxWaitMs ?? 500,
    checkCrcs: options.checkCrcs ?? true,
    requestTimeoutMs: options.requestTimeoutMs ?? 30_000,
    rack: options.rack ?? '',
    onAcknowledged: options.onAcknowledged ?? (() => {}),
  }
  if (!resolved.group) throw new TypeError('a share consumer needs a group')
  if (!(resolved.maxRecords >= 1)) throw new TypeError('maxRecords must be at least 1')
  return resolved
}
