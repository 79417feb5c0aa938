/**
 * A whole log directory: its partitions one after another, and then the files that speak about
 * several of them, which are compared with what the partitions turned out to be.
 */
import {
  HIGH_WATERMARK_FILE,
  LOG_START_FILE,
  type OffsetsByPartition,
  RECOVERY_POINT_FILE,
  readOffsetCheckpoint,
} from '../checkpoint-file.ts'
import { type FileSystem, readWholeFile } from '../file-system.ts'
import { parseProperties } from '../meta-properties.ts'
import { fileKindOf, partitionNameOf } from './file-kind.ts'
import { type Finding, Findings, MEND } from './finding.ts'
import { type MetadataFacts, readMetadataFacts } from './metadata-facts.ts'
import { parseJson, verifyMetadataSnapshot } from './verify-metadata-files.ts'
import { type PartitionReport, verifyPartition } from './verify-partition.ts'
import { LogFacts } from './verify-segment.ts'
import { loadCodecs } from './walk-segment.ts'

export interface DirectoryReport {
  readonly directory: string
  /** It was closed by whoever used it last. */
  readonly wasClean: boolean
  readonly partitions: number
  readonly segments: number
  readonly bytes: number
  readonly batches: number
  readonly records: number
  readonly findings: readonly Finding[]
}

export interface InspectOptions {
  readonly fileSystem: FileSystem
  /** Directory of the only partition to look at; files that speak about several are left out. */
  readonly only?: string | undefined
  /** Called before each partition, for who shows progress. */
  readonly onPartition?: (name: string) => void
}

const METADATA_DIRECTORY = '__cluster_metadata-0'
const CLEANER_FILE = 'cleaner-offset-checkpoint'
const CLEAN_MARKER = '.kafka_cleanshutdown'
/** Kafka's own topics are compacted, whether a cleaner has been there or not. */
const COMPACTED_TOPICS = new Set(['__consumer_offsets', '__transaction_state'])
/** Of Kafka's tiered storage. */
const DIRECTORIES_LET_BE = new Set(['remote-log-index-cache'])

/** True for a directory that holds partitions. */
export function isLogDirectory(fileSystem: FileSystem, directory: string): boolean {
  if (fileSystem.stat(`${directory}/meta.properties`)) return true
  return (fileSystem.list(directory) ?? []).some(
    ({ name, isDirectory }) =>
      isDirectory && isPartitionDirectory(fileSystem, `${directory}/${name}`),
  )
}

export const isPartitionDirectory = (fileSystem: FileSystem, directory: string): boolean =>
  (fileSystem.list(directory) ?? []).some(({ name }) => fileKindOf(name) === 'segment')

export async function verifyLogDirectory(
  directory: string,
  options: InspectOptions,
): Promise<DirectoryReport> {
  await loadCodecs()
  return new DirectoryInspection(directory, options).run()
}

class DirectoryInspection {
  private readonly findings = new Findings()
  private readonly reports = new Map<string, PartitionReport>()
  private readonly directory: string
  private readonly fileSystem: FileSystem
  private readonly options: InspectOptions
  private readonly wasClean: boolean
  private metadata: MetadataFacts | undefined

  constructor(directory: string, options: InspectOptions) {
    this.directory = directory
    this.options = options
    this.fileSystem = options.fileSystem
    this.wasClean = this.fileSystem.stat(`${directory}/${CLEAN_MARKER}`) !== undefined
  }

  async run(): Promise<DirectoryReport> {
    const { directory, fileSystem } = this
    this.metadata = await readMetadataFacts(fileSystem, `${directory}/${METADATA_DIRECTORY}`)
    const cleaned = this.checkpoint(CLEANER_FILE, MEND.checkpoint)
    const starts = this.checkpoint(LOG_START_FILE, MEND.logStart)
    for (const { name, isDirectory } of this.entries()) {
      if (isDirectory) await this.verifySubdirectory(name, { cleaned, starts })
      else await this.verifyTopFile(name)
    }
    if (this.options.only === undefined) this.compareAll()
    return this.report()
  }

  private compareAll(): void {
    this.compareOffsets(RECOVERY_POINT_FILE, MEND.checkpoint)
    this.compareOffsets(HIGH_WATERMARK_FILE, MEND.checkpoint)
    this.compareOffsets(LOG_START_FILE, MEND.logStart)
    this.compareOffsets(CLEANER_FILE, MEND.checkpoint)
  }

  private report(): DirectoryReport {
    const { directory, wasClean } = this
    const reports = [...this.reports.values()]
    const sum = (of: (log: LogFacts) => number) =>
      reports.reduce((total, { log }) => total + of(log), 0)
    return {
      directory,
      wasClean,
      partitions: reports.length,
      segments: sum((log) => log.segments.length),
      bytes: sum((log) => log.segments.reduce((size, segment) => size + segment.size, 0)),
      batches: sum((log) => log.batchCount),
      records: sum((log) => log.recordCount),
      findings: [...reports.flatMap(({ findings }) => findings.all), ...this.findings.all],
    }
  }

