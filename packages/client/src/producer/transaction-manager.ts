/**
 * The transactions of one producer: its identity, the one transaction that may be open, and the
 * requests to the coordinator.
 *
 *   idle --begin--> open --commit, abort--> ending --answered--> idle
 *
 * Against brokers with transactions V2 (KIP-890) the first batch of a partition adds it to the
 * transaction, and each end brings a new epoch. Older ones are told of partitions first
 * (AddPartitionsToTxn), and the epoch stays until something went wrong.
 *
 * Must always hold:
 * - what has failed once can only be aborted: a commit after the loss of a batch would store a
 * part;
 * - after an end whose outcome is not known the producer asks for its identity again, naming the
 *   old one, before anything else (KIP-360). The coordinator then brings the old transaction to its
 *   end, and refuses when another producer has taken the id over;
 * - a producer that was fenced stays so. Whoever made the newer one has a reason.
 */
import { apis, errorCode } from '@ottla/protocol'
import type { Cluster } from '../cluster/cluster.ts'
import type { ConnectionPool } from '../cluster/connection-pool.ts'
import { CommitFailedError, FencedError, KafkaError } from '../errors.ts'
import type { GroupMetadata, OffsetToCommit } from '../group/group-coordination.ts'
import { GroupCoordination } from '../group/group-coordination.ts'
import type { Identities } from './identity-source.ts'
import type { ProducerIdentity } from './producer-batch.ts'
import { TransactionCoordination } from './transaction-coordination.ts'

/** First version of EndTxn that raises the epoch, and of Produce that adds partitions. */
const END_TXN_V2 = 5
const PRODUCE_BEFORE_V2 = 11
const TXN_OFFSET_COMMIT = { before: 4, v2: 5 } as const
const INIT_PRODUCER_ID_MAX = 5
const ADD_PARTITIONS_MAX = 3

/** The id belongs to another producer by now. */
const FENCING = new Set(
  (['PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH'] as const).map((name) => errorCode(name)),
)
/** The coordinator has forgotten the producer, as it does after a week. */
const FORGOTTEN = new Set(
  (['UNKNOWN_PRODUCER_ID', 'INVALID_PRODUCER_ID_MAPPING'] as const).map((name) => errorCode(name)),
)
/** The consumer is not, or not yet again, who it was when it read the records. */
const NOT_MEMBER = new Set(
  (
    [
      'ILLEGAL_GENERATION',
      'UNKNOWN_MEMBER_ID',
      'FENCED_INSTANCE_ID',
      'STALE_MEMBER_EPOCH',
      'REBALANCE_IN_PROGRESS',
    ] as const
  ).map((name) => errorCode(name)),
)

export interface TransactionManagerOptions {
  readonly transactionalId: string
  readonly transactionTimeoutMs: number
  /** Batches may go that had to wait. */
  readonly wake: () => void
  /** The open transaction can only be aborted: what waits need not be sent any more. */
  readonly onFailure: (error: Error) => void
}

export class TransactionManager implements Identities {
  current: ProducerIdentity | undefined
  lastError: Error | undefined
  readonly transactionalId: string
  private readonly cluster: Cluster
  private readonly pool: ConnectionPool
  private readonly options: TransactionManagerOptions
  private readonly coordination: TransactionCoordination
  private phase: 'idle' | 'open' | 'ending' = 'idle'
  private failure: Error | undefined
  private fatal: Error | undefined
  private mustInit = true
  private isV2 = false
  /** A broker may have heard of the open transaction. */
  private mayBeKnown = false
  private readonly added = new Set<string>()
  private readonly wanted = new Map<string, { topic: string; partition: number }>()
  private adding: Promise<void> | undefined

  constructor(cluster: Cluster, pool: ConnectionPool, options: TransactionManagerOptions) {
    this.cluster = cluster
    this.pool = pool
    this.options = options
    this.transactionalId = options.transactionalId
    this.coordination = new TransactionCoordination(cluster, pool, options.transactionalId)
  }

  get isOpen(): boolean {
    return this.phase === 'open'
  }

  /** Why the open transaction can only be aborted, or no other can follow. */
  get fault(): Error | undefined {
    return this.fatal ?? this.failure
  }

  get produceVersionMax(): number | undefined {
    return this.isV2 ? undefined : PRODUCE_BEFORE_V2
  }

  // ---- for the sender ---------------------------------------------------------------------------

  /** The identity comes with `begin`, before there is anything to send. */
  load(): void {}

  /** Epochs of transactions are given by the coordinator. */
  renew(): void {}

  admits(topic: string, partition: number): boolean {
    if (this.phase !== 'open' || this.fault) return false
    if (this.isV2) return true
    const key = `${partition} ${topic}`
    if (this.added.has(key)) return true
    this.wanted.set(key, { topic, partition })
    this.adding ??= Promise.resolve().then(() => this.addWanted())
    return false
  }

  sending(): void {
    this.mayBeKnown = true
  }

  /** Asks for all partitions that have come up by now, in one request. */
  private async addWanted(): Promise<void> {
    const partitions = new Map(this.wanted)
    this.wanted.clear()
    try {
      this.mayBeKnown = true
      await this.coordination.addPartitions(this.identity(), [...partitions.values()], {
        versionMax: ADD_PARTITIONS_MAX,
      })
      for (const key of partitions.keys()) this.added.add(key)
    } catch (error) {
      this.fail(error as Error)
    }
    this.adding = undefined
    if (this.wanted.size > 0 && !this.fault) this.adding = this.addWanted()
    this.options.wake()
  }

