import type { FileHandle, FileSystem } from './file-system.ts'
import type { Segment } from './segment.ts'

interface OpenFile {
  readonly handle: FileHandle
  users: number
  isDropped: boolean
}

/**
 * The open `.log` files of all partitions, at most `max` of them (those in use never count out).
 * The map is ordered by last use: the front is closed first.
 */
export class OpenFiles {
  private readonly files = new Map<Segment, OpenFile>()
  private readonly fileSystem: FileSystem
  private readonly max: number

  constructor(fileSystem: FileSystem, max: number) {
    this.fileSystem = fileSystem
    this.max = max
  }

  get size(): number {
    return this.files.size
  }

  /** Opens the segment's file, or takes the open one. Every call needs its `release`. */
  acquire(segment: Segment): FileHandle {
    const known = this.files.get(segment)
    if (known) {
      known.users++
      this.files.delete(segment)
      this.files.set(segment, known)
      return known.handle
    }
    const handle = this.fileSystem.open(segment.path('log'), segment.isCreated ? 'update' : 'write')
    this.files.set(segment, { handle, users: 1, isDropped: false })
    if (this.files.size > this.max) this.closeOldest()
    return handle
  }

  release(segment: Segment): void {
    const file = this.files.get(segment)
    if (!file) return
    file.users--
    if (file.isDropped && file.users === 0) this.close(segment, file)
  }

  /** The segment is gone: its file is closed as soon as nobody uses it. */
  drop(segment: Segment): void {
    const file = this.files.get(segment)
    if (!file) return
    file.isDropped = true
    if (file.users === 0) this.close(segment, file)
  }

  closeAll(): void {
    for (const [segment, file] of this.files) this.close(segment, file)
  }

  private closeOldest(): void {
    for (const [segment, file] of this.files) {
      if (this.files.size <= this.max) return
      if (file.users === 0) this.close(segment, file)
    }
  }

  private close(segment: Segment, file: OpenFile): void {
    this.files.delete(segment)
    file.handle.close()
  }
}
