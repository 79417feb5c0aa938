/** What a path on the command line stands for: a log directory, a partition, or one file. */
import { basename, dirname, join, resolve } from 'node:path'
import { type FileSystem, fileKindOf, isLogDirectory, isPartitionDirectory } from '@ottla/storage'
import { NotFoundError, UsageError } from '../cli-error.ts'

export interface LogTarget {
  /** The log directory, or where the partition lies. */
  readonly directory: string
  /** Name of the only partition that is meant. */
  readonly only: string | undefined
  /** The only file that is meant. */
  readonly file: string | undefined
}

/** A data directory of ottla's stands for the log directory in it. */
export function targetsOf(fileSystem: FileSystem, given: string): LogTarget[] {
  const path = resolve(given)
  const whole = (directory: string) => ({ directory, only: undefined, file: undefined })
  const entries = fileSystem.list(path)
  if (!entries) return [fileTarget(fileSystem, path)]
  if (isPartitionDirectory(fileSystem, path)) {
    return [{ directory: dirname(path), only: basename(path), file: undefined }]
  }
  if (isLogDirectory(fileSystem, path)) return [whole(path)]
  const inside = entries
    .filter(({ isDirectory }) => isDirectory)
    .map(({ name }) => join(path, name))
    .filter((directory) => isLogDirectory(fileSystem, directory))
  if (inside.length > 0) return inside.map(whole)
  throw new UsageError(
    `${given} is no directory of Kafka's`,
    'Give a data directory, a log directory (log.dirs), a partition in it, or a file.',
  )
}

function fileTarget(fileSystem: FileSystem, path: string): LogTarget {
  if (!fileSystem.stat(path)) throw new NotFoundError(`There is no ${path}`)
  const parent = dirname(path)
  if (!isPartitionDirectory(fileSystem, parent)) {
    return { directory: parent, only: undefined, file: path }
  }
  return { directory: dirname(parent), only: basename(parent), file: path }
}

/** The files a target stands for that can be dumped, in the order of their names. */
export function filesOf(fileSystem: FileSystem, target: LogTarget): string[] {
  if (target.file !== undefined) {
    const kind = fileKindOf(basename(target.file))
    if (kind !== undefined && kind !== 'leftover') return [target.file]
    throw new UsageError(`${target.file} is no file of Kafka's by its name`)
  }
  const folder = target.only === undefined ? target.directory : join(target.directory, target.only)
  return filesBelow(fileSystem, folder, target.only === undefined)
}

function filesBelow(fileSystem: FileSystem, folder: string, isDeep: boolean): string[] {
  const entries = [...(fileSystem.list(folder) ?? [])].sort((a, b) => (a.name < b.name ? -1 : 1))
  return entries.flatMap(({ name, isDirectory }) => {
    const path = join(folder, name)
    if (isDirectory) return isDeep ? filesBelow(fileSystem, path, false) : []
    const kind = fileKindOf(name)
    return kind === undefined || kind === 'leftover' ? [] : [path]
  })
}
