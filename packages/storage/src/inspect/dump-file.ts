/**
 * What is in a file, as rows: one for each batch, record, entry or line. Damaged parts are rows of
 * their own (`damage`), and what follows them is shown all the same.
 */
import { OttlaError } from '@ottla/base'
import { MalformedMessageError, type RecordBatch } from '@ottla/protocol'
import { type EpochEntry, readEpochCheckpoint, readOffsetCheckpoint } from '../checkpoint-file.ts'
import { type FileSystem, readWholeFile } from '../file-system.ts'
import { parseProperties } from '../meta-properties.ts'
import { OffsetIndex } from '../offset-index.ts'
import { decodeProducerSnapshot } from '../producer-snapshot.ts'
import { syncedPointsOf } from '../sync-journal.ts'
import { TimeIndex } from '../time-index.ts'
import { decodeTransactionIndex } from '../transaction-index.ts'
import { type DecodedRecord, decodeControl, decodeInternalRecord } from './decode-record.ts'
import { type FileKind, fileKindOf, nameOf, offsetInName, partitionNameOf } from './file-kind.ts'
import { parseJson } from './verify-metadata-files.ts'
import { loadCodecs, walkBatches } from './walk-segment.ts'

/** A row; `row` says of what, the other fields depend on it. */
export interface DumpRow {
  readonly row: string
  readonly [field: string]: unknown
}

export interface DumpOptions {
  readonly fileSystem: FileSystem
  /** Records of batches too, decoded where they are Kafka's own. */
  readonly withRecords: boolean
}

export async function* dumpFile(path: string, options: DumpOptions): AsyncGenerator<DumpRow> {
  const kind = fileKindOf(nameOf(path))
  if (kind === 'segment' || kind === 'metadata snapshot') {
    await loadCodecs()
    yield* dumpBatches(path, kind, options)
    return
  }
  const bytes = readWholeFile(options.fileSystem, path)
  if (!bytes) throw new OttlaError(`There is no file ${path}`, { code: 'NOT_FOUND' })
  if (kind === undefined || kind === 'leftover') {
    throw new OttlaError(`${path} is no file of Kafka's by its name`, { code: 'USAGE' })
  }
  yield* dumpSmall(path, kind, { bytes, fileSystem: options.fileSystem })
}

async function* dumpBatches(
  path: string,
  kind: FileKind,
  { fileSystem, withRecords }: DumpOptions,
): AsyncGenerator<DumpRow> {
  const topic = kind === 'metadata snapshot' ? '__cluster_metadata' : topicOf(path)
  const file = fileSystem.open(path, 'read')
  try {
    const first = kind === 'segment' ? offsetInName(nameOf(path)) : 0
    for await (const step of walkBatches(file, first)) {
      if (step.kind === 'gap') {
        const { kind: _, ...gap } = step
        yield { row: 'damage', ...gap }
        continue
      }
      yield batchRow(step.batch, step.position)
      // Control records say what the log itself did: they are always shown.
      if (withRecords || step.batch.isControl) yield* recordRows(step.batch, topic)
    }
  } finally {
    file.close()
  }
}

const topicOf = (path: string): string =>
  partitionNameOf(nameOf(path.slice(0, path.lastIndexOf('/'))))?.topic ?? ''

const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

const batchRow = (batch: RecordBatch, position: number): DumpRow => ({
  row: 'batch',
  position,
  baseOffset: batch.baseOffset,
  lastOffset: batch.lastOffset,
  count: batch.recordsCount,
  size: batch.size,
  leaderEpoch: batch.leaderEpoch,
  maxTimestamp: batch.maxTimestamp,
  compression: CODECS[batch.compression] ?? batch.compression,
  producerId: batch.producerId,
  producerEpoch: batch.producerEpoch,
  baseSequence: batch.baseSequence,
  isTransactional: batch.isTransactional,
  isControl: batch.isControl,
  deleteHorizon: batch.deleteHorizon,
})

function* recordRows(batch: RecordBatch, topic: string): Generator<DumpRow> {
  try {
    for (const record of batch.records()) {
      const { offset, timestamp, headers } = record
      const decoded = batch.isControl ? decodeControl(record) : decodeInternalRecord(topic, record)
      const content = decoded ?? textOf(record)
      const named = headers.map(({ key, value }) => ({ key, value: textOrBase64(value) }))
      yield { row: 'record', offset, timestamp, ...content, ...(named[0] && { headers: named }) }
    }
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error
    yield { row: 'damage', offset: batch.baseOffset, fault: error.message }
  }
}

