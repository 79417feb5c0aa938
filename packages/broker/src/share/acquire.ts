/**
 * Giving out records of a share partition to a member. Pure.
 *
 * Whole record batches are given out where possible, since they travel whole: `maxRecords` then
 * ends behind the batch that reaches it. In record-limit mode it is kept to the record. Records
 * that failed often are given out in ever smaller portions, the last time one by one, so that a
 * single bad record does not take its neighbours with it.
 */
import { InFlightBatch, isFree, newSlot, RecordState, type Slot } from './in-flight-batch.ts'
import type { SharePartition } from './share-partition.ts'

/** A record batch that was read. */
export interface ReadBatch {
  readonly baseOffset: number
  readonly lastOffset: number
}

export interface Acquisition {
  readonly memberId: string
  /** Never empty; the first contains `fetchOffset`. */
  readonly batches: readonly ReadBatch[]
  readonly fetchOffset: number
  readonly maxRecords: number
  /** Records to be put together at least, where record batches are smaller. */
  readonly batchSize: number
  readonly isRecordLimit: boolean
  readonly lockDeadlineMs: number
  readonly deliveryCountMax: number
  readonly inFlightMax: number
}

export interface AcquiredRange {
  readonly firstOffset: number
  readonly lastOffset: number
  readonly deliveryCount: number
}

export function acquire(partition: SharePartition, wanted: Acquisition): AcquiredRange[] {
  const { batches, maxRecords, fetchOffset } = wanted
  const first = batches[0]
  const last = batches.at(-1)
  if (!first || !last || maxRecords <= 0 || last.lastOffset < partition.startOffset) return []
  const run = new AcquireRun(partition, wanted, last.lastOffset)
  if (!run.limit()) return []
  partition.archiveMissing(fetchOffset, first.baseOffset - 1)
  run.go(first.baseOffset)
  return run.acquired
}

/** Deliveries from which on a batch is given out in portions. */
const throttledFrom = (deliveryCountMax: number): number =>
  Math.max(2, Math.ceil(deliveryCountMax / 2))

class AcquireRun {
  readonly acquired: AcquiredRange[] = []
  private count = 0
  private max: number
  private lastOffset: number
  private readonly partition: SharePartition
  private readonly wanted: Acquisition

  constructor(partition: SharePartition, wanted: Acquisition, lastOffset: number) {
    this.partition = partition
    this.wanted = wanted
    this.max = wanted.maxRecords
    this.lastOffset = lastOffset
  }

  /** Keeps to what may be in flight; what is so already may always be given out again. */
  limit(): boolean {
    const { partition, wanted } = this
    const room = wanted.inFlightMax - partition.inFlightCount
    if (room > 0) {
      this.max = Math.min(this.max, room)
      return true
    }
    if (wanted.fetchOffset >= partition.endOffset) return false
    this.max = Math.min(this.max, partition.endOffset - wanted.fetchOffset)
    this.lastOffset = Math.min(this.lastOffset, partition.endOffset - 1)
    return true
  }

  go(baseOffset: number): void {
    const { partition } = this
    let next = Math.max(baseOffset, partition.startOffset)
    const known = partition.batches.filter(
      ({ first, last }) => last >= next && first <= this.lastOffset,
    )
    for (const batch of known) {
      if (this.count >= this.max) return
      if (batch.first > next) next = batch.first
      if (!this.again(batch, baseOffset)) return
      next = batch.last + 1
    }
    next = Math.max(next, partition.endOffset)
    if (this.count < this.max && next <= this.lastOffset) this.fresh(next, this.lastOffset)
  }

  /** Gives out what is free of a known batch; false: that is all for this time. */
  private again(batch: InFlightBatch, baseOffset: number): boolean {
    if (batch.isGap && batch.whole && isFree(batch.whole)) {
      this.gap(batch)
      return true
    }
    const from = Math.max(baseOffset, this.partition.startOffset)
    const isThrottled = this.isThrottled(batch, from)
    if (isThrottled && this.count > 0) return false
    const isFull = batch.first >= from && batch.last <= this.lastOffset
    const isTooMuch = this.wanted.isRecordLimit && batch.size > this.max - this.count
    if (batch.whole) {
      if (!isFree(batch.whole)) return true
      if (isFull && !isTooMuch && !isThrottled) {
        this.lock(batch.whole)
        const { first: firstOffset, last: lastOffset, whole } = batch
        this.acquired.push({ firstOffset, lastOffset, deliveryCount: whole.deliveryCount })
        this.count += batch.size
        return true
      }
      batch.split()
    }
    this.oneByOne(batch, from)
    return !isThrottled
  }

