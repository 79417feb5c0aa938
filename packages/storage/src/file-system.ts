import { codeOf } from '@ottla/base'

/**
 * The only door to the disk. Three implementations: the real one, a strict one in memory that
 * forgets at a crash whatever was not synced, and one that injects errors into either.
 *
 * Calls that touch only the page cache (open, list, rename, small reads and writes) are
 * synchronous: a hop to libuv's pool costs more than the call. What may wait for the device
 * (sync, large reads and writes) has an asynchronous form.
 *
 * What a caller may rely on after a crash, and nothing more:
 * - bytes of a file whose `sync` has resolved since they were written;
 * - a name in a directory whose `syncDirectory` has resolved since it was made, renamed or removed.
 */
export interface FileSystem {
  /** `read`, `update`: must exist. `write`: is made when absent, and is not truncated. */
  open(path: string, mode: OpenMode): FileHandle
  /** Entries of a directory in no particular order; undefined when there is no such directory. */
  list(path: string): DirectoryEntry[] | undefined
  /** Makes one directory and is content when it exists. */
  makeDirectory(path: string): void
  /** Atomic; replaces the target. */
  rename(from: string, to: string): void
  unlink(path: string): void
  removeDirectory(path: string): void
  stat(path: string): FileStat | undefined
  /** Gives a file the date of another time. */
  setModified(path: string, modifiedMs: number): void
  /** Resolves when the names in the directory would survive a power cut. */
  syncDirectory(path: string): Promise<void>
  /** Takes the directory for this process, or throws an OttlaError with code DIRECTORY_LOCKED. */
  lock(directory: string): Promise<DirectoryLock>
}

export type OpenMode = 'read' | 'update' | 'write'

export interface DirectoryEntry {
  readonly name: string
  readonly isDirectory: boolean
}

export interface FileStat {
  readonly size: number
  readonly modifiedMs: number
}

export interface DirectoryLock {
  release(): Promise<void>
}

/** An open file. Reads and writes give their position and may be short; see {@link writeFully}. */
export interface FileHandle {
  write(buffers: readonly Buffer[], position: number): number
  writeAsync(buffers: readonly Buffer[], position: number): Promise<number>
  read(target: Buffer, position: number): number
  readAsync(target: Buffer, position: number): Promise<number>
  size(): number
  truncate(size: number): void
  /**
   * fdatasync. After a rejection the state of the file on disk is unknown: never ask again.
   * `mayBlock` lets a quick disk be waited for on the spot, which saves two changes of thread.
   */
  sync(mayBlock?: boolean): Promise<void>
  close(): void
}

/** What remains of `buffers` after their first `written` bytes. */
function remainder(buffers: readonly Buffer[], written: number): Buffer[] {
  const rest: Buffer[] = []
  let skip = written
  for (const buffer of buffers) {
    if (skip >= buffer.length) skip -= buffer.length
    else {
      rest.push(skip === 0 ? buffer : buffer.subarray(skip))
      skip = 0
    }
  }
  return rest
}

export function sizeOfBuffers(buffers: readonly Buffer[]): number {
  let size = 0
  for (const buffer of buffers) size += buffer.length
  return size
}

/** Writes everything, continuing after short writes. */
export function writeFully(file: FileHandle, buffers: readonly Buffer[], position: number): void {
  let rest = buffers
  let at = position
  let left = sizeOfBuffers(buffers)
  while (left > 0) {
    const written = file.write(rest, at)
    if (written <= 0) throw new Error(`write made no progress at position ${at}`)
    left -= written
    at += written
    if (left > 0) rest = remainder(rest, written)
  }
}

export async function writeFullyAsync(
  file: FileHandle,
  buffers: readonly Buffer[],
  position: number,
): Promise<void> {
  let rest = buffers
  let at = position
  let left = sizeOfBuffers(buffers)
  while (left > 0) {
    const written = await file.writeAsync(rest, at)
    if (written <= 0) throw new Error(`write made no progress at position ${at}`)
    left -= written
    at += written
    if (left > 0) rest = remainder(rest, written)
  }
}

/** Fills `target` as far as the file goes; returns the number of bytes read. */
export function readFully(file: FileHandle, target: Buffer, position: number): number {
  let done = 0
  while (done < target.length) {
    const read = file.read(done === 0 ? target : target.subarray(done), position + done)
    if (read === 0) break
    done += read
  }
  return done
}

export async function readFullyAsync(
  file: Pick<FileHandle, 'readAsync'>,
  target: Buffer,
  position: number,
): Promise<number> {
  let done = 0
  while (done < target.length) {
    const part = done === 0 ? target : target.subarray(done)
    const read = await file.readAsync(part, position + done)
    if (read === 0) break
    done += read
  }
  return done
}

/** The bytes of a small file, or undefined when it does not exist. */
export function readWholeFile(fileSystem: FileSystem, path: string): Buffer | undefined {
  const stat = fileSystem.stat(path)
  if (!stat) return undefined
  const file = fileSystem.open(path, 'read')
  try {
    const bytes = Buffer.allocUnsafe(stat.size)
    return bytes.subarray(0, readFully(file, bytes, 0))
  } finally {
    file.close()
  }
}

/** Writes a file in place and syncs it. Its name is durable only after a sync of the directory. */
export async function writeAndSync(
  fileSystem: FileSystem,
  path: string,
  bytes: Buffer,
): Promise<void> {
  const file = fileSystem.open(path, 'write')
  try {
    if (file.size() > 0) file.truncate(0)
    writeFully(file, [bytes], 0)
    await file.sync()
  } finally {
    file.close()
  }
}

/**
 * Replaces a small file so that a crash leaves the old or the new one whole: `.tmp`, sync, rename.
 * Which of the two is sure only after a sync of the directory.
 */
export async function replaceUnsynced(
  fileSystem: FileSystem,
  path: string,
  bytes: Buffer,
): Promise<void> {
  await writeAndSync(fileSystem, `${path}.tmp`, bytes)
  fileSystem.rename(`${path}.tmp`, path)
}

/** Replaces a small file and syncs its directory. */
export async function replaceFile(
  fileSystem: FileSystem,
  path: string,
  bytes: Buffer,
): Promise<void> {
  await replaceUnsynced(fileSystem, path, bytes)
  await fileSystem.syncDirectory(directoryOf(path))
}

const DISK_FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** True for errors that go away when somebody makes room. */
export const isDiskFull = (error: unknown): boolean => DISK_FULL.has(codeOf(error) ?? '')

/** The directory part of a path; storage joins with a slash on every platform. */
export function directoryOf(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash <= 0 ? '/' : path.slice(0, slash)
}
