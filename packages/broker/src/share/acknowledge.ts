/**
 * What members say about the records they acquired. Pure. The acknowledgements of a partition in
 * one request count all or none: the first that is wrong takes the others back.
 */
import type { ErrorName } from '@ottla/protocol'
import { type InFlightBatch, NOBODY, RecordState, type Slot } from './in-flight-batch.ts'
import {
  type FailedRecords,
  giveUp,
  type SharePartition,
  SlotChanges,
  type Transition,
} from './share-partition.ts'

export const AckType = { GAP: 0, ACCEPT: 1, RELEASE: 2, REJECT: 3, RENEW: 4 } as const

export interface AcknowledgementBatch {
  readonly firstOffset: number
  readonly lastOffset: number
  /** One for all of them, or one for each. */
  readonly acknowledgeTypes: readonly number[]
}

export interface AcknowledgeOptions {
  readonly memberId: string
  readonly deliveryCountMax: number
  /** Until when renewed locks hold; undefined where locks may not be renewed. */
  readonly renewedDeadlineMs: number | undefined
}

/** Why batches cannot be meant so, whatever the state of the partition. */
export function batchesFault(
  batches: readonly AcknowledgementBatch[],
  { isRenewAck }: { readonly isRenewAck: boolean },
): ErrorName | undefined {
  let previous = -1
  for (const { firstOffset, lastOffset, acknowledgeTypes } of batches) {
    const count = lastOffset - firstOffset + 1
    const isWrong =
      count <= 0 ||
      firstOffset < previous ||
      acknowledgeTypes.length === 0 ||
      (acknowledgeTypes.length > 1 && acknowledgeTypes.length !== count) ||
      acknowledgeTypes.some((type) => type < AckType.GAP || type > AckType.RENEW) ||
      (!isRenewAck && acknowledgeTypes.includes(AckType.RENEW))
    if (isWrong) return 'INVALID_REQUEST'
    previous = firstOffset
  }
  return undefined
}

export function acknowledge(
  partition: SharePartition,
  batches: readonly AcknowledgementBatch[],
  options: AcknowledgeOptions,
): Transition | ErrorName {
  const changes = new SlotChanges()
  for (const batch of batches) {
    const error = acknowledgeBatch(partition, batch, options, changes)
    if (error) {
      changes.rollBack()
      return error
    }
  }
  return changes.transition(partition)
}

function acknowledgeBatch(
  partition: SharePartition,
  { firstOffset, lastOffset, acknowledgeTypes }: AcknowledgementBatch,
  options: AcknowledgeOptions,
  changes: SlotChanges,
): ErrorName | undefined {
  // What has left the window is final already; to acknowledge it once more changes nothing.
  if (lastOffset < partition.startOffset) return undefined
  const first = Math.max(firstOffset, partition.startOffset)
  const at = partition.floorIndex(first)
  if (at < 0) return 'INVALID_RECORD_STATE'
  if (lastOffset >= partition.endOffset) return 'INVALID_REQUEST'
  let next = first
  for (const batch of partition.batches.slice(at)) {
    if (batch.first > lastOffset) break
    if (batch.last < next) continue
    const end = Math.min(batch.last, lastOffset)
    const error = acknowledgeSlots(batch, [Math.max(batch.first, next), end], {
      ...options,
      partition,
      changes,
      typeAt: (offset) =>
        acknowledgeTypes[acknowledgeTypes.length === 1 ? 0 : offset - firstOffset] as number,
      isUniform: acknowledgeTypes.length === 1,
    })
    if (error) return error
    next = end + 1
  }
  return undefined
}

/** Gaps are no failures, since nobody has seen a record there. */
const REASONS: ReadonlyMap<number, FailedRecords['reason']> = new Map([
  [AckType.RELEASE, 'worn'],
  [AckType.REJECT, 'rejected'],
])

interface SlotsContext extends AcknowledgeOptions {
  readonly partition: SharePartition
  readonly changes: SlotChanges
  readonly typeAt: (offset: number) => number
  readonly isUniform: boolean
}

function acknowledgeSlots(
  batch: InFlightBatch,
  [first, last]: readonly [number, number],
  context: SlotsContext,
): ErrorName | undefined {
  const isAll = first <= Math.max(batch.first, context.partition.startOffset) && last === batch.last
  if (batch.whole) {
    if (!isHeldBy(batch.whole, context.memberId)) return 'INVALID_RECORD_STATE'
    if (!isAll || !context.isUniform || first > batch.first) batch.split()
  }
  for (const [slot, from, to] of batch.slots(first, last)) {
    if (!isHeldBy(slot, context.memberId)) return 'INVALID_RECORD_STATE'
    const type = context.typeAt(from)
    if (type === AckType.RENEW) {
      if (context.renewedDeadlineMs === undefined) return 'INVALID_RECORD_STATE'
      slot.lockDeadlineMs = context.renewedDeadlineMs
      context.partition.noteDeadline(slot.lockDeadlineMs)
    } else {
      const change = () => apply(slot, type, context.deliveryCountMax)
      context.changes.make(slot, [from, to], REASONS.get(type), change)
    }
  }
  return undefined
}

const isHeldBy = (slot: Slot, memberId: string): boolean =>
  slot.state === RecordState.ACQUIRED && slot.memberId === memberId

function apply(slot: Slot, type: number, deliveryCountMax: number): void {
  if (type === AckType.RELEASE) giveUp(slot, deliveryCountMax)
  else {
    slot.state = type === AckType.ACCEPT ? RecordState.ACKNOWLEDGED : RecordState.ARCHIVED
    slot.memberId = NOBODY
    slot.lockDeadlineMs = Number.POSITIVE_INFINITY
  }
}
