/**
 * What a share fetch reads, in rounds: each reads what the partitions in use have, and acquires as
 * much of it as the request wants. Requests take turns in a partition that has something; who finds
 * another one reading queues up there. A partition that has nothing is not touched, so that idle
 * members do not keep waking each other.
 *
 * From its first round on a reading hears of news, also while it is at work: nothing that happens
 * between a round and the wait after it is missed.
 *
 * Partitions that are not in use yet are opened one after the other, with a round after each: the
 * first that has records is answered with, and nobody waits for the others. So does Apache Kafka,
 * where every share partition that has been loaded wakes the fetch; the next fetch begins with the
 * next partition.
 */
import { type ErrorName, readBatches } from '@ottla/protocol'
import { type ReadResult, StorageError } from '@ottla/storage'
import type { Watched } from '../purgatory.ts'
import { archiveAborted } from './aborted-records.ts'
import { type AcquiredRange, acquire, type ReadBatch } from './acquire.ts'
import type { HeldPartition } from './held-partition.ts'
import type { ShareGroupSettings, ShareService } from './share-service.ts'
import type { SessionPartition, ShareSession } from './share-sessions.ts'
import type { SharePartitionKey } from './share-state-records.ts'

/** Where a reading finds its share partitions. */
export type SharePartitions = Pick<
  ShareService,
  'logOf' | 'find' | 'open' | 'settingsOf' | 'lockDeadlineMs'
>

export interface ReadingLimits {
  /** Epoch of the request: decides which partition comes first. */
  readonly epoch: number
  readonly maxBytes: number
  readonly minBytes: number
  readonly maxRecords: number
  readonly batchSize: number
  readonly isRecordLimit: boolean
}

export interface PartitionReading {
  readonly target: SessionPartition
  readonly error: ErrorName | undefined
  readonly acquired: readonly AcquiredRange[]
  readonly records: readonly Buffer[]
}

export interface ReadingRound {
  readonly readings: PartitionReading[]
  isDone: boolean
}

/** A partition that has something, and that nobody else is reading now. */
interface Turn {
  readonly target: SessionPartition
  readonly held: HeldPartition
}

interface Turns {
  readonly turns: readonly Turn[]
  /** Those that could be read from, whether they have something or not. */
  readonly partitionCount: number
}

interface Found extends Turn {
  readonly offset: number
  readonly result: ReadResult
}

export class ShareReading implements Watched {
  private hasNews = false
  private waiting: (() => void) | undefined
  private readonly subscribed = new Map<HeldPartition, () => void>()
  private readonly share: SharePartitions
  private readonly session: ShareSession
  private readonly limits: ReadingLimits
  private readonly targets: readonly SessionPartition[]
  private readonly failed = new Map<SessionPartition, ErrorName>()

  constructor(share: SharePartitions, session: ShareSession, limits: ReadingLimits) {
    this.share = share
    this.session = session
    this.limits = limits
    this.targets = session.rotated(limits.epoch)
    for (const target of this.targets) {
      const log = share.logOf(target.topicId, target.partition)
      if (typeof log !== 'string') continue
      const isGone = log === 'UNKNOWN_TOPIC_ID' && target.wasKnown
      this.failed.set(target, isGone ? 'UNKNOWN_TOPIC_OR_PARTITION' : log)
    }
  }

  private keyOf({ topicId, partition }: SessionPartition): SharePartitionKey {
    return { groupId: this.session.groupId, topicId, partition }
  }

  private readonly wake = (): void => {
    this.hasNews = true
    this.waiting?.()
  }

  /** Calls back at the next news, or at once when there have been some since the last round. */
  onHighWatermark(listener: () => void): () => void {
    if (this.hasNews) queueMicrotask(listener)
    this.waiting = listener
    return () => {
      this.waiting = undefined
    }
  }

  private subscribe(held: HeldPartition): void {
    if (this.subscribed.has(held)) return
    const stops = [held.onHighWatermark(this.wake), held.log.onHighWatermark(this.wake)]
    this.subscribed.set(held, () => {
      for (const stop of stops) stop()
      held.leaveQueue(this.wake)
    })
  }

  close(): void {
    for (const stop of this.subscribed.values()) stop()
    this.subscribed.clear()
  }

  /** Opens the next partition that is not in use; false when there is none. */
  async openNext(): Promise<boolean> {
    for (const target of this.targets) {
      const key = this.keyOf(target)
      if (this.failed.has(target) || this.share.find(key)) continue
      const opened = await this.share.open(key)
      if (typeof opened === 'string') this.failed.set(target, opened)
      return true
    }
    return false
  }

  /** Those that this fetch did without: the next one shall find them open. */
  openRest(): void {
    for (const target of this.targets) {
      const key = this.keyOf(target)
      if (!this.failed.has(target) && !this.share.find(key)) void this.share.open(key)
    }
  }

