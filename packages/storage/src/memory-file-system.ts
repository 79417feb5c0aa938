/**
 * A file system in memory that is as forgetful as POSIX allows. It keeps, beside what programs see,
 * what the disk is sure to have, and the operations in between:
 *
 *   file:       durable bytes   + unsynced writes and truncations   = current bytes
 *   directory:  durable names   + unsynced links, unlinks, renames  = current names
 *
 * `sync` of a file moves its bytes only, `syncDirectory` the names of that directory only. A crash
 * makes a new file system in which everything durable is there and of the rest nothing, everything,
 * or a random part: each 512-byte block of each write, and each name, is kept or lost by itself,
 * which is tearing and reordering at once.
 *
 * `onCall` runs before every call that changes something: the crash tests take their states there.
 */
import { assert, type Random } from '@ottla/base'
import { lockedError } from './directory-lock.ts'
import type {
  DirectoryEntry,
  DirectoryLock,
  FileHandle,
  FileStat,
  FileSystem,
  OpenMode,
} from './file-system.ts'

/** The unit that a disk writes whole. */
const BLOCK = 512

type Keep = 'lost' | 'kept' | 'torn'

/** What a crash does to what was not synced. `torn` needs the random. */
export interface CrashPlan {
  readonly bytes: Keep
  readonly names: Keep
  readonly random: Random
  /** Of 100 torn pieces, how many are kept. */
  readonly keptPercent?: number
}

export interface MemoryFileSystemOptions {
  readonly now?: () => number
  readonly onCall?: (call: string, path: string) => void
  /** For mutants: syncs that resolve without doing anything. */
  readonly lieAboutSync?: boolean
  readonly lieAboutDirectorySync?: boolean
}

type FileOp =
  | {
      readonly id: number
      readonly kind: 'write'
      readonly position: number
      readonly bytes: Buffer
    }
  | { readonly id: number; readonly kind: 'truncate'; readonly size: number }

/** Bytes that grow by doubling. */
class Bytes {
  private buffer: Buffer
  size: number

  constructor(initial: Buffer = Buffer.alloc(0)) {
    this.buffer = initial
    this.size = initial.length
  }

  write(bytes: Buffer, position: number): void {
    const end = position + bytes.length
    if (end > this.buffer.length) {
      const grown = Buffer.alloc(Math.max(end, this.buffer.length * 2, 256))
      this.buffer.copy(grown, 0, 0, this.size)
      this.buffer = grown
    }
    bytes.copy(this.buffer, position)
    this.size = Math.max(this.size, end)
  }

  truncate(size: number): void {
    if (size > this.size) this.write(Buffer.alloc(size - this.size), this.size)
    this.buffer.fill(0, size, this.size)
    this.size = size
  }

  read(target: Buffer, position: number): number {
    if (position >= this.size) return 0
    return this.buffer.copy(target, 0, position, Math.min(this.size, position + target.length))
  }

  copy(): Buffer {
    return Buffer.from(this.buffer.subarray(0, this.size))
  }
}

class MemoryFile {
  readonly durable: Bytes
  readonly current: Bytes
  ops: FileOp[] = []
  nextId = 0
  modifiedMs: number

  constructor(initial: Buffer, modifiedMs: number) {
    this.durable = new Bytes(Buffer.from(initial))
    this.current = new Bytes(initial)
    this.modifiedMs = modifiedMs
  }

  apply(op: FileOp, to: Bytes): void {
    if (op.kind === 'write') to.write(op.bytes, op.position)
    else to.truncate(op.size)
  }

  crash(plan: CrashPlan): Buffer {
    if (plan.bytes === 'kept') return this.current.copy()
    const image = new Bytes(this.durable.copy())
    if (plan.bytes === 'lost') return image.copy()
    for (const op of this.ops) {
      if (op.kind === 'truncate') {
        if (isKept(plan)) image.truncate(op.size)
      } else this.crashWrite(op.position, op.bytes, image, plan)
    }
    return image.copy()
  }

  private crashWrite(position: number, bytes: Buffer, image: Bytes, plan: CrashPlan): void {
    let from = 0
    while (from < bytes.length) {
      const blockEnd = Math.floor((position + from) / BLOCK + 1) * BLOCK
      const to = Math.min(bytes.length, blockEnd - position)
      if (isKept(plan)) image.write(bytes.subarray(from, to), position + from)
      from = to
    }
  }
}

