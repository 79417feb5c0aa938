import fs from 'node:fs'
import { codeOf } from '@ottla/base'
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

/** The machine's disk. */
export class RealFileSystem implements FileSystem {
  open(path: string, mode: OpenMode): FileHandle {
    return new RealFile(fs.openSync(path, OPEN_FLAGS[mode], 0o644))
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

  constructor(fd: number) {
    this.fd = fd
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

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.fdatasync(this.fd, (error) => (error ? reject(error) : resolve()))
    })
  }

  close(): void {
    fs.closeSync(this.fd)
  }
}
