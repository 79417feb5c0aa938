/**
 * What a member holds of one partition out of one fetch, and what it has said about each offset.
 * Pure.
 *
 *   HELD --> accept, release, reject --taken into a request--> SAID
 *    ^ \---> renew --taken--> HELD        ^                     |
 *    |                                    +---- put back -------+
 *    +-- all that are left: LOST, when the broker has given them to others
 *
 * Offsets without a record (compacted away, control batches) are acquired like the others; they are
 * gaps from the beginning, which the next request tells the broker.
 *
 * Must always hold: an offset is answered once, apart from renewals; and what is said of an offset
 * that was lost is reported, not sent.
 */
import type { KafkaError } from '../errors.ts'

/** What can be said of a record, by its number on the wire. */
export const ACKNOWLEDGEMENT = { accept: 1, release: 2, reject: 3, renew: 4 } as const
export type Acknowledgement = keyof typeof ACKNOWLEDGEMENT

const GAP = 0
const RENEW = ACKNOWLEDGEMENT.renew
const HELD = -1
const SAID = -2
const LOST = -3

export interface AcquiredRange {
  readonly firstOffset: number
  readonly lastOffset: number
  readonly deliveryCount: number
}

export interface AcknowledgementBatch {
  readonly firstOffset: number
  readonly lastOffset: number
  /** One for all offsets, or one for each. */
  readonly acknowledgeTypes: number[]
}

interface Range extends AcquiredRange {
  readonly marks: Int8Array
}

export class HeldRecords {
  private readonly ranges: readonly Range[]
  private readonly onLate: (error: KafkaError) => void
  private lostBecause: KafkaError | undefined
  /** Offsets with something to send. */
  private marked: number
  /** Offsets that are not answered yet. */
  private open: number
  private renewals = 0

  /** `onLate` hears of what is said about offsets that were lost. */
  constructor(acquired: readonly AcquiredRange[], onLate: (error: KafkaError) => void) {
    this.onLate = onLate
    this.ranges = acquired.map((range) => ({
      ...range,
      marks: new Int8Array(range.lastOffset - range.firstOffset + 1).fill(GAP),
    }))
    this.open = this.ranges.reduce((sum, { marks }) => sum + marks.length, 0)
    this.marked = this.open
  }

  get firstOffset(): number {
    return this.ranges[0]?.firstOffset ?? 0
  }

  /** There is something to tell the broker. */
  get hasMarks(): boolean {
    return this.marked > 0
  }

  get hasRenewals(): boolean {
    return this.renewals > 0
  }

  /** Every offset has been answered. */
  get isDone(): boolean {
    return this.open === 0
  }

  /** There is a record at this offset: its delivery count, or undefined when it is not ours. */
  hold(offset: number): number | undefined {
    const range = this.rangeOf(offset)
    if (!range) return undefined
    this.set(range, offset - range.firstOffset, HELD)
    return range.deliveryCount
  }

  /** Bytes beyond this offset did not arrive: what was acquired there goes back. */
  releaseFrom(end: number): void {
    for (const range of this.ranges) {
      for (let at = Math.max(0, end - range.firstOffset); at < range.marks.length; at++) {
        this.set(range, at, ACKNOWLEDGEMENT.release)
      }
    }
  }

  /** The record waits for an answer, or the answer has not been sent yet. */
  isHeld(offset: number): boolean {
    const range = this.rangeOf(offset)
    const mark = range?.marks[offset - range.firstOffset]
    return mark === HELD || mark === RENEW
  }

  /** Says what became of a record; changes nothing once an answer has been sent. */
  mark(offset: number, what: Acknowledgement): void {
    const range = this.rangeOf(offset)
    if (!range) throw new RangeError(`offset ${offset} is not held`)
    const at = offset - range.firstOffset
    const before = range.marks[at] as number
    if (before === LOST && this.lostBecause) this.onLate(this.lostBecause)
    if (before === HELD || before > GAP) this.set(range, at, ACKNOWLEDGEMENT[what])
  }

  /** Says it of all records that have had no answer. */
  markRest(what: Acknowledgement): void {
    let isTooLate = false
    this.each((range, at, mark) => {
      if (mark === HELD || mark === RENEW) this.set(range, at, ACKNOWLEDGEMENT[what])
      else if (mark === LOST) isTooLate = true
    })
    if (isTooLate && this.lostBecause) this.onLate(this.lostBecause)
  }

  dropRenewals(): void {
    this.each((range, at, mark) => {
      if (mark === RENEW) this.set(range, at, HELD)
    })
  }

  /** What is to be told, in order of offsets; from now on it counts as said. */
  takeBatches(): AcknowledgementBatch[] {
    if (this.marked === 0) return []
    const batches: AcknowledgementBatch[] = []
    for (const range of this.ranges) {
      let types: number[] = []
      for (let at = 0; at <= range.marks.length; at++) {
        const mark = range.marks[at] ?? SAID
        if (mark >= GAP) {
          types.push(mark)
          this.set(range, at, mark === RENEW ? HELD : SAID)
        } else if (types.length > 0) {
          batches.push(batchOf(range.firstOffset + at - types.length, types))
          types = []
        }
      }
    }
    return batches
  }

  /** The broker could not take these in, and may be asked again. */
  putBack(batches: readonly AcknowledgementBatch[]): void {
    for (const { firstOffset, lastOffset, acknowledgeTypes } of batches) {
      for (let offset = firstOffset; offset <= lastOffset; offset++) {
        const range = this.rangeOf(offset)
        if (!range) continue
        const at = offset - range.firstOffset
        const type = acknowledgeTypes[acknowledgeTypes.length === 1 ? 0 : offset - firstOffset]
        const mark = range.marks[at]
        // What was said meanwhile of a record whose renewal was on its way is newer.
        if (mark === SAID || mark === HELD) this.set(range, at, type as number)
      }
    }
  }

  /** These offsets were given out again: what was held of them before counts no more. */
  lose(first: number, last: number, error: KafkaError): void {
    this.lostBecause = error
    let isTooLate = false
    this.each((range, at, mark) => {
      const offset = range.firstOffset + at
      if (offset < first || offset > last || mark === SAID || mark === LOST) return
      if (mark > GAP) isTooLate = true
      this.set(range, at, LOST)
    })
    if (isTooLate) this.onLate(error)
  }

  private rangeOf(offset: number): Range | undefined {
    let low = 0
    let high = this.ranges.length - 1
    while (low <= high) {
      const middle = (low + high) >>> 1
      const range = this.ranges[middle] as Range
      if (offset < range.firstOffset) high = middle - 1
      else if (offset > range.lastOffset) low = middle + 1
      else return range
    }
    return undefined
  }

  private each(visit: (range: Range, at: number, mark: number) => void): void {
    for (const range of this.ranges) {
      for (let at = 0; at < range.marks.length; at++) visit(range, at, range.marks[at] as number)
    }
  }

  private set(range: Range, at: number, mark: number): void {
    const before = range.marks[at] as number
    range.marks[at] = mark
    this.marked += Number(mark >= GAP) - Number(before >= GAP)
    this.open += Number(mark > SAID) - Number(before > SAID)
    this.renewals += Number(mark === RENEW) - Number(before === RENEW)
  }
}

function batchOf(firstOffset: number, types: readonly number[]): AcknowledgementBatch {
  const [first = GAP] = types
  const isUniform = types.every((type) => type === first)
  return {
    firstOffset,
    lastOffset: firstOffset + types.length - 1,
    acknowledgeTypes: isUniform ? [first] : [...types],
  }
}
