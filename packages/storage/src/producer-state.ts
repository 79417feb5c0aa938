/**
 * What a partition knows of its idempotent and transactional producers (KIP-98, KIP-360).
 *
 * Per producer id: the epoch, the last five batches (a producer has at most five in flight), and
 * the first offset of the open transaction. From the open transactions follows how far a
 * read_committed consumer may read:
 *
 *   first unstable offset = min(first offsets of open transactions,
 *                               first offsets of ended ones whose marker is not yet durable)
 *
 * Entries are immutable and replaced: appends run ahead of the disk, and when a round is refused
 * (disk full) the entries of the last durable state are simply put back. Hence the two undo maps:
 * one for what is pending, one for what the running round has taken.
 *
 * Pure: no clock, no disk. Rules I1-I8 of Kafka are named where they are applied.
 */
import { addSequence, type ErrorName } from '@ottla/protocol'
import type { AbortedTransaction } from './transaction-index.ts'

export interface ProducerBatch {
  readonly firstSequence: number
  readonly lastSequence: number
  readonly lastOffset: number
  readonly offsetDelta: number
  readonly timestamp: number
}

interface ProducerAndEpoch {
  readonly producerId: number
  readonly producerEpoch: number
}

export interface ProducerEntry {
  readonly producerId: number
  readonly producerEpoch: number
  /** Oldest first, at most five. */
  readonly batches: readonly ProducerBatch[]
  readonly lastTimestamp: number
  readonly coordinatorEpoch: number
  /** First offset of the open transaction, or -1. */
  readonly currentTxnFirstOffset: number
}

/** The fields of a batch header that concern its producer. */
export interface ProducerHeader {
  readonly producerId: number
  readonly producerEpoch: number
  readonly firstSequence: number
  readonly lastSequence: number
  readonly baseOffset: number
  readonly lastOffset: number
  readonly timestamp: number
  readonly isTransactional: boolean
}

export type Attempted = Pick<ProducerHeader, 'producerId' | 'producerEpoch' | 'firstSequence'>

export interface EndMarker {
  readonly producerId: number
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
  readonly isAbort: boolean
  readonly offset: number
  readonly timestamp: number
}

export interface ProducerFault {
  readonly error: ErrorName
  readonly message: string
}

const BATCHES_MAX = 5

/**
 * Batches that have asked to open a transaction here and were not appended yet: what comes first
 * must be the first of them, or a batch that was refused would leave a gap (KAFKA-14884).
 */
interface Attempt {
  readonly isV2: boolean
  readonly startedMs: number
  producerEpoch: number
  lowestSequence: number
}

interface EndedTransaction {
  readonly firstOffset: number
  readonly markerOffset: number
}

export class ProducerStates {
  private readonly entries = new Map<number, ProducerEntry>()
  /** Producer id by first offset; in order of insertion, which is order of offsets. */
  private open = new Map<number, number>()
  private ended: EndedTransaction[] = []
  private readonly attempts = new Map<number, Attempt>()
  private undoPending = new Map<number, ProducerEntry | undefined>()
  private undoInRound = new Map<number, ProducerEntry | undefined>()

  get size(): number {
    return this.entries.size
  }

  get(producerId: number): ProducerEntry | undefined {
    return this.entries.get(producerId)
  }

  all(): IterableIterator<ProducerEntry> {
    return this.entries.values()
  }

  /** Producers that have a transaction open here, in the order in which they began it. */
  openTransactions(): ProducerEntry[] {
    return [...this.open.values()].map(
      (producerId) => this.entries.get(producerId) as ProducerEntry,
    )
  }

  /** I2: the stored batch that this one repeats, if any. */
  findDuplicate(
    producerId: number,
    producerEpoch: number,
    firstSequence: number,
    lastSequence: number,
  ): ProducerBatch | undefined {
    const entry = this.entries.get(producerId)
    if (!entry || entry.producerEpoch !== producerEpoch) return undefined
    for (const batch of entry.batches) {
      if (batch.firstSequence === firstSequence && batch.lastSequence === lastSequence) return batch
    }
    return undefined
  }

  /** A newer epoch of the producer has written here. */
  isFenced({ producerId, producerEpoch }: ProducerAndEpoch): boolean {
    const entry = this.entries.get(producerId)
    return entry !== undefined && producerEpoch < entry.producerEpoch
  }

