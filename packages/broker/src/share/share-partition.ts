/**
 * One partition as one share group sees it. A pure state machine: no I/O, no clock.
 *
 *          start offset                                  end offset
 *   final  |  given out: acquired, available again, final  |  not given out yet
 *   -------+----------------------------------------------+------------------->
 *
 * What happens to records inside the window is in acquire.ts and acknowledge.ts. Every change of a
 * record's state is also told as state batches to be written down, together with the start offset
 * as it was before the change: the window moves only once they are durable.
 *
 * Must always hold: batches are in order and do not overlap; a record is acquired by one member at
 * most; whatever lies below the start offset is final; a final record never becomes another.
 */
import { assert } from '@ottla/base'
import {
  InFlightBatch,
  isFinal,
  isFree,
  NOBODY,
  newSlot,
  RecordState,
  type Slot,
  stateBatchOf,
} from './in-flight-batch.ts'
import { joined, type StateBatch } from './state-batches.ts'

export interface StateBefore {
  readonly startOffset: number
  readonly batches: readonly StateBatch[]
}

/** Records that were given up, and why. */
export interface FailedRecords {
  readonly firstOffset: number
  readonly lastOffset: number
  readonly deliveryCount: number
  readonly reason: 'rejected' | 'worn'
}

/** Changes that count already, but may have to be taken back. */
export interface Transition {
  readonly batches: readonly StateBatch[]
  readonly failed: readonly FailedRecords[]
  /** They are durable. */
  commit(): void
  /** They will never be. */
  rollBack(): void
}

export class SharePartition {
  startOffset: number
  /** Exclusive. Equal to the start offset when nothing is given out. */
  endOffset: number
  batches: InFlightBatch[] = []
  private nextLockDeadlineMs = Number.POSITIVE_INFINITY

  constructor({ startOffset, batches }: StateBefore) {
    this.startOffset = startOffset
    this.endOffset = startOffset
    for (const { firstOffset, lastOffset, deliveryState, deliveryCount } of batches) {
      const gap = [this.endOffset, firstOffset - 1] as const
      if (gap[0] <= gap[1]) {
        const slot = newSlot(RecordState.AVAILABLE, 0)
        this.batches.push(new InFlightBatch(...gap, slot, true))
      }
      const slot = newSlot(deliveryState, deliveryCount)
      this.batches.push(new InFlightBatch(firstOffset, lastOffset, slot))
      this.endOffset = lastOffset + 1
    }
    this.advance()
  }

  /** Where to read next: the first record that can be given out. */
  get nextFetchOffset(): number {
    for (const batch of this.batches) {
      for (const [slot, first] of batch.slots(this.startOffset)) if (isFree(slot)) return first
    }
    return this.endOffset
  }

  /** Records in the window that are in a final state. */
  get deliveryCompleteCount(): number {
    let count = 0
    for (const batch of this.batches) {
      for (const [slot, first, last] of batch.slots(this.startOffset)) {
        if (isFinal(slot)) count += last - first + 1
      }
    }
    return count
  }

  get inFlightCount(): number {
    return this.endOffset - this.startOffset - this.deliveryCompleteCount
  }

  canAcquire(recordsMax: number): boolean {
    return this.inFlightCount < recordsMax || this.nextFetchOffset < this.endOffset
  }

  // ---------------------------------------------------------------- batches

  /** The batch that contains an offset, or the last one in front of it. */
  floorIndex(offset: number): number {
    let low = 0
    let high = this.batches.length - 1
    while (low <= high) {
      const middle = (low + high) >> 1
      if ((this.batches[middle] as InFlightBatch).first <= offset) low = middle + 1
      else high = middle - 1
    }
    return high
  }

  insert(batch: InFlightBatch): void {
    const at = this.floorIndex(batch.first)
    const before = this.batches[at]
    const after = this.batches[at + 1]
    assert(!before || before.last < batch.first, `overlap in front of ${batch.first}`)
    assert(!after || after.first > batch.last, `overlap behind ${batch.last}`)
    this.batches.splice(at + 1, 0, batch)
    this.endOffset = Math.max(this.endOffset, batch.last + 1)
  }

  replace(batch: InFlightBatch, ...others: InFlightBatch[]): void {
    this.batches.splice(this.batches.indexOf(batch), 1, ...others)
  }

  lock(slot: Slot, memberId: string, lockDeadlineMs: number): void {
    slot.state = RecordState.ACQUIRED
    slot.deliveryCount++
    slot.memberId = memberId
    slot.lockDeadlineMs = lockDeadlineMs
    this.noteDeadline(lockDeadlineMs)
  }

