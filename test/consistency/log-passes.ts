/** What must hold between what was written and what lies in the logs. */
import type { Anomaly, AnomalyName } from './anomaly.ts'
import type { Operation, Poll } from './history.ts'
import type { HistoryIndex, KeyIndex, Writer } from './history-index.ts'
import { isCompacted } from './topic.ts'

const found = (name: AnomalyName, text: string): Anomaly => ({ name, text })

/** One offset of a key never shows two values. */
export function* inconsistentOffsets(index: HistoryIndex): Generator<Anomaly> {
  for (const [id, key] of index.keys) {
    for (const [offset, values] of key.valuesAt) {
      if (values.size === 1) continue
      yield found('inconsistent-offsets', `key ${id} offset ${offset}: ${[...values].join(', ')}`)
    }
  }
}

/** A value lies at one offset. */
export function* duplicates(index: HistoryIndex): Generator<Anomaly> {
  for (const [id, key] of index.keys) {
    for (const [value, offsets] of key.offsetsOf) {
      if (offsets.size === 1) continue
      yield found('duplicate', `key ${id} value ${value} at offsets ${[...offsets].join(', ')}`)
    }
  }
}

/** Whatever is read was written, whole, and by somebody who may be seen. */
export function* badReads(index: HistoryIndex): Generator<Anomaly> {
  for (const { operation, poll, read } of index.sightings()) {
    const where = `${operation.process} read ${read.value} at ${poll.key}/${read.offset}`
    if (!read.isIntact) {
      yield found('corrupt', where)
      continue
    }
    const writer = index.key(poll.key).writers.get(read.value)
    if (!writer) {
      yield found('phantom', `${where}: nobody sent it`)
      continue
    }
    const isTransaction = writer.operation.what === 'txn'
    // Undecided and aborted transactions are there for whoever reads uncommitted.
    if (isTransaction && !poll.isCommittedOnly) continue
    if (writer.operation.outcome === 'fail') yield found('aborted-read', where)
    else if (writer.operation === operation) yield found('precommitted-read', where)
    else if (isTransaction && operation.endedAt < (writer.operation.commitAskedAt ?? Infinity)) {
      yield found('dirty-read', `${where}: its commit had not been asked for`)
    }
  }
}

/** Everything committed is there, by Jepsen's rule and in the scan at the end. */
export function* lostWrites(index: HistoryIndex): Generator<Anomaly> {
  for (const [id, key] of index.keys) {
    if (isCompacted(id)) continue
    const scan = lastScan(index.operations, id, true)
    const scanned = scan && new Set(scan.records.map(({ value }) => value))
    const bound = boundOf(key)
    for (const [value, writer] of key.writers) {
      if (!index.isCommitted(writer) || isDeleted(key, value)) continue
      const isRead = scanned ? scanned.has(value) : key.seen.has(value)
      if (isRead) continue
      const lost = lostAs(key, writer, scan ? scan.next : bound)
      if (lost) yield found(lost.name, `key ${id} value ${value}${lost.where}`)
      else if (scan)
        yield found('unseen', `key ${id} value ${value} of ${writer.operation.process}`)
    }
  }
}

/** Highest offset at which something was read, and one. */
function boundOf(key: KeyIndex): number {
  let bound = 0
  for (const value of key.seen) bound = Math.max(bound, (key.firstOffsetOf(value) ?? -1) + 1)
  return bound
}

function isDeleted(key: KeyIndex, value: number): boolean {
  const offset = key.firstOffsetOf(value)
  return offset !== undefined && offset < key.deletedBefore
}

/** What lies below what was read, or was read once, is lost; what lies behind it is unseen. */
function lostAs(key: KeyIndex, { sent }: Writer, bound: number) {
  const offset = key.firstOffsetOf(sent.value)
  const isBelow = offset !== undefined && offset < bound
  if (!isBelow && !key.seen.has(sent.value)) return undefined
  const seen = key.seen.has(sent.value) ? ', which was read before' : ''
  const where = offset === undefined ? '' : ` at offset ${offset} of ${bound}`
  return { name: 'lost-write' as const, where: where + seen }
}

export function lastScan(
  operations: readonly Operation[],
  id: number,
  isCommittedOnly: boolean,
): Poll | undefined {
  for (const { what, polls } of operations.toReversed()) {
    const poll = polls.find((one) => one.key === id && one.isCommittedOnly === isCommittedOnly)
    if (what === 'scan' && poll) return poll
  }
  return undefined
}

/** Batches follow each other, without a gap unless it is compacted; leader epochs never go back. */
export function* gaps({ operations, keys }: HistoryIndex): Generator<Anomaly> {
  for (const [id] of keys) {
    const scan = lastScan(operations, id, false)
    if (!scan?.spans) continue
    let next = scan.from
    let epoch = -1
    for (const span of scan.spans) {
      // The first batch may begin below the log start offset.
      const isBehind = span.from > next && !isCompacted(id)
      const isGap = isBehind || (span.from < next && next !== scan.from)
      if (isGap) yield found('offset-gap', `key ${id}: ${span.from} where ${next} was expected`)
      if (span.leaderEpoch < epoch) {
        yield found('leader-epoch-regress', `key ${id} offset ${span.from}: ${span.leaderEpoch}`)
      }
      next = span.to + 1
      epoch = span.leaderEpoch
    }
    if (next < scan.highWatermark) {
      yield found('offset-gap', `key ${id} ends at ${next}, not ${scan.highWatermark}`)
    }
  }
}
