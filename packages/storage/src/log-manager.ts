/**
 * All partitions of one log directory, and what they share: the lock, group commit, caches,
 * checkpoints. log-directories.ts holds several of these.
 *
 *   <logDir>/                       Apache Kafka's layout, nothing else
 *     .lock  meta.properties  .kafka_cleanshutdown
 *     recovery-point-offset-checkpoint  log-start-offset-checkpoint
 *     replication-offset-checkpoint
 *     <topic>-<partition>/
 *     <topic>-<partition>.<32 hex>-future/   a copy that comes from another log directory
 *   <privateDir>/sync-journal       ottla's own, beside it
 *
 * Opening reads names, not partitions: each is opened when it is used first (`ready`). The clean
 * marker is removed before anything else is done and written after everything else was: it is the
 * only thing that says "trust the indexes".
 *
 * What the checkpoints say of a partition that was not opened is kept and written again.
 */
import {
  assert,
  BufferPool,
  type Clock,
  codeOf,
  type Logger,
  type Random,
  type Uuid,
} from '@ottla/base'
import {
  HIGH_WATERMARK_FILE,
  LOG_START_FILE,
  type OffsetsByPartition,
  RECOVERY_POINT_FILE,
  readOffsetCheckpoint,
  writeOffsetCheckpoint,
} from './checkpoint-file.ts'
import { Committer } from './committer.ts'
import { cleanHere, cleanInThread } from './compaction/cleaner-thread.ts'
import { type CleaningEngine, LogCleaner } from './compaction/log-cleaner.ts'
import { DelayedDeletions } from './delayed-deletions.ts'
import { DirectorySyncs } from './directory-syncs.ts'
import {
  type DirectoryLock,
  directoryOf,
  type FileSystem,
  readWholeFile,
  writeAndSync,
} from './file-system.ts'
import { IndexCache } from './index-cache.ts'
import { defaultLogConfig, type LogConfig } from './log-config.ts'
import type {
  FlushPolicy,
  LogContext,
  RecordTools,
  StorageCounters,
  StorageMutants,
} from './log-context.ts'
import type { PartitionIdentity } from './log-files.ts'
import type { SavedPoints } from './log-loader.ts'
import { ensureMetaProperties, type MetaProperties } from './meta-properties.ts'
import { OpenFiles } from './open-files.ts'
import { PartitionLog } from './partition-log.ts'
import { RealFileSystem } from './real-file-system.ts'
import { SyncJournal } from './sync-journal.ts'
import { TailCache } from './tail-cache.ts'

export interface LogManagerOptions {
  readonly fileSystem: FileSystem
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Absolute. Apache Kafka's layout. */
  readonly logDir: string
  /** Absolute, not inside `logDir`. */
  readonly privateDir: string
  /** One of several log directories, and not the first. */
  readonly isFurther?: boolean
  readonly nodeId: number
  /** When the directory is new; else it must agree. */
  readonly clusterId?: string
  readonly flushPolicy: FlushPolicy
  /** Bytes of recent batches kept in memory; 64 MiB. */
  readonly tailCacheBytesMax?: number
  /** Open segment files; 1000. */
  readonly openFilesMax?: number
  /** Bytes of sealed segments' indexes kept in memory; 64 MiB. */
  readonly indexCacheBytesMax?: number
  /** An I/O error made the directory unusable: the process should end. */
  readonly onFatal: (error: Error) => void
  /** What needs records decoded; see {@link RecordTools}. */
  readonly recordTools?: RecordTools
  /** When a round of group commit begins; by default at the end of the event loop's turn. */
  readonly schedule?: (callback: () => void) => void
  /** Does the cleaner's work on files; for the machine's disk in a thread of its own. */
  readonly cleaningEngine?: CleaningEngine
  readonly mutants?: StorageMutants
}

