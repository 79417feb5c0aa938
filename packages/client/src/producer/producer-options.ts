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
  /**
   * How hard `compression` tries: gzip 1 to 9, zstd 1 to 22, -1 or none for the codec's own choice;
   * snappy and lz4 have one level. `compression.gzip.level`, `compression.zstd.level` (KIP-390).
   */
  readonly compressionLevel?: number
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
   * A partition whose batches have waited for this long, in milliseconds, because its broker does
   * not come to them, gets no records without a key while others do better.
   * `partitioner.availability.timeout.ms` (KIP-794). Default 0: no such limit.
   */
  readonly availabilityTimeoutMs?: number
  /**
   * Records with a key go where those without one go. `partitioner.ignore.keys`. Default false.
   */
  readonly ignoreKeys?: boolean
  /**
   * Where this producer is: records without a key go to partitions whose leader has the same rack,
   * when there are any (KIP-1123). `client.rack` with `partitioner.rack.aware` of the Java client.
   */
  readonly rack?: string
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

export type ResolvedProducerOptions = Required<Omit<ProducerOptions, UnsetOption | 'acks'>> &
  Pick<ProducerOptions, UnsetOption> & { readonly acks: number }

/** Options that may be left out for good. */
type UnsetOption =
  | 'partitioner'
  | 'onDeliveryError'
  | 'transactionalId'
  | 'compressionLevel'
  | 'rack'

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
    availabilityTimeoutMs: options.availabilityTimeoutMs ?? 0,
    ignoreKeys: options.ignoreKeys ?? false,
  }
  checkCompressionLevel(resolved.compression, options.compressionLevel)
  for (const [name, value] of Object.entries(resolved)) {
    const mayBeNegative = name === 'acks' || name === 'compressionLevel'
    if (typeof value === 'number' && !mayBeNegative && !(value >= 0)) {
      throw new TypeError(`${name} must not be negative, got ${value}`)
    }
  }
  return resolved
}

/** -1 stands for the codec's own choice, as in Kafka. */
const LEVELS_MAX: Readonly<Record<string, number>> = { gzip: 9, zstd: 22 }

function checkCompressionLevel(compression: CompressionName, level: number | undefined): void {
  if (level === undefined || level === -1) return
  const max = LEVELS_MAX[compression]
  if (max === undefined) throw new TypeError(`${compression} has no compressionLevel`)
  if (!Number.isInteger(level) || level < 1 || level > max) {
    throw new RangeError(`compressionLevel of ${compression} is 1 to ${max}, or -1, not ${level}`)
  }
}
