/** Records of aborted transactions, which groups that read committed records never see. Pure. */
import type { RecordBatch } from '@ottla/protocol'
import type { AbortedTransaction } from '@ottla/storage'
import type { AcquiredRange } from './acquire.ts'
import { NOBODY, RecordState, stateBatchOf } from './in-flight-batch.ts'
import type { SharePartition } from './share-partition.ts'
import { joined, type StateBatch } from './state-batches.ts'

type Batch = Pick<
  RecordBatch,
  'baseOffset' | 'lastOffset' | 'producerId' | 'isTransactional' | 'isControl'
>

/** Takes what was aborted out of what was just acquired, and archives it. */
export function archiveAborted(
  partition: SharePartition,
  acquired: readonly AcquiredRange[],
  batches: readonly Batch[],
  transactions: readonly AbortedTransaction[],
): { readonly acquired: readonly AcquiredRange[]; readonly archived: readonly StateBatch[] } {
  const aborted = batches.filter((batch) => isAborted(batch, transactions))
  if (aborted.length === 0 || acquired.length === 0) return { acquired, archived: [] }
  const archived: StateBatch[] = []
  let kept = acquired
  for (const { baseOffset, lastOffset } of aborted) {
    for (const range of kept) {
      const from = Math.max(range.firstOffset, baseOffset)
      const to = Math.min(range.lastOffset, lastOffset)
      if (from <= to) archived.push(...archive(partition, from, to))
    }
    kept = kept.flatMap((range) => without(range, baseOffset, lastOffset))
  }
  return { acquired: kept, archived: joined(archived) }
}

const isAborted = (batch: Batch, transactions: readonly AbortedTransaction[]): boolean =>
  batch.isTransactional &&
  !batch.isControl &&
  transactions.some(
    ({ producerId, firstOffset, lastOffset }) =>
      producerId === batch.producerId &&
      firstOffset <= batch.baseOffset &&
      lastOffset >= batch.lastOffset,
  )

function* archive(partition: SharePartition, from: number, to: number): Iterable<StateBatch> {
  for (const batch of partition.batches) {
    if (batch.last < from || batch.first > to) continue
    if (batch.first < from || batch.last > to) batch.split()
    for (const [slot, first, last] of batch.slots(from, to)) {
      slot.state = RecordState.ARCHIVED
      slot.memberId = NOBODY
      slot.lockDeadlineMs = Number.POSITIVE_INFINITY
      yield stateBatchOf(slot, first, last)
    }
  }
}

function without(range: AcquiredRange, first: number, last: number): AcquiredRange[] {
  if (range.lastOffset < first || range.firstOffset > last) return [range]
  const rest: AcquiredRange[] = []
  if (range.firstOffset < first) rest.push({ ...range, lastOffset: first - 1 })
  if (range.lastOffset > last) rest.push({ ...range, firstOffset: last + 1 })
  return rest
}
