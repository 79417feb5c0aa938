import type { EpochEntry } from './checkpoint-file.ts'

/** Answer of OffsetForLeaderEpoch. */
export interface EpochEnd {
  readonly leaderEpoch: number
  readonly endOffset: number
}

/**
 * Which offset each leader epoch began at (KIP-101). Invariant: epochs and start offsets both grow
 * strictly, so that an epoch without records leaves no entry.
 */
export class LeaderEpochCache {
  private list: EpochEntry[]
  /** True while the entries differ from the checkpoint file. */
  isDirty = false

  constructor(entries: readonly EpochEntry[] = []) {
    this.list = [...entries]
  }

  get entries(): readonly EpochEntry[] {
    return this.list
  }

  /** The newest epoch, or -1. */
  get latest(): number {
    return this.list.at(-1)?.epoch ?? -1
  }

  /** Notes that records of `epoch` begin at `startOffset`, unless the epoch is known already. */
  maybeAssign(epoch: number, startOffset: number): void {
    if (epoch < 0 || epoch <= this.latest) return
    while (this.list.length > 0 && (this.list.at(-1) as EpochEntry).startOffset >= startOffset) {
      this.list.pop()
    }
    this.list.push({ epoch, startOffset })
    this.isDirty = true
  }

  /** Forgets epochs that begin at or after `offset`. */
  truncateFromEnd(offset: number): void {
    const kept = this.list.filter((entry) => entry.startOffset < offset)
    if (kept.length === this.list.length) return
    this.list = kept
    this.isDirty = true
  }

  /** Forgets epochs that end before `offset`; the one that contains it now begins there. */
  truncateFromStart(offset: number): void {
    const at = this.list.findLastIndex((entry) => entry.startOffset <= offset)
    if (at < 0 || (at === 0 && this.list[0]?.startOffset === offset)) return
    const first = this.list[at] as EpochEntry
    this.list = [{ epoch: first.epoch, startOffset: offset }, ...this.list.slice(at + 1)]
    this.isDirty = true
  }

  /**
   * OffsetForLeaderEpoch: the largest epoch known that is not above the one asked for, and the
   * offset behind its last record. (-1, -1) when nothing can be said.
   */
  endOffsetFor(epoch: number, logEndOffset: number): EpochEnd {
    if (epoch < 0 || this.list.length === 0) return { leaderEpoch: -1, endOffset: -1 }
    if (epoch === this.latest) return { leaderEpoch: epoch, endOffset: logEndOffset }
    if (epoch > this.latest) return { leaderEpoch: -1, endOffset: -1 }
    const next = this.list.findIndex((entry) => entry.epoch > epoch)
    const endOffset = (this.list[next] as EpochEntry).startOffset
    return {
      leaderEpoch: next === 0 ? epoch : (this.list[next - 1] as EpochEntry).epoch,
      endOffset,
    }
  }
}
