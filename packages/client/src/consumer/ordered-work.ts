/**
 * The records of one batch on their way through handlers that work at the same time. Pure.
 *
 *   waiting --take--> at work --finish--> done
 *
 * Records with the same place in line (their partition, or their key) follow each other: the next
 * is given out when the one before is done. `doneUpTo` is the offset below which all are done, the
 * one that may be committed.
 */
export class OrderedWork<R> {
  private readonly records: readonly R[]
  private readonly isDone: boolean[]
  /** Behind each record the next one of its line, -1 at the end. */
  private readonly nextInLine: number[]
  /** Records that nothing is in front of, in order. */
  private readonly ready: number[] = []
  private firstUndone = 0

  /** `lineOf` gives undefined for records that need not wait for any other. */
  constructor(records: readonly R[], lineOf: (record: R) => string | undefined) {
    this.records = records
    this.isDone = records.map(() => false)
    this.nextInLine = records.map(() => -1)
    const lastOf = new Map<string, number>()
    records.forEach((record, index) => {
      const line = lineOf(record)
      const before = line === undefined ? undefined : lastOf.get(line)
      if (before === undefined) this.ready.push(index)
      else this.nextInLine[before] = index
      if (line !== undefined) lastOf.set(line, index)
    })
  }

  /** Something can be given out. */
  get hasReady(): boolean {
    return this.ready.length > 0
  }

  get isComplete(): boolean {
    return this.firstUndone === this.records.length
  }

  /** The first record that is not done; undefined when all are. */
  get firstNotDone(): R | undefined {
    return this.records[this.firstUndone]
  }

  /** The oldest record that may be worked on; `undefined` when none may. */
  take(): { readonly record: R; readonly index: number } | undefined {
    const index = this.ready.shift()
    return index === undefined ? undefined : { record: this.records[index] as R, index }
  }

  /** The record is done: the next one of its line may be worked on. */
  finish(index: number): void {
    this.isDone[index] = true
    while (this.isDone[this.firstUndone]) this.firstUndone++
    const next = this.nextInLine[index] as number
    if (next < 0) return
    // Older records first: those of other lines may stand in front.
    const at = this.ready.findIndex((other) => other > next)
    if (at < 0) this.ready.push(next)
    else this.ready.splice(at, 0, next)
  }
}
