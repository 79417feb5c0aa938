/**
 * One segment against itself and against what the segments before it said.
 *
 * Offsets, leader epochs and producers run on from segment to segment; `LogFacts` carries them, and
 * afterwards says what the files beside the log must agree with.
 */
import {
  CorruptCompressionError,
  DecompressedTooLargeError,
  MalformedMessageError,
  type RecordBatch,
} from '@ottla/protocol'
import { readEndTransaction } from '../control-record.ts'
import type { FileHandle } from '../file-system.ts'
import { decodeControl, decodeInternalRecord } from './decode-record.ts'
import { nameOf, offsetInName } from './file-kind.ts'
import { type Findings, MEND } from './finding.ts'
import { type GapStep, walkBatches } from './walk-segment.ts'

/** Of one batch, what its index entries are compared with. */
export interface BatchFacts {
  readonly position: number
  readonly baseOffset: number
  readonly lastOffset: number
  readonly maxTimestamp: number
}

export interface AbortFacts {
  readonly producerId: number
  /** Where the transaction began, or undefined when that is in front of what was read. */
  readonly firstOffset: number | undefined
  readonly lastOffset: number
  readonly lastStableOffset: number | undefined
}

export interface SegmentFacts {
  readonly path: string
  readonly size: number
  readonly batches: BatchFacts[]
  readonly aborted: AbortFacts[]
  isDamaged: boolean
}

/** What the batches of a partition add up to. */
export class LogFacts {
  readonly segments: SegmentFacts[] = []
  /** First offset of each leader epoch. */
  readonly epochs: { readonly epoch: number; readonly offset: number }[] = []
  /** First offset of the transaction each producer has open. */
  readonly open = new Map<number, number>()
  nextOffset = -1
  batchCount = 0
  recordCount = 0
  /** Offsets may be missing because the log was compacted. */
  readonly isCompacted: boolean
  readonly topic: string

  constructor(topic: string, isCompacted: boolean) {
    this.topic = topic
    this.isCompacted = isCompacted
  }

  get startOffset(): number {
    const [first] = this.segments
    return first ? offsetInName(nameOf(first.path)) : 0
  }
}

export interface SegmentPlace {
  readonly path: string
  readonly isLast: boolean
  /** The end may be torn: nobody closed the log. */
  readonly mayBeTorn: boolean
}

const INT32_MAX = 0x7fff_ffff

export async function verifySegment(
  file: FileHandle,
  place: SegmentPlace,
  log: LogFacts,
  findings: Findings,
): Promise<void> {
  const { path } = place
  const base = offsetInName(nameOf(path))
  const segment: SegmentFacts = {
    path,
    size: file.size(),
    batches: [],
    aborted: [],
    isDamaged: false,
  }
  log.segments.push(segment)
  checkBase(base, path, log, findings)
  log.nextOffset = Math.max(log.nextOffset, base)
  for await (const step of walkBatches(file, log.nextOffset)) {
    if (step.kind === 'gap') noteGap(step, place, { segment, findings })
    else verifyBatch(step.batch, step.position, { segment, base, log, findings })
    if (step.kind === 'gap' && step.resumesAt !== undefined) log.nextOffset = step.resumesAt
  }
}

function checkBase(base: number, path: string, log: LogFacts, findings: Findings): void {
  const expected = log.nextOffset
  if (expected < 0 || base === expected) return
  if (base < expected) {
    const what = `begins at offset ${base}, where the segment before it already has ${expected - 1}`
    findings.damage(path, what, { offset: base, mend: MEND.batch })
  } else if (!log.isCompacted && !log.segments.at(-2)?.isDamaged) {
    const what = `offsets ${expected} to ${base - 1} are in no segment`
    findings.damage(path, what, { offset: expected, mend: MEND.batch })
  }
}