  noteDeadline(lockDeadlineMs: number): void {
    this.nextLockDeadlineMs = Math.min(this.nextLockDeadlineMs, lockDeadlineMs)
  }

  // ---------------------------------------------------------------- the window

  /** Moves the start offset over what is final. */
  advance(): void {
    for (;;) {
      const batch = this.batches[0]
      if (!batch) {
        this.startOffset = this.endOffset
        return
      }
      this.startOffset = Math.max(this.startOffset, batch.first)
      for (const [slot, first, last] of batch.slots(this.startOffset)) {
        if (!isFinal(slot) || slot.isPending) return
        assert(first === this.startOffset, 'the window moves without a gap')
        this.startOffset = last + 1
      }
      this.batches.shift()
    }
  }

  /** Records in front of `offset` have left the log: nobody can process them any more. */
  moveStart(offset: number): void {
    if (offset <= this.startOffset) return
    this.startOffset = offset
    this.endOffset = Math.max(this.endOffset, offset)
    while (this.batches[0] && (this.batches[0] as InFlightBatch).last < offset) this.batches.shift()
    this.advance()
  }

  /** Offsets in `[from, to]` that hold no record; compaction leaves such. */
  archiveMissing(from: number, to: number): void {
    for (const batch of this.batches) {
      if (batch.last < from || batch.first > to) continue
      if (batch.whole && !isFree(batch.whole)) continue
      if (batch.first < from || batch.last > to) batch.split()
      for (const [slot] of batch.slots(from, to))
        if (isFree(slot)) slot.state = RecordState.ARCHIVED
    }
  }

  // ---------------------------------------------------------------- losing records

  nextDeadlineMs(): number {
    return this.nextLockDeadlineMs
  }

  /** Takes records from those who kept them too long. */
  expireLocks(nowMs: number, deliveryCountMax: number): StateBatch[] {
    const released: StateBatch[] = []
    this.nextLockDeadlineMs = Number.POSITIVE_INFINITY
    for (const batch of this.batches) {
      for (const [slot, first, last] of batch.slots(this.startOffset)) {
        if (slot.state !== RecordState.ACQUIRED) continue
        if (slot.lockDeadlineMs > nowMs) this.noteDeadline(slot.lockDeadlineMs)
        else {
          giveUp(slot, deliveryCountMax)
          released.push(stateBatchOf(slot, first, last))
        }
      }
    }
    return joined(released)
  }

  /** Takes back all that a member has, since it is gone. */
  release(memberId: string, deliveryCountMax: number): Transition {
    const changes = new SlotChanges()
    for (const batch of this.batches) {
      for (const [slot, first, last] of batch.slots(this.startOffset)) {
        if (slot.state !== RecordState.ACQUIRED || slot.memberId !== memberId) continue
        changes.make(slot, [first, last], 'worn', () => giveUp(slot, deliveryCountMax))
      }
    }
    return changes.transition(this)
  }
}

/** Back to those to be given out, unless that was tried often enough. */
export function giveUp(slot: Slot, deliveryCountMax: number): void {
  const isWorn = slot.deliveryCount >= deliveryCountMax
  slot.state = isWorn ? RecordState.ARCHIVED : RecordState.AVAILABLE
  slot.memberId = NOBODY
  slot.lockDeadlineMs = Number.POSITIVE_INFINITY
}

/** Changes of slots that can be taken back as long as they are not durable. */
export class SlotChanges {
  private readonly changed: { readonly slot: Slot; readonly before: Slot }[] = []
  private readonly batches: StateBatch[] = []
  private readonly failed: FailedRecords[] = []

  /** `reason` is why the records have failed, should they end in the archive. */
  make(
    slot: Slot,
    [first, last]: readonly [number, number],
    reason: FailedRecords['reason'] | undefined,
    change: () => void,
  ): void {
    this.changed.push({ slot, before: { ...slot } })
    change()
    slot.isPending = true
    if (reason && slot.state === RecordState.ARCHIVED) {
      const { deliveryCount } = slot
      this.failed.push({ firstOffset: first, lastOffset: last, deliveryCount, reason })
    }
    this.batches.push(stateBatchOf(slot, first, last))
  }

  rollBack(): void {
    for (const { slot, before } of this.changed.reverse()) Object.assign(slot, before)
  }

  transition(partition: SharePartition): Transition {
    const { changed } = this
    return {
      batches: joined(this.batches),
      failed: this.failed,
      commit: () => {
        for (const { slot } of changed) slot.isPending = false
        partition.advance()
      },
      rollBack: () => {
        this.rollBack()
        for (const { slot } of changed) {
          if (slot.state === RecordState.ACQUIRED) partition.noteDeadline(slot.lockDeadlineMs)
        }
      },
    }
  }
}
