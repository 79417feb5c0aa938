/**
 * One partition's log: what the broker appends to and reads from.
 *
 * HOT: guarded by bench/micro/storage-append.bench.ts (append, takeRound, endRound)
 *
 *   closed --ready()--> opening --> open --close()--> closed
 *                                    \--delete()--> deleted
 *
 * `append` is synchronous: it checks the batch, gives it offsets in place, notes it in segment,
 * tail cache and producer state, and leaves it pending. The next round of group commit takes it
 * (`takeRound`), writes and syncs it, and only then does the high watermark pass it (`endRound`).
 * When the disk is full the round is given back (`refuseRound`): everything behind the last durable
 * mark is forgotten, in memory and in the file, and the log goes on from there.
 *
 * Between a round's start and end more batches may be appended; they belong to the next one.
 */
import { assert, ClosedError, type Uuid } from '@ottla/base'
import {
  baseOffsetOf,
  baseSequenceOf,
  batchSizeOf,
  compressionOf,
  type ErrorName,
  isControlBatch,
  isTransactional,
  LEADER_EPOCH_POSITION,
  lastOffsetDeltaOf,
  lastSequenceOf,
  maxTimestampOf,
  producerEpochOf,
  producerIdOf,
  writeInt64,
} from '@ottla/protocol'
import { clientBatchFault, setLogAppendTime } from './batch-validation.ts'
import type { CommitMember } from './committer.ts'
import { readEndTransaction } from './control-record.ts'
import { Deferred } from './deferred.ts'
import { StorageError } from './errors.ts'
import type { FileSystem } from './file-system.ts'
import type { EpochEnd } from './leader-epoch-cache.ts'
import type { LogConfig, TopicCompression } from './log-config.ts'
import type { BatchRefusal, LogContext, RecordError } from './log-context.ts'
import { LogFiles, type PartitionIdentity } from './log-files.ts'
import { LogReader, type ReadOptions, type ReadResult } from './log-reader.ts'
import type { DurableMark, LogState } from './log-state.ts'
import { offsetForTimestamp, offsetOfMaxTimestamp, type TimestampOffset } from './log-timestamps.ts'
import { LogWriter } from './log-writer.ts'
import { encodeProducerSnapshot } from './producer-snapshot.ts'
import type { ProducerEntry, ProducerFault } from './producer-state.ts'
import { Segment } from './segment.ts'
import { rollBack, shouldRoll } from './segment-roll.ts'
import type { SyncedLog, SyncedPoint } from './sync-journal.ts'
import { TailBatches } from './tail-cache.ts'

export interface AppendOptions {
  /** Who made the batch: only a client's is distrusted. */
  readonly origin: 'client' | 'coordinator' | 'raft'
  readonly leaderEpoch: number
}

export type AppendResult =
  | {
      readonly kind: 'appended'
      readonly baseOffset: number
      readonly lastOffset: number
      /** -1 unless the topic has LogAppendTime. */
      readonly logAppendTimeMs: number
      readonly logStartOffset: number
    }
  | {
      readonly kind: 'duplicate'
      readonly baseOffset: number
      readonly lastOffset: number
      readonly logAppendTimeMs: number
      readonly logStartOffset: number
    }
  | {
      readonly kind: 'refused'
      readonly error: ErrorName
      readonly message: string
      readonly recordErrors?: readonly RecordError[]
    }

const CODECS: readonly TopicCompression[] = ['uncompressed', 'gzip', 'snappy', 'lz4', 'zstd']
const DURABLE = Promise.resolve()

export class PartitionLog implements CommitMember, SyncedLog {
  readonly topic: string
  readonly partition: number
  config: LogConfig
  private readonly context: LogContext
  private readonly files: LogFiles
  private readonly tail = new TailBatches()
  private openState: LogState | undefined
  private openWriter: LogWriter | undefined
  private openReader: LogReader | undefined
  private opening: Promise<void> | undefined
  private isDirty = false
  private isGone = false
  private roundEnd: DurableMark | undefined
  private roundWaiters: Deferred | undefined
  private pendingWaiters: Deferred | undefined
  private lastSyncMs = 0
  private readonly listeners: (() => void)[] = []

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