type Node = MemoryFile | MemoryDirectory
type NameOp =
  | { readonly id: number; readonly kind: 'link'; readonly name: string; readonly node: Node }
  | { readonly id: number; readonly kind: 'unlink'; readonly name: string }
  | {
      readonly id: number
      readonly kind: 'rename'
      readonly name: string
      readonly to: string
      readonly node: Node
    }

class MemoryDirectory {
  readonly durable = new Map<string, Node>()
  readonly current = new Map<string, Node>()
  ops: NameOp[] = []
  nextId = 0

  apply(op: NameOp, to: Map<string, Node>): void {
    if (op.kind === 'link') to.set(op.name, op.node)
    else if (op.kind === 'unlink') to.delete(op.name)
    else {
      to.delete(op.name)
      to.set(op.to, op.node)
    }
  }

  crash(plan: CrashPlan): Map<string, Node> {
    if (plan.names === 'kept') return this.current
    if (plan.names === 'lost') return this.durable
    const image = new Map(this.durable)
    for (const op of this.ops) if (isKept(plan)) this.apply(op, image)
    return image
  }
}

function isKept(plan: CrashPlan): boolean {
  return plan.random.integer(100) < (plan.keptPercent ?? 50)
}

export class MemoryFileSystem implements FileSystem {
  /** Handles that were opened and not closed; a test's leak check. */
  openFiles = 0
  /** Calls so far that changed something. */
  calls = 0
  onCall: ((call: string, path: string) => void) | undefined
  private readonly root = new MemoryDirectory()
  private readonly locks = new Set<string>()
  private readonly options: MemoryFileSystemOptions

  constructor(options: MemoryFileSystemOptions = {}) {
    this.options = options
    this.onCall = options.onCall
  }

  /** The file system after a power cut at this moment. This one is left as it is. */
  crash(plan: CrashPlan, options: MemoryFileSystemOptions = this.options): MemoryFileSystem {
    const after = new MemoryFileSystem(options)
    this.crashInto(this.root, after.root, plan)
    return after
  }

  open(path: string, mode: OpenMode): FileHandle {
    const [parent, name] = this.parentOf(path)
    let node = parent.current.get(name)
    if (!node) {
      if (mode !== 'write') throw systemError('ENOENT', `open ${path}`)
      this.changing('create', path)
      node = new MemoryFile(Buffer.alloc(0), this.now())
      this.nameOp(parent, { id: parent.nextId++, kind: 'link', name, node })
    }
    if (node instanceof MemoryDirectory) throw systemError('EISDIR', `open ${path}`)
    this.openFiles++
    return this.handle(node, path)
  }

  list(path: string): DirectoryEntry[] | undefined {
    const node = this.find(path)
    if (!(node instanceof MemoryDirectory)) return undefined
    return [...node.current].map(([name, child]) => ({
      name,
      isDirectory: child instanceof MemoryDirectory,
    }))
  }

  makeDirectory(path: string): void {
    if (this.find(path) instanceof MemoryDirectory) return
    const [parent, name] = this.parentOf(path)
    this.changing('makeDirectory', path)
    this.nameOp(parent, { id: parent.nextId++, kind: 'link', name, node: new MemoryDirectory() })
  }

  rename(from: string, to: string): void {
    const [parent, name] = this.parentOf(from)
    const [target, toName] = this.parentOf(to)
    assert(parent === target, 'storage renames within one directory only')
    const node = parent.current.get(name)
    if (!node) throw systemError('ENOENT', `rename ${from}`)
    this.changing('rename', from)
    this.nameOp(parent, { id: parent.nextId++, kind: 'rename', name, to: toName, node })
  }

  unlink(path: string): void {
    const [parent, name] = this.parentOf(path)
    if (!(parent.current.get(name) instanceof MemoryFile)) {
      throw systemError('ENOENT', `unlink ${path}`)
    }
    this.changing('unlink', path)
    this.nameOp(parent, { id: parent.nextId++, kind: 'unlink', name })
  }

