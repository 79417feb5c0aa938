/**
 * Keeps the archive (KIP-405): copies sealed segments into it, takes expired ones out, and clears
 * away what was interrupted. A round looks at every partition that has or had a tier:
 *
 *   leftovers     what a copy or a deletion left behind that did not end is deleted
 *   copy          sealed segments, oldest first, so that the archive has no holes
 *   expiry        retention over the whole log: the log start offset moves first, durably
 *   turned off    remote.storage.enable=false with remote.log.delete.on.disable: everything goes
 *   topic gone    a deleted topic's partitions, which were marked before it was deleted
 *
 * What leaves the local disk is decided by the log's own retention, which asks the tier how far the
 * archive reaches (`local.retention.*`).
 *
 * A partition of which something fails is tried again after a growing wait; the others go on.
 */
import { type Clock, type Logger, messageOf, type Random, type Uuid } from '@ottla/base'
import type { LogTier, PartitionLog, RecordTools } from '@ottla/storage'
import { ArchiveReader } from './archive-reader.ts'
import { ArchivedLog } from './archived-log.ts'
import { RateLimit } from './rate-limit.ts'
import { PartitionDeleteState, type TieredPartition } from './remote-log-records.ts'
import type { RemoteLogTopic } from './remote-log-topic.ts'
import type { RemoteSegments } from './remote-segments.ts'
import { describeUpload, remove, type TransferContext, upload } from './segment-upload.ts'
import type { RemoteStore } from './store/remote-store.ts'
import { expiredSegments, segmentsToCopy, type TieringSettings } from './tiering-plan.ts'

/** Where a topic stands with the archive. */
export type TopicTiering =
  | { readonly kind: 'tiered'; readonly settings: TieringSettings }
  | { readonly kind: 'off'; readonly deletesRemote: boolean }
  | { readonly kind: 'gone' }

export interface RemoteLogManagerOptions {
  readonly store: RemoteStore
  readonly metadata: RemoteLogTopic
  /** Logs of all topics, by what `tieringOf` says of them. */
  readonly logs: () => Iterable<PartitionLog>
  readonly logOf: (of: TieredPartition) => PartitionLog | undefined
  readonly topicIdOf: (topic: string) => Uuid | undefined
  readonly tieringOf: (of: TieredPartition) => TopicTiering
  readonly settings: RemoteLogSettings
  readonly recordTools: RecordTools
  readonly brokerId: number
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

export interface RemoteLogSettings {
  readonly copiesMax: () => number
  readonly copyBytesPerSecondMax: () => number
  readonly copyWindowSeconds: number
  readonly fetchesMax: () => number
  readonly fetchesWaitingMax: number
  readonly fetchBytesPerSecondMax: () => number
  readonly fetchWindowSeconds: number
  readonly fetchWaitMsMax: () => number
  readonly listOffsetsWaitMsMax: () => number
  readonly cacheBytesMax: number
  /** What is fetched at a time; tests make it small. */
  readonly chunkBytes?: number
  readonly intervalMs: number
  readonly retryMs: number
  readonly retryMsMax: number
  readonly retryJitter: number
}

/** Counts since the start, for metrics. */
export interface ArchiveCounters {
  copiedSegments: number
  copiedBytes: number
  deletedSegments: number
  failures: number
}

export class RemoteLogManager {
  readonly counters: ArchiveCounters = {
    copiedSegments: 0,
    copiedBytes: 0,
    deletedSegments: 0,
    failures: 0,
  }
  readonly reader: ArchiveReader
  private readonly options: RemoteLogManagerOptions
  private readonly transfer: TransferContext
  private readonly stopper = new AbortController()
  private readonly copying = new Set<Uuid>()
  /** Rounds in a row in which a partition failed, and when it may be tried again. */
  private readonly failing = new Map<string, { count: number; dueMs: number }>()
  private loop: Promise<void> | undefined
  private wakeUp: (() => void) | undefined
  private isAwake = false
  private isTidy = false

  constructor(options: RemoteLogManagerOptions) {
    this.options = options
    const { settings, clock } = options
    this.reader = new ArchiveReader({
      store: options.store,
      cacheBytesMax: settings.cacheBytesMax,
      limit: new RateLimit(clock, settings.fetchBytesPerSecondMax, settings.fetchWindowSeconds),
      fetchesMax: settings.fetchesMax,
      waitingMax: settings.fetchesWaitingMax,
      ...(settings.chunkBytes === undefined ? {} : { chunkBytes: settings.chunkBytes }),
    })
    this.transfer = {
      ...options,
      copyLimit: new RateLimit(clock, settings.copyBytesPerSecondMax, settings.copyWindowSeconds),
      stopping: this.stopper.signal,
    }
  }

