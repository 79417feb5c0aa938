/**
 * A run of offsets of a share partition that have been given out, as one or one by one.
 *
 *   AVAILABLE --acquire--> ACQUIRED --accept--------------------> ACKNOWLEDGED
 *       ^                     |  \---reject, gap, too often-----> ARCHIVED
 *       \--release, time-out--/
 *
 * As long as all its records share one state they have one slot; the first difference splits it
 * into a slot for each offset. A slot whose change is still on its way to the disk is pending:
 * nobody can acquire it, and the change can be taken back.
 */
import type { StateBatch } from './state-batches.ts'

/** Numbers of Apache Kafka's records. */
export const RecordState = { AVAILABLE: 0, ACQUIRED: 1, ACKNOWLEDGED: 2, ARCHIVED: 4 } as const

export interface Slot {
  state: number
  deliveryCount: number
  /** Who has acquired it; "" when nobody has. */
  memberId: string
  /** When it is taken from who has acquired it, in monotonic milliseconds. */
  lockDeadlineMs: number
  isPending: boolean
}

export const NOBODY = ''

export const newSlot = (state: number, deliveryCount: number): Slot => ({
  state,
  deliveryCount,
  memberId: NOBODY,
  lockDeadlineMs: Number.POSITIVE_INFINITY,
  isPending: false,
})

export const isFinal = ({ state }: Slot): boolean =>
  state === RecordState.ACKNOWLEDGED || state === RecordState.ARCHIVED

export const isFree = ({ state, isPending }: Slot): boolean =>
  state === RecordState.AVAILABLE && !isPending

export class InFlightBatch {
  readonly first: number
  readonly last: number
  /** Undefined once split. */
  whole: Slot | undefined
  each: Slot[] | undefined
  /** Never given out: it only stands between records of which something is known. */
  readonly isGap: boolean

  constructor(first: number, last: number, slot: Slot, isGap = false) {
    this.first = first
    this.last = last
    this.whole = slot
    this.isGap = isGap
  }

  get size(): number {
    return this.last - this.first + 1
  }

  split(): Slot[] {
    if (this.each) return this.each
    const { whole } = this
    this.each = Array.from({ length: this.size }, () => ({ ...(whole as Slot) }))
    this.whole = undefined
    return this.each
  }

  slotAt(offset: number): Slot {
    return this.whole ?? ((this.each as Slot[])[offset - this.first] as Slot)
  }

  /** Slots with the offsets they stand for, as far as they lie in `[from, to]`. */
  *slots(from = this.first, to = this.last): Iterable<readonly [Slot, number, number]> {
    const start = Math.max(from, this.first)
    const end = Math.min(to, this.last)
    if (start > end) return
    if (this.whole) yield [this.whole, start, end]
    else
      for (let offset = start; offset <= end; offset++) yield [this.slotAt(offset), offset, offset]
  }
}

/** A slot as it is written down. Acquired records are not: after a restart they are available. */
export const stateBatchOf = (slot: Slot, first: number, last: number): StateBatch => ({
  firstOffset: first,
  lastOffset: last,
  deliveryState: slot.state,
  deliveryCount: slot.deliveryCount,
})
