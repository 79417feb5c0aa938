/** What lies beside the metadata log and nowhere else: its snapshots, the state of the quorum. */
import { MalformedMessageError, type RecordBatch } from '@ottla/protocol'
import { type FileSystem, readWholeFile } from '../file-system.ts'
import { decodeControl, decodeInternalRecord } from './decode-record.ts'
import { nameOf, offsetInName } from './file-kind.ts'
import { type Findings, MEND } from './finding.ts'
import type { LogFacts } from './verify-segment.ts'
import { walkBatches } from './walk-segment.ts'

export interface MetadataPlace {
  /** The log the file belongs to. */
  readonly log: LogFacts
  readonly findings: Findings
}

const METADATA_TOPIC = '__cluster_metadata'

export async function verifyMetadataSnapshot(
  fileSystem: FileSystem,
  path: string,
  { log, findings }: MetadataPlace,
): Promise<void> {
  const epoch = /-(\d{10})\.checkpoint$/.exec(path)?.[1]
  const controls: string[] = []
  let nextOffset = 0
  const damage = (what: string, position?: number) =>
    findings.damage(path, what, { position, mend: MEND.snapshot })
  const file = fileSystem.open(path, 'read')
  try {
    for await (const step of walkBatches(file, 0)) {
      if (step.kind === 'gap') {
        damage(`${step.fault}; ${step.end - step.position} bytes are no batch`, step.position)
        nextOffset = step.resumesAt ?? nextOffset
        continue
      }
      const { batch, position } = step
      if (batch.baseOffset !== nextOffset) {
        damage(`record ${nextOffset} is followed by ${batch.baseOffset}`, position)
      }
      nextOffset = batch.lastOffset + 1
      if (epoch !== undefined && batch.leaderEpoch !== Number(epoch)) {
        damage(`leader epoch ${batch.leaderEpoch} is not that of the name`, position)
      }
      const fault = recordsFault(batch, controls)
      if (fault !== undefined) damage(fault, position)
    }
  } finally {
    file.close()
  }
  if (controls[0] !== 'SNAPSHOT_HEADER') damage('it does not begin with a header', 0)
  if (controls.at(-1) !== 'SNAPSHOT_FOOTER') damage('it does not end with a footer')
  if (epoch !== undefined) checkPlace(path, log, findings)
}

function recordsFault(batch: RecordBatch, controls: string[]): string | undefined {
  try {
    for (const record of batch.records()) {
      if (batch.isControl) controls.push(decodeControl(record).type)
      else decodeInternalRecord(METADATA_TOPIC, record)
    }
    return undefined
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error
    return `records do not decode: ${error.message}`
  }
}

/** A snapshot that is ahead of its log was fetched from another node. */
function checkPlace(path: string, log: LogFacts, findings: Findings): void {
  const endOffset = offsetInName(nameOf(path))
  const isAhead = log.nextOffset >= 0 && log.batchCount > 0 && endOffset > log.nextOffset
  if (!isAhead) return
  const what = `it reaches offset ${endOffset}, where the log ends at ${log.nextOffset}`
  findings.note(path, what, { offset: endOffset })
}

export function verifyQuorumState(
  fileSystem: FileSystem,
  path: string,
  { log, findings }: MetadataPlace,
): void {
  const text = readWholeFile(fileSystem, path)?.toString('utf8') ?? ''
  const fault = quorumFault(parseJson(text), log.epochs.at(-1)?.epoch ?? 0)
  if (fault !== undefined) findings.damage(path, fault, { mend: MEND.quorum })
}

function quorumFault(
  state: Record<string, unknown> | undefined,
  latest: number,
): string | undefined {
  if (state === undefined) return 'it is not JSON'
  const { leaderEpoch, data_version: version } = state
  if (version !== 0 && version !== 1) return `data_version ${version} is not known`
  if (typeof leaderEpoch !== 'number') return 'it names no leaderEpoch'
  return leaderEpoch < latest
    ? `leaderEpoch ${leaderEpoch} is below the log's ${latest}`
    : undefined
}

export function parseJson(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    // Not JSON is what the caller asks about.
    return undefined
  }
}