  /** The directory, which changes its name when the partition is deleted. */
  get directory(): string {
    return this.files.directory
  }

  /** Opens the log, recovering it if need be. Cheap when open; concurrent calls share the work. */
  ready(): Promise<void> {
    if (this.isGone) return Promise.reject(new ClosedError(this.name))
    if (this.openState) return DURABLE
    this.opening ??= this.open().finally(() => {
      this.opening = undefined
    })
    return this.opening
  }

  private async open(): Promise<void> {
    const state = await this.files.load(this.config)
    if (this.isGone) throw new ClosedError(this.name)
    this.openWriter = new LogWriter(this.context, state.directory, state.epochs)
    this.openReader = new LogReader(this.context, state, this.tail)
    this.openState = state
    this.lastSyncMs = this.context.clock.monotonicMs()
    if (!this.context.committer.fenced) this.context.journal.note(this)
  }

  /** Waits for the disk, writes snapshot, trimmed indexes and epochs, and lets go of the files. */
  async close(): Promise<void> {
    await this.opening
    const state = this.openState
    if (!state || this.isGone) return
    await this.flush()
    await this.files.writeClosing(state, this.writer)
    this.release()
  }

  /** Forgets the open log without touching the disk. */
  private release(): void {
    for (const segment of this.openState?.segments ?? []) {
      this.context.openFiles.drop(segment)
      this.context.indexCache.forget(segment)
    }
    this.context.tailCache.remove(this.tail)
    this.openState = undefined
    this.openWriter = undefined
    this.openReader = undefined
  }

