/**
 * The text files in which Kafka keeps an offset per partition, and the epochs of a partition.
 *
 *   0                       version
 *   2                       number of entries
 *   orders 0 1841           topic partition offset          (offset checkpoints)
 *   3 1200                  epoch startOffset               (leader-epoch-checkpoint)
 *
 * A malformed file makes Apache Kafka take the whole directory offline; here it is an error too,
 * because silently starting from zero could move a log start offset back.
 */
import { CorruptFileError } from './errors.ts'
import { type FileSystem, readWholeFile, replaceFile } from './file-system.ts'

/** Offsets by `topic-partition` directory name. */
export type OffsetsByPartition = Map<string, number>

export const RECOVERY_POINT_FILE = 'recovery-point-offset-checkpoint'
export const LOG_START_FILE = 'log-start-offset-checkpoint'
export const HIGH_WATERMARK_FILE = 'replication-offset-checkpoint'

function parseLines(path: string, text: string, columns: number): string[][] {
  // Apache Kafka makes these files empty and fills them at its first checkpoint.
  if (text === '') return []
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  if (lines[0]?.trim() !== '0') throw new CorruptFileError(path, 'unknown checkpoint version')
  const rows = lines.slice(2).map((line) => line.trim().split(/\s+/))
  if (Number(lines[1]) !== rows.length) {
    throw new CorruptFileError(path, `announces ${lines[1]} entries and has ${rows.length}`)
  }
  for (const row of rows) {
    if (row.length !== columns)
      throw new CorruptFileError(path, `malformed line "${row.join(' ')}"`)
  }
  return rows
}

function integer(path: string, text: string | undefined): number {
  if (!/^-?\d+$/.test(text ?? '')) throw new CorruptFileError(path, `"${text}" is no number`)
  return Number(text)
}

export function readOffsetCheckpoint(fileSystem: FileSystem, path: string): OffsetsByPartition {
  const bytes = readWholeFile(fileSystem, path)
  const offsets: OffsetsByPartition = new Map()
  if (!bytes) return offsets
  for (const [topic, partition, offset] of parseLines(path, bytes.toString('utf8'), 3)) {
    offsets.set(`${topic}-${integer(path, partition)}`, integer(path, offset))
  }
  return offsets
}

export async function writeOffsetCheckpoint(
  fileSystem: FileSystem,
  path: string,
  offsets: OffsetsByPartition,
): Promise<void> {
  let text = `0\n${offsets.size}\n`
  for (const [name, offset] of offsets) {
    const dash = name.lastIndexOf('-')
    text += `${name.slice(0, dash)} ${name.slice(dash + 1)} ${offset}\n`
  }
  await replaceFile(fileSystem, path, Buffer.from(text))
}

export interface EpochEntry {
  readonly epoch: number
  readonly startOffset: number
}

export function readEpochCheckpoint(fileSystem: FileSystem, path: string): EpochEntry[] {
  const bytes = readWholeFile(fileSystem, path)
  if (!bytes) return []
  return parseLines(path, bytes.toString('utf8'), 2).map(([epoch, startOffset]) => ({
    epoch: integer(path, epoch),
    startOffset: integer(path, startOffset),
  }))
}

export function encodeEpochCheckpoint(entries: readonly EpochEntry[]): Buffer {
  const lines = entries.map((entry) => `${entry.epoch} ${entry.startOffset}\n`)
  return Buffer.from(`0\n${entries.length}\n${lines.join('')}`)
}
