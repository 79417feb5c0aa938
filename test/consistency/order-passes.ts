/** What one process sees of a key, and sends to it, keeps the order of the log. */
import type { Anomaly } from './anomaly.ts'
import type { Operation, Poll } from './history.ts'
import type { HistoryIndex, KeyIndex } from './history-index.ts'
import { isCompacted, recordKeyOf } from './topic.ts'

/** Where a process begins anew. */
const RESETS = new Set(['assign', 'subscribe', 'crash', 'scan'])

/** Operations of one process after the other, in the order in which they began. */
function* byProcess(operations: readonly Operation[]): Generator<Operation[]> {
  const processes = new Map<string, Operation[]>()
  for (const operation of operations) {
    const own = processes.get(operation.process)
    if (own) own.push(operation)
    else processes.set(operation.process, [operation])
  }
  yield* processes.values()
}

export function* pollOrder(index: HistoryIndex): Generator<Anomaly> {
  for (const operations of byProcess(index.operations)) {
    const last = new Map<number, number>()
    for (const operation of operations) {
      if (RESETS.has(operation.what)) last.clear()
      for (const poll of operation.polls) {
        const where = `${operation.process} polls key ${poll.key}`
        yield* withinPoll(poll, where)
        const first = poll.records[0]?.offset
        const before = last.get(poll.key)
        if (first !== undefined && before !== undefined && first <= before) {
          yield { name: 'nonmonotonic-poll', text: `${where}: ${first} after ${before}` }
        }
        const end = poll.records.at(-1)?.offset
        if (end !== undefined) last.set(poll.key, end)
        if (before !== undefined && poll.from > before + 1) {
          yield* skips(index, operation, { ...poll, from: before + 1 })
        } else yield* skips(index, operation, poll)
      }
    }
  }
}

function* withinPoll(poll: Poll, where: string): Generator<Anomaly> {
  let before = poll.from - 1
  for (const { offset } of poll.records) {
    if (offset <= before || offset >= poll.next) {
      yield { name: 'int-nonmonotonic-poll', text: `${where}: ${offset} after ${before}` }
    }
    before = offset
  }
}

/** A record in the range of a poll that the process had to be shown. */
function* skips(index: HistoryIndex, operation: Operation, poll: Poll): Generator<Anomaly> {
  const key = index.key(poll.key)
  const where = `${operation.process} polls key ${poll.key}`
  const shown = new Set(poll.records.map(({ offset }) => offset))
  for (let offset = Math.max(poll.from, key.deletedBefore); offset < poll.next; offset++) {
    if (shown.has(offset) || !isVisible(index, key, offset, poll.isCommittedOnly)) continue
    if (isCompacted(poll.key) && mayBeGone(index, poll.key, offset, operation)) continue
    yield { name: 'poll-skip', text: `${where} from ${poll.from}: ${offset} is left out` }
  }
}

/** Compaction takes what was aborted, and what has a newer record with its key by then. */
function mayBeGone(
  index: HistoryIndex,
  id: number,
  offset: number,
  { endedAt }: Operation,
): boolean {
  const key = index.key(id)
  const [value = -1] = key.valuesAt.get(offset) ?? []
  const writer = key.writers.get(value)
  if (writer?.operation.what === 'txn' && !index.isCommitted(writer)) return true
  return key.recordKeys.get(recordKeyOf(id, value) ?? '')?.hasNewer(offset, endedAt) ?? false
}

function isVisible(
  index: HistoryIndex,
  key: KeyIndex,
  offset: number,
  isCommittedOnly: boolean,
): boolean {
  const values = key.valuesAt.get(offset)
  if (values?.size !== 1) return false
  const [value] = values
  const writer = key.writers.get(value as number)
  if (!writer) return false
  return !isCommittedOnly || writer.operation.what === 'send' || index.isCommitted(writer)
}

export function* sendOrder(index: HistoryIndex): Generator<Anomaly> {
  for (const operations of byProcess(index.operations)) {
    const last = new Map<number, number>()
    for (const operation of operations) {
      if (RESETS.has(operation.what)) last.clear()
      const within = new Map<number, number>()
      for (const { key, value } of operation.sends) {
        const offset = index.key(key).firstOffsetOf(value)
        if (offset === undefined) continue
        const where = `${operation.process} sends ${value} to key ${key}, at ${offset}`
        const inner = within.get(key)
        const outer = last.get(key)
        if (inner !== undefined && offset <= inner) {
          yield { name: 'int-nonmonotonic-send', text: `${where} after ${inner}` }
        } else if (inner === undefined && outer !== undefined && offset <= outer) {
          yield { name: 'nonmonotonic-send', text: `${where} after ${outer}` }
        }
        within.set(key, offset)
      }
      for (const [key, offset] of within) last.set(key, offset)
    }
  }
}
