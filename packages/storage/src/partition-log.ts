/**
 * One partition's log: what the broker appends to and reads from.
 *
 * HOT: guarded by bench/micro/storage-append.bench.ts (append, takeRound, endRound)
 *
 *   closed --ready()--> opening --> open --close()--> closed
 *                                   |  \--delete()--> deleted
 *                                   \--relocate()--> moving --> open, in another directory
 *
 * `append` is synchronous: it checks the batch, gives it offsets in place, notes it in segment,
 * tail cache and producer state, and leaves it pending. The next round of group commit takes it
 * (`takeRound`), writes and syncs it, and only then does the high watermark pass it (`endRound`).
 * When the disk is full the round is given back (`refuseRound`): everything behind the last durable
 * mark is forgotten, in memory and in the file, and the log goes on from there.
 *
 * Between a round's start and end more batches may be appended; they belong to the next one.
 */
import { assert, type Uuid } from '@ottla/base'
import { BATCH_OVERHEAD } from '@ottla/protocol'
import type { EpochEntry } from './checkpoint-file.ts'
import type { CommitMember, RoundShape } from './committer.ts'
import { replaceSegments } from './compaction/replace-segments.ts'
import { Deferred } from './deferred.ts'
import { asStorageError, StorageError } from './errors.ts'
import type { FileSystem } from './file-system.ts'
import type { EpochEnd } from './leader-epoch-cache.ts'
import { type AppendOptions, type AppendResult, LogAppender } from './log-appender.ts'
import type { LogConfig } from './log-config.ts'
import type { LogContext } from './log-context.ts'
import { LogFiles, type PartitionIdentity } from './log-files.ts'
import { LogReader, type ReadOptions, type ReadResult } from './log-reader.ts'
import type { DurableMark, LogState } from './log-state.ts'
import { type LogTier, type SealedSegment, sealedSegments } from './log-tier.ts'
import { offsetForTimestamp, offsetOfMaxTimestamp, type TimestampOffset } from './log-timestamps.ts'
import { LogWriter } from './log-writer.ts'
import type { ProducerStates } from './producer-state.ts'
import type { Segment } from './segment.ts'
import { rollBack } from './segment-roll.ts'
import type { SyncedLog, SyncedPoint } from './sync-journal.ts'
import { TailBatches } from './tail-cache.ts'
import type { AbortedTransaction } from './transaction-index.ts'

const DURABLE = Promise.resolve()

export class PartitionLog implements CommitMember, SyncedLog {
  readonly topic: string
  readonly partition: number
  config: LogConfig
  private context: LogContext
  private files: LogFiles
  private readonly tail = new TailBatches()
  private openState: LogState | undefined
  private openWriter: LogWriter | undefined
  private openReader: LogReader | undefined
  private openAppender: LogAppender | undefined
  private opening: Promise<void> | undefined
  private isDirty = false
  private isGone = false
  /** On the way to another log directory: appends are refused, reads served. */
  isMoving = false
  /** The archive of a tiered log, attached by whoever keeps it. */
  tier: LogTier | undefined
  private upkeep: Promise<unknown> = DURABLE
  private roundEnd: DurableMark | undefined
  private isRoundSynced = false
  private roundWaiters: Deferred | undefined
  private pendingWaiters: Deferred | undefined
  private lastSyncMs = 0
  /** Replaced, not changed: listeners come and go while they are called. */
  private listeners: readonly (() => void)[] = []

  constructor(context: LogContext, identity: PartitionIdentity, config: LogConfig) {
    this.context = context
    this.topic = identity.topic
    this.partition = identity.partition
    this.config = config
    this.files = new LogFiles(context, identity)
  }

  // ---------------------------------------------------------------- opening and closing

  get topicId(): Uuid {
    return this.files.topicId
  }

  get isOpen(): boolean {
    return this.openState !== undefined && !this.isGone
  }

  /** Nothing can be done with the log any more, since its log directory has failed. */
  get isOffline(): boolean {
    return this.context.committer.fenced !== undefined
  }

  /** The directory, which changes its name when the partition is deleted. */
  get directory(): string {
    return this.files.directory
  }

