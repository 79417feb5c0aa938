import type { Partitioner } from './partitioner.ts'

export type CompressionName = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

/** How one call sends. */
export interface SendOptions {
  /** Ends the wait. Records that have been appended by then are sent all the same. */
  readonly signal?: AbortSignal | undefined
  /**
   * Codec of these records in place of the producer's. A batch has one codec, so records with
   * another begin a new one; their order stays.
   */
  readonly compression?: CompressionName | undefined
}

/** Options of a producer. Names and defaults are those of Kafka's Java client. */
export interface ProducerOptions {
  /** Who must have the records before they count as delivered. Default `all`. */
  readonly acks?: 'all' | -1 | 1 | 0
  /** Each record is stored exactly once in spite of retries. Default true; needs acks=all. */
  readonly idempotence?: boolean
  /** Default `none`. */
  readonly compression?: CompressionName
  /** A batch of this many bytes is sent without waiting for `linger`. Default 16384. */
  readonly batchSize?: number
  /** How long a smaller batch waits for more records, in milliseconds. Default 5. */
  readonly linger?: number
  /** Largest request, and so the largest record. Default 1048576. */
  readonly maxRequestSize?: number
  /**
   * Requests on their way to one broker at the same time; at most 5 with idempotence. Default 5.
   */
  readonly maxInFlight?: number
  /** Records are retried for this long, then their promise fails. Default 120000. */
  readonly deliveryTimeoutMs?: number
  /** How long a single request may take. Default 30000. */
  readonly requestTimeoutMs?: number
  /** How long `send` waits for metadata or for room. Default 60000. */
  readonly maxBlockMs?: number
  /** Bytes of records held at most. Default 33554432. */
  readonly bufferMemory?: number
  /** Chooses partitions instead of the default; return -1 to leave a record to the default. */
  readonly partitioner?: Partitioner
  /**
   * Records without a key go less often to partitions whose batches have to wait, because their
   * broker is slow (KIP-794). `partitioner.adaptive.partitioning.enable` of the Java client.
   * Default true.
   */
  readonly adaptivePartitioning?: boolean
  /**
   * Makes the producer transactional: records go through `transaction`. Of several producers with
   * one id only the newest can write; the others are fenced. `transactional.id` of the Java client.
   */
  readonly transactionalId?: string
  /**
   * The coordinator aborts a transaction that is open for longer, in milliseconds. Default 60000;
   * at most the broker's `transaction.max.timeout.ms`.
   */
  readonly transactionTimeoutMs?: number
  /** Told of each failed batch that had records from `enqueue`. */
  readonly onDeliveryError?: (error: Error) => void
}

export type ResolvedProducerOptions = Required<
  Omit<ProducerOptions, 'partitioner' | 'onDeliveryError' | 'transactionalId' | 'acks'>
> &
  Pick<ProducerOptions, 'partitioner' | 'onDeliveryError' | 'transactionalId'> & {
    readonly acks: number
  }

export function resolveProducerOptions(options: ProducerOptions): ResolvedProducerOptions {
  const acks = options.acks === undefined || options.acks === 'all' ? -1 : options.acks
  const idempotence = options.idempotence ?? acks === -1
  if (idempotence && acks !== -1) {
    throw new TypeError('idempotence needs acks: "all"; set idempotence: false for weaker acks')
  }
  if (options.transactionalId === '') throw new TypeError('transactionalId must not be empty')
  if (options.transactionalId !== undefined && !idempotence) {
    throw new TypeError('transactionalId needs idempotence and acks: "all"')
  }
  const maxInFlight = options.maxInFlight ?? 5
  if (idempotence && maxInFlight > 5) {
    throw new TypeError('maxInFlight is at most 5 with idempotence: the broker remembers 5 batches')
  }
  const resolved = {
    ...options,
    acks,
    idempotence,
    compression: options.compression ?? 'none',
    batchSize: options.batchSize ?? 16_384,
    linger: options.linger ?? 5,
    maxRequestSize: options.maxRequestSize ?? 1_048_576,
    maxInFlight,
    deliveryTimeoutMs: options.deliveryTimeoutMs ?? 120_000,
    requestTimeoutMs: options.requestTimeoutMs ?? 30_000,
    maxBlockMs: options.maxBlockMs ?? 60_000,
    transactionTimeoutMs: options.transactionTimeoutMs ?? 60_000,
    bufferMemory: options.bufferMemory ?? 33_554_432,
    adaptivePartitioning: options.adaptivePartitioning ?? true,
  }
  for (const [name, value] of Object.entries(resolved)) {
    if (typeof value === 'number' && name !== 'acks' && !(value >= 0)) {
      throw new TypeError(`${name} must not be negative, got ${value}`)
    }
  }
  return resolved
}
