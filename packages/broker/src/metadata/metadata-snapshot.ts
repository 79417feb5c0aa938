/**
 * Snapshots of the metadata log: everything up to an offset, so that the log in front of it can go.
 *
 *   <20 digits: offset behind the last record contained>-<10 digits: its epoch>.checkpoint
 *
 *   control batch  SnapshotHeader, with kraft.version 1 also KRaftVersion and Voters
 *   data batches   records, offsets counted from 0
 *   control batch  SnapshotFooter: without it the file is not whole
 *
 * It is written as `.checkpoint.part`, synced, and renamed. A `bootstrap.checkpoint` has the same
 * form.
 */
import {
  BatchBuilder,
  buildKRaftVersion,
  buildSnapshotFooter,
  buildSnapshotHeader,
  buildVoters,
  decodeControlRecord,
  MalformedMessageError,
  type RecordBatch,
  readBatches,
} from '@ottla/protocol'
import { CorruptFileError, type FileSystem, readWholeFile, writeAndSync } from '@ottla/storage'
import { METADATA_VERSION } from '../features.ts'
import { imageRecords } from './image-records.ts'
import type { MetadataImage } from './metadata-image.ts'
import {
  decodeMetadataRecord,
  encodeMetadataRecord,
  type MetadataRecord,
} from './metadata-record.ts'
import type { QuorumImage } from './quorum-image.ts'

export interface SnapshotId {
  /** First offset that is not contained. */
  readonly endOffset: number
  /** Of the last record contained. */
  readonly epoch: number
}

export interface SnapshotFile extends SnapshotId {
  readonly path: string
  readonly size: number
}

export interface SnapshotContent {
  readonly id: SnapshotId
  readonly image: MetadataImage
  readonly quorum: QuorumImage
  /** Timestamp of the last batch contained. */
  readonly lastTimestamp: number
  readonly now: number
}

const SNAPSHOT_NAME = /^(\d{20})-(\d{10})\.checkpoint$/
/** Apache Kafka reads batches of up to 8 MiB. */
const BATCH_BYTES_MAX = 1024 * 1024

/** The snapshots in the directory of the metadata log, oldest first. */
export function listSnapshots(fileSystem: FileSystem, directory: string): SnapshotFile[] {
  const files: SnapshotFile[] = []
  for (const { name } of fileSystem.list(directory) ?? []) {
    const [, endOffset, epoch] = SNAPSHOT_NAME.exec(name) ?? []
    if (endOffset === undefined) continue
    const path = `${directory}/${name}`
    const size = fileSystem.stat(path)?.size ?? 0
    files.push({ path, size, endOffset: Number(endOffset), epoch: Number(epoch) })
  }
  return files.sort((a, b) => a.endOffset - b.endOffset || a.epoch - b.epoch)
}

/** The batches of a snapshot or of a `bootstrap.checkpoint`; throws when it is damaged. */
export function readSnapshot(fileSystem: FileSystem, path: string): RecordBatch[] {
  const bytes = readWholeFile(fileSystem, path)
  if (!bytes) return []
  let batches: RecordBatch[]
  try {
    batches = readBatches(bytes)
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error
    throw new CorruptFileError(path, error.message)
  }
  const bad = batches.find((batch) => !batch.isCrcValid)
  if (bad) throw new CorruptFileError(path, `wrong checksum at position ${bad.position}`)
  if (!isFooter(batches.at(-1))) throw new CorruptFileError(path, 'it has no footer')
  return batches
}

function isFooter(batch: RecordBatch | undefined): boolean {
  const [record] = batch?.isControl ? batch.records() : []
  return record !== undefined && decodeControlRecord(record).type === 'SNAPSHOT_FOOTER'
}

/** Records of a batch of the metadata log; none of a control batch. */
export const metadataRecordsOf = (batch: RecordBatch): MetadataRecord[] =>
  batch.isControl
    ? []
    : batch.records().map((record) => decodeMetadataRecord(record.value as Buffer))

/** Time of the newest record in the snapshot, from its header. */
export function snapshotTimestamp(fileSystem: FileSystem, path: string): number {
  const [first] = readSnapshot(fileSystem, path)
  const [record] = first?.records() ?? []
  const header = record && decodeControlRecord(record)
  return header?.type === 'SNAPSHOT_HEADER' ? header.message.lastContainedLogTimestamp : 0
}

/** Bytes of a snapshot. */
export function encodeSnapshot({ id, image, quorum, lastTimestamp, now }: SnapshotContent): Buffer {
  const chunks: Buffer[] = []
  let offset = 0
  const place = () => ({ timestamp: now, baseOffset: offset++, leaderEpoch: id.epoch })
  chunks.push(buildSnapshotHeader(lastTimestamp, place()))
  if (quorum.kraftVersion > 0) {
    chunks.push(buildKRaftVersion(quorum.kraftVersion, place()))
    chunks.push(buildVoters(quorum.voters, place()))
  }
  const level = image.level(METADATA_VERSION)
  let builder = new BatchBuilder()
  let [count, size] = [0, 0]
  const finish = () => {
    if (count > 0) chunks.push(builder.finish({ baseOffset: offset, leaderEpoch: id.epoch }))
    offset += count
    builder = new BatchBuilder()
    ;[count, size] = [0, 0]
  }
  for (const record of imageRecords(image)) {
    const value = encodeMetadataRecord(record, level)
    if (size + value.length > BATCH_BYTES_MAX) finish()
    builder.append(now, null, value)
    count++
    size += value.length
  }
  finish()
  chunks.push(buildSnapshotFooter(place()))
  return Buffer.concat(chunks)
}

/** Writes a snapshot so that a crash leaves it whole or not at all; resolves with its size. */
export async function writeSnapshot(
  fileSystem: FileSystem,
  directory: string,
  content: SnapshotContent,
): Promise<number> {
  const { endOffset, epoch } = content.id
  const name = `${String(endOffset).padStart(20, '0')}-${String(epoch).padStart(10, '0')}.checkpoint`
  const path = `${directory}/${name}`
  const bytes = encodeSnapshot(content)
  await writeAndSync(fileSystem, `${path}.part`, bytes)
  fileSystem.rename(`${path}.part`, path)
  await fileSystem.syncDirectory(directory)
  return bytes.length
}

/** What a crash left of a snapshot, or Apache Kafka of its deletion. */
export function removeSnapshotLeftovers(fileSystem: FileSystem, directory: string): void {
  for (const { name } of fileSystem.list(directory) ?? []) {
    if (/\.checkpoint\.(part|deleted)$/.test(name)) fileSystem.unlink(`${directory}/${name}`)
  }
}