  /** A part of the open transaction is lost. */
  fail(error: Error): void {
    if (this.phase === 'idle' || this.fault) return
    this.failure = error
    this.lastError = error
    this.options.onFailure(error)
  }

  // ---- from begin to end ------------------------------------------------------------------------

  async begin(): Promise<void> {
    if (this.fatal) throw this.fatal
    if (this.phase !== 'idle') {
      throw new TypeError(
        `a transaction of ${this.transactionalId} is open: await it first, or use another producer`,
      )
    }
    this.phase = 'open'
    this.failure = undefined
    this.mayBeKnown = false
    this.added.clear()
    this.wanted.clear()
    try {
      if (this.mustInit) await this.init()
    } catch (error) {
      this.phase = 'idle'
      throw this.judge(error)
    }
  }

  private async init(): Promise<void> {
    const { transactionTimeoutMs } = this.options
    try {
      const { response, versions } = await this.coordination.request(apis.initProducerId, {
        versionMax: INIT_PRODUCER_ID_MAX,
        body: {
          transactionalId: this.transactionalId,
          transactionTimeoutMs,
          producerId: this.current?.producerId ?? -1,
          producerEpoch: this.current?.producerEpoch ?? -1,
        },
      })
      const { producerId, producerEpoch } = response
      this.current = { producerId, producerEpoch, isTransactional: true }
      this.isV2 =
        versions.featureLevel('transaction.version') >= 2 &&
        (versions.tryPick(apis.endTxn) ?? 0) >= END_TXN_V2
      this.mustInit = false
    } catch (error) {
      const isForgotten = error instanceof KafkaError && FORGOTTEN.has(error.errorCode)
      if (!isForgotten || !this.current) throw error
      this.current = undefined
      await this.init()
    }
  }

  /** Everything has been acknowledged. */
  commit(): Promise<void> {
    return this.end(true)
  }

  /** Nothing is on its way any more. */
  abort(): Promise<void> {
    return this.end(false)
  }

  private async end(isCommit: boolean): Promise<void> {
    // A producer that is closed has aborted it already.
    if (this.phase !== 'open') return
    // In the old way, sequences of a failed transaction are unclear until there is a new epoch.
    if (this.failure && !this.isV2) this.mustInit = true
    this.phase = 'ending'
    try {
      await this.adding
      if (this.mayBeKnown) await this.endTxn(isCommit)
    } catch (error) {
      this.mustInit = true
      if (isCommit || !isFencing(error)) throw this.judge(error)
      await this.makeSure()
    } finally {
      this.phase = 'idle'
    }
  }

  /**
   * The abort was refused as another producer's would be. That is also the answer when none of the
   * records came through while the transaction before was being completed, so the id itself is
   * asked for: only its owner gets it.
   */
  private async makeSure(): Promise<void> {
    try {
      await this.init()
    } catch (error) {
      throw this.judge(error)
    }
  }

  private async endTxn(committed: boolean): Promise<void> {
    const { producerId, producerEpoch } = this.identity()
    const { response } = await this.coordination.request(apis.endTxn, {
      versionMax: this.isV2 ? END_TXN_V2 : END_TXN_V2 - 1,
      body: { transactionalId: this.transactionalId, producerId, producerEpoch, committed },
    })
    if (!this.isV2) return
    const next = { producerId: response.producerId, producerEpoch: response.producerEpoch }
    this.current = { ...next, isTransactional: true }
  }

  /** Offsets that a consumer of `group` has processed, as part of the transaction (KIP-447). */
  async commitOffsets(group: GroupMetadata, offsets: readonly OffsetToCommit[]): Promise<void> {
    if (this.phase !== 'open') throw new TypeError('the transaction is over')
    if (this.fault) throw this.fault
    try {
      this.mayBeKnown = true
      const identity = this.identity()
      if (!this.isV2) await this.coordination.addOffsets(identity, group.group)
      await new GroupCoordination(this.cluster, this.pool, group.group).commitInTransaction(
        offsets,
        group,
        { transactionalId: this.transactionalId, ...identity },
        this.isV2 ? TXN_OFFSET_COMMIT.v2 : TXN_OFFSET_COMMIT.before,
      )
    } catch (error) {
      const isLost = error instanceof KafkaError && NOT_MEMBER.has(error.errorCode)
      const fault = isLost ? new CommitFailedError(error.message) : (error as Error)
      this.fail(fault)
      throw fault
    }
  }

  private identity(): ProducerIdentity {
    if (!this.current) throw new TypeError('the producer has no identity yet')
    return this.current
  }

  /** The error to tell; one that says another producer has the id is the last. */
  private judge(error: unknown): unknown {
    if (!isFencing(error)) return error
    this.fatal = new FencedError(`The producer with transactional id ${this.transactionalId}`)
    this.fatal.cause = error
    return this.fatal
  }
}

const isFencing = (error: unknown): boolean =>
  error instanceof KafkaError && FENCING.has(error.errorCode)
