/** Keeps a loop at so many records a second by the clock, so that a pause is made up for. */
export class Pace {
  private readonly startMs: number
  private readonly perSecond: number

  constructor(perSecond: number, nowMs: number) {
    this.perSecond = perSecond
    this.startMs = nowMs
  }

  /** When record `index` (from 0) is due. */
  dueMs(index: number): number {
    if (this.perSecond === 0) return this.startMs
    return this.startMs + (index * 1_000) / this.perSecond
  }

  /** Records due by now, none of which has to wait. */
  dueCount(nowMs: number): number {
    if (this.perSecond === 0) return Number.POSITIVE_INFINITY
    return Math.floor(((nowMs - this.startMs) * this.perSecond) / 1_000) + 1
  }
}
