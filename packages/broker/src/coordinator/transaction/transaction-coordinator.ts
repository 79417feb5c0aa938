/**
 * The transaction coordinator as a pure state machine: what a request means for
 * `__transaction_state` and what to answer once that is durable. No I/O, no clock, no randomness.
 *
 * Both kinds of clients are served side by side. An older one keeps its epoch from transaction to
 * transaction; one that speaks transactions V2 (KIP-890) gets a new epoch with the end of each, so
 * that a request that was delayed on the way can never touch the next transaction (KAFKA-17754).
 */
import type { ErrorName } from '@ottla/protocol'
import {
  hasPartition,
  isComplete,
  isPrepared,
  PRODUCER_EPOCH_MAX,
  type Transaction,
  type TransactionRecord,
} from './transaction-state.ts'
import type { Unnamed } from './unnamed-partitions.ts'

export interface TransactionSettings {
  readonly timeoutMsMax: number
  readonly expirationMs: number
}

/** What was decided: an answer at once, or a record first. */
export type Decision<T> =
  | { readonly kind: 'refuse'; readonly error: ErrorName }
  | { readonly kind: 'answer'; readonly response: T }
  | { readonly kind: 'write'; readonly value: Transaction; readonly response: T }

export interface ProducerIdentity {
  readonly producerId: number
  readonly producerEpoch: number
}

const refuse = (error: ErrorName): { kind: 'refuse'; error: ErrorName } => ({
  kind: 'refuse',
  error,
})

export class TransactionCoordinator {
  readonly settings: TransactionSettings
  readonly transactions = new Map<string, Transaction>()
  /** The newest state of each transactional id whose last record is on its way to the disk. */
  readonly changing = new Map<string, Transaction | null>()
  /** Partitions that no record names yet and must; nothing else may be decided before one does. */
  readonly owed = new Map<string, Unnamed>()
  /**
   * Identity with which a producer last raised its own epoch. When it asks again with that, the
   * first answer was lost and it gets the same one; nobody else may use an old epoch (KIP-360).
   */
  private readonly raisedFrom = new Map<string, ProducerIdentity>()
  /** Who was sent back with a commit that came before any record of its transaction. */
  private readonly earlyCommits = new Map<string, ProducerIdentity>()

  constructor(settings: TransactionSettings) {
    this.settings = settings
  }

  replay(record: TransactionRecord): void {
    const { transactionalId, value } = record
    if (value) {
      this.transactions.set(transactionalId, value)
      return
    }
    this.transactions.delete(transactionalId)
    this.raisedFrom.delete(transactionalId)
    this.earlyCommits.delete(transactionalId)
  }

  /** A record of this transactional id is on its way to the disk, or owed. */
  isChanging(transactionalId: string): boolean {
    return this.changing.has(transactionalId) || this.owed.has(transactionalId)
  }

  /**
   * The state to which a partition is added. One that is not durable yet counts when it is open for
   * that: the record that adds the partition lies behind it in the same log.
   */
  basis(transactionalId: string): Transaction | undefined {
    const changing = this.changing.get(transactionalId)
    const isOpen = changing && (changing.state === 'Ongoing' || isComplete(changing.state))
    return isOpen ? changing : this.transactions.get(transactionalId)
  }

  /** False while the next partition has to wait. */
  isExtensible(transactionalId: string): boolean {
    return !this.owed.has(transactionalId) && this.isBasisReady(transactionalId)
  }

  private isBasisReady(transactionalId: string): boolean {
    const basis = this.basis(transactionalId)
    if (this.changing.has(transactionalId)) return basis === this.changing.get(transactionalId)
    return !basis || !isPrepared(basis.state)
  }

  /** True when InitProducerId will need a producer id that nobody has had. */
  needsProducerId(transactionalId: string): boolean {
    const known = this.transactions.get(transactionalId)
    return !known || known.producerEpoch >= PRODUCER_EPOCH_MAX
  }