  /** A transactional batch is about to be admitted; `isV2`: that adds the partition (KIP-890). */
  attempt(
    { producerId, producerEpoch, firstSequence }: Attempted,
    { isV2, nowMs: startedMs }: { readonly isV2: boolean; readonly nowMs: number },
  ): void {
    const entry = this.entries.get(producerId)
    const isOpen = entry && entry.currentTxnFirstOffset >= 0
    if (isOpen && entry.producerEpoch === producerEpoch) return
    const known = this.attempts.get(producerId)
    if (!known) {
      const attempt = { isV2, startedMs, producerEpoch, lowestSequence: firstSequence }
      this.attempts.set(producerId, attempt)
    } else if (producerEpoch > known.producerEpoch) {
      known.producerEpoch = producerEpoch
      known.lowestSequence = firstSequence
    } else if (producerEpoch === known.producerEpoch) {
      known.lowestSequence = Math.min(known.lowestSequence, firstSequence)
    }
  }

  private attemptFault(producerId: number, firstSequence: number): ProducerFault | undefined {
    const attempt = this.attempts.get(producerId)
    if (!attempt) return undefined
    const { isV2, lowestSequence } = attempt
    const isKnown = (this.entries.get(producerId)?.batches.length ?? 0) > 0
    const wanted = isV2 && !isKnown ? Math.min(0, lowestSequence) : lowestSequence
    if (firstSequence <= wanted) return undefined
    const message = `Producer ${producerId}: sequence ${firstSequence}, the first is ${wanted}`
    return { error: 'OUT_OF_ORDER_SEQUENCE_NUMBER', message }
  }

  /** I3-I5: may a batch with this epoch and first sequence come next? */
  check(
    producerId: number,
    producerEpoch: number,
    firstSequence: number,
    isTransactional: boolean,
  ): ProducerFault | undefined {
    const entry = this.entries.get(producerId)
    const epochFault = entry && checkEpoch(entry, producerEpoch)
    if (epochFault) return epochFault
    const early = this.attempts.size > 0 && this.attemptFault(producerId, firstSequence)
    if (early) return early
    if (!entry) return undefined
    const gap = sequenceFault(entry, producerEpoch, firstSequence)
    if (gap) return gap
    if (entry.currentTxnFirstOffset < 0 || isTransactional) return undefined
    return {
      error: 'INVALID_TXN_STATE',
      message: `Producer ${producerId} has a transaction open and sent a plain batch`,
    }
  }

  /** May the coordinator write this marker? */
  checkMarker(producerId: number, producerEpoch: number, coordinatorEpoch: number) {
    const entry = this.entries.get(producerId)
    if (!entry) return undefined
    const fault = checkEpoch(entry, producerEpoch)
    if (fault) return fault
    if (coordinatorEpoch >= entry.coordinatorEpoch) return undefined
    const known = entry.coordinatorEpoch
    const message = `Marker of coordinator epoch ${coordinatorEpoch}, but ${known} is known`
    return { error: 'TRANSACTION_COORDINATOR_FENCED', message } satisfies ProducerFault
  }

  append(header: ProducerHeader): void {
    if (header.isTransactional) this.attempts.delete(header.producerId)
    const old = this.entries.get(header.producerId)
    const batch: ProducerBatch = {
      firstSequence: header.firstSequence,
      lastSequence: header.lastSequence,
      lastOffset: header.lastOffset,
      offsetDelta: header.lastOffset - header.baseOffset,
      timestamp: header.timestamp,
    }
    const known = old && old.producerEpoch === header.producerEpoch ? old.batches : []
    let currentTxnFirstOffset = old?.currentTxnFirstOffset ?? -1
    if (header.isTransactional && currentTxnFirstOffset < 0) {
      currentTxnFirstOffset = header.baseOffset
      this.open.set(currentTxnFirstOffset, header.producerId)
    }
    this.replace(header.producerId, old, {
      producerId: header.producerId,
      producerEpoch: header.producerEpoch,
      batches: known.length < BATCHES_MAX ? [...known, batch] : [...known.slice(1), batch],
      lastTimestamp: header.timestamp,
      coordinatorEpoch: old?.coordinatorEpoch ?? -1,
      currentTxnFirstOffset,
    })
  }

  /** Ends the producer's transaction; what it returns belongs into the transaction index. */
  appendMarker(marker: EndMarker): AbortedTransaction | undefined {
    const old = this.entries.get(marker.producerId)
    const firstOffset = old?.currentTxnFirstOffset ?? -1
    const attempt = this.attempts.get(marker.producerId)
    // That of the next transaction already, which has the marker's epoch.
    const isOfNext = attempt?.isV2 && attempt.producerEpoch === marker.producerEpoch
    if (!isOfNext) this.attempts.delete(marker.producerId)
    this.replace(marker.producerId, old, {
      producerId: marker.producerId,
      producerEpoch: marker.producerEpoch,
      batches: old && old.producerEpoch === marker.producerEpoch ? old.batches : [],
      lastTimestamp: marker.timestamp,
      coordinatorEpoch: marker.coordinatorEpoch,
      currentTxnFirstOffset: -1,
    })
    if (firstOffset < 0) return undefined
    this.open.delete(firstOffset)
    this.ended.push({ firstOffset, markerOffset: marker.offset })
    if (!marker.isAbort) return undefined
    const [firstOpen] = this.open.keys()
    return {
      producerId: marker.producerId,
      firstOffset,
      lastOffset: marker.offset,
      lastStableOffset: firstOpen ?? marker.offset + 1,
    }
  }