export interface CloseOptions {
  /** Written into the clean marker; -1. */
  readonly brokerEpoch?: number
  /** False when what lies in the logs needs another look at the next start; true. */
  readonly isWhole?: boolean
}

const MiB = 1024 * 1024
/** Most that is kept of the memory files were read into. */
const READ_POOL_BYTES_MAX = 16 * MiB
const CLEAN_MARKER = '.kafka_cleanshutdown'
const PARTITION_DIRECTORY = /^(.+)-(\d+)$/
const DELETED_DIRECTORY = /\.[0-9a-f]{32}-delete$/
const FUTURE_DIRECTORY = /^(.+-\d+)\.[0-9a-f]{32}-future$/
const SKIPPED_DIRECTORY = /(\.[0-9a-f]{32}-stray$)|^remote-log-index-cache$/

export class LogManager {
  readonly wasCleanShutdown: boolean
  /** Broker epoch of the last clean shutdown, or -1. */
  readonly previousBrokerEpoch: number
  readonly counters: StorageCounters
  private readonly options: LogManagerOptions
  private readonly meta: MetaProperties
  private readonly lock: DirectoryLock
  /** For log-directories.ts, which moves partitions from one manager to another. */
  readonly context: LogContext
  readonly cleaner: LogCleaner
  private readonly logs = new Map<string, PartitionLog>()
  private readonly byTopic = new Map<string, Set<PartitionLog>>()
  private readonly configs = new Map<string, LogConfig>()
  /** Paths of copies that come from another log directory, by the partition's name. */
  private readonly futures = new Map<string, string>()
  private readonly recoveryPoints: OffsetsByPartition
  private readonly logStarts: OffsetsByPartition
  private readonly highWatermarks: OffsetsByPartition
  /** Partitions that the checkpoint files may name. */
  private checkpointed: Set<string>
  private writing: Promise<void> = Promise.resolve()
  private readonly queued = new Map<string, Promise<void>>()
  private isClosed = false

  /** Takes the directory and learns which partitions it holds, without opening them. */
  static async open(options: LogManagerOptions): Promise<LogManager> {
    const { fileSystem, logDir, privateDir } = options
    fileSystem.makeDirectory(logDir)
    fileSystem.makeDirectory(privateDir)
    const lock = await fileSystem.lock(logDir)
    try {
      const marker = await takeCleanMarker(fileSystem, logDir)
      await fileSystem.syncDirectory(directoryOf(logDir))
      const meta = await ensureMetaProperties(fileSystem, logDir, options.random, options)
      return new LogManager(options, { lock, meta, marker })
    } catch (error) {
      await lock.release()
      throw error
    }
  }

  private constructor(
    options: LogManagerOptions,
    found: { lock: DirectoryLock; meta: MetaProperties; marker: number | undefined },
  ) {
    const { fileSystem, logDir } = options
    this.options = options
    this.lock = found.lock
    this.meta = found.meta
    this.wasCleanShutdown = found.marker !== undefined
    this.previousBrokerEpoch = found.marker ?? -1
    this.context = makeContext(options, found.meta.directoryId)
    this.counters = this.context.counters
    this.cleaner = new LogCleaner({
      ...options,
      engine: options.cleaningEngine ?? engineFor(fileSystem),
      counters: this.counters,
      logs: () => this.logs.values(),
    })
    this.recoveryPoints = readOffsetCheckpoint(fileSystem, `${logDir}/${RECOVERY_POINT_FILE}`)
    this.logStarts = readOffsetCheckpoint(fileSystem, `${logDir}/${LOG_START_FILE}`)
    this.highWatermarks = readOffsetCheckpoint(fileSystem, `${logDir}/${HIGH_WATERMARK_FILE}`)
    this.checkpointed = new Set([
      ...this.recoveryPoints.keys(),
      ...this.logStarts.keys(),
      ...this.highWatermarks.keys(),
    ])
    this.listPartitions()
  }

