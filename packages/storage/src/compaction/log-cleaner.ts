/**
 * Cleans the compacted logs of one log directory, the dirtiest first, one at a time.
 *
 *   cleaner-offset-checkpoint     topic partition offset      everything below was cleaned
 *
 * The work on the files is an engine's (clean-log.ts here, or the same in a thread of its own); the
 * log is asked only for what may be cleaned and to take over what was made. Between two groups the
 * log may have been deleted, moved or cut: then what was made is thrown away.
 *
 * A log whose bytes are damaged, or that failed otherwise, is left alone until the next start.
 */
import { type Clock, type Logger, messageOf, type Random } from '@ottla/base'
import { baseOffsetOf, maxTimestampOf } from '@ottla/protocol'
import {
  type OffsetsByPartition,
  readOffsetCheckpoint,
  writeOffsetCheckpoint,
} from '../checkpoint-file.ts'
import type { FileSystem } from '../file-system.ts'
import type { StorageCounters } from '../log-context.ts'
import type { PartitionLog } from '../partition-log.ts'
import type { Segment } from '../segment.ts'
import type { AbortedTransaction } from '../transaction-index.ts'
import type { CleanedGroup, CleaningJob, CleaningResult } from './clean-log.ts'
import { type Cleanable, cleanableOf } from './cleanable.ts'
import { CLEANED } from './segment-output.ts'

export const CLEANER_OFFSET_FILE = 'cleaner-offset-checkpoint'

/** The broker's settings of the cleaner, by their Kafka names. */
export interface CleanerSettings {
  /** `log.cleaner.dedupe.buffer.size` */
  readonly dedupeBufferBytes: number
  /** `log.cleaner.io.buffer.load.factor` */
  readonly loadFactor: number
  /** `log.cleaner.io.max.bytes.per.second` */
  readonly bytesPerSecondMax: number
}

export const defaultCleanerSettings: CleanerSettings = {
  dedupeBufferBytes: 128 * 1024 * 1024,
  loadFactor: 0.9,
  bytesPerSecondMax: Number.POSITIVE_INFINITY,
}

/** Runs a job; `onGroup` and `isStopped` as in clean-log.ts. */
export type CleaningEngine = (
  job: CleaningJob,
  io: {
    readonly fileSystem: FileSystem
    readonly clock: Clock
    readonly onGroup: (group: CleanedGroup) => Promise<boolean>
    readonly isStopped: () => boolean
  },
) => Promise<CleaningResult>

export interface LogCleanerOptions {
  readonly logDir: string
  readonly fileSystem: FileSystem
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly engine: CleaningEngine
  readonly counters: StorageCounters
  /** All partitions of the directory, open or not. */
  readonly logs: () => Iterable<PartitionLog>
}

interface Candidate {
  readonly log: PartitionLog
  readonly cleanable: Cleanable
}

export class LogCleaner {
  private readonly offsets: OffsetsByPartition
  private readonly uncleanable = new Set<PartitionLog>()
  private readonly options: LogCleanerOptions
  private running: Promise<boolean> | undefined
  private isStopped = false

  constructor(options: LogCleanerOptions) {
    this.options = options
    this.offsets = readOffsetCheckpoint(options.fileSystem, this.checkpointPath)
  }

  private get checkpointPath(): string {
    return `${this.options.logDir}/${CLEANER_OFFSET_FILE}`
  }

  /** The partition is not here any more. The file says so after the next cleaning. */
  forget(name: string): void {
    this.offsets.delete(name)
  }

  /** Cleans the log that needs it most; false when there was none. */
  cleanOne(nowMs: number, settings: CleanerSettings): Promise<boolean> {
    if (this.isStopped) return Promise.resolve(false)
    this.running ??= this.run(nowMs, settings).finally(() => {
      this.running = undefined
    })
    return this.running
  }

  /** Resolves when nothing is being cleaned any more; nothing will be. */
  async stop(): Promise<void> {
    this.isStopped = true
    await this.running?.catch(() => undefined)
  }

  private async run(nowMs: number, settings: CleanerSettings): Promise<boolean> {
    const dirtiest = await this.dirtiest(nowMs)
    if (!dirtiest) return false
    const { log } = dirtiest
    try {
      return await this.clean(dirtiest, nowMs, settings)
    } catch (error) {
      if (this.isStopped || log.isOffline || !log.isOpen) return false
      this.uncleanable.add(log)
      this.options.counters.failedCleanings++
      this.options.logger.error('log cannot be cleaned and is left alone', {
        partition: log.name,
        reason: messageOf(error),
      })
      this.removeOutput(log)
      return true
    }
  }

  private async dirtiest(nowMs: number): Promise<Candidate | undefined> {
    let best: Candidate | undefined
    for (const log of [...this.options.logs()]) {
      if (!log.config.cleanupPolicy.includes('compact') || this.uncleanable.has(log)) continue
      if (this.isStopped || !(await this.isReady(log))) continue
      const cleanable = await this.cleanableOf(log, nowMs)
      if (!cleanable.isDue) continue
      if (!best || cleanable.dirtyRatio > best.cleanable.dirtyRatio) best = { log, cleanable }
    }
    return best
  }