  /** Opens the log, recovering it if need be. Cheap when open; concurrent calls share the work. */
  ready(): Promise<void> {
    if (this.isGone) return Promise.reject(this.goneError())
    if (this.openState) return DURABLE
    if (this.isOffline) return Promise.reject(this.context.committer.fenced)
    this.opening ??= this.open().finally(() => {
      this.opening = undefined
    })
    return this.opening
  }

  private async open(): Promise<void> {
    const state = await this.files.load(this.config).catch((error: unknown) => {
      throw asStorageError(error, `${this.name} cannot be opened`)
    })
    if (this.isGone) throw this.goneError()
    this.attach(state)
  }

  private attach(state: LogState): void {
    this.openWriter = new LogWriter(this.context, state.directory, state.epochs)
    this.openReader = new LogReader(this.context, state, this.tail, this.read.bind(this))
    this.openAppender = new LogAppender(this.context, this, {
      state,
      writer: this.writer,
      tail: this.tail,
    })
    this.openState = state
    this.lastSyncMs = this.context.clock.monotonicMs()
    if (!this.context.committer.fenced) this.context.journal.note(this)
  }

  /** Waits for the disk, writes snapshot, trimmed indexes and epochs, and lets go of the files. */
  async close(): Promise<void> {
    await this.opening
    await this.upkeep
    const state = this.openState
    if (!state || this.isGone) return
    await this.flush()
    await this.files.writeClosing(state, this.writer)
    this.release()
  }

  private releaseFiles(): void {
    for (const segment of this.openState?.segments ?? []) {
      this.context.openFiles.drop(segment)
      this.context.indexCache.forget(segment)
    }
    this.context.tailCache.remove(this.tail)
  }

  /** Forgets the open log without touching the disk. */
  private release(): void {
    this.releaseFiles()
    this.openState = undefined
    this.openWriter = undefined
    this.openReader = undefined
    this.openAppender = undefined
  }

  /** Ends the log for good: its waiters fail, its directory is renamed for deletion. */
  async delete(): Promise<void> {
    if (this.isGone) return
    this.isGone = true
    await this.opening?.catch(() => undefined)
    await this.upkeep
    await this.context.committer.drain()
    this.context.journal.forget(this)
    await this.files.renameForDeletion()
    // The state stays for whoever still holds the log and asks for its positions.
    this.releaseFiles()
  }

  /**
   * Has the log go on in another directory, to which `carry` brings its files once everything is
   * durable. Until then reads are served from the old one, and appends are told to come again.
   * Resolves with the old directory's files, which are no longer the log's.
   */
  async relocate(
    carry: (state: LogState) => Promise<{ context: LogContext; identity: PartitionIdentity }>,
  ): Promise<LogFiles> {
    assert(!this.isMoving, `${this.name} is moving already`)
    this.isMoving = true
    try {
      await this.ready()
      return await this.inUpkeep(() => this.moveTo(carry))
    } finally {
      this.isMoving = false
      for (const listener of this.listeners) listener()
    }
  }

  private async moveTo(
    carry: (state: LogState) => Promise<{ context: LogContext; identity: PartitionIdentity }>,
  ): Promise<LogFiles> {
    await this.flush()
    await this.context.committer.drain()
    await this.files.writeClosing(this.state, this.writer)
    const { context, identity } = await carry(this.state)
    const files = new LogFiles(context, identity)
    const state = await files.load(this.config)
    const left = this.files
    this.context.journal.forget(this)
    this.releaseFiles()
    this.context = context
    this.files = files
    this.attach(state)
    return left
  }

  /** Resolves when everything appended so far is durable. */
  async flush(): Promise<void> {
    const state = this.openState
    if (!state) return
    if (this.isDirty || this.roundEnd) await this.context.committer.drain()
    if (state.recoveryPoint >= state.highWatermark) return
    // Policy `os`: written, but never synced.
    const upTo = state.durable
    const file = this.context.openFiles.acquire(upTo.mark.segment)
    try {
      await file.sync()
      await this.context.directorySyncs.sync(state.directory)
    } catch (error) {
      this.context.committer.fence(error, [this])
      throw error
    } finally {
      this.context.openFiles.release(upTo.mark.segment)
    }
    state.recoveryPoint = Math.max(state.recoveryPoint, upTo.logEndOffset)
    this.lastSyncMs = this.context.clock.monotonicMs()
  }