  /** The last round takes what there is, however little. */
  async round(isLast: boolean): Promise<ReadingRound> {
    const { maxBytes, minBytes, maxRecords } = this.limits
    const round: ReadingRound = { readings: [], isDone: false }
    for (const [target, error] of this.failed) round.readings.push(failure(target, error))
    // Nothing can come of it: not even waited for.
    if (maxBytes === 0 || maxRecords === 0 || this.failed.size === this.targets.length) {
      round.isDone = true
      return round
    }
    this.hasNews = false
    const settings = this.share.settingsOf(this.session.groupId)
    const turns = this.takeTurns(settings)
    try {
      const found = await this.read(turns, settings, round)
      const bytes = found.reduce((sum, { result }) => sum + result.size, 0)
      if (bytes >= minBytes || isLast) this.take(found, settings, round)
    } finally {
      for (const { held } of turns.turns) held.endFetching()
    }
    return round
  }

  private takeTurns({ recordLocksMax, isCommittedOnly }: ShareGroupSettings): Turns {
    const turns: Turn[] = []
    let partitionCount = 0
    for (const target of this.targets) {
      const held = this.share.find(this.keyOf(target))
      if (!held) continue
      this.subscribe(held)
      const { log, partition } = held
      partition.moveStart(log.logStartOffset)
      if (!partition.canAcquire(recordLocksMax)) continue
      const end = isCommittedOnly ? log.lastStableOffset : log.highWatermark
      const hasSome = partition.nextFetchOffset < end
      if (hasSome && held.isFetching) {
        held.queueUp(this.wake)
        continue
      }
      partitionCount++
      if (!hasSome) continue
      held.isFetching = true
      turns.push({ target, held })
    }
    return { turns, partitionCount }
  }

  /**
   * Each partition has an even part of the bytes. The first batch that is found comes whole,
   * however large it is; later ones must fit.
   */
  private async read(
    { turns, partitionCount }: Turns,
    { isCommittedOnly }: ShareGroupSettings,
    round: ReadingRound,
  ): Promise<Found[]> {
    const upTo = isCommittedOnly ? 'last-stable-offset' : 'high-watermark'
    const found: Found[] = []
    const part = Math.floor(this.limits.maxBytes / partitionCount)
    let bytesLeft = this.limits.maxBytes
    for (const { target, held } of turns) {
      const offset = held.partition.nextFetchOffset
      const bytesMax = Math.min(part, bytesLeft)
      try {
        const atLeastOneBatch = found.length === 0
        const result = await held.log.read(offset, { bytesMax, upTo, atLeastOneBatch })
        if (result.size > 0) found.push({ target, held, offset, result })
        bytesLeft = Math.max(0, bytesLeft - result.size)
      } catch (error) {
        if (!(error instanceof StorageError)) throw error
        round.readings.push(failure(target, error.errorName))
        round.isDone = true
      }
    }
    return found
  }

  private take(found: readonly Found[], settings: ShareGroupSettings, round: ReadingRound): void {
    const { share, limits } = this
    const { groupId, memberId } = this.session
    let left = limits.maxRecords
    for (const { target, held, offset, result } of found) {
      if (left <= 0) return
      const batches = result.chunks.flatMap((chunk) => [...readBatches(chunk)])
      const acquired = acquire(held.partition, {
        memberId,
        batches,
        fetchOffset: offset,
        maxRecords: left,
        batchSize: limits.batchSize,
        isRecordLimit: limits.isRecordLimit,
        lockDeadlineMs: share.lockDeadlineMs(groupId),
        deliveryCountMax: settings.deliveryCountMax,
        inFlightMax: settings.recordLocksMax,
      })
      held.arm()
      const aborted = result.abortedTransactions ?? []
      const kept = archiveAborted(held.partition, acquired, batches, aborted)
      if (kept.archived.length > 0) held.note(kept.archived)
      if (kept.acquired.length === 0) continue
      for (const { firstOffset, lastOffset } of kept.acquired) left -= lastOffset - firstOffset + 1
      const records = overlapping(result.chunks, kept.acquired)
      round.readings.push({ target, error: undefined, acquired: kept.acquired, records })
      round.isDone = true
    }
  }
}

const failure = (target: SessionPartition, error: ErrorName): PartitionReading => ({
  target,
  error,
  acquired: [],
  records: [],
})

/** The batches between the first and the last acquired record. */
function overlapping(chunks: readonly Buffer[], acquired: readonly AcquiredRange[]): Buffer[] {
  const first = acquired[0]?.firstOffset ?? 0
  const last = acquired.at(-1)?.lastOffset ?? -1
  const isWanted = ({ baseOffset, lastOffset }: ReadBatch) =>
    lastOffset >= first && baseOffset <= last
  return chunks.flatMap((chunk) => {
    const wanted = [...readBatches(chunk)].filter(isWanted)
    const [from, to] = [wanted[0], wanted.at(-1)]
    return from && to ? [chunk.subarray(from.position, to.position + to.size)] : []
  })
}
