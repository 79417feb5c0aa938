/**
 * A partition's directory as a whole: making it, loading it, writing what a clean close leaves,
 * deleting segments, renaming it for deletion. Names are durable before anything depends on them.
 */
import { type Uuid, ZERO_UUID } from '@ottla/base'
import {
  directoryOf,
  type FileSystem,
  replaceFile,
  replaceUnsynced,
  writeAndSync,
} from './file-system.ts'
import type { LogConfig } from './log-config.ts'
import type { LogContext } from './log-context.ts'
import { loadLog, type SavedPoints } from './log-loader.ts'
import type { LogState } from './log-state.ts'
import type { LogWriter } from './log-writer.ts'
import { encodePartitionMetadata, readPartitionMetadata } from './meta-properties.ts'
import { encodeProducerSnapshot } from './producer-snapshot.ts'
import { countExpired } from './retention.ts'
import { offsetFileName, type Segment, type SegmentFile } from './segment.ts'

export interface PartitionIdentity {
  readonly topic: string
  readonly partition: number
  /** Directory of the partition. */
  readonly directory: string
  /** Given when the partition is new; else it is in partition.metadata. */
  readonly newTopicId: Uuid | undefined
  /** What the checkpoints say when the log is opened. */
  readonly savedPoints: (topicId: Uuid) => SavedPoints
  /** Writes the checkpoint of log start offsets. */
  readonly saveLogStart: () => Promise<void>
  /** Called before a new partition becomes durable: stale checkpoints of its name must go. */
  readonly prepare: () => Promise<void>
}

/** What retention needs of a log. */
export interface RetainedLog {
  readonly config: LogConfig
  readonly state: LogState
  /** The last offset that the archive holds, or -1. */
  readonly tieredTo: number
  rollNow(): void
  flush(): Promise<void>
}

const NAME_MAX = 255
const SIDE_FILES = ['index', 'timeindex', 'txnindex', 'snapshot'] as const

export class LogFiles {
  directory: string
  private knownTopicId: Uuid | undefined
  private isNew: boolean
  private loadedEndOffset = -1
  private wasClean = false
  private readonly context: LogContext
  private readonly identity: PartitionIdentity

  constructor(context: LogContext, identity: PartitionIdentity) {
    this.context = context
    this.identity = identity
    this.directory = identity.directory
    this.knownTopicId = identity.newTopicId
    this.isNew = identity.newTopicId !== undefined
  }

  /** From partition.metadata; all zeros when the directory has none. */
  get topicId(): Uuid {
    this.knownTopicId ??= readPartitionMetadata(this.fileSystem, this.directory) ?? ZERO_UUID
    return this.knownTopicId
  }

  async load(config: LogConfig): Promise<LogState> {
    const { context, directory } = this
    if (this.isNew) await this.make()
    const saved = this.identity.savedPoints(this.topicId)
    const state = await loadLog(context, directory, config, saved)
    if (state.segments.some((segment) => !segment.isCreated)) await this.createFiles(state)
    this.loadedEndOffset = state.logEndOffset
    this.wasClean = saved.wasClean && state.droppedBytes === 0
    return state
  }

  private async make(): Promise<void> {
    const { fileSystem, directory } = this
    await this.identity.prepare()
    fileSystem.makeDirectory(directory)
    const metadata = encodePartitionMetadata(this.topicId)
    await replaceFile(fileSystem, `${directory}/partition.metadata`, metadata)
    await this.context.directorySyncs.sync(directoryOf(directory))
    this.isNew = false
  }

  /** Segments without a file get one, so that Apache Kafka finds what it expects. */
  private async createFiles(state: LogState): Promise<void> {
    for (const segment of state.segments.filter((segment) => !segment.isCreated)) {
      this.context.openFiles.acquire(segment)
      this.context.openFiles.release(segment)
      segment.isCreated = true
    }
    await this.context.directorySyncs.sync(this.directory)
  }