  /**
   * InitProducerId. A transaction that is open is fenced: the decision is then its abort with a
   * higher epoch, and the client is told to come back (CONCURRENT_TRANSACTIONS).
   */
  initProducerId(
    request: {
      readonly transactionalId: string
      readonly timeoutMs: number
      readonly expected: ProducerIdentity | undefined
    },
    newProducerId: number,
    now: number,
  ): Decision<ProducerIdentity> & { readonly isFence?: boolean } {
    const { transactionalId, timeoutMs, expected } = request
    if (timeoutMs <= 0 || timeoutMs > this.settings.timeoutMsMax) {
      return refuse('INVALID_TRANSACTION_TIMEOUT')
    }
    const known = this.transactions.get(transactionalId)
    if (!known) {
      if (expected) return refuse('INVALID_PRODUCER_ID_MAPPING')
      return this.begin(blank(transactionalId, newProducerId, now), timeoutMs, now)
    }
    if (this.isChanging(transactionalId)) return refuse('CONCURRENT_TRANSACTIONS')
    if (expected && !isSame(identityOf(known), expected)) {
      const raised = this.raisedFrom.get(transactionalId)
      const isRepeated = raised && isSame(raised, expected)
      if (isRepeated && known.state === 'Empty') {
        return { kind: 'answer', response: identityOf(known) }
      }
      // It was told to come back when its open transaction is aborted: the epoch is raised already.
      if (isRepeated && known.state === 'CompleteAbort') return this.begin(known, timeoutMs, now)
      return refuse('PRODUCER_FENCED')
    }
    if (known.state === 'PrepareCommit' || known.state === 'PrepareAbort') {
      return refuse('CONCURRENT_TRANSACTIONS')
    }
    if (known.state === 'Ongoing' || known.state === 'PrepareEpochFence') {
      const producerEpoch = Math.min(known.producerEpoch + 1, PRODUCER_EPOCH_MAX + 1)
      const value: Transaction = {
        ...known,
        producerEpoch,
        state: 'PrepareAbort',
        lastUpdateTimestamp: now,
      }
      this.raisedFrom.set(transactionalId, identityOf(known))
      return { kind: 'write', value, response: identityOf(value), isFence: true }
    }
    if (expected) this.raisedFrom.set(transactionalId, expected)
    else this.raisedFrom.delete(transactionalId)
    const isExhausted = known.producerEpoch >= PRODUCER_EPOCH_MAX
    const next: Transaction = isExhausted
      ? {
          ...known,
          previousProducerId: known.producerId,
          producerId: newProducerId,
          producerEpoch: 0,
        }
      : { ...known, producerEpoch: known.producerEpoch + 1 }
    return this.begin(next, timeoutMs, now)
  }

  private begin(from: Transaction, timeoutMs: number, now: number): Decision<ProducerIdentity> {
    const value: Transaction = {
      ...from,
      nextProducerId: -1,
      nextProducerEpoch: -1,
      timeoutMs,
      state: 'Empty',
      partitions: new Map(),
      startTimestamp: -1,
      lastUpdateTimestamp: now,
    }
    return { kind: 'write', value, response: identityOf(value) }
  }

  /** AddPartitionsToTxn, AddOffsetsToTxn, and the first write of a V2 producer to a partition. */
  addPartitions(
    transactionalId: string,
    { producerId, producerEpoch }: ProducerIdentity,
    partitions: readonly (readonly [topic: string, partition: number])[],
    clientVersion: number,
    now: number,
  ): Decision<undefined> {
    const known = this.basis(transactionalId)
    if (!known || known.producerId !== producerId) return refuse('INVALID_PRODUCER_ID_MAPPING')
    if (known.producerEpoch !== producerEpoch) return refuse('PRODUCER_FENCED')
    if (!this.isExtensible(transactionalId)) return refuse('CONCURRENT_TRANSACTIONS')
    const isIn = ([topic, partition]: readonly [string, number]) =>
      hasPartition(known, topic, partition)
    if (known.state === 'Ongoing' && partitions.every(isIn)) {
      return { kind: 'answer', response: undefined }
    }
    const value = extended(known, partitions, clientVersion, now)
    return { kind: 'write', value, response: undefined }
  }

  /** The record that names what is owed; undefined when it cannot be written now. */
  repaid(transactionalId: string, now: number): Transaction | undefined {
    const owed = this.owed.get(transactionalId)
    const known = this.basis(transactionalId)
    if (!owed || !known || !this.isBasisReady(transactionalId)) return undefined
    return extended(known, owed.partitions, 2, now)
  }