  /** Ends the log for good: its waiters fail, its directory is renamed for deletion. */
  async delete(): Promise<void> {
    if (this.isGone) return
    this.isGone = true
    await this.opening?.catch(() => undefined)
    await this.context.committer.drain()
    this.context.journal.forget(this)
    await this.files.renameForDeletion()
    this.release()
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

  producers(): IterableIterator<ProducerEntry> {
    return this.state.producers.all()
  }

  syncedPoint(): SyncedPoint {
    const { state } = this
    const { mark } = state.durable
    const segmentBase = mark.segment.baseOffset
    return { offset: state.recoveryPoint, segmentBase, position: mark.size }
  }

  // ---------------------------------------------------------------- append

  /**
   * Takes a batch (clients: exactly one; others: one or more in a row). The buffer belongs to the
   * log from now on: offsets and leader epoch are written into it, and readers are given it.
   */
  append(batch: Buffer, options: AppendOptions): AppendResult {
    const { fenced } = this.context.committer
    if (fenced) return { kind: 'refused', error: 'KAFKA_STORAGE_ERROR', message: fenced.message }
    if (options.origin === 'client') return this.appendClient(batch, options.leaderEpoch)
    return this.appendTrusted(batch, options)
  }

  private appendClient(received: Buffer, leaderEpoch: number): AppendResult {
    const { config, context, state } = this
    const nowMs = context.clock.now()
    let batch = received
    const fault = clientBatchFault(batch, config, nowMs) ?? this.recordsFault(batch)
    if (fault) return { kind: 'refused', ...fault }
    if (config.compressionType !== 'producer') batch = this.recompress(batch)
    const producerId = producerIdOf(batch)
    if (producerId >= 0) {
      const known = this.checkProducer(batch, producerId)
      if (known) return known
    }
    let logAppendTimeMs = -1
    if (config.messageTimestampType === 'LogAppendTime') {
      setLogAppendTime(batch, nowMs)
      logAppendTimeMs = nowMs
    }
    const baseOffset = state.logEndOffset
    this.add(batch, leaderEpoch, nowMs)
    if (producerId >= 0) this.noteProducer(batch)
    this.markDirty()
    return {
      kind: 'appended',
      baseOffset,
      lastOffset: state.logEndOffset - 1,
      logAppendTimeMs,
      logStartOffset: state.logStartOffset,
    }
  }

  private recordsFault(batch: Buffer): BatchRefusal | undefined {
    if (!this.config.cleanupPolicy.includes('compact')) return undefined
    return this.context.recordTools.check?.(batch, { needsKeys: true })
  }

  private recompress(batch: Buffer): Buffer {
    const wanted = this.config.compressionType
    if (CODECS[compressionOf(batch)] === wanted) return batch
    return this.context.recordTools.recompress?.(batch, wanted) ?? batch
  }

  /** The answer to a repeated or unwelcome batch; undefined when it may be appended. */
  private checkProducer(batch: Buffer, producerId: number): AppendResult | undefined {
    const { producers, logStartOffset } = this.state
    const epoch = producerEpochOf(batch)
    const first = baseSequenceOf(batch)
    const known = producers.findDuplicate(producerId, epoch, first, lastSequenceOf(batch))
    if (known) {
      const isLogAppendTime = this.config.messageTimestampType === 'LogAppendTime'
      return {
        kind: 'duplicate',
        baseOffset: known.lastOffset - known.offsetDelta,
        lastOffset: known.lastOffset,
        logAppendTimeMs: isLogAppendTime ? known.timestamp : -1,
        logStartOffset,
      }
    }
    const fault = producers.check(producerId, epoch, first, isTransactional(batch))
    return fault && { kind: 'refused', ...fault }
  }

  private appendTrusted(batches: Buffer, options: AppendOptions): AppendResult {
    const { state } = this
    const nowMs = this.context.clock.now()
    const baseOffset = state.logEndOffset
    for (let at = 0; at < batches.length; ) {
      const batch = batches.subarray(at, at + batchSizeOf(batches, at))
      const producerId = producerIdOf(batch)
      const isMarker = producerId >= 0 && isControlBatch(batch)
      const fault = isMarker ? this.markerFault(batch) : undefined
      if (fault) {
        assert(at === 0, 'a marker comes alone')
        return { kind: 'refused', ...fault }
      }
      at += batch.length
      this.add(batch, options.leaderEpoch, nowMs)
      if (isMarker) this.noteMarker(batch)
      else if (producerId >= 0) this.noteProducer(batch)
    }
    this.markDirty()
    const { logStartOffset, logEndOffset } = state
    return {
      kind: 'appended',
      baseOffset,
      lastOffset: logEndOffset - 1,
      logAppendTimeMs: -1,
      logStartOffset,
    }
  }

  /** Gives the batch its place: offsets, segment, indexes, cache, pending. */
  private add(batch: Buffer, leaderEpoch: number, nowMs: number): void {
    const { state, config } = this
    const baseOffset = state.logEndOffset
    const lastOffset = baseOffset + lastOffsetDeltaOf(batch)
    const incoming = { size: batch.length, maxTimestamp: maxTimestampOf(batch), lastOffset }
    if (shouldRoll(state.activeSegment, incoming, config, nowMs)) this.roll()
    writeInt64(batch, 0, baseOffset)
    batch.writeInt32BE(leaderEpoch, LEADER_EPOCH_POSITION)
    const segment = state.activeSegment
    const position = segment.size
    segment.noteBatch(batch, 0, position, config.indexIntervalBytes)
    this.writer.add(segment, batch, position)
    this.context.tailCache.add(this.tail, batch)
    state.epochs.maybeAssign(leaderEpoch, baseOffset)
    state.logEndOffset = lastOffset + 1
    if (this.context.mutants.highWatermarkAheadOfSync) state.highWatermark = state.logEndOffset
  }

  private noteProducer(batch: Buffer): void {
    const baseOffset = baseOffsetOf(batch)
    this.state.producers.append({
      producerId: producerIdOf(batch),
      producerEpoch: producerEpochOf(batch),
      firstSequence: baseSequenceOf(batch),
      lastSequence: lastSequenceOf(batch),
      baseOffset,
      lastOffset: baseOffset + lastOffsetDeltaOf(batch),
      timestamp: maxTimestampOf(batch),
      isTransactional: isTransactional(batch),
    })
  }

  private markerFault(batch: Buffer): ProducerFault | undefined {
    const end = readEndTransaction(batch, 0)
    if (!end) return undefined
    const producerId = producerIdOf(batch)
    const epoch = producerEpochOf(batch)
    return this.state.producers.checkMarker(producerId, epoch, end.coordinatorEpoch)
  }

  private noteMarker(batch: Buffer): void {
    const end = readEndTransaction(batch, 0)
    if (!end) return
    const aborted = this.state.producers.appendMarker({
      producerId: producerIdOf(batch),
      producerEpoch: producerEpochOf(batch),
      ...end,
      offset: baseOffsetOf(batch),
      timestamp: maxTimestampOf(batch),
    })
    if (!aborted) return
    const segment = this.state.activeSegment
    segment.noteAborted(aborted)
    this.writer.noteAborted(segment, segment.size)
  }

  /** Seals the active segment and begins a new one at the log end offset. */
  private roll(): void {
    const { state, config, context } = this
    const old = state.activeSegment
    old.noteMaxTimestamp()
    const { producers } = state
    const snapshot = encodeProducerSnapshot(producers.all(), producers.size)
    this.writer.seal(old, state.logEndOffset, snapshot)
    const jitter = Math.min(config.segmentJitterMs, config.segmentMs, 2 ** 31 - 1)
    const segment = new Segment(state.directory, state.logEndOffset, {
      createdMs: context.clock.now(),
      rollJitterMs: jitter > 0 ? context.random.integer(jitter) : 0,
      isNew: true,
    })
    state.segments.push(segment)
    this.writer.touch(segment)
  }

  /** Rolls a segment that has records, as retention does before it deletes the last of them. */
  rollNow(): void {
    if (this.state.activeSegment.size === 0) return
    this.roll()
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

  async writeRound(isSmall: boolean): Promise<void> {
    if (this.openState) await this.writer.write(isSmall, this.mustSync())
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
      const synced = this.mustSync() ? roundEnd.logEndOffset : roundEnd.mark.segment.baseOffset
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
    this.listeners.push(listener)
    return () => {
      const at = this.listeners.indexOf(listener)
      if (at >= 0) this.listeners.splice(at, 1)
    }
  }

  // ---------------------------------------------------------------- reading

  /** Whole batches from the one that contains `offset` on; at once when they are cached. */
  read(offset: number, options: ReadOptions): ReadResult | Promise<ReadResult> {
    return this.reader.read(offset, options)
  }

  /** The first record at least as new as `timestamp`, below the high watermark. */
  offsetForTimestamp(timestamp: number): Promise<TimestampOffset | undefined> {
    return offsetForTimestamp(this.context, this.state, timestamp)
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
      const message = `Cannot delete records before ${offset}: the high watermark is ${state.highWatermark}`
      throw new StorageError('OFFSET_OUT_OF_RANGE', message)
    }
    if (offset > state.logStartOffset) {
      state.logStartOffset = offset
      state.epochs.truncateFromStart(offset)
      await this.files.saveLogStart()
    }
    return state.logStartOffset
  }

  /** Deletes whole segments by time, size and log start offset; expires producers. */
  async applyRetention(nowMs: number): Promise<void> {
    if (!this.isOpen) return
    this.state.producers.expire(nowMs, this.config.producerIdExpirationMs)
    await this.files.deleteExpired(this, nowMs)
  }

  /** For the parts of the package that work on open logs. */
  get state(): LogState {
    assert(this.openState, `${this.name} is not open`)
    return this.openState
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

  private get reader(): LogReader {
    assert(this.openReader, `${this.name} is not open`)
    return this.openReader
  }
}
