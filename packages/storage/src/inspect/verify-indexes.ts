/**
 * The indexes of a segment against its batches, entry by entry.
 *
 *   .index      (offset, position): the batch at the position ends with the offset
 *   .timeindex  (timestamp, offset): the batch that ends with the offset has the timestamp as its
 *               newest, and it is the newest so far
 *   .txnindex   one entry for each ABORT marker in the segment that ended a transaction
 *
 * Whoever died with the log open leaves indexes that are too short or end in zeros (Apache Kafka
 * makes them at their full size): that is a note, and the next start builds them anew.
 */
import { OffsetIndex } from '../offset-index.ts'
import { TimeIndex } from '../time-index.ts'
import { decodeTransactionIndex } from '../transaction-index.ts'
import { offsetInName } from './file-kind.ts'
import { type Findings, MEND } from './finding.ts'
import type { BatchFacts, LogFacts, SegmentFacts } from './verify-segment.ts'

export interface IndexPlace {
  readonly path: string
  readonly bytes: Buffer
  readonly segment: SegmentFacts
  /** Nobody closed the log, and this is the segment that was written to. */
  readonly mayBeUnfinished: boolean
}

const OFFSET_ENTRY = 8
const TIME_ENTRY = 12

const baseOf = (segment: SegmentFacts): number =>
  offsetInName(segment.path.slice(segment.path.lastIndexOf('/') + 1))

/** Bytes without the zeros of a file that was made at its full size; tells when there are any. */
function withoutZeros(place: IndexPlace, entry: number, findings: Findings): Buffer {
  const { path, bytes, mayBeUnfinished } = place
  let end = bytes.length
  while (end > 0 && bytes[end - 1] === 0) end--
  const used = Math.ceil(end / entry) * entry
  const zeros = Math.floor((bytes.length - used) / entry)
  // A single entry of zeros is the first record of a segment, or an index that nothing was put in.
  if (zeros > 1) {
    const what = `${bytes.length - used} bytes of zeros behind the last entry`
    findings.unless(mayBeUnfinished, path, what, { position: used, mend: MEND.index })
    return bytes.subarray(0, used)
  }
  if (bytes.length % entry !== 0) {
    const what = `its size of ${bytes.length} bytes is no multiple of ${entry}`
    const position = bytes.length - (bytes.length % entry)
    findings.unless(mayBeUnfinished, path, what, { position, mend: MEND.index })
  }
  return bytes
}

export function verifyOffsetIndex(place: IndexPlace, findings: Findings): void {
  const { path, segment } = place
  const index = new OffsetIndex(withoutZeros(place, OFFSET_ENTRY, findings))
  const base = baseOf(segment)
  const byPosition = new Map(segment.batches.map((batch) => [batch.position, batch]))
  for (let entry = 0; entry < index.count; entry++) {
    const [position, offset] = [index.positionAt(entry), base + index.relativeOffsetAt(entry)]
    const fault = offsetEntryFault(byPosition.get(position), position, offset)
    if (fault === undefined || isInDamage(segment, position)) continue
    const at = { position: entry * OFFSET_ENTRY, offset, mend: MEND.index }
    findings.unless(place.mayBeUnfinished, path, `entry ${entry}: ${fault}`, at)
    return
  }
}

/** Entries of batches that are damaged themselves say nothing new. */
const isInDamage = (segment: SegmentFacts, position: number): boolean =>
  segment.isDamaged && position < segment.size

function offsetEntryFault(
  batch: BatchFacts | undefined,
  position: number,
  offset: number,
): string | undefined {
  if (!batch) return `no batch begins at position ${position}`
  if (batch.lastOffset === offset) return undefined
  return `the batch at position ${position} ends with offset ${batch.lastOffset}, not ${offset}`
}

export function verifyTimeIndex(place: IndexPlace, findings: Findings): void {
  const { path, segment } = place
  const index = new TimeIndex(withoutZeros(place, TIME_ENTRY, findings))
  const base = baseOf(segment)
  const newest = newestByOffset(segment.batches)
  for (let entry = 0; entry < index.count; entry++) {
    const [time, offset] = [index.timestampAt(entry), base + index.relativeOffsetAt(entry)]
    // What an empty segment gets when it is closed.
    if (time === 0 && index.relativeOffsetAt(entry) === 0 && index.count === 1) return
    const found = newest.get(offset)
    if (found === time || segment.isDamaged) continue
    const fault =
      found === undefined
        ? `offset ${offset} ends no batch with the newest timestamp so far`
        : `the newest timestamp up to offset ${offset} is ${found}, not ${time}`
    const at = { position: entry * TIME_ENTRY, offset, mend: MEND.index }
    findings.unless(place.mayBeUnfinished, path, `entry ${entry}: ${fault}`, at)
    return
  }
}

/** Last offset and timestamp of each batch that is newer than all before it. */
function newestByOffset(batches: readonly BatchFacts[]): Map<number, number> {
  const newest = new Map<number, number>()
  let max = Number.NEGATIVE_INFINITY
  for (const { lastOffset, maxTimestamp } of batches) {
    if (maxTimestamp <= max) continue
    max = maxTimestamp
    newest.set(lastOffset, maxTimestamp)
  }
  return newest
}

export function verifyTransactionIndex(place: IndexPlace, log: LogFacts, findings: Findings): void {
  const { path, bytes, segment, mayBeUnfinished } = place
  const damage = (what: string, position?: number, offset?: number) =>
    findings.unless(mayBeUnfinished, path, what, { position, offset, mend: MEND.index })
  const entries = decodeTransactionIndex(bytes)
  if (!entries) {
    damage('it is no transaction index')
    return
  }
  const markers = new Map(segment.aborted.map((aborted) => [aborted.lastOffset, aborted]))
  const knowsStart = log.startOffset === 0 && !log.isCompacted
  for (const [i, entry] of entries.entries()) {
    const [marker, position] = [markers.get(entry.lastOffset), i * 34]
    if (segment.isDamaged) return
    if (!marker) {
      // The cleaner keeps the entry of a marker that went, as long as records of it are there.
      if (!log.isCompacted) damage(`entry ${i}: no ABORT marker at its last offset`, position)
      continue
    }
    if (marker.producerId !== entry.producerId) {
      const what = `the marker is of producer ${marker.producerId}, not ${entry.producerId}`
      damage(`entry ${i}: ${what}`, position, entry.lastOffset)
    }
    if (!knowsStart) continue
    for (const name of ['firstOffset', 'lastStableOffset'] as const) {
      if (marker[name] === entry[name]) continue
      damage(`entry ${i}: ${name} is ${entry[name]}, not ${marker[name]}`, position)
    }
  }
  const known = new Set(entries.map(({ lastOffset }) => lastOffset))
  for (const { lastOffset, firstOffset } of segment.aborted) {
    if (firstOffset === undefined || known.has(lastOffset) || log.isCompacted) continue
    damage(`the ABORT marker at offset ${lastOffset} has no entry`, undefined, lastOffset)
  }
}
