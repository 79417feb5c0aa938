import type { AssignorName, TopicPartition } from '../group/assignor.ts'
import type { CustomAssignor } from '../group/custom-assignor.ts'

/** Told about partitions; what it throws ends the loop, and what it returns is awaited. */
export type RebalanceListener = (partitions: readonly TopicPartition[]) => Promise<void> | void

/**
 * Where to begin without a committed offset, or when the position has left the log: the start, the
 * end, a time (milliseconds since 1970 or a Date), or with an error.
 */
export type StartFrom = 'earliest' | 'latest' | 'none' | number | Date

/** What happens to a consumer's membership under the classic protocol, as it happens. */
export type GroupEvent =
  | {
      readonly type: 'joined'
      readonly memberId: string
      readonly generationId: number
      readonly leaderId: string
      /** Name of the assignor the group has agreed on. */
      readonly protocol: string
      readonly partitions: readonly TopicPartition[]
      /** From the first request to the assignment. */
      readonly durationMs: number
    }
  | { readonly type: 'heartbeat'; readonly memberId: string; readonly generationId: number }
  | { readonly type: 'rebalancing'; readonly memberId: string; readonly generationId: number }

/** Options of a consumer. Names and defaults are those of Kafka's Java client. */
export interface ConsumerOptions {
  /** The group; without one, partitions are assigned by hand and nothing is committed. */
  readonly group?: string
  /** Makes this a static member, which keeps its partitions over a restart. */
  readonly groupInstanceId?: string
  /**
   * How the group assigns partitions: `classic`, by its members, or `consumer`, by the coordinator
   * (KIP-848; Kafka 4.0 and later). With `consumer` the broker's settings for sessions and
   * heartbeats count, and `assignors` does not. `group.protocol` of the Java client. Default
   * `classic`.
   */
  readonly groupProtocol?: 'classic' | 'consumer'
  /**
   * With the `consumer` protocol: the coordinator's assignor, such as `uniform` or `range`.
   * Default: the coordinator's choice. `group.remote.assignor` of the Java client.
   */
  readonly serverAssignor?: string
  /** Default `latest`. A function is asked for each topic. */
  readonly from?: StartFrom | ((topic: string) => StartFrom)
  /** Commits what has been processed, every `autoCommitIntervalMs` and at the end. Default true. */
  readonly autoCommit?: boolean
  /** Default 5000. */
  readonly autoCommitIntervalMs?: number
  /**
   * In order of preference, by name or an object of your own. Default `['range',
   * 'cooperative-sticky']`, as in Java.
   */
  readonly assignors?: readonly (AssignorName | CustomAssignor)[]
  /** Told of joins, heartbeats and rebalances under the classic protocol. */
  readonly onGroupEvent?: (event: GroupEvent) => void
  /**
   * `read_committed` hides records of open and aborted transactions. Default `read_uncommitted`.
   */
  readonly isolationLevel?: 'read_uncommitted' | 'read_committed'
  /** A batch is cut (at the next record batch) once it holds this many records. Default 500. */
  readonly maxPollRecords?: number
  /** Longest time between two batches before the group gives this member up. Default 300000. */
  readonly maxPollIntervalMs?: number
  /** How long the group waits for this member when it rebalances. Default `maxPollIntervalMs`. */
  readonly rebalanceTimeoutMs?: number
  /** Default 45000. */
  readonly sessionTimeoutMs?: number
  /** Default 3000. */
  readonly heartbeatIntervalMs?: number
  /** Default 1. */
  readonly fetchMinBytes?: number
  /** Default 52428800; also the most that is kept fetched ahead. */
  readonly fetchMaxBytes?: number
  /** Default 1048576. */
  readonly maxPartitionFetchBytes?: number
  /** Default 500. */
  readonly fetchMaxWaitMs?: number
  /** Verifies the checksum of each batch. Default true. */
  readonly checkCrcs?: boolean
  /**
   * Uses the memory of fetched records again: a record, and the bytes taken from it, are valid
   * until the loop asks for the next batch, or the handlers of `run` have ended. Reading a record
   * later throws a RecordExpiredError; bytes that were kept are overwritten without notice. What
   * must last is copied, by `detach()` or by a serde that makes values of its own. Saves more CPU
   * time the larger records are, up to two thirds. Default false: memory lasts as long as somebody
   * holds it.
   */
  readonly reuseMemory?: boolean
  /** Default 30000. */
  readonly requestTimeoutMs?: number
  /**
   * Location of this consumer, for assignors, and for clusters that let consumers read from the
   * replica nearest to them (KIP-392, `replica.selector.class`). `client.rack` of the Java client.
   */
  readonly rack?: string
  /**
   * Partitions that the group gave this member, before their first record: the place to `seek`.
   * `ConsumerRebalanceListener.onPartitionsAssigned` of the Java client.
   */
  readonly onPartitionsAssigned?: RebalanceListener
  /**
   * Partitions that are about to go to another member, after the automatic commit and while this
   * member can still commit. `ConsumerRebalanceListener.onPartitionsRevoked`.
   */
  readonly onPartitionsRevoked?: RebalanceListener
  /**
   * Partitions that have gone to another member already; nothing can be committed for them.
   * `ConsumerRebalanceListener.onPartitionsLost`.
   */
  readonly onPartitionsLost?: RebalanceListener
}