  private entries() {
    const { only } = this.options
    const all = this.fileSystem.list(this.directory) ?? []
    const entries = only === undefined ? all : all.filter(({ name }) => name === only)
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  private async verifySubdirectory(
    name: string,
    known: { cleaned: OffsetsByPartition; starts: OffsetsByPartition },
  ): Promise<void> {
    const path = `${this.directory}/${name}`
    if (DIRECTORIES_LET_BE.has(name)) return
    const partition = partitionNameOf(name)
    if (!partition) {
      this.findings.damage(path, 'a directory that is no partition', { mend: MEND.foreign })
      return
    }
    if (partition.state !== undefined) {
      this.findings.note(path, `a partition that is set aside (${partition.state})`)
      return
    }
    this.options.onPartition?.(name)
    const topic = this.metadata?.topics.get(partition.topic)
    if (this.metadata && !topic && name !== METADATA_DIRECTORY) {
      const mend = 'Apache Kafka renames it to -stray; nothing is read from it.'
      this.findings.note(path, 'the metadata log knows no such topic', { mend })
    }
    const report = await verifyPartition(path, {
      fileSystem: this.fileSystem,
      wasClean: this.wasClean,
      // Apache Kafka does not trim those of the metadata log, which it reads anew at each start.
      areIndexesClosed: this.wasClean && name !== METADATA_DIRECTORY,
      isCompacted: known.cleaned.has(name) || COMPACTED_TOPICS.has(partition.topic),
      topicId: topic?.id,
      logStartOffset: known.starts.get(name),
    })
    this.reports.set(name, report)
  }

  private async verifyTopFile(name: string): Promise<void> {
    const path = `${this.directory}/${name}`
    switch (fileKindOf(name)) {
      case 'meta properties':
        this.verifyMetaProperties(path)
        break
      case 'metadata snapshot': {
        const place = { log: new LogFacts(METADATA_DIRECTORY, false), findings: this.findings }
        await verifyMetadataSnapshot(this.fileSystem, path, place)
        break
      }
      case 'clean marker':
        this.verifyCleanMarker(path)
        break
      case 'leftover':
        this.findings.note(path, 'left by an interrupted write')
        break
      default:
      // Checkpoints are read when everything is known; other files are let be, as by Kafka.
    }
  }

  private verifyMetaProperties(path: string): void {
    const text = readWholeFile(this.fileSystem, path)?.toString('utf8') ?? ''
    const properties = parseProperties(text)
    const damage = (what: string) => this.findings.damage(path, what, { mend: MEND.identity })
    if (properties.get('version') !== '1') damage(`version ${properties.get('version')} is not 1`)
    if (!properties.get('cluster.id')) damage('it names no cluster.id')
    const nodeId = properties.get('node.id') ?? ''
    if (!/^\d+$/.test(nodeId)) {
      damage(`node.id "${nodeId}" is no number`)
      return
    }
    const directoryId = properties.get('directory.id')
    if (directoryId === undefined) return
    if (!/^[A-Za-z0-9_-]{22}$/.test(directoryId)) damage(`directory.id "${directoryId}" is no id`)
    const logDirs = this.metadata?.logDirs
    if (!logDirs || logDirs.size === 0) return
    const own = logDirs.get(Number(nodeId))
    if (!own) damage(`node ${nodeId} has never registered in the metadata log`)
    else if (own.length > 0 && !own.includes(directoryId)) {
      damage(`directory.id ${directoryId} is none of those that node ${nodeId} registered`)
    }
  }

  private verifyCleanMarker(path: string): void {
    const text = readWholeFile(this.fileSystem, path)?.toString('utf8') ?? ''
    if (typeof parseJson(text)?.['brokerEpoch'] === 'number') return
    const what = 'it names no broker epoch: the stop counts as clean, of an unknown broker'
    this.findings.note(path, what)
  }

  /** An empty map when there is no such file, or a damaged one. */
  private checkpoint(file: string, mend: string): OffsetsByPartition {
    const path = `${this.directory}/${file}`
    const read = () => readOffsetCheckpoint(this.fileSystem, path)
    return this.findings.reading(path, mend, read) ?? new Map()
  }

  /** Offsets of partitions that are there lie inside their logs. */
  private compareOffsets(file: string, mend: string): void {
    const path = `${this.directory}/${file}`
    const isPoint = file === RECOVERY_POINT_FILE || file === HIGH_WATERMARK_FILE
    // The others were read before the partitions, and told then if they do not parse.
    const offsets = (isPoint ? this.findings : new Findings()).reading(path, mend, () =>
      readOffsetCheckpoint(this.fileSystem, path),
    )
    for (const [name, offset] of offsets ?? []) {
      const log = this.reports.get(name)?.log
      if (!log) {
        if (!partitionIsPending(name, this.metadata)) continue
        this.findings.note(path, `names ${name}, which is not in this directory`)
        continue
      }
      const end = Math.max(0, log.nextOffset)
      if (offset > end) {
        const what = `${name} is at offset ${offset}, where its log ends at ${end}`
        this.findings.unless(!this.wasClean && isPoint, path, what, { offset, mend })
      } else if (offset < 0) {
        this.findings.damage(path, `${name} is at offset ${offset}`, { mend })
      } else if (this.wasClean && file === RECOVERY_POINT_FILE && offset < end) {
        const what = `${name} is at offset ${offset}, and was closed with its end at ${end}`
        this.findings.damage(path, what, { offset, mend })
      }
    }
  }
}

/** A partition that the metadata log still has, wherever it is. */
const partitionIsPending = (name: string, metadata: MetadataFacts | undefined): boolean =>
  metadata?.topics.has(partitionNameOf(name)?.topic ?? '') ?? true