  // ---------------------------------------------------------------- positions

  get logStartOffset(): number {
    return this.state.logStartOffset
  }

  /** The first offset on disk here: above the log start offset where an archive has the rest. */
  get localLogStartOffset(): number {
    return this.state.localLogStartOffset
  }

  /** The last offset that the archive holds, or -1. */
  get tieredTo(): number {
    return this.tier?.endOffset ?? -1
  }

  get highWatermark(): number {
    return this.state.highWatermark
  }

  get logEndOffset(): number {
    return this.state.logEndOffset
  }

  get lastStableOffset(): number {
    return this.state.lastStableOffset
  }

  get recoveryPoint(): number {
    return this.state.recoveryPoint
  }

  /** Epoch of the newest record, or -1. */
  get leaderEpoch(): number {
    return this.state.epochs.latest
  }

  /** Bytes that recovery cut off at the last opening; the leader epoch should then grow. */
  get droppedBytes(): number {
    return this.state.droppedBytes
  }

  get sizeBytes(): number {
    return this.state.sizeBytes
  }

  get segmentCount(): number {
    return this.state.segments.length
  }

  /** Damage that recovery or reads have found and kept. */
  get corruptRanges() {
    return this.state.corruptRanges
  }

  producers(): ProducerStates {
    return this.state.producers
  }

  syncedPoint(): SyncedPoint {
    const { state } = this
    const { mark } = state.durable
    const segmentBase = mark.segment.baseOffset
    return { offset: state.recoveryPoint, segmentBase, position: mark.size }
  }

  // ---------------------------------------------------------------- append

  /**
   * Takes a batch (clients: exactly one; others: one or more in a row). Offsets and leader epoch
   * are written into the buffer, then it is copied: the caller may use its memory again.
   */
  append(batch: Buffer, options: AppendOptions): AppendResult {
    const { fenced } = this.context.committer
    if (fenced) return { kind: 'refused', error: 'KAFKA_STORAGE_ERROR', message: fenced.message }
    if (this.isGone) {
      const { errorName, message } = this.goneError()
      return { kind: 'refused', error: errorName, message }
    }
    if (this.isMoving) {
      const message = `${this.name} is moving to another log directory`
      return { kind: 'refused', error: 'NOT_LEADER_OR_FOLLOWER', message }
    }
    const result = this.appender.append(batch, options)
    if (result.kind === 'appended') this.markDirty()
    return result
  }

  /** Rolls a segment that has records, as retention does before it deletes the last of them. */
  rollNow(): void {
    if (this.state.activeSegment.size === 0) return
    this.appender.roll()
    this.markDirty()
  }

  private markDirty(): void {
    if (this.isDirty) return
    this.isDirty = true
    this.context.committer.markDirty(this)
  }

  // ---------------------------------------------------------------- group commit

  takeRound(): number {
    this.isDirty = false
    if (!this.openState) return 0
    this.roundEnd = this.state.mark()
    this.state.producers.takeRound()
    this.roundWaiters = this.pendingWaiters
    this.pendingWaiters = undefined
    return this.writer.take()
  }

  async writeRound(round: RoundShape): Promise<void> {
    if (!this.openState) return
    this.isRoundSynced = this.mustSync()
    await this.writer.write(round, this.isRoundSynced)
  }

  /** `flush.messages` and `flush.ms` count only when the policy leaves syncing to the system. */
  private mustSync(): boolean {
    if (this.context.flushPolicy === 'fsync') return true
    const { recoveryPoint, logEndOffset } = this.state
    if (logEndOffset - recoveryPoint >= this.config.flushMessages) return true
    return this.context.clock.monotonicMs() - this.lastSyncMs >= this.config.flushMs
  }