  /** Forgets ended transactions whose marker lies below the high watermark. */
  onHighWatermark(highWatermark: number): void {
    if (this.ended.length === 0) return
    this.ended = this.ended.filter((ended) => ended.markerOffset >= highWatermark)
  }

  /** Offset of the first record whose transaction is undecided, or Infinity. */
  firstUnstableOffset(): number {
    let first = Number.POSITIVE_INFINITY
    if (this.open.size > 0) {
      for (const offset of this.open.keys()) {
        first = offset
        break
      }
    }
    for (const ended of this.ended) if (ended.firstOffset < first) first = ended.firstOffset
    return first
  }

  /** I6: producers without an open transaction that have been silent for too long. */
  expire(nowMs: number, expirationMs: number): number {
    let expired = 0
    for (const entry of this.entries.values()) {
      if (entry.currentTxnFirstOffset >= 0) continue
      if (nowMs - entry.lastTimestamp < expirationMs) continue
      this.entries.delete(entry.producerId)
      expired++
    }
    for (const [producerId, { startedMs }] of this.attempts) {
      if (nowMs - startedMs >= expirationMs) this.attempts.delete(producerId)
    }
    return expired
  }

  /** A round takes everything pending: from now on new changes belong to the next one. */
  takeRound(): void {
    if (this.undoPending.size === 0) return
    this.undoInRound = this.undoPending
    this.undoPending = new Map()
  }

  endRound(): void {
    if (this.undoInRound.size > 0) this.undoInRound = new Map()
  }

  /** Back to the last durable state; `logEndOffset` is the one that goes with it. */
  undo(logEndOffset: number): void {
    for (const undo of [this.undoPending, this.undoInRound]) {
      for (const [producerId, entry] of undo) {
        if (entry) this.entries.set(producerId, entry)
        else this.entries.delete(producerId)
      }
      undo.clear()
    }
    this.ended = this.ended.filter((ended) => ended.markerOffset < logEndOffset)
    this.indexOpenTransactions()
  }

  /** Puts the entries of a snapshot in place. */
  restore(entries: readonly ProducerEntry[]): void {
    for (const entry of entries) this.entries.set(entry.producerId, entry)
    this.indexOpenTransactions()
  }

  private indexOpenTransactions(): void {
    const open = [...this.entries.values()].filter((entry) => entry.currentTxnFirstOffset >= 0)
    open.sort((a, b) => a.currentTxnFirstOffset - b.currentTxnFirstOffset)
    this.open = new Map(open.map((entry) => [entry.currentTxnFirstOffset, entry.producerId]))
  }

  private replace(id: number, old: ProducerEntry | undefined, next: ProducerEntry): void {
    if (!this.undoPending.has(id)) this.undoPending.set(id, old)
    this.entries.set(id, next)
  }
}

function checkEpoch(entry: ProducerEntry, producerEpoch: number): ProducerFault | undefined {
  if (producerEpoch >= entry.producerEpoch) return undefined
  return {
    error: 'INVALID_PRODUCER_EPOCH',
    message: `Producer ${entry.producerId}: epoch ${producerEpoch} is below ${entry.producerEpoch}`,
  }
}

function sequenceFault(
  entry: ProducerEntry,
  producerEpoch: number,
  firstSequence: number,
): ProducerFault | undefined {
  if (producerEpoch !== entry.producerEpoch) {
    if (firstSequence === 0 || entry.producerEpoch < 0) return undefined
    return outOfOrder(entry, `first sequence ${firstSequence} of new epoch ${producerEpoch}`)
  }
  const last = entry.batches.at(-1)?.lastSequence ?? -1
  const next = last < 0 ? 0 : addSequence(last, 1)
  if (firstSequence === next) return undefined
  return outOfOrder(entry, `sequence ${firstSequence} where ${next} was expected`)
}

function outOfOrder(entry: ProducerEntry, what: string): ProducerFault {
  return {
    error: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
    message: `Producer ${entry.producerId}, epoch ${entry.producerEpoch}: ${what}`,
  }
}
