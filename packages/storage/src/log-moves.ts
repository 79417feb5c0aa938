/**
 * Partitions on their way from one log directory to another, one at a time.
 *
 *   copying   <topic>-<n>.<id>-future grows in the target, the partition is in full use
 *   settling  appends wait; the copy becomes equal, and what the checkpoints say is saved
 *   decided   `commit` has put the new directory into the metadata log: from here on it is there
 *   swapped   -future renamed to <topic>-<n> in the target, <topic>-<n> to -delete in the source
 *
 * What the metadata log says decides after a crash (`settleAfterStart`): a copy in the directory
 * that it names is whole and only has to be renamed, a copy anywhere else was not finished and is
 * begun again, and a second <topic>-<n> anywhere else is what the swap has left behind.
 */
import { type Logger, messageOf, type Uuid } from '@ottla/base'
import { CopyWriteError, DirectoryCopy } from './directory-copy.ts'
import { type FileSystem, isDiskFull } from './file-system.ts'
import type { LogDirectories } from './log-directories.ts'
import type { LogManager } from './log-manager.ts'
import type { LogState } from './log-state.ts'
import type { PartitionLog } from './partition-log.ts'

/** The metadata log's say: durable once resolved. Rejects when the partition is no more. */
export type CommitMove = (topic: string, partition: number, directoryId: Uuid) => Promise<void>

export interface Move {
  readonly topic: string
  readonly partition: number
  readonly target: LogManager
  /** Bytes in the copy. */
  copiedBytes: number
}

/** A partition and the directory that the metadata log names for it. */
export interface Assignment {
  readonly topic: string
  readonly partition: number
  readonly directoryId: Uuid | undefined
}

interface Running extends Move {
  isStopped: boolean
  done: Promise<void>
}

/** Appends wait while at most this much is left to copy, unless it never becomes so little. */
const SETTLE_BYTES_MAX = 1024 * 1024
const PASSES_MAX = 20

export class LogMoves {
  private readonly directories: LogDirectories
  private readonly io: { readonly fileSystem: FileSystem; readonly logger: Logger }
  private readonly running = new Map<string, Running>()
  private tail: Promise<void> = Promise.resolve()
  private isClosed = false
  private commit: CommitMove = async () => undefined

  constructor(
    directories: LogDirectories,
    io: { readonly fileSystem: FileSystem; readonly logger: Logger },
  ) {
    this.directories = directories
    this.io = io
  }

  /** Moves that are going on or waiting for their turn. */
  all(): Iterable<Move> {
    return this.running.values()
  }

  /**
   * Begins to move a partition, and forgets where else it was moving to. The promise resolves when
   * it is there, and rejects when it stays.
   */
  async start(topic: string, partition: number, target: LogManager): Promise<void> {
    const name = `${topic}-${partition}`
    if (this.running.get(name)?.target === target) return this.running.get(name)?.done
    await this.stop(topic, partition)
    if (this.directories.ownerOf(topic, partition) === target) return undefined
    const move: Running = {
      topic,
      partition,
      target,
      copiedBytes: 0,
      isStopped: false,
      done: Promise.resolve(),
    }
    this.running.set(name, move)
    move.done = this.tail.then(() => this.run(move)).finally(() => this.running.delete(name))
    this.tail = move.done.catch(() => undefined)
    return move.done
  }

  /** Gives up the move of a partition; resolves when nothing of it is left. */
  async stop(topic: string, partition: number): Promise<void> {
    const move = this.running.get(`${topic}-${partition}`)
    if (!move) return
    move.isStopped = true
    // Whoever began the move is told how it ended.
    await move.done.catch(() => undefined)
  }

  /** Stops all moves where they are; the next start begins them again. */
  async close(): Promise<void> {
    this.isClosed = true
    for (const move of this.running.values()) move.isStopped = true
    await this.tail
  }