  private listPartitions(): void {
    const { fileSystem, logDir, logger } = this.options
    for (const entry of fileSystem.list(logDir) ?? []) {
      if (!entry.isDirectory || SKIPPED_DIRECTORY.test(entry.name)) continue
      if (DELETED_DIRECTORY.test(entry.name)) {
        this.context.deletions.schedule([`${logDir}/${entry.name}`], 0)
        continue
      }
      const future = FUTURE_DIRECTORY.exec(entry.name)?.[1]
      if (future !== undefined) {
        this.futures.set(future, `${logDir}/${entry.name}`)
        continue
      }
      const match = PARTITION_DIRECTORY.exec(entry.name)
      if (!match) {
        logger.warn('directory is no partition, left alone', { name: entry.name })
        continue
      }
      const [, topic, partition] = match
      if (isHalfMade(fileSystem, `${logDir}/${entry.name}`)) continue
      this.add(topic as string, Number(partition), undefined)
    }
    for (const offsets of [this.recoveryPoints, this.logStarts, this.highWatermarks]) {
      for (const name of offsets.keys()) {
        if (!this.logs.has(name) && !this.futures.has(name)) offsets.delete(name)
      }
    }
  }

  get clusterId(): string {
    return this.meta.clusterId
  }

  get directoryId(): Uuid {
    return this.meta.directoryId
  }

  get logDir(): string {
    return this.options.logDir
  }

  /** Why nothing can be written any more, or undefined. */
  get offlineReason(): Error | undefined {
    return this.context.committer.fenced
  }

  /** Rounds of group commit so far. */
  get commitRounds(): number {
    return this.context.committer.rounds
  }

  /** All partitions, open or not. */
  partitions(): IterableIterator<PartitionLog> {
    return this.logs.values()
  }

  get(topic: string, partition: number): PartitionLog | undefined {
    return this.logs.get(`${topic}-${partition}`)
  }

  /** A new partition. It exists on disk when `ready()` has resolved. */
  create(topic: string, partition: number, topicId: Uuid, config: LogConfig): PartitionLog {
    const known = this.get(topic, partition)
    assert(!known, `partition ${topic}-${partition} exists already`)
    this.configs.set(topic, config)
    return this.add(topic, partition, topicId)
  }

  /** New settings for all partitions of a topic, those on disk that are not open included. */
  setConfig(topic: string, config: LogConfig): void {
    this.configs.set(topic, config)
    for (const log of this.byTopic.get(topic) ?? []) log.config = config
  }

  /** Renames the directory away; its files are removed after `file.delete.delay.ms`. */
  async delete(topic: string, partition: number): Promise<void> {
    const name = `${topic}-${partition}`
    const log = this.logs.get(name)
    if (!log) return
    this.release(log)
    if (this.context.committer.fenced) return
    await log.delete()
    this.context.deletions.schedule([log.directory], log.config.fileDeleteDelayMs)
    await this.checkpoint()
  }

  /** How many partitions lie here. */
  get partitionCount(): number {
    return this.logs.size
  }

  /** Copies that were on their way here when the process ended, by the partition's name. */
  get interruptedCopies(): ReadonlyMap<string, string> {
    return this.futures
  }

  /** The log is not, or no longer, in this directory. */
  release(log: PartitionLog): void {
    this.logs.delete(log.name)
    this.forget(log.name)
    const siblings = this.byTopic.get(log.topic)
    siblings?.delete(log)
    if (siblings?.size === 0) {
      this.byTopic.delete(log.topic)
      this.configs.delete(log.topic)
    }
  }

  /** The log, whose files were brought here, belongs to this directory from now on. */
  adopt(log: PartitionLog): void {
    this.logs.set(log.name, log)
    this.configs.set(log.topic, log.config)
    const siblings = this.byTopic.get(log.topic) ?? new Set()
    this.byTopic.set(log.topic, siblings.add(log))
  }

