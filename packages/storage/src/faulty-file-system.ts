import type {
  DirectoryEntry,
  DirectoryLock,
  FileHandle,
  FileStat,
  FileSystem,
  OpenMode,
} from './file-system.ts'
import { sizeOfBuffers } from './file-system.ts'
import { systemError } from './memory-file-system.ts'

/** What happens to one call: nothing, an error, or (writes) only some of the bytes. */
export type Fault =
  | undefined
  | { readonly kind: 'error'; readonly code: string }
  | { readonly kind: 'short'; readonly size: number }

export type FileCall =
  | 'open'
  | 'write'
  | 'read'
  | 'sync'
  | 'truncate'
  | 'rename'
  | 'unlink'
  | 'makeDirectory'
  | 'removeDirectory'
  | 'syncDirectory'

/** Passes everything on to another file system, and asks before each call whether it shall fail. */
export class FaultyFileSystem implements FileSystem {
  decide: (call: FileCall, path: string) => Fault
  private readonly inner: FileSystem

  constructor(
    inner: FileSystem,
    decide: (call: FileCall, path: string) => Fault = () => undefined,
  ) {
    this.inner = inner
    this.decide = decide
  }

  open(path: string, mode: OpenMode): FileHandle {
    this.check('open', path)
    return this.wrap(this.inner.open(path, mode), path)
  }

  list(path: string): DirectoryEntry[] | undefined {
    return this.inner.list(path)
  }

  makeDirectory(path: string): void {
    this.check('makeDirectory', path)
    this.inner.makeDirectory(path)
  }

  rename(from: string, to: string): void {
    this.check('rename', from)
    this.inner.rename(from, to)
  }

  unlink(path: string): void {
    this.check('unlink', path)
    this.inner.unlink(path)
  }

  removeDirectory(path: string): void {
    this.check('removeDirectory', path)
    this.inner.removeDirectory(path)
  }

  stat(path: string): FileStat | undefined {
    return this.inner.stat(path)
  }

  setModified(path: string, modifiedMs: number): void {
    this.inner.setModified(path, modifiedMs)
  }

  async syncDirectory(path: string): Promise<void> {
    this.check('syncDirectory', path)
    await this.inner.syncDirectory(path)
  }

  lock(directory: string): Promise<DirectoryLock> {
    return this.inner.lock(directory)
  }

  private wrap(file: FileHandle, path: string): FileHandle {
    return {
      write: (buffers, position) => file.write(this.cut('write', path, buffers), position),
      writeAsync: async (buffers, position) =>
        file.writeAsync(this.cut('write', path, buffers), position),
      read: (target, position) => {
        this.check('read', path)
        return file.read(target, position)
      },
      readAsync: async (target, position) => {
        this.check('read', path)
        return file.readAsync(target, position)
      },
      size: () => file.size(),
      truncate: (size) => {
        this.check('truncate', path)
        file.truncate(size)
      },
      sync: async () => {
        this.check('sync', path)
        await file.sync()
      },
      close: () => file.close(),
    }
  }

  /** The buffers, or their first bytes when the fault is a short write. */
  private cut(call: FileCall, path: string, buffers: readonly Buffer[]): readonly Buffer[] {
    const fault = this.decide(call, path)
    if (fault?.kind === 'error') throw systemError(fault.code, `${call} ${path}`)
    if (fault?.kind !== 'short' || sizeOfBuffers(buffers) <= fault.size) return buffers
    return [Buffer.concat(buffers).subarray(0, fault.size)]
  }

  private check(call: FileCall, path: string): void {
    const fault = this.decide(call, path)
    if (fault?.kind === 'error') throw systemError(fault.code, `${call} ${path}`)
  }
}