  /** Trimmed indexes, producer snapshot and epochs; everything appended is durable already. */
  async writeClosing(state: LogState, writer: LogWriter): Promise<void> {
    const { fileSystem, directory } = this
    const snapshot = `${directory}/${offsetFileName(state.logEndOffset, 'snapshot')}`
    const isSame = this.wasClean && state.logEndOffset === this.loadedEndOffset
    if (isSame && fileSystem.stat(snapshot) && !state.epochs.isDirty) return
    const active = state.activeSegment
    active.noteMaxTimestamp()
    await writeAndSync(fileSystem, active.path('index'), active.offsetIndex(fileSystem).bytes())
    await writeAndSync(fileSystem, active.path('timeindex'), active.timeIndex(fileSystem).bytes())
    const { producers } = state
    const bytes = encodeProducerSnapshot(producers.all(), producers.size)
    await replaceUnsynced(fileSystem, snapshot, bytes)
    this.removeOldSnapshots(state)
    if (state.epochs.isDirty) await writer.writeEpochs()
    await this.context.directorySyncs.sync(directory)
  }

  /** Keeps one snapshot per segment and the newest. */
  private removeOldSnapshots(state: LogState): void {
    const kept = new Set(state.segments.map((segment) => segment.baseOffset))
    kept.add(state.logEndOffset)
    for (const { name } of this.fileSystem.list(this.directory) ?? []) {
      const offset = /^(\d{20})\.snapshot$/.exec(name)?.[1]
      if (offset === undefined || kept.has(Number(offset))) continue
      this.fileSystem.unlink(`${this.directory}/${name}`)
    }
  }

  saveLogStart(): Promise<void> {
    return this.identity.saveLogStart()
  }

  /** Rules R1 and R3: whole segments below the high watermark, oldest first. */
  async deleteExpired(log: RetainedLog, nowMs: number): Promise<void> {
    const { state, config, tieredTo } = log
    const count = countExpired({ state, config, tieredTo, nowMs }, this.fileSystem)
    if (count === 0) return
    if (count === state.segments.length) {
      log.rollNow()
      await log.flush()
    }
    const first = state.segments[Math.min(count, state.segments.length - 1)] as Segment
    if (first === state.segments[0]) return
    const isTiered = config.tier !== 'none'
    if (!isTiered) {
      state.logStartOffset = Math.max(state.logStartOffset, first.baseOffset)
      state.epochs.truncateFromStart(state.logStartOffset)
    }
    // A crash may keep the renaming of one segment and lose that of an older one: the hole between
    // them must then lie below the log start offset. And where an archive goes on serving what goes
    // from here, no file's name tells any more where the log begins: there a hole would be skipped,
    // so that they go one by one.
    if (isTiered || first !== state.segments[1]) await this.saveLogStart()
    const gone = state.segments.splice(0, state.segments.indexOf(first))
    await this.removeSegments(gone, config.fileDeleteDelayMs, isTiered)
    this.context.logger.info('segments deleted by retention', {
      directory: this.directory,
      count: gone.length,
      logStartOffset: state.logStartOffset,
      localLogStartOffset: state.localLogStartOffset,
    })
  }

  private async removeSegments(
    gone: readonly Segment[],
    delayMs: number,
    isOneByOne: boolean,
  ): Promise<void> {
    const { fileSystem, context } = this
    const renamed: string[] = []
    const rename = (segment: Segment, suffix: SegmentFile) => {
      const path = segment.path(suffix)
      if (!fileSystem.stat(path)) return
      fileSystem.rename(path, `${path}.deleted`)
      renamed.push(`${path}.deleted`)
    }
    for (const segment of gone) {
      rename(segment, 'log')
      context.openFiles.drop(segment)
      context.indexCache.forget(segment)
      if (isOneByOne) await context.directorySyncs.sync(this.directory)
    }
    // A log must not come back from a crash without its transaction index.
    await context.directorySyncs.sync(this.directory)
    for (const segment of gone) for (const suffix of SIDE_FILES) rename(segment, suffix)
    context.deletions.schedule(renamed, delayMs)
  }

  /** `<topic>-<partition>.<32 hex>-delete`, no longer than a file name may be. */
  async renameForDeletion(): Promise<void> {
    const { fileSystem, directory, context } = this
    if (!fileSystem.stat(directory)) return
    const parent = directoryOf(directory)
    const unique = Buffer.from(context.random.bytes(16)).toString('hex')
    const suffix = `.${unique}-delete`
    const name = directory.slice(parent.length + 1).slice(0, NAME_MAX - suffix.length)
    const renamed = `${parent}/${name}${suffix}`
    fileSystem.rename(directory, renamed)
    this.directory = renamed
    await context.directorySyncs.sync(parent)
  }

  private get fileSystem(): FileSystem {
    return this.context.fileSystem
  }
}