  removeDirectory(path: string): void {
    const [parent, name] = this.parentOf(path)
    const node = parent.current.get(name)
    if (!(node instanceof MemoryDirectory)) throw systemError('ENOENT', `rmdir ${path}`)
    if (node.current.size > 0) throw systemError('ENOTEMPTY', `rmdir ${path}`)
    this.changing('removeDirectory', path)
    this.nameOp(parent, { id: parent.nextId++, kind: 'unlink', name })
  }

  stat(path: string): FileStat | undefined {
    const node = this.find(path)
    if (node instanceof MemoryFile) return { size: node.current.size, modifiedMs: node.modifiedMs }
    return node && { size: 0, modifiedMs: 0 }
  }

  setModified(path: string, modifiedMs: number): void {
    const node = this.find(path)
    if (!(node instanceof MemoryFile)) throw systemError('ENOENT', `utimes ${path}`)
    node.modifiedMs = modifiedMs
  }

  async syncDirectory(path: string): Promise<void> {
    const node = this.find(path)
    if (!(node instanceof MemoryDirectory)) throw systemError('ENOENT', `sync ${path}`)
    this.changing('syncDirectory', path)
    const upTo = node.nextId
    await Promise.resolve()
    if (this.options.lieAboutDirectorySync) return
    for (const op of node.ops) if (op.id < upTo) node.apply(op, node.durable)
    node.ops = node.ops.filter((op) => op.id >= upTo)
  }

  async lock(directory: string): Promise<DirectoryLock> {
    if (this.locks.has(directory)) throw lockedError(directory)
    this.locks.add(directory)
    return { release: async () => void this.locks.delete(directory) }
  }

  private handle(file: MemoryFile, path: string): FileHandle {
    const write = (buffers: readonly Buffer[], position: number) => {
      this.changing('write', path)
      const bytes = Buffer.concat(buffers)
      this.fileOp(file, { id: file.nextId++, kind: 'write', position, bytes })
      return bytes.length
    }
    return {
      write,
      writeAsync: async (buffers, position) => write(buffers, position),
      read: (target, position) => file.current.read(target, position),
      readAsync: async (target, position) => file.current.read(target, position),
      size: () => file.current.size,
      truncate: (size) => {
        this.changing('truncate', path)
        this.fileOp(file, { id: file.nextId++, kind: 'truncate', size })
      },
      sync: () => this.syncFile(file, path),
      close: () => {
        this.openFiles--
      },
    }
  }

  private async syncFile(file: MemoryFile, path: string): Promise<void> {
    this.changing('sync', path)
    const upTo = file.nextId
    await Promise.resolve()
    if (this.options.lieAboutSync) return
    for (const op of file.ops) if (op.id < upTo) file.apply(op, file.durable)
    file.ops = file.ops.filter((op) => op.id >= upTo)
  }

  private fileOp(file: MemoryFile, op: FileOp): void {
    file.apply(op, file.current)
    file.ops.push(op)
    file.modifiedMs = this.now()
  }

  private nameOp(directory: MemoryDirectory, op: NameOp): void {
    directory.apply(op, directory.current)
    directory.ops.push(op)
  }

  private crashInto(from: MemoryDirectory, to: MemoryDirectory, plan: CrashPlan): void {
    for (const [name, node] of from.crash(plan)) {
      let copy: Node
      if (node instanceof MemoryFile) copy = new MemoryFile(node.crash(plan), node.modifiedMs)
      else {
        copy = new MemoryDirectory()
        this.crashInto(node, copy, plan)
      }
      to.durable.set(name, copy)
      to.current.set(name, copy)
    }
  }

  private find(path: string): Node | undefined {
    let node: Node | undefined = this.root
    for (const name of path.split('/')) {
      if (name === '') continue
      if (!(node instanceof MemoryDirectory)) return undefined
      node = node.current.get(name)
    }
    return node
  }

  private parentOf(path: string): [MemoryDirectory, string] {
    const slash = path.lastIndexOf('/')
    const parent = this.find(path.slice(0, Math.max(slash, 0)))
    if (!(parent instanceof MemoryDirectory)) throw systemError('ENOENT', path)
    return [parent, path.slice(slash + 1)]
  }

  private changing(call: string, path: string): void {
    this.calls++
    this.onCall?.(call, path)
  }

  private now(): number {
    return this.options.now?.() ?? 0
  }
}

/** An error that looks like Node's. */
export function systemError(code: string, what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code })
}