  /** Path of a copy of the partition that is about to come. */
  newFuture(name: string): string {
    const unique = Buffer.from(this.options.random.bytes(16)).toString('hex')
    const path = `${this.logDir}/${name}.${unique}-future`
    this.futures.set(name, path)
    return path
  }

  /** Makes a whole copy the directory of the partition, whose checkpoints are saved already. */
  async promote(name: string): Promise<void> {
    const { fileSystem, logDir } = this.options
    const path = this.futures.get(name)
    assert(path, `no copy of ${name} is here`)
    fileSystem.rename(path, `${logDir}/${name}`)
    this.futures.delete(name)
    await fileSystem.syncDirectory(logDir)
  }

  /** A promoted copy that nobody has as a log yet: after a crash. */
  takePromoted(name: string): void {
    const [, topic, partition] = PARTITION_DIRECTORY.exec(name) ?? []
    this.add(topic as string, Number(partition), undefined)
  }

  /** Gives up a copy. */
  async dropFuture(name: string): Promise<void> {
    const { fileSystem, logDir } = this.options
    const path = this.futures.get(name)
    this.futures.delete(name)
    this.forget(name)
    if (!path || this.context.committer.fenced || !fileSystem.stat(path)) return
    const gone = path.replace(/-future$/, '-delete')
    fileSystem.rename(path, gone)
    await fileSystem.syncDirectory(logDir)
    this.context.deletions.schedule([gone], 0)
  }

  /** Saves what the checkpoints shall say of a partition that is about to be here. */
  async saveArrival(log: PartitionLog): Promise<void> {
    this.recoveryPoints.set(log.name, log.recoveryPoint)
    this.highWatermarks.set(log.name, log.highWatermark)
    this.noteLogStart(log)
    await this.checkpoint()
  }

  /** What a log that is opened here knows of itself. */
  identityOf(topic: string, partition: number, newTopicId: Uuid | undefined): PartitionIdentity {
    const name = `${topic}-${partition}`
    const isNew = newTopicId !== undefined
    return {
      topic,
      partition,
      directory: `${this.options.logDir}/${name}`,
      newTopicId,
      savedPoints: (topicId: Uuid) => this.savedPoints(name, partition, { topicId, isNew }),
      saveLogStart: () => this.saveLogStarts(),
      prepare: async () => {
        if (this.checkpointed.has(name)) await this.checkpoint()
      },
    }
  }

  private forget(name: string): void {
    this.recoveryPoints.delete(name)
    this.logStarts.delete(name)
    this.highWatermarks.delete(name)
    this.cleaner.forget(name)
  }

  private add(topic: string, partition: number, newTopicId: Uuid | undefined): PartitionLog {
    const identity = this.identityOf(topic, partition, newTopicId)
    const config = this.configs.get(topic) ?? defaultLogConfig
    const log = new PartitionLog(this.context, identity, config)
    this.logs.set(log.name, log)
    const siblings = this.byTopic.get(topic)
    if (siblings) siblings.add(log)
    else this.byTopic.set(topic, new Set([log]))
    return log
  }

  private savedPoints(
    name: string,
    partition: number,
    which: { topicId: Uuid; isNew: boolean },
  ): SavedPoints {
    const synced = this.context.journal.pointOf(which.topicId, partition)
    return {
      wasClean: this.wasCleanShutdown || which.isNew,
      recoveryPoint: Math.max(this.recoveryPoints.get(name) ?? 0, synced?.offset ?? 0),
      logStartOffset: this.logStarts.get(name),
    }
  }

  /** Opens every partition that a crash left unchecked; call it once, in the background. */
  async recoverAll(): Promise<void> {
    if (this.wasCleanShutdown) return
    for (const log of [...this.logs.values()]) {
      if (this.isClosed) return
      if (!log.isOpen && this.logs.get(log.name) === log) await log.ready()
    }
  }

