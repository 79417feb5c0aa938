/**
 * All log directories of a node (`log.dirs`), each with a LogManager of its own: its own lock,
 * group commit, checkpoints and clean marker, so that one can fail without the others.
 *
 * The first directory is the one of the metadata log. When it fails, or the last of all, the
 * process must end (`onFatal`); when another one fails, at the start or later, its partitions are
 * offline until the next start, and what is in the others is served on.
 *
 * Where a partition belongs is said by the metadata log (PartitionRecord.directories); a new one
 * goes where the fewest are. log-moves.ts brings a partition from one directory to another.
 */

import { assert, messageOf, type Uuid } from '@ottla/base'
import { Committer } from './committer.ts'
import type { CleanerSettings } from './compaction/log-cleaner.ts'
import type { LogConfig } from './log-config.ts'
import type { StorageCounters } from './log-context.ts'
import { type CloseOptions, LogManager, type LogManagerOptions } from './log-manager.ts'
import { LogMoves } from './log-moves.ts'
import { PartitionLog } from './partition-log.ts'

export interface LogDirectoriesOptions extends Omit<LogManagerOptions, 'logDir' | 'isFurther'> {
  /** Absolute and different; the first is that of the metadata log. */
  readonly logDirs: readonly string[]
  /** Nothing but the metadata log lies in the first directory. */
  readonly isFirstForMetadata?: boolean
}

/** A log directory as it is told to clients. */
export interface LogDirectory {
  readonly path: string
  /** undefined when it could not be read. */
  readonly id: Uuid | undefined
  readonly isOnline: boolean
}

export interface NewPartitionLog {
  readonly topicId: Uuid
  readonly config: LogConfig
  readonly directoryId?: Uuid | undefined
}

interface Held {
  readonly path: string
  readonly manager: LogManager
}

export class LogDirectories {
  readonly moves: LogMoves
  private readonly options: LogDirectoriesOptions
  private readonly held: readonly Held[]
  /** Directories that could not be opened. */
  private readonly unreadable: readonly string[]
  /** Stand-ins for partitions that lie in a directory that could not be opened. */
  private readonly offlineLogs = new Map<string, PartitionLog>()

  private constructor(
    options: LogDirectoriesOptions,
    held: readonly Held[],
    unreadable: readonly string[],
  ) {
    this.options = options
    this.held = held
    this.unreadable = unreadable
    this.moves = new LogMoves(this, options)
  }

  /** Opens every directory; one that cannot be opened is left out, unless it is the first. */
  static async open(options: LogDirectoriesOptions): Promise<LogDirectories> {
    const { logger } = options
    const held: Held[] = []
    const unreadable: string[] = []
    // Failures are told to the whole, which exists only when all directories are open.
    const whole: { directories?: LogDirectories } = {}
    for (const path of options.logDirs) {
      const { clusterId = held[0]?.manager.clusterId } = options
      try {
        const manager = await LogManager.open({
          ...options,
          ...(clusterId === undefined ? {} : { clusterId }),
          ...shareOf(options),
          logDir: path,
          isFurther: held.length > 0,
          onFatal: (error) => {
            if (whole.directories) whole.directories.failed(path, error)
            else options.onFatal(error)
          },
        })
        held.push({ path, manager })
      } catch (error) {
        const isTolerable = held.length > 0 && isDeviceError(error)
        if (!isTolerable) {
          for (const { manager } of held) await manager.close()
          throw error
        }
        logger.error('log directory is offline', { path, reason: messageOf(error), error })
        unreadable.push(path)
      }
    }
    whole.directories = new LogDirectories(options, held, unreadable)
    return whole.directories
  }

  private get first(): LogManager {
    return (this.held[0] as Held).manager
  }

  get clusterId(): string {
    return this.first.clusterId
  }

  /** Id of the first directory. */
  get directoryId(): Uuid {
    return this.first.directoryId
  }

  /** True only when every directory says so. */
  get wasCleanShutdown(): boolean {
    return this.held.every(({ manager }) => manager.wasCleanShutdown)
  }

  get commitRounds(): number {
    return this.held.reduce((sum, { manager }) => sum + manager.commitRounds, 0)
  }

  get counters(): StorageCounters {
    const sum: StorageCounters = { ...this.first.counters }
    for (const { manager } of this.held.slice(1)) {
      for (const key of Object.keys(sum) as (keyof StorageCounters)[]) {
        sum[key] += manager.counters[key]
      }
    }
    return sum
  }

  directories(): LogDirectory[] {
    const held = this.data().map(({ path, manager }) => ({
      path,
      id: manager.directoryId,
      isOnline: isOnline(manager),
    }))
    const unreadable = this.unreadable.map((path) => ({ path, id: undefined, isOnline: false }))
    return [...held, ...unreadable]
  }

  /** The manager of a directory that works, by its path or id. */
  managerOf(pathOrId: string): LogManager | undefined {
    return this.online().find(
      (manager) => manager.logDir === pathOrId || manager.directoryId === pathOrId,
    )
  }

  /** Directories of partitions, working or not. */
  private data(): readonly Held[] {
    return this.options.isFirstForMetadata ? this.held.slice(1) : this.held
  }

  /** The manager that has the partition, working or not. */
  ownerOf(topic: string, partition: number): LogManager | undefined {
    return this.held.find(({ manager }) => manager.get(topic, partition))?.manager
  }