  /** What the log of a tiered topic asks for what it has no more. */
  tierOf(log: PartitionLog): LogTier | undefined {
    const topicId = this.options.topicIdOf(log.topic)
    if (topicId === undefined) return undefined
    const of = { topic: log.topic, topicId, partition: log.partition }
    const { metadata, recordTools, settings, clock, logger } = this.options
    return new ArchivedLog({
      of,
      log,
      reader: this.reader,
      load: () => metadata.segmentsOf(of),
      recordTools,
      waitMsMax: settings.fetchWaitMsMax,
      searchMsMax: settings.listOffsetsWaitMsMax,
      clock,
      logger,
    })
  }

  // ---------------------------------------------------------------- rounds

  /** Begins to make rounds. */
  start(): void {
    this.loop ??= this.run()
  }

  private async run(): Promise<void> {
    const { clock, settings, logger } = this.options
    while (!this.stopper.signal.aborted) {
      this.isAwake = false
      try {
        await this.round()
      } catch (error) {
        this.counters.failures++
        logger.error('a round of the archive failed', { reason: messageOf(error), error })
      }
      if (this.isAwake || this.stopper.signal.aborted) continue
      const waitMs = Math.min(settings.intervalMs, this.untilRetryMs())
      await new Promise<void>((resolve) => {
        const timer = clock.setTimer(waitMs, resolve)
        this.wakeUp = () => {
          timer.cancel()
          resolve()
        }
      })
    }
  }

  /** Has the next round begin at once: something has changed. */
  wake(): void {
    this.isAwake = true
    this.wakeUp?.()
  }

  private untilRetryMs(): number {
    const now = this.options.clock.monotonicMs()
    let waitMs = Number.POSITIVE_INFINITY
    for (const { dueMs } of this.failing.values()) waitMs = Math.min(waitMs, dueMs - now)
    return Math.max(1, waitMs)
  }

  /** Looks at everything once. */
  async round(): Promise<void> {
    const { metadata, settings, store } = this.options
    if (!this.isTidy) await store.tidy()
    this.isTidy = true
    const waiting = new Map<string, TieredPartition>()
    for (const log of this.options.logs()) {
      const topicId = this.options.topicIdOf(log.topic)
      if (topicId === undefined || log.config.tier === 'none') continue
      const of = { topic: log.topic, topicId, partition: log.partition }
      waiting.set(nameOf(of), of)
    }
    for (const { of } of await metadata.all()) waiting.set(nameOf(of), of)
    const queue = waiting.values()
    const worker = async () => {
      for (const of of queue) {
        if (this.stopper.signal.aborted) return
        await this.tend(of)
      }
    }
    await Promise.all(Array.from({ length: settings.copiesMax() }, worker))
  }

  /** One partition's turn; its failure is noted and does not stop the others. */
  private async tend(of: TieredPartition): Promise<void> {
    const name = nameOf(of)
    const { clock, logger, settings, random } = this.options
    const failed = this.failing.get(name)
    if (failed && failed.dueMs > clock.monotonicMs()) return
    try {
      await this.tendPartition(of)
      this.failing.delete(name)
    } catch (error) {
      if (this.stopper.signal.aborted) return
      this.counters.failures++
      const count = (failed?.count ?? 0) + 1
      const backoffMs = Math.min(settings.retryMs * 2 ** (count - 1), settings.retryMsMax)
      const jitter = 1 + settings.retryJitter * (random.integer(2001) / 1000 - 1)
      this.failing.set(name, { count, dueMs: clock.monotonicMs() + backoffMs * jitter })
      logger.warn('the archive of a partition cannot be tended to, and is tried again', {
        topic: of.topic,
        partition: of.partition,
        tries: count,
        reason: messageOf(error),
      })
    }
  }

  private async tendPartition(of: TieredPartition): Promise<void> {
    const { metadata, tieringOf, logOf } = this.options
    const segments = await metadata.segmentsOf(of)
    const tiering = tieringOf(of)
    if (tiering.kind === 'gone') {
      await this.deletePartition(of, segments)
      return
    }
    await this.removeAll(of, segments.leftovers(this.copying))
    const log = logOf(of)
    if (!log || log.isOffline) return
    await log.ready()
    if (tiering.kind === 'off') {
      await this.turnOff(log, segments, tiering.deletesRemote)
      return
    }
    await log.tier?.ready()
    await this.copy(of, log, tiering.settings)
    await this.expire(of, log, { segments, settings: tiering.settings })
  }

