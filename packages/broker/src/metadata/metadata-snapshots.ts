/**
 * When a snapshot of the metadata is taken, and which snapshots and segments may then go: the rules
 * of Apache Kafka's controller.
 *
 *   log        |-- segments below the start are deleted --|========================|
 *   snapshots                      oldest ^ = log start      newer ^      newest ^
 *
 * A snapshot is due when `metadata.log.max.record.bytes.between.snapshots` were appended since the
 * last, or when something was and `metadata.log.max.snapshot.interval.ms` have passed. While log
 * and snapshots together are larger than `metadata.max.retention.bytes`, or the oldest snapshot is
 * older than `metadata.max.retention.ms`, the log start offset moves to the next snapshot and the
 * older one goes. The newest always stays, and so does the log behind the oldest: whoever opens the
 * directory finds a snapshot at or behind the start of the log.
 */
import { assert, type Clock, type Logger, messageOf } from '@ottla/base'
import type { FileSystem, PartitionLog } from '@ottla/storage'
import type { MetadataImage } from './metadata-image.ts'
import { listSnapshots, snapshotTimestamp, writeSnapshot } from './metadata-snapshot.ts'
import type { QuorumImage } from './quorum-image.ts'

export interface SnapshotSettings {
  /** `metadata.log.max.record.bytes.between.snapshots` */
  readonly recordBytesMax: number
  /** `metadata.log.max.snapshot.interval.ms`; 0 takes none for age. */
  readonly intervalMsMax: number
  /** `metadata.max.retention.bytes`; negative keeps everything. */
  readonly retentionBytes: number
  /** `metadata.max.retention.ms`; negative keeps everything. */
  readonly retentionMs: number
}

export interface SnapshotContext {
  readonly fileSystem: FileSystem
  readonly clock: Clock
  readonly logger: Logger
  readonly log: PartitionLog
  readonly image: MetadataImage
  readonly quorum: QuorumImage
  readonly settings: SnapshotSettings
}

export class MetadataSnapshots {
  /** Bytes of records since the last snapshot. */
  private bytes = 0
  private lastTimestamp = 0
  private takenMs: number
  private readonly context: SnapshotContext

  constructor(context: SnapshotContext) {
    this.context = context
    this.takenMs = context.clock.now()
  }

  /** A batch became part of the image. */
  note(size: number, timestamp: number): void {
    this.bytes += size
    this.lastTimestamp = timestamp
  }

  get isDue(): boolean {
    const { settings, clock } = this.context
    if (this.bytes >= settings.recordBytesMax) return true
    const { intervalMsMax } = settings
    return this.bytes > 0 && intervalMsMax > 0 && clock.now() - this.takenMs >= intervalMsMax
  }

  /**
   * Takes a snapshot of everything up to the end of the log, whose last epoch is given. Nothing may
   * be appended meanwhile. What fails is reported: the log has everything, and it is tried again
   * when as much was appended once more.
   */
  async take(epoch: number): Promise<void> {
    const { fileSystem, clock, logger, log, image, quorum } = this.context
    const [now, endOffset] = [clock.now(), log.logEndOffset]
    this.bytes = 0
    this.takenMs = now
    try {
      // With flush.policy=os the snapshot must not reach further than the log after a power cut.
      await log.flush()
      const { lastTimestamp } = this
      const id = { endOffset, epoch }
      const content = { id, image, quorum, lastTimestamp, now }
      const size = await writeSnapshot(fileSystem, log.directory, content)
      assert(log.logEndOffset === endOffset, 'metadata was appended while a snapshot was taken')
      logger.info('metadata snapshot', { endOffset, epoch, size })
      await this.clean()
    } catch (error) {
      logger.error('metadata snapshot failed', { reason: messageOf(error), error })
    }
  }

  /** Deletes the snapshots and segments that are too many or too old. */
  async clean(): Promise<void> {
    const { fileSystem, clock, logger, log } = this.context
    const snapshots = listSnapshots(fileSystem, log.directory)
    for (let i = 0; i + 1 < snapshots.length; i++) {
      const [oldest, next] = [snapshots[i], snapshots[i + 1]]
      if (!oldest || !next || !this.mayGo(oldest.path, snapshots.slice(i))) return
      await log.deleteRecordsBefore(next.endOffset)
      await log.applyRetention(clock.now())
      fileSystem.unlink(oldest.path)
      logger.info('metadata snapshot deleted', { endOffset: oldest.endOffset })
    }
  }

  private mayGo(oldest: string, left: readonly { readonly size: number }[]): boolean {
    const { fileSystem, clock, log, settings } = this.context
    const { retentionBytes, retentionMs } = settings
    const size = left.reduce((sum, snapshot) => sum + snapshot.size, log.sizeBytes)
    if (retentionBytes >= 0 && size > retentionBytes) return true
    return retentionMs >= 0 && clock.now() - snapshotTimestamp(fileSystem, oldest) > retentionMs
  }
}