  endRound(): void {
    const { openState: state, roundEnd } = this
    this.roundEnd = undefined
    if (!state || !roundEnd) return
    const previous = state.durable.mark.segment
    state.durable = roundEnd
    state.highWatermark = Math.max(state.highWatermark, roundEnd.logEndOffset)
    state.producers.endRound()
    state.producers.onHighWatermark(state.highWatermark)
    this.noteSynced(state, roundEnd)
    if (previous !== roundEnd.mark.segment && previous !== state.activeSegment) {
      previous.dropIndexes()
    }
    const waiters = this.roundWaiters
    this.roundWaiters = undefined
    waiters?.resolve()
    for (const listener of this.listeners) listener()
  }

  private noteSynced(state: LogState, roundEnd: DurableMark): void {
    if (this.context.flushPolicy === 'fsync') state.recoveryPoint = roundEnd.logEndOffset
    else {
      // Only what lies in sealed segments was synced for sure.
      const synced = this.isRoundSynced ? roundEnd.logEndOffset : roundEnd.mark.segment.baseOffset
      if (synced <= state.recoveryPoint) return
      state.recoveryPoint = synced
      this.lastSyncMs = this.context.clock.monotonicMs()
    }
    this.context.journal.note(this)
  }

  async refuseRound(error: StorageError): Promise<void> {
    const { state } = this
    this.roundEnd = undefined
    this.writer.clear()
    const { logEndOffset } = state.durable
    state.logEndOffset = logEndOffset
    state.producers.undo(logEndOffset)
    state.epochs.truncateFromEnd(logEndOffset)
    this.context.tailCache.truncate(this.tail, logEndOffset)
    this.reader.forgetPlaces()
    this.failWaiters(error)
    await rollBack(this.context, state)
  }

  fence(error: StorageError): void {
    this.roundEnd = undefined
    this.openWriter?.clear()
    this.failWaiters(error)
  }

  private failWaiters(error: StorageError): void {
    const waiters = [this.roundWaiters, this.pendingWaiters]
    this.roundWaiters = undefined
    this.pendingWaiters = undefined
    for (const waiter of waiters) waiter?.reject(error)
    for (const listener of this.listeners) listener()
  }

  /** Resolves when the record at `offset` is below the high watermark; rejects if it never will. */
  whenDurable(offset: number): Promise<void> {
    const { state } = this
    if (offset < state.highWatermark) return DURABLE
    const { fenced } = this.context.committer
    if (fenced) return Promise.reject(fenced)
    if (offset >= state.logEndOffset) {
      const message = `Offset ${offset} is not in the log any more`
      return Promise.reject(new StorageError('KAFKA_STORAGE_ERROR', message))
    }
    if (this.roundEnd && offset < this.roundEnd.logEndOffset) {
      this.roundWaiters ??= new Deferred()
      return this.roundWaiters.promise
    }
    this.pendingWaiters ??= new Deferred()
    return this.pendingWaiters.promise
  }

  /** Called once per round that moved the high watermark, and when a round failed. */
  onHighWatermark(listener: () => void): () => void {
    this.listeners = [...this.listeners, listener]
    return () => {
      this.listeners = this.listeners.filter((other) => other !== listener)
    }
  }

  // ---------------------------------------------------------------- reading

  /** Whole batches from the one that contains `offset` on; at once when they are cached. */
  read(offset: number, options: ReadOptions): ReadResult | Promise<ReadResult> {
    if (this.isGone) throw this.goneError()
    const { fenced } = this.context.committer
    if (fenced) throw fenced
    const { state } = this
    if (offset < state.localLogStartOffset && offset >= state.logStartOffset) {
      if (this.tier) return this.tier.read(offset, options)
      throw new StorageError('KAFKA_STORAGE_ERROR', `${this.name}: the archive is not open`)
    }
    return this.reader.read(offset, options)
  }

  /** The first record at least as new as `timestamp`, below the high watermark. */
  async offsetForTimestamp(timestamp: number): Promise<TimestampOffset | undefined> {
    return offsetForTimestamp(this.context, this.state, timestamp, this.tier)
  }

  /** Aborted transactions that overlap [from, to), as far as segments here know them. */
  abortedTransactions(from: number, to: number): readonly AbortedTransaction[] {
    return this.reader.abortedBetween(from, to)
  }

  /** Sealed segments from `offset` to the last stable offset: what an archive may copy. */
  sealedSegments(offset: number): SealedSegment[] {
    return sealedSegments(this.context, this.state, offset)
  }