type Listeners = Pick<
  ConsumerOptions,
  'onPartitionsAssigned' | 'onPartitionsRevoked' | 'onPartitionsLost'
>

export type ResolvedConsumerOptions = Required<
  Omit<
    ConsumerOptions,
    'group' | 'groupInstanceId' | 'rack' | 'serverAssignor' | 'onGroupEvent' | keyof Listeners
  >
> & {
  readonly onGroupEvent: ConsumerOptions['onGroupEvent'] | undefined
  readonly group: string | undefined
  readonly groupInstanceId: string | null
  readonly serverAssignor: string | undefined
  readonly rack: string
} & Listeners

/** Where a topic is begun without a committed offset. */
export function startOf(options: ResolvedConsumerOptions, topic: string): StartFrom {
  const { from } = options
  return typeof from === 'function' ? from(topic) : from
}

export function resolveConsumerOptions(options: ConsumerOptions): ResolvedConsumerOptions {
  const resolved: ResolvedConsumerOptions = {
    group: options.group,
    groupInstanceId: options.groupInstanceId ?? null,
    groupProtocol: options.groupProtocol ?? 'classic',
    serverAssignor: options.serverAssignor,
    from: options.from ?? 'latest',
    autoCommit: options.autoCommit ?? true,
    autoCommitIntervalMs: options.autoCommitIntervalMs ?? 5_000,
    assignors: options.assignors ?? ['range', 'cooperative-sticky'],
    onGroupEvent: options.onGroupEvent,
    isolationLevel: options.isolationLevel ?? 'read_uncommitted',
    maxPollRecords: options.maxPollRecords ?? 500,
    maxPollIntervalMs: options.maxPollIntervalMs ?? 300_000,
    rebalanceTimeoutMs: options.rebalanceTimeoutMs ?? options.maxPollIntervalMs ?? 300_000,
    sessionTimeoutMs: options.sessionTimeoutMs ?? 45_000,
    heartbeatIntervalMs: options.heartbeatIntervalMs ?? 3_000,
    fetchMinBytes: options.fetchMinBytes ?? 1,
    fetchMaxBytes: options.fetchMaxBytes ?? 52_428_800,
    maxPartitionFetchBytes: options.maxPartitionFetchBytes ?? 1_048_576,
    fetchMaxWaitMs: options.fetchMaxWaitMs ?? 500,
    checkCrcs: options.checkCrcs ?? true,
    reuseMemory: options.reuseMemory ?? false,
    requestTimeoutMs: options.requestTimeoutMs ?? 30_000,
    rack: options.rack ?? '',
    ...listenersOf(options),
  }
  if (resolved.group === '') throw new TypeError('group must not be empty')
  if (resolved.assignors.length === 0) throw new TypeError('assignors must name at least one')
  if (resolved.heartbeatIntervalMs >= resolved.sessionTimeoutMs) {
    throw new TypeError('heartbeatIntervalMs must be below sessionTimeoutMs')
  }
  return resolved
}

function listenersOf(options: ConsumerOptions): Listeners {
  const { onPartitionsAssigned, onPartitionsRevoked, onPartitionsLost } = options
  return {
    ...(onPartitionsAssigned && { onPartitionsAssigned }),
    ...(onPartitionsRevoked && { onPartitionsRevoked }),
    ...(onPartitionsLost && { onPartitionsLost }),
  }
}
