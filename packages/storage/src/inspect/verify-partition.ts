/** All files of one partition's directory. */
import type { Uuid } from '@ottla/base'
import { type EpochEntry, readEpochCheckpoint } from '../checkpoint-file.ts'
import { type FileSystem, readWholeFile } from '../file-system.ts'
import { readPartitionMetadata } from '../meta-properties.ts'
import { decodeProducerSnapshot } from '../producer-snapshot.ts'
import { fileKindOf, nameOf, offsetInName, partitionNameOf } from './file-kind.ts'
import { Findings, MEND } from './finding.ts'
import {
  type IndexPlace,
  verifyOffsetIndex,
  verifyTimeIndex,
  verifyTransactionIndex,
} from './verify-indexes.ts'
import { verifyMetadataSnapshot, verifyQuorumState } from './verify-metadata-files.ts'
import { LogFacts, type SegmentFacts, verifySegment } from './verify-segment.ts'

export interface PartitionContext {
  readonly fileSystem: FileSystem
  /** The log directory was closed by whoever used it last. */
  readonly wasClean: boolean
  /** The indexes of the last segment were written when the log was closed. */
  readonly areIndexesClosed: boolean
  readonly isCompacted: boolean
  /** Topic id by the metadata log; undefined when that does not know the topic. */
  readonly topicId?: Uuid | undefined
  readonly logStartOffset?: number | undefined
}

export interface PartitionReport {
  readonly log: LogFacts
  readonly findings: Findings
}

export async function verifyPartition(
  directory: string,
  context: PartitionContext,
): Promise<PartitionReport> {
  const { fileSystem } = context
  const topic = partitionNameOf(nameOf(directory))?.topic ?? nameOf(directory)
  const names = (fileSystem.list(directory) ?? []).map(({ name }) => name).sort()
  const report = { log: new LogFacts(topic, context.isCompacted), findings: new Findings() }
  const segments = names.filter((name) => fileKindOf(name) === 'segment')
  for (const name of segments) {
    const isLast = name === segments.at(-1)
    const file = fileSystem.open(`${directory}/${name}`, 'read')
    const place = { path: `${directory}/${name}`, isLast, mayBeTorn: !context.wasClean }
    try {
      await verifySegment(file, place, report.log, report.findings)
    } finally {
      file.close()
    }
  }
  for (const name of names) await verifyFile(`${directory}/${name}`, context, report)
  return report
}

async function verifyFile(
  path: string,
  context: PartitionContext,
  report: PartitionReport,
): Promise<void> {
  const { fileSystem, wasClean } = context
  const { log, findings } = report
  const name = nameOf(path)
  switch (fileKindOf(name)) {
    case 'offset index':
    case 'time index':
    case 'transaction index':
      verifyIndex(path, context, report)
      break
    case 'producer snapshot':
      verifyProducerSnapshot(path, context, report)
      break
    case 'leader epochs':
      verifyEpochs(path, context, report)
      break
    case 'partition metadata':
      verifyTopicId(path, context, findings)
      break
    case 'metadata snapshot':
      await verifyMetadataSnapshot(fileSystem, path, { log, findings })
      break
    case 'quorum state':
      verifyQuorumState(fileSystem, path, { log, findings })
      break
    case 'leftover':
      findings.note(path, 'left by a deletion or a cleaning', {
        mend: 'The next start removes it.',
      })
      break
    case 'segment':
      break
    default:
      findings.note(path, `not a file of Kafka's${wasClean ? '' : ' (or half made)'}`)
  }
}

function verifyIndex(path: string, context: PartitionContext, report: PartitionReport): void {
  const { log, findings } = report
  const base = offsetInName(nameOf(path))
  const segment = log.segments.find(({ path }) => offsetInName(nameOf(path)) === base)
  if (!segment) {
    findings.note(path, 'an index without its segment', { mend: 'The next start removes it.' })
    return
  }
  const bytes = readWholeFile(context.fileSystem, path) ?? Buffer.alloc(0)
  const isLast = segment === log.segments.at(-1)
  const place: IndexPlace = {
    path,
    bytes,
    segment,
    mayBeUnfinished: isLast && !context.areIndexesClosed,
  }
  if (path.endsWith('.index')) verifyOffsetIndex(place, findings)
  else if (path.endsWith('.timeindex')) verifyTimeIndex(place, findings)
  else verifyTransactionIndex(place, log, findings)
}