  /** Bytes of the segments here that begin at `offset` or later. */
  sizeBytesFrom(offset: number): number {
    return this.state.sizeBytesFrom(offset)
  }

  get epochs(): readonly EpochEntry[] {
    return this.state.epochs.entries
  }

  /** The first record that has the largest timestamp of the log. */
  offsetOfMaxTimestamp(): Promise<TimestampOffset | undefined> {
    return offsetOfMaxTimestamp(this.context, this.state)
  }

  /** OffsetForLeaderEpoch; -1 and -1 when nothing is known. */
  offsetForLeaderEpoch(epoch: number): EpochEnd {
    return this.state.epochs.endOffsetFor(epoch, this.state.highWatermark)
  }

  // ---------------------------------------------------------------- removing

  /** Moves the log start offset; resolves with the new one when that would survive a crash. */
  async deleteRecordsBefore(offset: number): Promise<number> {
    const { state } = this
    if (offset < 0 || offset > state.highWatermark) {
      const message = `Offset ${offset} is not below the high watermark ${state.highWatermark}`
      throw new StorageError('OFFSET_OUT_OF_RANGE', message)
    }
    if (this.isMoving) {
      const message = `${this.name} is moving to another log directory`
      throw new StorageError('NOT_LEADER_OR_FOLLOWER', message)
    }
    if (offset > state.logStartOffset) {
      state.logStartOffset = offset
      state.epochs.truncateFromStart(offset)
      await this.files.saveLogStart()
    }
    return state.logStartOffset
  }

  /** Deletes segments by time, size and log start offset, expires producers. */
  applyRetention(nowMs: number): Promise<void> {
    return this.inUpkeep(async () => {
      if (!this.isOpen || this.isMoving || this.isOffline) return
      this.state.producers.expire(nowMs, this.config.producerIdExpirationMs)
      if (this.config.tier !== 'none' && !this.tier?.isReady) return
      await this.files.deleteExpired(this, nowMs)
    })
  }

  /** Puts a cleaned segment in place of those with these base offsets; false when they changed. */
  takeCleaned(sources: readonly number[]): Promise<boolean> {
    return this.inUpkeep(async () => {
      if (!this.isOpen || this.isMoving || this.isOffline) return false
      const { state, context } = this
      try {
        const delayMs = this.config.fileDeleteDelayMs
        const nextBase = await replaceSegments(context, state, sources, delayMs)
        if (nextBase === undefined) return false
        // Aborted records among them are told by an index that the cleaning may have emptied.
        context.tailCache.dropBelow(this.tail, nextBase)
        return true
      } catch (error) {
        // Files may lie half-way between old and new names: the next start sorts them out.
        this.context.committer.fence(error, [this])
        throw error
      }
    })
  }

  /** What changes the list of sealed segments or their files comes one after the other. */
  private inUpkeep<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.upkeep.then(work)
    this.upkeep = turn.catch(() => undefined)
    return turn
  }

  /** The header of a sealed segment's first batch, or undefined when it has none. */
  readHeader(segment: Segment): Buffer | undefined {
    const header = Buffer.alloc(BATCH_OVERHEAD)
    const file = this.context.openFiles.acquire(segment)
    try {
      return file.read(header, 0) === header.length ? header : undefined
    } finally {
      this.context.openFiles.release(segment)
    }
  }

  /** For the parts of the package that work on open logs. */
  get state(): LogState {
    if (this.openState) return this.openState
    throw new StorageError('KAFKA_STORAGE_ERROR', `${this.name} is not open`)
  }

  private goneError(): StorageError {
    return new StorageError('UNKNOWN_TOPIC_OR_PARTITION', `${this.name} was deleted`)
  }

  get fileSystem(): FileSystem {
    return this.context.fileSystem
  }

  get name(): string {
    return `${this.topic}-${this.partition}`
  }

  private get writer(): LogWriter {
    assert(this.openWriter, `${this.name} is not open`)
    return this.openWriter
  }

  private get appender(): LogAppender {
    assert(this.openAppender, `${this.name} is not open`)
    return this.openAppender
  }

  private get reader(): LogReader {
    assert(this.openReader, `${this.name} is not open`)
    return this.openReader
  }
}