  /** EndTxn of an older client: the epoch stays. */
  end(
    transactionalId: string,
    producer: ProducerIdentity,
    isCommit: boolean,
    now: number,
  ): Decision<ProducerIdentity> {
    const known = this.transactions.get(transactionalId)
    if (!known || known.producerId !== producer.producerId) {
      return refuse('INVALID_PRODUCER_ID_MAPPING')
    }
    if (known.producerEpoch !== producer.producerEpoch) return refuse('PRODUCER_FENCED')
    if (this.isChanging(transactionalId)) return refuse('CONCURRENT_TRANSACTIONS')
    switch (known.state) {
      case 'Ongoing': {
        const value = { ...prepared(known, isCommit, now), clientVersion: 0 }
        return { kind: 'write', value, response: identityOf(value) }
      }
      case 'CompleteCommit':
      case 'CompleteAbort': {
        const isRetry = (known.state === 'CompleteCommit') === isCommit
        return isRetry
          ? { kind: 'answer', response: identityOf(known) }
          : refuse('INVALID_TXN_STATE')
      }
      case 'PrepareCommit':
      case 'PrepareAbort': {
        const isSameEnd = (known.state === 'PrepareCommit') === isCommit
        return refuse(isSameEnd ? 'CONCURRENT_TRANSACTIONS' : 'INVALID_TXN_STATE')
      }
      case 'PrepareEpochFence':
        return refuse('PRODUCER_FENCED')
      case 'Empty':
      case 'Dead':
        return refuse('INVALID_TXN_STATE')
    }
  }

  /** True when EndTxn of a V2 client will need a new producer id, its epochs being used up. */
  needsNextProducerId(transactionalId: string): boolean {
    const known = this.transactions.get(transactionalId)
    return known !== undefined && known.producerEpoch >= PRODUCER_EPOCH_MAX
  }

  /** EndTxn of a V2 client: the answer names the epoch of the next transaction. */
  endV2(
    transactionalId: string,
    producer: ProducerIdentity,
    isCommit: boolean,
    nextProducerId: number,
    now: number,
  ): Decision<ProducerIdentity> {
    const known = this.transactions.get(transactionalId)
    if (!known) return refuse('INVALID_PRODUCER_ID_MAPPING')
    const isRetry = isRetryOfEnd(known, producer)
    if (known.producerId !== producer.producerId && !isRetry) {
      return refuse('INVALID_PRODUCER_ID_MAPPING')
    }
    if (this.isChanging(transactionalId)) return refuse('CONCURRENT_TRANSACTIONS')
    if (isRetry) return retriedEnd(known, isCommit)
    if (known.producerEpoch !== producer.producerEpoch) return refuse('PRODUCER_FENCED')
    // It has the epoch of the next transaction, and comes before any record of that one.
    if (isPrepared(known.state)) return refuse('CONCURRENT_TRANSACTIONS')
    if (known.state !== 'Ongoing' && isCommit) return this.earlyCommit(transactionalId, producer)
    const ended = { ...prepared(known, isCommit, now), clientVersion: 2 }
    const value = this.bumped(ended, nextProducerId)
    return { kind: 'write', value, response: nextIdentityOf(value) }
  }

  /**
   * A commit with nothing to commit. The Java producer lets it overtake the first records of a
   * transaction now and then and gives up for good when it is refused, so it is asked once to come
   * back: docs/decisions/0013-early-commit.md.
   */
  private earlyCommit(transactionalId: string, producer: ProducerIdentity) {
    const before = this.earlyCommits.get(transactionalId)
    if (before && isSame(before, producer)) return refuse('INVALID_TXN_STATE')
    this.earlyCommits.set(transactionalId, identityOf(producer))
    return refuse('CONCURRENT_TRANSACTIONS')
  }

  /** The epoch of markers and of what comes after them; above the last one a new id takes over. */
  private bumped(value: Transaction, nextProducerId: number): Transaction {
    const producerEpoch = value.producerEpoch + 1
    if (producerEpoch <= PRODUCER_EPOCH_MAX) return { ...value, producerEpoch }
    return { ...value, producerEpoch, nextProducerId, nextProducerEpoch: 0 }
  }

  /** All markers are written: the transaction is over. */
  complete(known: Transaction, now: number): Transaction {
    const isCommit = known.state === 'PrepareCommit'
    const takesOver = known.nextProducerId >= 0
    return {
      ...known,
      state: isCommit ? 'CompleteCommit' : 'CompleteAbort',
      producerId: takesOver ? known.nextProducerId : known.producerId,
      producerEpoch: takesOver ? 0 : known.producerEpoch,
      previousProducerId: takesOver ? known.producerId : known.previousProducerId,
      nextProducerId: -1,
      nextProducerEpoch: -1,
      partitions: new Map(),
      startTimestamp: -1,
      lastUpdateTimestamp: now,
    }
  }

  /** Transactional ids whose transactions are open for longer than their producers allowed. */
  timedOut(now: number): string[] {
    return [...this.transactions.keys()].filter((id) => this.isTimedOut(id, now))
  }