const textOf = (record: {
  readonly key: Buffer | null
  readonly value: Buffer | null
}): Partial<DecodedRecord> => ({
  key: textOrBase64(record.key),
  value: textOrBase64(record.value),
})

/** UTF-8 where it is, else what brings the bytes back. */
function textOrBase64(bytes: Buffer | null): string | null {
  if (bytes === null) return null
  const text = bytes.toString('utf8')
  return Buffer.from(text).equals(bytes) ? text : `base64:${bytes.toString('base64')}`
}

interface SmallFile {
  readonly bytes: Buffer
  readonly fileSystem: FileSystem
}

function* dumpSmall(
  path: string,
  kind: FileKind,
  { bytes, fileSystem }: SmallFile,
): Generator<DumpRow> {
  const base = offsetInName(nameOf(path))
  switch (kind) {
    case 'offset index':
      yield* offsetRows(new OffsetIndex(entriesOf(bytes, 8)), base)
      yield* zeroRows(bytes, 8)
      break
    case 'time index':
      yield* timeRows(new TimeIndex(entriesOf(bytes, 12)), base)
      yield* zeroRows(bytes, 12)
      break
    case 'transaction index':
      yield* orDamage(decodeTransactionIndex(bytes)?.map((entry) => ({ row: 'aborted', ...entry })))
      break
    case 'producer snapshot':
      yield* orDamage(
        decodeProducerSnapshot(bytes)?.map(({ batches, ...producer }) => ({
          row: 'producer',
          ...producer,
          lastSequence: batches.at(-1)?.lastSequence ?? -1,
          lastOffset: batches.at(-1)?.lastOffset ?? -1,
          offsetDelta: batches.at(-1)?.offsetDelta ?? 0,
        })),
      )
      break
    case 'leader epochs':
      for (const entry of readEpochCheckpoint(fileSystem, path)) yield epochRow(entry)
      break
    case 'offset checkpoint':
      for (const [partition, offset] of readOffsetCheckpoint(fileSystem, path)) {
        yield { row: 'offset', partition, offset }
      }
      break
    case 'sync journal':
      for (const point of syncedPointsOf(bytes)) yield { row: 'synced', ...point }
      break
    case 'meta properties':
    case 'partition metadata':
      for (const [name, value] of parseProperties(bytes.toString())) {
        yield { row: 'property', name, value }
      }
      break
    default:
      yield* orDamage(jsonRows(bytes))
  }
}

const epochRow = ({ epoch, startOffset }: EpochEntry): DumpRow => ({
  row: 'epoch',
  epoch,
  startOffset,
})

/** An index without the zeros behind its entries, of which Apache Kafka makes millions. */
function entriesOf(bytes: Buffer, entry: number): Buffer {
  let end = bytes.length
  while (end > 0 && bytes[end - 1] === 0) end--
  // A first entry may be nothing but zeros.
  return bytes.subarray(0, Math.max(Math.ceil(end / entry), 1) * entry)
}

function* zeroRows(bytes: Buffer, entry: number): Generator<DumpRow> {
  const position = entriesOf(bytes, entry).length
  if (position < bytes.length) yield { row: 'zeros', position, size: bytes.length - position }
}

function* offsetRows(index: OffsetIndex, base: number): Generator<DumpRow> {
  for (let i = 0; i < index.count; i++) {
    yield { row: 'index', offset: base + index.relativeOffsetAt(i), position: index.positionAt(i) }
  }
}

function* timeRows(index: TimeIndex, base: number): Generator<DumpRow> {
  for (let i = 0; i < index.count; i++) {
    const [timestamp, offset] = [index.timestampAt(i), base + index.relativeOffsetAt(i)]
    yield { row: 'timeindex', timestamp, offset }
  }
}

function jsonRows(bytes: Buffer): DumpRow[] | undefined {
  const value = parseJson(bytes.toString())
  return value && Object.entries(value).map(([name, value]) => ({ row: 'property', name, value }))
}

function* orDamage(rows: readonly DumpRow[] | undefined): Generator<DumpRow> {
  if (rows) yield* rows
  else yield { row: 'damage', fault: 'the file does not parse' }
}