  private async run(move: Running): Promise<void> {
    const { topic, partition, target } = move
    const name = `${topic}-${partition}`
    const { logger } = this.io
    const source = this.directories.ownerOf(topic, partition)
    const log = source?.get(topic, partition)
    try {
      if (!source || !log || move.isStopped) throw new Error('the move was stopped')
      logger.info('partition is moving', { partition: name, to: target.logDir })
      await this.carry(move, source, log)
      logger.info('partition has moved', { partition: name, to: target.logDir })
    } catch (error) {
      if (error instanceof CopyWriteError && !isDiskFull(error.cause)) {
        target.context.committer.fence(error.cause)
      }
      // What closing interrupts is begun again by the next start, which looks for the copy.
      const isLater = this.isClosed && move.isStopped
      if (!isLater) await target.dropFuture(name)
      logger.warn('partition stays where it is', { partition: name, reason: messageOf(error) })
      throw error
    }
  }

  private async carry(move: Running, source: LogManager, log: PartitionLog): Promise<void> {
    const { target, topic, partition } = move
    const { fileSystem } = this.io
    await log.ready()
    const to = target.newFuture(log.name)
    fileSystem.makeDirectory(to)
    await fileSystem.syncDirectory(target.logDir)
    const copy = new DirectoryCopy(fileSystem, { from: log.directory, to }, () => !move.isStopped)
    for (let passes = 0; passes < PASSES_MAX; passes++) {
      const bytes = await copy.pass(log.state)
      move.copiedBytes = copy.copiedBytes
      if (bytes <= SETTLE_BYTES_MAX) break
    }
    let isDecided = false
    const settle = async (state: LogState) => {
      await copy.pass(state)
      await copy.removeExtras()
      await target.saveArrival(log)
      if (move.isStopped) throw new Error('the move was stopped')
      await this.commit(topic, partition, target.directoryId)
      isDecided = true
      await target.promote(log.name)
      return { context: target.context, identity: target.identityOf(topic, partition, undefined) }
    }
    const left = await log.relocate(settle).catch(async (error: unknown) => {
      // It goes on where it was, and the metadata log must say so before anything is appended.
      if (isDecided) await this.commit(topic, partition, source.directoryId)
      throw error
    })
    source.release(log)
    target.adopt(log)
    await left.renameForDeletion()
    source.context.deletions.schedule([left.directory], log.config.fileDeleteDelayMs)
    await target.checkpoint()
    await source.checkpoint()
  }

  /**
   * Finishes what a crash interrupted; call it once, when the metadata log is known and before any
   * partition is opened. Returns the moves that are to begin again.
   */
  async settleAfterStart(
    assignments: Iterable<Assignment>,
    commit: CommitMove,
  ): Promise<{ topic: string; partition: number; target: LogManager }[]> {
    this.commit = commit
    const managers = this.directories.online()
    const again: { topic: string; partition: number; target: LogManager }[] = []
    for (const { topic, partition, directoryId } of assignments) {
      const name = `${topic}-${partition}`
      const assigned = managers.find((manager) => manager.directoryId === directoryId)
      if (assigned?.interruptedCopies.has(name) && !assigned.get(topic, partition)) {
        await assigned.promote(name)
        assigned.takePromoted(name)
      }
      if (assigned?.get(topic, partition)) await this.removeOthers(assigned, topic, partition)
      for (const target of managers) {
        if (!target.interruptedCopies.has(name)) continue
        await target.dropFuture(name)
        if (target !== assigned) again.push({ topic, partition, target })
      }
    }
    // Copies of partitions that are no more.
    for (const manager of managers) {
      for (const name of [...manager.interruptedCopies.keys()]) await manager.dropFuture(name)
    }
    return again
  }

  private async removeOthers(
    assigned: LogManager,
    topic: string,
    partition: number,
  ): Promise<void> {
    for (const other of this.directories.online()) {
      if (other === assigned || !other.get(topic, partition)) continue
      this.io.logger.info('what a move left behind is removed', {
        partition: `${topic}-${partition}`,
        from: other.logDir,
      })
      await other.delete(topic, partition)
    }
  }
}