  /** A partition that nobody has used yet is opened only when it has more than one segment. */
  private async isReady(log: PartitionLog): Promise<boolean> {
    if (log.isOffline || log.isMoving) return false
    if (!log.isOpen) {
      const entries = this.options.fileSystem.list(log.directory) ?? []
      if (entries.filter(({ name }) => name.endsWith('.log')).length < 2) return false
      try {
        await log.ready()
      } catch {
        // Whoever uses the partition is told why; here it is only not clean.
        return false
      }
    }
    return log.isOpen && log.corruptRanges.length === 0
  }

  private async cleanableOf(log: PartitionLog, nowMs: number): Promise<Cleanable> {
    const { fileSystem } = this.options
    const { state, config } = log
    const first = new Map<Segment, number>()
    if (Number.isFinite(config.maxCompactionLagMs)) {
      for (const segment of state.segments.slice(0, -1))
        first.set(segment, firstTimestamp(log, segment))
    }
    return cleanableOf({
      fileSystem,
      state,
      config,
      cleanedTo: this.offsets.get(log.name),
      nowMs,
      firstTimestamp: (segment) => first.get(segment) ?? -1,
    })
  }

  private async clean(
    candidate: Candidate,
    nowMs: number,
    settings: CleanerSettings,
  ): Promise<boolean> {
    const { log } = candidate
    const { fileSystem, clock, engine, logger, counters } = this.options
    const startMs = clock.monotonicMs()
    const job = this.jobFor(candidate, nowMs, settings)
    let [before, after, recordsDropped] = [0, 0, 0]
    const result = await engine(job, {
      fileSystem,
      clock,
      isStopped: () => this.isStopped,
      onGroup: async (group) => {
        before += group.bytesBefore
        after += group.size
        recordsDropped += group.recordsBefore - group.records
        return await log.takeCleaned(group.sources)
      },
    })
    if (result.cleanedTo === undefined) {
      this.removeOutput(log)
      return false
    }
    this.offsets.set(log.name, result.cleanedTo)
    await this.writeCheckpoint()
    counters.cleanings++
    counters.cleanedBytesBefore += before
    counters.cleanedBytesAfter += after
    counters.cleanedRecordsDropped += recordsDropped
    logger.info('log cleaned', {
      partition: log.name,
      cleanedTo: result.cleanedTo,
      bytesBefore: before,
      bytesAfter: after,
      recordsDropped,
      keys: result.keys,
      keyBytes: result.keyBytes,
      ms: Math.round(clock.monotonicMs() - startMs),
    })
    return true
  }

  private jobFor(
    { log, cleanable }: Candidate,
    nowMs: number,
    { dedupeBufferBytes, loadFactor, bytesPerSecondMax }: CleanerSettings,
  ): CleaningJob {
    const { fileSystem, random } = this.options
    const { state, config } = log
    const { firstDirtyOffset, endOffset } = cleanable
    return {
      directory: state.directory,
      segments: cleanable.segments.map((segment) => ({
        baseOffset: segment.baseOffset,
        size: segment.size,
        indexBytes: fileSystem.stat(segment.path('index'))?.size ?? 0,
        modifiedMs: fileSystem.stat(segment.path('log'))?.modifiedMs ?? nowMs,
      })),
      firstDirtyOffset,
      endOffset,
      highWatermark: state.highWatermark,
      aborted: state.segments
        .flatMap((segment): readonly AbortedTransaction[] =>
          segment.abortedTransactions(fileSystem),
        )
        .filter((transaction) => transaction.firstOffset < endOffset),
      producers: [...state.producers.all()].map(({ producerId, producerEpoch, batches }) => ({
        producerId,
        producerEpoch,
        lastOffset: batches.at(-1)?.lastOffset ?? -1,
      })),
      nowMs,
      deleteRetentionMs: config.deleteRetentionMs,
      segmentBytes: config.segmentBytes,
      segmentIndexBytes: config.segmentIndexBytes,
      indexIntervalBytes: config.indexIntervalBytes,
      keysBytesMax: dedupeBufferBytes,
      keysLoadFactor: loadFactor,
      seed: random.integer(0x7fff_ffff),
      bytesPerSecondMax,
    }
  }

  private async writeCheckpoint(): Promise<void> {
    const here = new Set<string>()
    for (const log of this.options.logs()) here.add(log.name)
    for (const name of this.offsets.keys()) if (!here.has(name)) this.offsets.delete(name)
    await writeOffsetCheckpoint(this.options.fileSystem, this.checkpointPath, this.offsets)
  }

  /** What a cleaning has made that did not come to its end. */
  private removeOutput(log: PartitionLog): void {
    const { fileSystem } = this.options
    for (const { name } of fileSystem.list(log.directory) ?? []) {
      if (name.endsWith(CLEANED)) fileSystem.unlink(`${log.directory}/${name}`)
    }
  }
}

/** Reads the header of the segment's first batch. */
function firstTimestamp(log: PartitionLog, segment: Segment): number {
  const header = log.readHeader(segment)
  return header && baseOffsetOf(header) >= segment.baseOffset ? maxTimestampOf(header) : -1
}