  /** Deletes expired segments of all partitions and expires producers. */
  async applyRetention(nowMs: number): Promise<void> {
    for (const log of [...this.logs.values()]) {
      if (this.isClosed) return
      if (this.logs.get(log.name) !== log) continue
      if (!log.isOpen && !this.hasRecords(log)) continue
      await log.ready()
      await log.applyRetention(nowMs)
    }
  }

  /** Looks at a closed partition's directory only. */
  private hasRecords(log: PartitionLog): boolean {
    const { fileSystem } = this.options
    return (fileSystem.list(log.directory) ?? []).some(
      ({ name }) =>
        name.endsWith('.log') && (fileSystem.stat(`${log.directory}/${name}`)?.size ?? 0) > 0,
    )
  }

  /** Writes recovery points, log start offsets and high watermarks. */
  checkpoint(): Promise<void> {
    return this.inOrder('checkpoint', async () => {
      const { fileSystem, logDir } = this.options
      for (const log of this.logs.values()) {
        if (!log.isOpen) continue
        this.recoveryPoints.set(log.name, log.recoveryPoint)
        this.highWatermarks.set(log.name, log.highWatermark)
      }
      this.noteLogStarts()
      const names = new Set(this.recoveryPoints.keys())
      const path = (file: string) => `${logDir}/${file}`
      await writeOffsetCheckpoint(fileSystem, path(RECOVERY_POINT_FILE), this.recoveryPoints)
      await writeOffsetCheckpoint(fileSystem, path(LOG_START_FILE), this.logStarts)
      await writeOffsetCheckpoint(fileSystem, path(HIGH_WATERMARK_FILE), this.highWatermarks)
      this.checkpointed = names
    })
  }

  private saveLogStarts(): Promise<void> {
    return this.inOrder('log starts', async () => {
      const { fileSystem, logDir } = this.options
      this.noteLogStarts()
      await writeOffsetCheckpoint(fileSystem, `${logDir}/${LOG_START_FILE}`, this.logStarts)
      for (const name of this.logStarts.keys()) this.checkpointed.add(name)
    })
  }

  private noteLogStarts(): void {
    for (const log of this.logs.values()) if (log.isOpen) this.noteLogStart(log)
  }

  /** Only starts that the first segment's name does not tell are written. */
  private noteLogStart(log: PartitionLog): void {
    const first = log.state.segments[0]?.baseOffset ?? 0
    const isTold = log.config.tier === 'none' && log.logStartOffset <= first
    if (isTold) this.logStarts.delete(log.name)
    else this.logStarts.set(log.name, log.logStartOffset)
  }

  /** One write at a time; who asks while one of the same kind has not begun shares it. */
  private inOrder(kind: string, write: () => Promise<void>): Promise<void> {
    const queued = this.queued.get(kind)
    if (queued) return queued
    const done = this.writing.then(() => {
      this.queued.delete(kind)
      return write()
    })
    done.catch((error: unknown) => {
      if (codeOf(error) === 'EIO') this.context.committer.fence(error)
    })
    this.queued.set(kind, done)
    // The caller gets the error; the next in line starts all the same.
    this.writing = done.catch(() => undefined)
    return done
  }

  /** Flushes and closes every partition, writes the checkpoints, and the clean marker last. */
  async close(options: CloseOptions = {}): Promise<void> {
    if (this.isClosed) return
    this.isClosed = true
    const { committer, journal, openFiles, deletions } = this.context
    await this.cleaner.stop()
    await committer.drain()
    deletions.close()
    try {
      if (!committer.fenced) {
        await this.flushAll()
        await this.checkpoint()
        // While the logs are open: it asks them how far they are synced.
        journal.close()
        const { brokerEpoch = -1, isWhole = true } = options
        const isAllChecked = await this.closeLogs()
        if (isAllChecked && isWhole && !committer.fenced) await this.writeCleanMarker(brokerEpoch)
      }
    } finally {
      if (!committer.fenced) journal.close()
      openFiles.closeAll()
      await this.lock.release()
    }
  }

