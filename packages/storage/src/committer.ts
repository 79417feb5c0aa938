/**
 * Group commit: one round at a time for all partitions of a log directory.
 *
 * HOT: guarded by bench/micro/storage-append.bench.ts
 *
 *   append, append, ...     round: take -> write -> fdatasync -> high watermarks, waiters
 *                  append, append, ...     next round: take -> ...
 *
 * A round begins at the end of the event loop turn that brought its first batch, so everything the
 * sockets delivered in that turn shares it; whoever arrives while it runs joins the next one, and
 * so does what those append at once who have waited for it. What must always hold:
 * - nothing is visible or acknowledged before the round that took it has ended well;
 * - rounds of one partition never overlap, so its file grows strictly in order;
 * - a failed sync is never repeated: the kernel may have dropped the pages and say yes the second
 *   time (fsyncgate). Any error but a full disk fences every log at once, and `onFatal` ends the
 *   process;
 * - a full disk refuses only the partitions that met it, and only this round's batches.
 *
 * Writes of small rounds are synchronous. Measured on Node 20 (2 cores, ext4): writevSync of 16 KiB
 * takes 6 us against 40 us for the hop to libuv's pool, and rounds of 650 KB cost 1.2 CPU seconds
 * per GB against 2.1; above WRITE_SYNC_BYTES_MAX the loop would be blocked for too long.
 */
import { type Logger, messageOf } from '@ottla/base'
import { StorageError } from './errors.ts'
import { isDiskFull } from './file-system.ts'

/** What a member should know of a round to choose how it writes. */
export interface RoundShape {
  /** Little enough to be written on the spot. */
  readonly isSmall: boolean
  /** No other member waits for the end of the round. */
  readonly isAlone: boolean
}

export interface CommitMember {
  /** Moves what is pending into the round; returns its bytes. */
  takeRound(): number
  /** Writes what was taken and makes it durable. */
  writeRound(round: RoundShape): Promise<void>
  endRound(): void
  /** The disk is full: what was taken and what came since is given back. */
  refuseRound(error: StorageError): Promise<void>
  /** For good: nothing can be appended to this log any more. */
  fence(error: StorageError): void
}

/** Rounds up to this size are written synchronously. */
export const WRITE_SYNC_BYTES_MAX = 1024 * 1024
/** Of libuv's four threads one is left for reads. */
const CONCURRENT_SYNCS_MAX = 3

export interface CommitterOptions {
  readonly logger: Logger
  readonly onFatal: (error: Error) => void
  /** Calls back at the end of this event loop turn. */
  readonly schedule: (callback: () => void) => void
}

export class Committer {
  /** Rounds so far, for metrics and tests. */
  rounds = 0
  private dirty: CommitMember[] = []
  private isScheduled = false
  private running: Promise<void> | undefined
  private fencedBy: StorageError | undefined
  private readonly options: CommitterOptions

  constructor(options: CommitterOptions) {
    this.options = options
  }

  /** Why nothing can be appended any more, or undefined. */
  get fenced(): StorageError | undefined {
    return this.fencedBy
  }

  /** The member has something pending. It calls this once until it is taken. */
  markDirty(member: CommitMember): void {
    this.dirty.push(member)
    if (this.running || this.isScheduled) return
    this.isScheduled = true
    this.options.schedule(this.start)
  }

  /** Resolves when nothing is pending. */
  async drain(): Promise<void> {
    while (this.dirty.length > 0 || this.running) {
      this.start()
      await this.running
    }
  }

  private readonly start = (): void => {
    this.isScheduled = false
    if (this.running || this.dirty.length === 0) return
    this.running = this.run().finally(() => {
      this.running = undefined
      // Somebody may have come between the last look at the list and this moment.
      this.start()
    })
  }

  private async run(): Promise<void> {
    while (this.dirty.length > 0) {
      const members = this.dirty
      this.dirty = []
      if (this.fencedBy) {
        for (const member of members) member.fence(this.fencedBy)
      } else await this.round(members)
      await promiseJobs()
    }
  }

  private async round(members: readonly CommitMember[]): Promise<void> {
    this.rounds++
    let bytes = 0
    for (const member of members) bytes += member.takeRound()
    const round = {
      isSmall: bytes <= WRITE_SYNC_BYTES_MAX,
      isAlone: members.length === 1,
    }
    const only = members[0] as CommitMember
    if (members.length === 1) await this.commitOne(only, round, members)
    else {
      let next = 0
      const lane = async () => {
        for (let member = members[next++]; member; member = members[next++]) {
          await this.commitOne(member, round, members)
        }
      }
      await Promise.all(Array.from({ length: CONCURRENT_SYNCS_MAX }, lane))
    }
  }

  private async commitOne(
    member: CommitMember,
    round: RoundShape,
    members: readonly CommitMember[],
  ): Promise<void> {
    if (this.fencedBy) return
    try {
      await member.writeRound(round)
    } catch (error) {
      await this.failed(member, error, members)
      return
    }
    // Another member of the round may have failed meanwhile; this one's bytes are durable all the
    // same, but a fenced log acknowledges nothing.
    if (!this.fencedBy) member.endRound()
  }

  private async failed(
    member: CommitMember,
    error: unknown,
    members: readonly CommitMember[],
  ): Promise<void> {
    if (!(error instanceof WriteError) || !isDiskFull(error.cause)) {
      this.fence(error, members)
      return
    }
    this.options.logger.warn('disk full, appends refused', { error: messageOf(error.cause) })
    const message = 'The disk is full: the append was refused'
    try {
      await member.refuseRound(new StorageError('KAFKA_STORAGE_ERROR', message, error))
    } catch (rollbackError) {
      // Bytes of the refused batches stayed in the file: nothing may be written behind them.
      this.fence(rollbackError, members)
    }
  }

  /** Ends appending for good; also called for errors outside rounds. */
  fence(error: unknown, members: readonly CommitMember[] = []): void {
    if (this.fencedBy) return
    this.fencedBy = new StorageError(
      'KAFKA_STORAGE_ERROR',
      `The log directory is offline after an I/O error: ${messageOf(error)}`,
      error,
    )
    this.options.logger.error('log directory fenced after an I/O error', { error })
    for (const member of members) member.fence(this.fencedBy)
    for (const member of this.dirty) member.fence(this.fencedBy)
    this.options.onFatal(this.fencedBy)
  }
}

/** Resolves when all promise jobs are done, those that are added meanwhile included. */
const promiseJobs = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve))

/** A failed write, as opposed to a failed sync: only this one may be a full disk. */
export class WriteError extends Error {
  constructor(cause: unknown) {
    super(messageOf(cause), { cause })
    this.name = 'WriteError'
  }
}