  isTimedOut(transactionalId: string, now: number): boolean {
    const known = this.transactions.get(transactionalId)
    if (known?.state !== 'Ongoing' || this.isChanging(transactionalId)) return false
    return known.startTimestamp + known.timeoutMs < now
  }

  /** The abort of a transaction whose producer is not heard: it is fenced by a higher epoch. */
  abortTimedOut(known: Transaction, now: number): Transaction {
    return { ...prepared(known, false, now), producerEpoch: known.producerEpoch + 1 }
  }

  /** Transactional ids that nobody has used for long. */
  expired(now: number): string[] {
    return [...this.transactions.keys()].filter((id) => this.isExpired(id, now))
  }

  isExpired(transactionalId: string, now: number): boolean {
    const known = this.transactions.get(transactionalId)
    if (!known || this.isChanging(transactionalId)) return false
    const isOver = known.state === 'Empty' || isComplete(known.state)
    return isOver && known.lastUpdateTimestamp + this.settings.expirationMs <= now
  }
}

const blank = (transactionalId: string, producerId: number, now: number): Transaction => ({
  transactionalId,
  producerId,
  producerEpoch: 0,
  previousProducerId: -1,
  nextProducerId: -1,
  nextProducerEpoch: -1,
  timeoutMs: 0,
  state: 'Empty',
  partitions: new Map(),
  startTimestamp: -1,
  lastUpdateTimestamp: now,
  clientVersion: 0,
})

const identityOf = ({ producerId, producerEpoch }: ProducerIdentity): ProducerIdentity => ({
  producerId,
  producerEpoch,
})

/** Who may begin the next transaction once this one is over. */
const nextIdentityOf = (value: Transaction): ProducerIdentity =>
  value.nextProducerId >= 0
    ? { producerId: value.nextProducerId, producerEpoch: value.nextProducerEpoch }
    : identityOf(value)

/** With more partitions, and open if it was not. */
function extended(
  known: Transaction,
  partitions: Iterable<readonly [topic: string, partition: number]>,
  clientVersion: number,
  now: number,
): Transaction {
  const isOngoing = known.state === 'Ongoing'
  const all = new Map<string, Set<number>>()
  if (isOngoing) for (const [topic, ids] of known.partitions) all.set(topic, new Set(ids))
  for (const [topic, partition] of partitions) {
    all.set(topic, (all.get(topic) ?? new Set()).add(partition))
  }
  return {
    ...known,
    state: 'Ongoing',
    partitions: all,
    startTimestamp: isOngoing ? known.startTimestamp : now,
    lastUpdateTimestamp: now,
    clientVersion,
  }
}

const prepared = (known: Transaction, isCommit: boolean, now: number): Transaction => ({
  ...known,
  state: isCommit ? 'PrepareCommit' : 'PrepareAbort',
  partitions: known.state === 'Ongoing' ? known.partitions : new Map(),
  startTimestamp: known.state === 'Ongoing' ? known.startTimestamp : now,
  lastUpdateTimestamp: now,
})

const isSame = (a: ProducerIdentity, b: ProducerIdentity): boolean =>
  a.producerId === b.producerId && a.producerEpoch === b.producerEpoch

/** A repeated EndTxn carries the identity that the first one ended. */
function isRetryOfEnd(known: Transaction, producer: ProducerIdentity): boolean {
  if (producer.producerId === known.producerId) {
    return producer.producerEpoch === known.producerEpoch - 1
  }
  return (
    producer.producerId === known.previousProducerId &&
    known.producerEpoch === 0 &&
    producer.producerEpoch >= PRODUCER_EPOCH_MAX
  )
}

function retriedEnd(known: Transaction, isCommit: boolean): Decision<ProducerIdentity> {
  switch (known.state) {
    case 'CompleteCommit':
    case 'CompleteAbort': {
      const isSameEnd = (known.state === 'CompleteCommit') === isCommit
      return isSameEnd
        ? { kind: 'answer', response: identityOf(known) }
        : refuse('INVALID_TXN_STATE')
    }
    case 'PrepareCommit':
    case 'PrepareAbort': {
      const isSameEnd = (known.state === 'PrepareCommit') === isCommit
      return refuse(isSameEnd ? 'CONCURRENT_TRANSACTIONS' : 'INVALID_TXN_STATE')
    }
    case 'Empty':
    case 'Ongoing':
    case 'Dead':
    case 'PrepareEpochFence':
      return refuse('PRODUCER_FENCED')
  }
}