  private async flushAll(): Promise<void> {
    for (const log of this.logs.values()) if (log.isOpen) await log.flush()
  }

  /** False when a partition was never checked after a crash: the next start must do it. */
  private async closeLogs(): Promise<boolean> {
    let isAllChecked = true
    for (const log of this.logs.values()) {
      if (log.isOpen) await log.close()
      else if (!this.wasCleanShutdown) isAllChecked = false
    }
    return isAllChecked
  }

  private async writeCleanMarker(brokerEpoch: number): Promise<void> {
    const { fileSystem, logDir } = this.options
    const text = JSON.stringify({ version: 0, brokerEpoch })
    await writeAndSync(fileSystem, `${logDir}/${CLEAN_MARKER}`, Buffer.from(text))
    await fileSystem.syncDirectory(logDir)
  }
}

/** The broker epoch in the marker (-1 when unreadable), undefined without marker. It is removed. */
async function takeCleanMarker(
  fileSystem: FileSystem,
  logDir: string,
): Promise<number | undefined> {
  const path = `${logDir}/${CLEAN_MARKER}`
  const text = readWholeFile(fileSystem, path)?.toString('utf8')
  if (text === undefined) return undefined
  fileSystem.unlink(path)
  await fileSystem.syncDirectory(logDir)
  const epoch = /"brokerEpoch"\s*:\s*(-?\d+)/.exec(text)?.[1]
  return epoch === undefined ? -1 : Number(epoch)
}

/**
 * A crash came before the directory of a new partition had its topic id: nothing was ever appended,
 * and `create` makes it again.
 */
function isHalfMade(fileSystem: FileSystem, directory: string): boolean {
  if (fileSystem.stat(`${directory}/partition.metadata`)) return false
  const entries = fileSystem.list(directory) ?? []
  return !entries.some(({ name }) => name.endsWith('.log'))
}

/** A thread can open files of the machine's disk only. */
const engineFor = (fileSystem: FileSystem): CleaningEngine =>
  fileSystem instanceof RealFileSystem ? cleanInThread : cleanHere

/** The journal of the first log directory has a plain name; the others' have their ids. */
function journalPath({ privateDir, isFurther }: LogManagerOptions, directoryId: Uuid): string {
  return `${privateDir}/sync-journal${isFurther ? `.${directoryId}` : ''}`
}

function makeContext(options: LogManagerOptions, directoryId: Uuid): LogContext {
  const { fileSystem, clock, random, logger, flushPolicy, onFatal } = options
  const schedule = options.schedule ?? ((callback: () => void) => void setImmediate(callback))
  return {
    fileSystem,
    clock,
    random,
    logger,
    flushPolicy,
    committer: new Committer({ logger, onFatal, schedule }),
    directorySyncs: new DirectorySyncs(fileSystem),
    deletions: new DelayedDeletions(fileSystem, clock, logger),
    openFiles: new OpenFiles(fileSystem, options.openFilesMax ?? 1000),
    indexCache: new IndexCache(options.indexCacheBytesMax ?? 64 * MiB),
    tailCache: new TailCache(options.tailCacheBytesMax ?? 64 * MiB),
    journal: new SyncJournal(journalPath(options, directoryId), { fileSystem, clock, logger }),
    readPool: new BufferPool(READ_POOL_BYTES_MAX),
    recordTools: options.recordTools ?? {},
    counters: {
      recoveredLogs: 0,
      recoveryTruncatedBytes: 0,
      corruptReads: 0,
      tailReads: 0,
      fileReads: 0,
      cleanings: 0,
      cleanedBytesBefore: 0,
      cleanedBytesAfter: 0,
      cleanedRecordsDropped: 0,
      failedCleanings: 0,
    },
    mutants: options.mutants ?? {},
  }
}