  online(): LogManager[] {
    return this.held.map(({ manager }) => manager).filter(isOnline)
  }

  *partitions(): IterableIterator<PartitionLog> {
    for (const { manager } of this.held) yield* manager.partitions()
  }

  get(topic: string, partition: number): PartitionLog | undefined {
    return this.ownerOf(topic, partition)?.get(topic, partition)
  }

  /**
   * Ids of the directories for so many new partitions: each goes where the fewest are. `excluded`
   * are paths of directories that take no new ones.
   */
  place(count: number, excluded: readonly string[] = []): Uuid[] {
    const online = this.data()
      .map(({ manager }) => manager)
      .filter(isOnline)
    const allowed = online.filter(({ logDir }) => !excluded.includes(logDir))
    const filled = (allowed.length > 0 ? allowed : online).map((manager) => ({
      id: manager.directoryId,
      partitions: manager.partitionCount,
    }))
    return Array.from({ length: count }, () => {
      const least = filled.reduce((a, b) => (b.partitions < a.partitions ? b : a))
      least.partitions++
      return least.id
    })
  }

  /** A new partition, in the named directory if that is one of ours, else where the fewest are. */
  create(
    topic: string,
    partition: number,
    { topicId, config, directoryId }: NewPartitionLog,
  ): PartitionLog {
    const named = directoryId === undefined ? undefined : this.managerOf(directoryId)
    const manager = named ?? this.managerOf(this.place(1)[0] as Uuid)
    assert(manager, 'there is a directory that works')
    return manager.create(topic, partition, topicId, config)
  }

  /** Whether a partition may lie in a directory that could not be opened. */
  isElsewhere(directoryId: Uuid | undefined): boolean {
    if (this.unreadable.length === 0 || directoryId === undefined) return false
    return !this.held.some(({ manager }) => manager.directoryId === directoryId)
  }

  /** Stands for a partition that cannot be reached: everything it is asked is an error. */
  offlineLog(topic: string, partition: number, config: LogConfig): PartitionLog {
    const name = `${topic}-${partition}`
    let log = this.offlineLogs.get(name)
    if (!log) {
      const committer = new Committer({ ...this.options, onFatal: () => undefined, schedule })
      committer.fence(
        new Error(`its directory could not be opened (${this.unreadable.join(', ')})`),
      )
      const identity = this.first.identityOf(topic, partition, undefined)
      log = new PartitionLog({ ...this.first.context, committer }, identity, config)
      this.offlineLogs.set(name, log)
    }
    return log
  }

  setConfig(topic: string, config: LogConfig): void {
    for (const { manager } of this.held) manager.setConfig(topic, config)
  }

  async delete(topic: string, partition: number): Promise<void> {
    await this.moves.stop(topic, partition)
    this.offlineLogs.delete(`${topic}-${partition}`)
    await this.ownerOf(topic, partition)?.delete(topic, partition)
  }

  async recoverAll(): Promise<void> {
    for (const manager of this.online()) await manager.recoverAll()
  }

  async applyRetention(nowMs: number): Promise<void> {
    for (const manager of this.online()) await manager.applyRetention(nowMs)
  }

  /** Cleans the dirtiest compacted log of each directory; false when there was none. */
  async cleanLogs(nowMs: number, settings: CleanerSettings): Promise<boolean> {
    const cleaned = await Promise.all(
      this.online().map((manager) => manager.cleaner.cleanOne(nowMs, settings)),
    )
    return cleaned.includes(true)
  }

  async checkpoint(): Promise<void> {
    for (const manager of this.online()) await manager.checkpoint()
  }

  async close(options: CloseOptions = {}): Promise<void> {
    await this.moves.close()
    await Promise.all(this.held.map(({ manager }) => manager.close(options)))
  }

  /** A directory works no more. */
  private failed(path: string, error: Error): void {
    const { logger, onFatal } = this.options
    const isLast = !this.data().some(({ manager }) => isOnline(manager))
    const isNeeded = path === this.first.logDir || isLast
    if (isNeeded) onFatal(error)
    else logger.error('log directory is offline', { path, reason: messageOf(error) })
  }
}

const isOnline = (manager: LogManager): boolean => manager.offlineReason === undefined

/** Nothing is ever committed by the committer of a directory that could not be opened. */
const schedule = (): void => undefined

/** Errors of a disk or its mounting; others, such as another node's directory, end the start. */
const DEVICE_ERRORS = ['EIO', 'ENXIO', 'ENODEV', 'EROFS', 'EACCES', 'EPERM', 'ENOTDIR', 'ENOENT']

const isDeviceError = (error: unknown): boolean => {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return DEVICE_ERRORS.includes(code)
}

/** Caches are shared out, so that more directories do not mean more memory. */
function shareOf(options: LogDirectoriesOptions): Partial<LogManagerOptions> {
  const count = options.logDirs.length
  const share = (value: number | undefined) =>
    value === undefined ? undefined : Math.ceil(value / count)
  const shares = {
    tailCacheBytesMax: share(options.tailCacheBytesMax),
    openFilesMax: share(options.openFilesMax),
    indexCacheBytesMax: share(options.indexCacheBytesMax),
  }
  return Object.fromEntries(Object.entries(shares).filter(([, value]) => value !== undefined))
}
