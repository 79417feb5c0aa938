import type { FileSystem } from './file-system.ts'

/**
 * Shares syncs of one directory: who asks while one runs joins the next, since the running one may
 * have begun before its change. Creating a thousand partitions costs a handful of syncs.
 */
export class DirectorySyncs {
  private readonly running = new Map<string, Promise<void>>()
  private readonly next = new Map<string, Promise<void>>()
  private readonly fileSystem: FileSystem

  constructor(fileSystem: FileSystem) {
    this.fileSystem = fileSystem
  }

  sync(path: string): Promise<void> {
    const running = this.running.get(path)
    if (!running) return this.begin(path)
    let next = this.next.get(path)
    if (!next) {
      const begin = () => {
        this.next.delete(path)
        return this.begin(path)
      }
      next = running.then(begin, begin)
      this.next.set(path, next)
    }
    return next
  }

  private begin(path: string): Promise<void> {
    const done = this.fileSystem.syncDirectory(path).finally(() => {
      if (this.running.get(path) === done) this.running.delete(path)
    })
    this.running.set(path, done)
    return done
  }
}
