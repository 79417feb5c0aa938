/**
 * An archive in a directory, for a disk that is larger and slower than the log's, or a network file
 * system.
 *
 *   <directory>/
 *     <topic>-<partition>-<topic id>/
 *       <object>                          see segment-objects.ts
 *       .<random>.part                    an upload under way, or left by a crash
 *
 * An object is written under another name, synced and renamed, so that it is there whole or not at
 * all. What uploads have left that a crash interrupted is removed by `tidy`.
 */
import { AssertionError, codeOf, messageOf, type Random } from '@ottla/base'
import {
  directoryOf,
  type FileHandle,
  type FileSystem,
  readFullyAsync,
  writeFullyAsync,
} from '@ottla/storage'
import {
  type ObjectContent,
  type RemoteStore,
  type StoredObject,
  StoreError,
} from './remote-store.ts'

const PART = /^\.[0-9a-f]{32}\.part$/

export class DirectoryStore implements RemoteStore {
  readonly where: string
  readonly isLocal = true
  private readonly fileSystem: FileSystem
  private readonly random: Random
  /** Directories of partitions whose names are known to be durable. */
  private readonly made = new Set<string>()

  private constructor(fileSystem: FileSystem, directory: string, random: Random) {
    this.fileSystem = fileSystem
    this.where = directory
    this.random = random
  }

  /** Makes the directory if need be; what lies above it must exist. */
  static async open(
    fileSystem: FileSystem,
    directory: string,
    random: Random,
  ): Promise<DirectoryStore> {
    try {
      fileSystem.makeDirectory(directory)
      await fileSystem.syncDirectory(directoryOf(directory))
    } catch (error) {
      const message = `The archive ${directory} cannot be opened: ${messageOf(error)}`
      throw new StoreError('STORE_FAILED', message, error)
    }
    return new DirectoryStore(fileSystem, directory, random)
  }

  async tidy(): Promise<void> {
    for (const { name, isDirectory } of this.fileSystem.list(this.where) ?? []) {
      if (!isDirectory) continue
      const directory = `${this.where}/${name}`
      for (const file of this.fileSystem.list(directory) ?? []) {
        if (PART.test(file.name)) this.fileSystem.unlink(`${directory}/${file.name}`)
      }
    }
  }

  async put(key: string, content: ObjectContent): Promise<void> {
    const path = this.pathOf(key)
    const name = Buffer.from(this.random.bytes(16)).toString('hex')
    const part = `${directoryOf(path)}/.${name}.part`
    try {
      await this.makePartition(directoryOf(path))
      await this.write(part, content)
      this.fileSystem.rename(part, path)
      await this.fileSystem.syncDirectory(directoryOf(path))
    } catch (error) {
      if (this.fileSystem.stat(part)) this.tryUnlink(part)
      throw failed(`${key} cannot be written to ${this.where}`, error)
    }
  }

  private async makePartition(directory: string): Promise<void> {
    if (this.made.has(directory)) return
    this.fileSystem.makeDirectory(directory)
    await this.fileSystem.syncDirectory(this.where)
    this.made.add(directory)
  }

  private async write(path: string, content: ObjectContent): Promise<void> {
    const file = this.fileSystem.open(path, 'write')
    try {
      let position = 0
      for await (const chunk of content.chunks()) {
        await writeFullyAsync(file, [chunk], position)
        position += chunk.length
      }
      if (position !== content.size) {
        throw new Error(`${position} bytes came instead of ${content.size}`)
      }
      await file.sync()
    } finally {
      file.close()
    }
  }

  private tryUnlink(path: string): void {
    try {
      this.fileSystem.unlink(path)
    } catch {
      // The failure before this one is what counts; `tidy` removes the file.
    }
  }

  async get(key: string, from: number, to?: number, memory?: Buffer): Promise<Buffer> {
    let file: FileHandle | undefined
    try {
      file = this.fileSystem.open(this.pathOf(key), 'read')
      const end = to ?? file.size()
      const size = end - from
      const bytes = memory?.subarray(0, size) ?? Buffer.allocUnsafeSlow(size)
      const read = await readFullyAsync(file, bytes, from)
      if (read === bytes.length) return bytes
      throw new Error(`it ends at ${from + read}, and ${end} was asked for`)
    } catch (error) {
      if (codeOf(error) === 'ENOENT') throw new StoreError('OBJECT_MISSING', `${key} is not there`)
      throw failed(`${key} cannot be read from ${this.where}`, error)
    } finally {
      file?.close()
    }
  }

  async delete(key: string): Promise<void> {
    const path = this.pathOf(key)
    try {
      if (!this.fileSystem.stat(path)) return
      this.fileSystem.unlink(path)
      await this.fileSystem.syncDirectory(directoryOf(path))
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return
      throw failed(`${key} cannot be deleted from ${this.where}`, error)
    }
  }

  async *list(prefix: string): AsyncIterable<StoredObject> {
    const [wanted] = prefix.split('/')
    for (const { name, isDirectory } of this.fileSystem.list(this.where) ?? []) {
      if (!isDirectory || !name.startsWith(wanted as string)) continue
      for (const file of this.fileSystem.list(`${this.where}/${name}`) ?? []) {
        if (PART.test(file.name)) continue
        const key = `${name}/${file.name}`
        const stat = this.fileSystem.stat(`${this.where}/${key}`)
        if (stat && !file.isDirectory && key.startsWith(prefix)) yield { key, size: stat.size }
      }
    }
  }

  async close(): Promise<void> {
    // Every file is closed where it was opened.
  }

  private pathOf(key: string): string {
    return `${this.where}/${key}`
  }
}

function failed(what: string, error: unknown): Error {
  if (error instanceof AssertionError) return error
  return new StoreError('STORE_FAILED', `${what}: ${messageOf(error)}`, error)
}