  private isThrottled(batch: InFlightBatch, from: number): boolean {
    const limit = throttledFrom(this.wanted.deliveryCountMax)
    for (const [slot] of batch.slots(batch.whole ? batch.first : from, this.lastOffset)) {
      if ((batch.whole || isFree(slot)) && slot.deliveryCount >= limit) return true
    }
    return false
  }

  private oneByOne(batch: InFlightBatch, from: number): void {
    const { deliveryCountMax, isRecordLimit } = this.wanted
    const limit = throttledFrom(deliveryCountMax)
    const left = this.max - this.count
    const ranges: AcquiredRange[] = []
    let portion = Number.POSITIVE_INFINITY
    let taken = 0
    for (const [slot, offset] of batch.slots(from, this.lastOffset)) {
      if (!isFree(slot)) continue
      const isLastTry = deliveryCountMax > 2 && slot.deliveryCount === deliveryCountMax - 1
      if (isLastTry && taken > 0) break
      if (slot.deliveryCount >= limit && portion === Number.POSITIVE_INFINITY) {
        portion = Math.max(1, Math.floor(batch.size / 2 ** (slot.deliveryCount - limit + 1)))
      }
      this.lock(slot)
      append(ranges, offset, slot.deliveryCount)
      taken++
      if (isLastTry || (isRecordLimit && taken === left) || taken === portion) break
    }
    this.acquired.push(...ranges)
    this.count += taken
  }

  /** Records in between that nobody was known to have had: as if they were new. */
  private gap(batch: InFlightBatch): void {
    const slot = batch.whole as Slot
    this.partition.replace(batch)
    const first = Math.max(batch.first, this.partition.startOffset)
    const end = this.fresh(first, Math.min(batch.last, this.lastOffset))
    if (end < batch.last) this.partition.insert(new InFlightBatch(end + 1, batch.last, slot, true))
  }

  /** Gives out records for the first time; returns the last offset that is known then. */
  private fresh(first: number, last: number): number {
    const { isRecordLimit } = this.wanted
    const left = this.max - this.count
    const end = left < last - first + 1 ? Math.min(this.endOfBatch(first + left - 1), last) : last
    if (isRecordLimit && left < end - first + 1) {
      const batch = new InFlightBatch(first, end, newSlot(RecordState.AVAILABLE, 0))
      batch.split()
      for (const [slot] of batch.slots(first, first + left - 1)) this.lock(slot)
      this.partition.insert(batch)
      this.acquired.push({ firstOffset: first, lastOffset: first + left - 1, deliveryCount: 1 })
      this.count += left
      return end
    }
    for (const [from, to] of this.portions(first, end)) {
      const slot = newSlot(RecordState.AVAILABLE, 0)
      this.lock(slot)
      this.partition.insert(new InFlightBatch(from, to, slot))
      this.acquired.push({ firstOffset: from, lastOffset: to, deliveryCount: 1 })
    }
    this.count += end - first + 1
    return end
  }

  private endOfBatch(offset: number): number {
    const batch = this.wanted.batches.find(({ lastOffset }) => lastOffset >= offset)
    return batch?.lastOffset ?? this.lastOffset
  }

  /** Whole record batches put together until they hold `batchSize` records. */
  private *portions(first: number, last: number): Iterable<readonly [number, number]> {
    const { isRecordLimit, batchSize, batches } = this.wanted
    let from = first
    if (!isRecordLimit && last - first + 1 > batchSize) {
      for (const { baseOffset } of batches) {
        if (baseOffset > last) break
        if (baseOffset <= from || baseOffset - from < batchSize) continue
        yield [from, baseOffset - 1]
        from = baseOffset
      }
    }
    yield [from, last]
  }

  private lock(slot: Slot): void {
    this.partition.lock(slot, this.wanted.memberId, this.wanted.lockDeadlineMs)
  }
}

function append(ranges: AcquiredRange[], offset: number, deliveryCount: number): void {
  const last = ranges.at(-1)
  if (last && last.lastOffset + 1 === offset && last.deliveryCount === deliveryCount) {
    ranges[ranges.length - 1] = { ...last, lastOffset: offset }
  } else ranges.push({ firstOffset: offset, lastOffset: offset, deliveryCount })
}
