import fs from 'node:fs'
import { type Clock, codeOf, realClock } from '@ottla/base'
import { lockDirectory } from './directory-lock.ts'
import type {
  DirectoryEntry,
  DirectoryLock,
  FileHandle,
  FileStat,
  FileSystem,
  OpenMode,
} from './file-system.ts'

/** Linux takes at most this many buffers in one writev. */
const IOV_MAX = 1024

const { O_CREAT, O_RDONLY, O_RDWR } = fs.constants
const OPEN_FLAGS = { read: O_RDONLY, update: O_RDWR, write: O_RDWR | O_CREAT } as const

/** Below this a sync costs less than handing it to another thread, with both cores busy. */
const QUICK_SYNC_MS = 1
/** Weight of the last sync in the running average. */
const SYNC_WEIGHT = 0.2

/**
 * How long syncs take lately. One that stalls counts in full, so after a single slow one the event
 * loop is not held up again until a few dozen on other threads have been quick.
 */
class SyncTimes {
  readonly clock: Clock
  private averageMs = QUICK_SYNC_MS

  constructor(clock: Clock) {
    this.clock = clock
  }

  get isQuick(): boolean {
    return this.averageMs < QUICK_SYNC_MS
  }

  note(ms: number): void {
    const average = this.averageMs + (ms - this.averageMs) * SYNC_WEIGHT
    this.averageMs = Math.max(average, ms > STALL_MS ? ms : 0)
  }
}

/** A sync this slow is no fluctuation. */
const STALL_MS = 10
const DONE = Promise.resolve()

/** The machine's disk. */
export class RealFileSystem implements FileSystem {
  private readonly syncTimes: SyncTimes

  constructor(clock: Clock = realClock) {
    this.syncTimes = new SyncTimes(clock)
  }

  open(path: string, mode: OpenMode): FileHandle {
    return new RealFile(fs.openSync(path, OPEN_FLAGS[mode], 0o644), this.syncTimes)
  }

  list(path: string): DirectoryEntry[] | undefined {
    try {
      const entries = fs.readdirSync(path, { withFileTypes: true })
      return entries.map((entry) => ({ name: entry.name, isDirectory: entry.isDirectory() }))
    } catch (error) {
      const code = codeOf(error)
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
      throw error
    }
  }

  makeDirectory(path: string): void {
    fs.mkdirSync(path, { recursive: true })
  }

  rename(from: string, to: string): void {
    fs.renameSync(from, to)
  }

  unlink(path: string): void {
    fs.unlinkSync(path)
  }

  removeDirectory(path: string): void {
    fs.rmdirSync(path)
  }

  stat(path: string): FileStat | undefined {
    const stat = fs.statSync(path, { throwIfNoEntry: false })
    return stat && { size: stat.size, modifiedMs: stat.mtimeMs }
  }

  setModified(path: string, modifiedMs: number): void {
    fs.utimesSync(path, modifiedMs / 1000, modifiedMs / 1000)
  }

  async syncDirectory(path: string): Promise<void> {
    // Windows cannot open a directory; NTFS journals names by itself.
    if (process.platform === 'win32') return
    const fd = fs.openSync(path, 'r')
    try {
      await new Promise<void>((resolve, reject) => {
        fs.fsync(fd, (error) => (error ? reject(error) : resolve()))
      })
    } finally {
      fs.closeSync(fd)
    }
  }

  lock(directory: string): Promise<DirectoryLock> {
    return lockDirectory(directory)
  }
}

/** Callbacks rather than fs.promises: a third of the cost per call. */
class RealFile implements FileHandle {
  private readonly fd: number
  private readonly syncTimes: SyncTimes

  constructor(fd: number, syncTimes: SyncTimes) {
    this.fd = fd
    this.syncTimes = syncTimes
  }

  write(buffers: readonly Buffer[], position: number): number {
    if (buffers.length === 1) {
      const only = buffers[0] as Buffer
      return fs.writeSync(this.fd, only, 0, only.length, position)
    }
    const some = buffers.length > IOV_MAX ? buffers.slice(0, IOV_MAX) : buffers
    return fs.writevSync(this.fd, some, position)
  }

  writeAsync(buffers: readonly Buffer[], position: number): Promise<number> {
    const some = buffers.length > IOV_MAX ? buffers.slice(0, IOV_MAX) : buffers
    return new Promise((resolve, reject) => {
      fs.writev(this.fd, some, position, (error, written) =>
        error ? reject(error) : resolve(written),
      )
    })
  }

  read(target: Buffer, position: number): number {
    return fs.readSync(this.fd, target, 0, target.length, position)
  }

  readAsync(target: Buffer, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.read(this.fd, target, 0, target.length, position, (error, read) =>
        error ? reject(error) : resolve(read),
      )
    })
  }

  size(): number {
    return fs.fstatSync(this.fd).size
  }

  truncate(size: number): void {
    fs.ftruncateSync(this.fd, size)
  }

  sync(mayBlock = false): Promise<void> {
    const { clock } = this.syncTimes
    const startMs = clock.monotonicMs()
    if (mayBlock && this.syncTimes.isQuick) {
      try {
        fs.fdatasyncSync(this.fd)
      } catch (error) {
        return Promise.reject(error)
      }
      this.syncTimes.note(clock.monotonicMs() - startMs)
      return DONE
    }
    return new Promise((resolve, reject) => {
      fs.fdatasync(this.fd, (error) => {
        this.syncTimes.note(clock.monotonicMs() - startMs)
        if (error) reject(error)
        else resolve()
      })
    })
  }

  close(): void {
    fs.closeSync(this.fd)
  }
}