  // ---------------------------------------------------------------- copying

  private async copy(
    of: TieredPartition,
    log: PartitionLog,
    settings: TieringSettings,
  ): Promise<void> {
    const { clock, logger } = this.options
    const { tieredTo, logStartOffset } = log
    const sealed = log.sealedSegments(tieredTo + 1)
    const sealedBytes = sealed.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    const activeBytes = log.sizeBytesFrom(tieredTo + 1) - sealedBytes
    const state = { tieredTo, logStartOffset, activeBytes }
    for (const segment of segmentsToCopy(sealed, state, settings, clock.now())) {
      if (this.stopper.signal.aborted) return
      const what = { of, segment, epochs: log.epochs, fileSystem: log.fileSystem }
      const described = describeUpload(this.transfer, what)
      this.copying.add(described.id)
      try {
        await upload(this.transfer, what, described)
      } finally {
        this.copying.delete(described.id)
      }
      this.counters.copiedSegments++
      this.counters.copiedBytes += segment.sizeBytes
      logger.info('segment archived', {
        topic: of.topic,
        partition: of.partition,
        baseOffset: segment.baseOffset,
        bytes: segment.sizeBytes,
      })
    }
  }

  // ---------------------------------------------------------------- deleting

  private async expire(
    of: TieredPartition,
    log: PartitionLog,
    what: { readonly segments: RemoteSegments; readonly settings: TieringSettings },
  ): Promise<void> {
    const { logStartOffset, localLogStartOffset, tieredTo } = log
    const localOnlyBytes = log.sizeBytesFrom(tieredTo + 1)
    const state = { logStartOffset, localLogStartOffset, localOnlyBytes }
    const now = this.options.clock.now()
    const expiry = expiredSegments(what.segments.segments, state, what.settings, now)
    // Durable before the first object goes: a crash must not leave a log that begins with a hole.
    if (expiry.logStartOffset > logStartOffset) await log.deleteRecordsBefore(expiry.logStartOffset)
    await this.removeAll(of, expiry.segments)
  }

  private async removeAll(
    of: TieredPartition,
    segments: Iterable<Parameters<typeof remove>[2]>,
  ): Promise<void> {
    for (const segment of [...segments]) {
      if (this.stopper.signal.aborted) return
      await remove(this.transfer, of, segment)
      this.counters.deletedSegments++
    }
  }

  /** The topic has no tier any more; what only the archive had is not the log's any more. */
  private async turnOff(
    log: PartitionLog,
    segments: RemoteSegments,
    deletesRemote: boolean,
  ): Promise<void> {
    if (!deletesRemote) return
    if (log.localLogStartOffset > log.logStartOffset) {
      await log.deleteRecordsBefore(log.localLogStartOffset)
    }
    await this.removeAll(segments.of, segments.all())
  }

  /** Only what was marked: a topic that is merely unknown may be known again. */
  private async deletePartition(of: TieredPartition, segments: RemoteSegments): Promise<void> {
    if (segments.deleteState === undefined) return
    if (segments.deleteState === PartitionDeleteState.MARKED) {
      await this.notePartition(of, PartitionDeleteState.STARTED)
    }
    await this.removeAll(of, segments.all())
    if (this.stopper.signal.aborted) return
    await this.notePartition(of, PartitionDeleteState.FINISHED)
  }

  /** Notes that a topic is about to be deleted; call it before, and `wake` after. */
  async markDeleted(of: TieredPartition): Promise<void> {
    const segments = await this.options.metadata.segmentsOf(of)
    if (segments.deleteState !== undefined) return
    await this.notePartition(of, PartitionDeleteState.MARKED)
  }

  private notePartition(of: TieredPartition, state: PartitionDeleteState): Promise<void> {
    const { metadata, brokerId, clock } = this.options
    const eventTimestampMs = clock.now()
    return metadata.write({ kind: 'partition', of, state, brokerId, eventTimestampMs })
  }

  /** Ends the round under way between two steps. */
  async close(): Promise<void> {
    this.stopper.abort(new Error('the broker stops'))
    this.wakeUp?.()
    await this.loop
    await this.options.store.close()
  }
}

const nameOf = ({ topicId, partition }: TieredPartition): string => `${topicId}:${partition}`
