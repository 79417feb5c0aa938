/**
 * The synchronous half of an append: is the batch welcome, which offsets does it get, and what has
 * to be noted in segment, indexes, producer state, epochs, tail cache and the list of what is
 * pending. Nothing here waits, so an append is never interleaved with another.
 *
 * HOT: guarded by bench/micro/storage-append.bench.ts
 */
import { assert } from '@ottla/base'
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
import { readEndTransaction } from './control-record.ts'
import type { LogConfig, TopicCompression } from './log-config.ts'
import type { BatchRefusal, LogContext, RecordError } from './log-context.ts'
import type { LogState } from './log-state.ts'
import type { LogWriter } from './log-writer.ts'
import { encodeProducerSnapshot } from './producer-snapshot.ts'
import type { ProducerFault } from './producer-state.ts'
import { Segment } from './segment.ts'
import { shouldRoll } from './segment-roll.ts'
import type { TailBatches } from './tail-cache.ts'

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

export class LogAppender {
  private readonly context: LogContext
  /** The log's settings as they are now; a topic's settings change while it is open. */
  private readonly settings: { readonly config: LogConfig }
  private readonly state: LogState
  private readonly writer: LogWriter
  private readonly tail: TailBatches

  constructor(
    context: LogContext,
    settings: { readonly config: LogConfig },
    open: { readonly state: LogState; readonly writer: LogWriter; readonly tail: TailBatches },
  ) {
    this.context = context
    this.settings = settings
    this.state = open.state
    this.writer = open.writer
    this.tail = open.tail
  }

  append(batch: Buffer, options: AppendOptions): AppendResult {
    if (options.origin === 'client') return this.appendClient(batch, options.leaderEpoch)
    return this.appendTrusted(batch, options)
  }

  private appendClient(received: Buffer, leaderEpoch: number): AppendResult {
    const { context, state } = this
    const { config } = this.settings
    const nowMs = context.clock.now()
    let batch = received
    const fault = clientBatchFault(batch, config, nowMs) ?? this.recordsFault(batch)
    // Last, since the caller's checks may answer with objects that have a kind of their own.
    if (fault) return { ...fault, kind: 'refused' }
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
    return {
      kind: 'appended',
      baseOffset,
      lastOffset: state.logEndOffset - 1,
      logAppendTimeMs,
      logStartOffset: state.logStartOffset,
    }
  }

  private recordsFault(batch: Buffer): BatchRefusal | undefined {
    if (!this.settings.config.cleanupPolicy.includes('compact')) return undefined
    return this.context.recordTools.check?.(batch, { needsKeys: true })
  }

  private recompress(batch: Buffer): Buffer {
    const { compressionType: wanted, compressionLevel } = this.settings.config
    if (CODECS[compressionOf(batch)] === wanted) return batch
    return this.context.recordTools.recompress?.(batch, wanted, compressionLevel) ?? batch
  }

  /** The answer to a repeated or unwelcome batch; undefined when it may be appended. */
  private checkProducer(batch: Buffer, producerId: number): AppendResult | undefined {
    const { producers, logStartOffset } = this.state
    const epoch = producerEpochOf(batch)
    const first = baseSequenceOf(batch)
    const known = producers.findDuplicate(producerId, epoch, first, lastSequenceOf(batch))
    if (known) {
      const isLogAppendTime = this.settings.config.messageTimestampType === 'LogAppendTime'
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
    const { logStartOffset, logEndOffset } = state
    return {
      kind: 'appended',
      baseOffset,
      lastOffset: logEndOffset - 1,
      logAppendTimeMs: -1,
      logStartOffset,
    }
  }

  /** Gives the batch its place: offsets, segment, indexes, memory of ours, cache, pending. */
  private add(batch: Buffer, leaderEpoch: number, nowMs: number): void {
    const { state } = this
    const { config } = this.settings
    const baseOffset = state.logEndOffset
    const lastOffset = baseOffset + lastOffsetDeltaOf(batch)
    const incoming = { size: batch.length, maxTimestamp: maxTimestampOf(batch), lastOffset }
    if (shouldRoll(state.activeSegment, incoming, config, nowMs)) this.roll()
    writeInt64(batch, 0, baseOffset)
    batch.writeInt32BE(leaderEpoch, LEADER_EPOCH_POSITION)
    const segment = state.activeSegment
    const position = segment.size
    segment.noteBatch(batch, 0, position, config.indexIntervalBytes)
    const placed = this.context.tailCache.place(batch)
    this.writer.add(segment, placed, position)
    this.context.tailCache.add(this.tail, placed)
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
  roll(): void {
    const { state, context } = this
    const { config } = this.settings
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
}
