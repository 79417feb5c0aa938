import { type Clock, codeOf, type Logger, messageOf, type Timer } from '@ottla/base'
import type { FileSystem } from './file-system.ts'

/**
 * Files and directories that were renamed for deletion and go away after `file.delete.delay.ms`,
 * so that reads under way can finish. What is left when the process ends is found by its name and
 * removed at the next start.
 */
export class DelayedDeletions {
  private readonly timers = new Set<Timer>()
  private readonly fileSystem: FileSystem
  private readonly clock: Clock
  private readonly logger: Logger

  constructor(fileSystem: FileSystem, clock: Clock, logger: Logger) {
    this.fileSystem = fileSystem
    this.clock = clock
    this.logger = logger
  }

  /** Removes the files, and directories with what is in them. */
  schedule(paths: readonly string[], delayMs: number): void {
    const timer = this.clock.setTimer(delayMs, () => {
      this.timers.delete(timer)
      for (const path of paths) this.remove(path)
    })
    this.timers.add(timer)
  }

  close(): void {
    for (const timer of this.timers) timer.cancel()
    this.timers.clear()
  }

  private remove(path: string): void {
    try {
      const entries = this.fileSystem.list(path)
      if (!entries) {
        this.fileSystem.unlink(path)
        return
      }
      for (const entry of entries) this.remove(`${path}/${entry.name}`)
      this.fileSystem.removeDirectory(path)
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return
      this.logger.warn('deleted log not removed', { path, error: messageOf(error) })
    }
  }
}
