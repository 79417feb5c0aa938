/**
 * The copy of a partition's directory in another log directory, made while the partition is in use.
 *
 * A pass brings over what has come since the last one; when nothing is appended any more, a last
 * pass makes both equal. Of a segment no more is copied than is durable: what lies behind that may
 * still be taken back when the disk is full, and other bytes may come in its place.
 *
 * The bytes of a pass are synced when it ends, the names with `removeExtras`; then the copy may
 * become the partition.
 */
import { codeOf } from '@ottla/base'
import { type FileSystem, readFullyAsync, writeFullyAsync } from './file-system.ts'
import type { LogState } from './log-state.ts'
import type { Segment } from './segment.ts'

const CHUNK_BYTES = 1024 * 1024
/** Made anew or removed by whoever works on the directory; never part of a copy. */
const PASSING = /\.(deleted|tmp|cleaned|swap)$/

/** Writing the copy failed, as opposed to reading what is copied. */
export class CopyWriteError extends Error {
  constructor(cause: unknown) {
    super(`The copy cannot be written: ${codeOf(cause) ?? String(cause)}`, { cause })
    this.name = 'CopyWriteError'
  }
}

export class DirectoryCopy {
  /** Bytes of segments that are in the copy. */
  copiedBytes = 0
  private readonly fileSystem: FileSystem
  private readonly from: string
  private readonly to: string
  private readonly mayGoOn: () => boolean
  private readonly sizes = new Map<Segment, number>()
  private readonly sideFiles = new Map<string, string>()

  constructor(
    fileSystem: FileSystem,
    { from, to }: { readonly from: string; readonly to: string },
    mayGoOn: () => boolean,
  ) {
    this.fileSystem = fileSystem
    this.from = from
    this.to = to
    this.mayGoOn = mayGoOn
  }

  /** Copies what is new; returns how many bytes of segments that were. */
  async pass(state: LogState): Promise<number> {
    const before = this.copiedBytes
    for (const segment of [...state.segments]) await this.copySegment(state, segment)
    await this.copySideFiles()
    return this.copiedBytes - before
  }

  /** Removes from the copy what the original has no more. Call it behind the last pass. */
  async removeExtras(): Promise<void> {
    const wanted = new Set((this.fileSystem.list(this.from) ?? []).map(({ name }) => name))
    await asWrite(async () => {
      for (const { name } of this.fileSystem.list(this.to) ?? []) {
        if (!wanted.has(name) || PASSING.test(name)) this.fileSystem.unlink(`${this.to}/${name}`)
      }
      await this.fileSystem.syncDirectory(this.to)
    })
  }

  private async copySegment(state: LogState, segment: Segment): Promise<void> {
    // It was rolled just now, and the round under way makes its file.
    if (!segment.isCreated) return
    const done = this.sizes.get(segment)
    const size = state.durableSizeOf(segment)
    if (done === size) return
    const name = segment.path('log').slice(this.from.length + 1)
    await this.copyFile(name, done ?? 0, size)
    this.sizes.set(segment, size)
    this.copiedBytes += size - (done ?? 0)
  }

  /** Indexes, snapshots, epochs: small files, copied whole when they changed. */
  private async copySideFiles(): Promise<void> {
    for (const { name, isDirectory } of this.fileSystem.list(this.from) ?? []) {
      if (isDirectory || name.endsWith('.log') || PASSING.test(name)) continue
      const stat = this.fileSystem.stat(`${this.from}/${name}`)
      if (!stat) continue
      const version = `${stat.size} ${stat.modifiedMs}`
      if (this.sideFiles.get(name) === version) continue
      await this.copyFile(name, 0, stat.size)
      this.sideFiles.set(name, version)
    }
  }

  /** Copies bytes from `start` up to `end`; afterwards the copy is exactly that long. */
  private async copyFile(name: string, start: number, end: number): Promise<void> {
    const source = this.fileSystem.open(`${this.from}/${name}`, 'read')
    try {
      const target = await asWrite(() => this.fileSystem.open(`${this.to}/${name}`, 'write'))
      try {
        const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, Math.max(1, end - start)))
        for (let at = start; at < end; ) {
          if (!this.mayGoOn()) throw new Error('the move was stopped')
          const part = chunk.subarray(0, Math.min(chunk.length, end - at))
          const read = await readFullyAsync(source, part, at)
          if (read < part.length) throw new Error(`${name} ends at ${at + read}, before ${end}`)
          await asWrite(() => writeFullyAsync(target, [part], at))
          at += read
        }
        await asWrite(async () => {
          if (target.size() > end) target.truncate(end)
          await target.sync()
        })
      } finally {
        target.close()
      }
    } finally {
      source.close()
    }
  }
}

async function asWrite<T>(write: () => T | Promise<T>): Promise<T> {
  try {
    return await write()
  } catch (error) {
    throw new CopyWriteError(error)
  }
}
