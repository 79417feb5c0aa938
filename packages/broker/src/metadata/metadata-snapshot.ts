/**
 * Snapshots of the metadata log: `%020d-%010d.checkpoint`, named after the offset behind the last
 * record they contain and its epoch, made of record batches framed by a header and a footer.
 */

import { readBatches } from '@ottla/protocol'
import type { FileSystem } from '@ottla/storage'
import { readWholeFile } from '@ottla/storage'
import { decodeMetadataRecord, type MetadataRecord } from './metadata-record.ts'

export interface MetadataSnapshot {
  /** First offset that is not contained. */
  readonly endOffset: number
  readonly epoch: number
  readonly records: readonly MetadataRecord[]
}

const SNAPSHOT_NAME = /^(\d{20})-(\d{10})\.checkpoint$/

/** The newest snapshot in the directory of the metadata log, or undefined. */
export function readLatestSnapshot(
  fileSystem: FileSystem,
  directory: string,
): MetadataSnapshot | undefined {
  const names = (fileSystem.list(directory) ?? [])
    .map((entry) => entry.name)
    .filter((name) => SNAPSHOT_NAME.test(name))
    .sort()
  const newest = names.at(-1)
  if (newest === undefined) return undefined
  const [, endOffset, epoch] = SNAPSHOT_NAME.exec(newest) as RegExpExecArray
  return {
    endOffset: Number(endOffset),
    epoch: Number(epoch),
    records: readSnapshotRecords(fileSystem, `${directory}/${newest}`),
  }
}

/** The data records of a snapshot or of a `bootstrap.checkpoint`. */
export function readSnapshotRecords(fileSystem: FileSystem, path: string): MetadataRecord[] {
  const bytes = readWholeFile(fileSystem, path)
  if (!bytes) return []
  return readBatches(bytes)
    .filter((batch) => !batch.isControl)
    .flatMap((batch) => batch.records())
    .map((record) => decodeMetadataRecord(record.value as Buffer))
}
