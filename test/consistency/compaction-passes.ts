/** What must hold in a compacted partition: of every record key the newest record is there. */
import type { Anomaly } from './anomaly.ts'
import type { Poll } from './history.ts'
import type { HistoryIndex, KeyIndex, Writer } from './history-index.ts'
import { lastScan } from './log-passes.ts'
import { recordKeyOf } from './topic.ts'

/** The newest record of every record key, as the reader of committed records sees it at the end. */
function latestIn(id: number, scan: Poll): Map<string, { offset: number; value: number }> {
  const latest = new Map<string, { offset: number; value: number }>()
  for (const { offset, value } of scan.records) {
    const recordKey = recordKeyOf(id, value)
    if (recordKey !== null) latest.set(recordKey, { offset, value })
  }
  return latest
}

/** A committed write is there, or something newer with its record key is. */
export function* lostLatest(index: HistoryIndex): Generator<Anomaly> {
  for (const [id, key] of index.keys) {
    const scan = key.recordKeys.size > 0 ? lastScan(index.operations, id, true) : undefined
    if (!scan) continue
    const latest = latestIn(id, scan)
    const shown = new Set(scan.records.map(({ value }) => value))
    for (const [recordKey, { writers }] of key.recordKeys) {
      const last = latest.get(recordKey)
      for (const writer of writers) {
        const { value } = writer.sent
        if (shown.has(value) || !index.isCommitted(writer) || isReplaced(key, writer, last))
          continue
        const offset = key.firstOffsetOf(value)
        const after = last === undefined ? 'nothing' : `only ${last.offset}`
        const where = `key ${id} ${recordKey}: value ${value} at ${offset}`
        const text = `${where}, of which ${after} is left`
        yield { name: 'lost-write', text }
      }
    }
  }
}

/** By offset, and when one of them is not known by time: what had ended before was not newer. */
function isReplaced(
  key: KeyIndex,
  writer: Writer,
  last: { readonly offset: number; readonly value: number } | undefined,
): boolean {
  if (!last) return false
  const offset = key.firstOffsetOf(writer.sent.value)
  if (offset !== undefined) return last.offset > offset
  const other = key.writers.get(last.value)
  return other !== undefined && other.operation.endedAt >= writer.operation.startedAt
}

/** Committed records that are not there any more at the end. */
export function compactedAway(index: HistoryIndex): number {
  let count = 0
  for (const [id, key] of index.keys) {
    const scan = key.recordKeys.size > 0 ? lastScan(index.operations, id, true) : undefined
    if (!scan) continue
    const shown = new Set(scan.records.map(({ value }) => value))
    for (const [value, writer] of key.writers) {
      if (!shown.has(value) && index.isCommitted(writer)) count++
    }
  }
  return count
}
