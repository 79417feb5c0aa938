/** Log start offset <= last stable offset <= high watermark, and none of them goes back. */
import type { Anomaly } from './anomaly.ts'
import type { Operation, Poll } from './history.ts'
import type { HistoryIndex } from './history-index.ts'
import { lastScan } from './log-passes.ts'

interface Known {
  readonly at: number
  readonly offset: number
}

export function* watermarks({ operations, keys }: HistoryIndex): Generator<Anomaly> {
  for (const [id] of keys) {
    const polls: { operation: Operation; poll: Poll }[] = []
    for (const operation of operations) {
      for (const poll of operation.polls) if (poll.key === id) polls.push({ operation, poll })
    }
    for (const { operation, poll } of polls) {
      yield* withinAnswer(poll, `${operation.process} polls key ${id}`)
    }
    const highWatermarks: Known[] = acknowledged(operations, id)
    const lastStables: Known[] = []
    for (const { operation, poll } of polls) {
      highWatermarks.push({ at: operation.endedAt, offset: poll.highWatermark })
      lastStables.push({ at: operation.endedAt, offset: poll.lastStableOffset })
    }
    const highest = [highestBefore(highWatermarks), highestBefore(lastStables)] as const
    for (const { operation, poll } of polls) {
      const before = highest.map((at) => at(operation.startedAt))
      const [highWatermark = 0, lastStable = 0] = before
      const where = `${operation.process} polls key ${id}`
      if (poll.highWatermark < highWatermark) {
        const text = `${where}: high watermark ${poll.highWatermark} after ${highWatermark}`
        yield { name: 'watermark-regress', text }
      }
      if (poll.lastStableOffset < lastStable) {
        const text = `${where}: last stable offset ${poll.lastStableOffset} after ${lastStable}`
        yield { name: 'watermark-regress', text }
      }
    }
  }
}

function* withinAnswer(poll: Poll, where: string): Generator<Anomaly> {
  const { highWatermark, lastStableOffset, logStartOffset, isCommittedOnly } = poll
  if (lastStableOffset > highWatermark || logStartOffset > highWatermark) {
    const text = `${where}: ${logStartOffset} <= ${lastStableOffset} <= ${highWatermark}`
    yield { name: 'watermark-order', text }
  }
  const end = isCommittedOnly ? Math.min(lastStableOffset, highWatermark) : highWatermark
  const beyond = poll.records.find(({ offset }) => offset >= end)
  if (beyond) {
    yield { name: 'read-past-high-watermark', text: `${where}: ${beyond.offset} at ${end}` }
  }
}

/** An acknowledged record lies below the high watermark. */
function acknowledged(operations: readonly Operation[], id: number): Known[] {
  return operations
    .filter(({ what }) => what === 'send')
    .flatMap(({ sends, endedAt }) =>
      sends
        .filter(({ key, offset }) => key === id && offset !== undefined)
        .map(({ offset = -1 }) => ({ at: endedAt, offset: offset + 1 })),
    )
}

/** Answers with the highest offset that was known before a moment. */
function highestBefore(known: Known[]): (moment: number) => number {
  const sorted = known.toSorted((a, b) => a.at - b.at)
  let highest = 0
  const prefix = sorted.map(({ offset }) => (highest = Math.max(highest, offset)))
  return (moment) => {
    let [low, high] = [0, sorted.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((sorted[middle] as Known).at < moment) low = middle + 1
      else high = middle
    }
    return prefix[low - 1] ?? 0
  }
}

/** Logs begin where somebody asked for it, and nothing is undecided at the end. */
export function* ends({ operations, keys }: HistoryIndex): Generator<Anomaly> {
  for (const [id, key] of keys) {
    for (const isCommittedOnly of [false, true]) {
      const scan = lastScan(operations, id, isCommittedOnly)
      if (!scan) continue
      if (scan.logStartOffset > key.deletedBefore) {
        const text = `key ${id} begins at ${scan.logStartOffset}, not ${key.deletedBefore}`
        yield { name: 'log-start-ahead', text }
      }
      if (scan.lastStableOffset < scan.highWatermark) {
        const { lastStableOffset, highWatermark } = scan
        const text = `key ${id} is stable up to ${lastStableOffset} of ${highWatermark}`
        yield { name: 'hanging-transaction', text }
      }
    }
  }
}
