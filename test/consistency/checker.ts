/**
 * Finds what a history shows that Kafka promises never to show. Pure; linear or n log n, because
 * the offset *is* the order of versions and nothing has to be searched for.
 */
import type { Anomaly, AnomalyName } from './anomaly.ts'
import { compactedAway, lostLatest } from './compaction-passes.ts'
import { countWriteCycles, readCycles } from './cycles.ts'
import { commits, owners, staleCommits } from './group-passes.ts'
import type { Operation } from './history.ts'
import { HistoryIndex } from './history-index.ts'
import { badReads, duplicates, gaps, inconsistentOffsets, lostWrites } from './log-passes.ts'
import { pollOrder, sendOrder } from './order-passes.ts'
import { ends, watermarks } from './watermark-passes.ts'

const PASSES = [
  inconsistentOffsets,
  badReads,
  lostWrites,
  lostLatest,
  duplicates,
  gaps,
  pollOrder,
  sendOrder,
  readCycles,
  watermarks,
  ends,
  owners,
  staleCommits,
  commits,
]

export interface Report {
  readonly anomalies: readonly Anomaly[]
  readonly operations: number
  readonly acknowledged: number
  readonly reads: number
  /** Share of the writing operations whose outcome is unknown: much of it proves little. */
  readonly unknownShare: number
  /** Records that compaction took, as it may: none of them proves nothing about the cleaner. */
  readonly compactedAway: number
  /** Knots in the order of writes, which Kafka allows. */
  readonly writeCycles: number
}

export function check(operations: readonly Operation[]): Report {
  const index = new HistoryIndex(operations)
  const writing = operations.filter(({ what }) => what === 'send' || what === 'txn')
  const unknown = writing.filter(({ outcome }) => outcome === 'info').length
  let acknowledged = 0
  for (const { outcome, sends } of writing) if (outcome === 'ok') acknowledged += sends.length
  return {
    anomalies: PASSES.flatMap((pass) => [...pass(index)]),
    operations: operations.length,
    acknowledged,
    reads: [...index.sightings()].length,
    unknownShare: writing.length === 0 ? 0 : unknown / writing.length,
    compactedAway: compactedAway(index),
    writeCycles: countWriteCycles(index),
  }
}

export const namesOf = ({ anomalies }: Report): AnomalyName[] => [
  ...new Set(anomalies.map(({ name }) => name)),
]