function noteGap(
  gap: GapStep,
  { path, isLast, mayBeTorn }: SegmentPlace,
  { segment, findings }: { segment: SegmentFacts; findings: Findings },
): void {
  const { position, offset, fault, end, resumesAt } = gap
  const isTail = isLast && resumesAt === undefined
  const until = resumesAt === undefined ? '' : `, up to offset ${resumesAt - 1}`
  const what = `${fault}; ${end - position} bytes are no batch${until}`
  if (isTail && mayBeTorn) {
    findings.note(path, what, { position, offset, mend: 'The next start cuts it off.' })
    return
  }
  segment.isDamaged = true
  findings.damage(path, what, { position, offset, mend: MEND.batch })
}

interface BatchPlace {
  readonly segment: SegmentFacts
  readonly base: number
  readonly log: LogFacts
  readonly findings: Findings
}

function verifyBatch(batch: RecordBatch, position: number, place: BatchPlace): void {
  const { segment, base, log, findings } = place
  const { baseOffset, lastOffset, maxTimestamp, leaderEpoch } = batch
  const { path } = segment
  const at = { position, offset: baseOffset, mend: MEND.batch }
  if (baseOffset > log.nextOffset && !log.isCompacted && !segment.isDamaged) {
    const what = `offsets ${log.nextOffset} to ${baseOffset - 1} are missing in front of the batch`
    findings.damage(path, what, { ...at, offset: log.nextOffset })
  }
  if (lastOffset - base > INT32_MAX) {
    findings.damage(path, `offset ${lastOffset} is too far from the segment's base`, at)
  }
  const latest = log.epochs.at(-1)
  if (latest && leaderEpoch < latest.epoch) {
    findings.damage(path, `leader epoch ${leaderEpoch} comes after ${latest.epoch}`, at)
  } else if (!latest || leaderEpoch > latest.epoch) {
    log.epochs.push({ epoch: leaderEpoch, offset: baseOffset })
  }
  const fault = recordsFault(batch, log)
  if (fault !== undefined) findings.damage(path, fault, at)
  followTransactions(batch, segment, log)
  segment.batches.push({ position, baseOffset, lastOffset, maxTimestamp })
  log.nextOffset = lastOffset + 1
  log.batchCount++
  log.recordCount += batch.recordsCount
}

/** Decodes every record, and what Kafka itself put into it. */
function recordsFault(batch: RecordBatch, log: LogFacts): string | undefined {
  try {
    let [count, last] = [0, -1]
    let newest = Number.NEGATIVE_INFINITY
    for (const record of batch.records()) {
      count++
      if (record.offset <= last) return `record offset ${record.offset} comes after ${last}`
      if (record.offset > batch.lastOffset)
        return `record offset ${record.offset} is behind the batch`
      last = record.offset
      newest = Math.max(newest, record.timestamp)
      if (batch.isControl) decodeControl(record)
      else decodeInternalRecord(log.topic, record)
    }
    if (count !== batch.recordsCount)
      return `${count} records where ${batch.recordsCount} should be`
    // A cleaned batch keeps the timestamp of records that went.
    const isNewest = newest === batch.maxTimestamp || count === 0 || log.isCompacted
    return isNewest ? undefined : `maximum timestamp ${batch.maxTimestamp} is not ${newest}`
  } catch (error) {
    if (isUndecodable(error)) return `records do not decode: ${error.message}`
    throw error
  }
}

const isUndecodable = (error: unknown): error is Error =>
  error instanceof MalformedMessageError ||
  error instanceof CorruptCompressionError ||
  error instanceof DecompressedTooLargeError

function followTransactions(batch: RecordBatch, segment: SegmentFacts, log: LogFacts): void {
  const { producerId, baseOffset, lastOffset } = batch
  if (!batch.isTransactional) return
  if (!batch.isControl) {
    if (!log.open.has(producerId)) log.open.set(producerId, baseOffset)
    return
  }
  const marker = readEndTransaction(
    batch.buffer.subarray(0, batch.position + batch.size),
    batch.position,
  )
  const firstOffset = log.open.get(producerId)
  log.open.delete(producerId)
  if (!marker?.isAbort) return
  const others = [...log.open.values()]
  const lastStableOffset = others.length > 0 ? Math.min(...others) : lastOffset + 1
  segment.aborted.push({ producerId, firstOffset, lastOffset, lastStableOffset })
}