function verifyProducerSnapshot(
  path: string,
  { fileSystem, wasClean }: PartitionContext,
  { log, findings }: PartitionReport,
): void {
  const at = offsetInName(nameOf(path))
  const mend = MEND.producers
  const entries = decodeProducerSnapshot(readWholeFile(fileSystem, path) ?? Buffer.alloc(0))
  if (!entries) {
    findings.damage(path, 'version or checksum are wrong', { mend })
    return
  }
  if (at > log.nextOffset && log.nextOffset >= 0) {
    const what = `of offset ${at}, where the log ends at ${log.nextOffset}`
    findings.unless(!wasClean, path, what, { offset: at, mend })
  }
  for (const { producerId, batches } of entries) {
    const lastOffset = batches.at(-1)?.lastOffset ?? -1
    if (lastOffset < at) continue
    const what = `producer ${producerId} has its last batch at ${lastOffset}, behind the snapshot`
    findings.damage(path, what, { offset: lastOffset, mend })
  }
}

/** Each epoch of the log must be there with its first offset, or with the log's start. */
function verifyEpochs(path: string, context: PartitionContext, report: PartitionReport): void {
  const { findings } = report
  const { fileSystem, wasClean } = context
  const entries = findings.reading(path, MEND.epochs, () => readEpochCheckpoint(fileSystem, path))
  const fault = entries && epochsFault(entries, report.log, context.logStartOffset ?? 0)
  if (!fault) return
  const { what, offset } = fault
  findings.unless(!wasClean, path, what, { offset, mend: MEND.epochs })
}

interface EpochsFault {
  readonly what: string
  readonly offset: number
}

function epochsFault(
  entries: readonly EpochEntry[],
  log: LogFacts,
  logStartOffset: number,
): EpochsFault | undefined {
  for (const [i, { epoch, startOffset }] of entries.entries()) {
    const last = entries[i - 1]
    if (last && (epoch <= last.epoch || startOffset <= last.startOffset)) {
      const what = `epoch ${epoch} at ${startOffset} comes after ${last.epoch}`
      return { what, offset: startOffset }
    }
  }
  const start = Math.max(log.startOffset, logStartOffset)
  const known = new Map(entries.map(({ epoch, startOffset }) => [epoch, startOffset]))
  const isDamaged = log.segments.some((segment: SegmentFacts) => segment.isDamaged)
  for (const [i, { epoch, offset }] of log.epochs.entries()) {
    const end = log.epochs[i + 1]?.offset ?? log.nextOffset
    if (end <= start || isDamaged) continue
    const found = known.get(epoch)
    // A cleaner may have taken the first records of an epoch.
    if (found !== undefined && log.isCompacted && found <= offset) continue
    if (found === offset || (found !== undefined && i === 0 && found <= start)) continue
    if (found !== undefined && offset < start && found === start) continue
    const says = found === undefined ? 'is not in the file' : `begins at ${found} by the file`
    return { what: `leader epoch ${epoch} begins at offset ${offset} and ${says}`, offset }
  }
  return foreignEpoch(entries, log)
}

/** An epoch that the log has no records of may only begin at its end. */
function foreignEpoch(entries: readonly EpochEntry[], log: LogFacts): EpochsFault | undefined {
  const latest = log.epochs.at(-1)?.epoch ?? -1
  const end = Math.max(0, log.nextOffset)
  for (const { epoch, startOffset } of entries) {
    const isAhead = startOffset > end
    if (!isAhead && (epoch <= latest || startOffset === end)) continue
    const where = isAhead ? "behind the log's end" : 'where the log has none'
    return { what: `epoch ${epoch} begins at ${startOffset}, ${where}`, offset: startOffset }
  }
  return undefined
}

function verifyTopicId(path: string, context: PartitionContext, findings: Findings): void {
  const { fileSystem, topicId } = context
  const directory = path.slice(0, path.lastIndexOf('/'))
  const found = findings.reading(path, MEND.topicId, () =>
    readPartitionMetadata(fileSystem, directory),
  )
  if (found === undefined) return
  if (!/^[A-Za-z0-9_-]{22}$/.test(found)) {
    findings.damage(path, `"${found}" is no topic id`, { mend: MEND.topicId })
  } else if (topicId !== undefined && found !== topicId) {
    const what = `topic id ${found}, where the metadata log has ${topicId}`
    findings.damage(path, what, { mend: MEND.topicId })
  }
}
