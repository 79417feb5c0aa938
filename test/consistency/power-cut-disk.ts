/**
 * A disk in memory whose syncs take their time and which a power cut takes away: from then on no
 * sync ever ends, so that the broker on it can promise nothing more, and what is left of the disk
 * goes on as another one.
 */
import type { SeededRandom } from '@ottla/base'
import {
  type CrashPlan,
  type DirectoryEntry,
  type DirectoryLock,
  type FileHandle,
  type FileStat,
  type FileSystem,
  MemoryFileSystem,
  type OpenMode,
} from '@ottla/storage'
import { pause } from './world.ts'

const SYNC_MS_MAX = 3
/** For mutants: paths whose syncs do nothing. */
export type Lies = (path: string) => boolean
const never = new Promise<never>(() => {})

export class PowerCutDisk implements FileSystem {
  private readonly memory: MemoryFileSystem
  private readonly random: SeededRandom
  private readonly lies: Lies
  private isCut = false

  constructor(random: SeededRandom, lies: Lies, memory = new MemoryFileSystem({ now: Date.now })) {
    this.random = random
    this.lies = lies
    this.memory = memory
  }

  /** Cuts the power; what was synced is on the disk that is left, of the rest anything. */
  cut(plan: Omit<CrashPlan, 'random'>): PowerCutDisk {
    this.isCut = true
    const { random } = this
    return new PowerCutDisk(random, this.lies, this.memory.crash({ ...plan, random }))
  }

  open(path: string, mode: OpenMode): FileHandle {
    const handle = this.memory.open(path, mode)
    return { ...handle, sync: () => this.slowly(path, () => handle.sync()) }
  }

  syncDirectory(path: string): Promise<void> {
    return this.slowly(path, () => this.memory.syncDirectory(path))
  }

  private async slowly(path: string, sync: () => Promise<void>): Promise<void> {
    await pause(this.random.integer(SYNC_MS_MAX))
    if (this.isCut) await never
    if (!this.lies(path)) await sync()
    if (this.isCut) await never
  }

  list(path: string): DirectoryEntry[] | undefined {
    return this.memory.list(path)
  }

  makeDirectory(path: string): void {
    this.memory.makeDirectory(path)
  }

  rename(from: string, to: string): void {
    this.memory.rename(from, to)
  }

  unlink(path: string): void {
    this.memory.unlink(path)
  }

  removeDirectory(path: string): void {
    this.memory.removeDirectory(path)
  }

  stat(path: string): FileStat | undefined {
    return this.memory.stat(path)
  }

  setModified(path: string, modifiedMs: number): void {
    this.memory.setModified(path, modifiedMs)
  }

  lock(directory: string): Promise<DirectoryLock> {
    return this.memory.lock(directory)
  }
}
