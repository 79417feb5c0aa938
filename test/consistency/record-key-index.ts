/** The writes to one record key of a compacted partition, and which of them is newer. */
import type { KeyIndex, Writer } from './history-index.ts'

export class RecordKeyIndex {
  readonly writers: Writer[]
  private readonly key: KeyIndex
  /** By offset; made when everything that was read has told where it lies. */
  private placed: { readonly offset: number; readonly writer: Writer }[] | undefined
  private unplaced: Writer[] = []

  constructor(key: KeyIndex, first: Writer) {
    this.key = key
    this.writers = [first]
  }

  add(writer: Writer): void {
    this.writers.push(writer)
  }

  offsetOf({ sent }: Writer): number | undefined {
    return this.key.firstOffsetOf(sent.value)
  }

  /**
   * Whether something had been sent by then that lies above, or may. What was aborted takes the
   * place of nothing.
   */
  hasNewer(offset: number, endedAt: number): boolean {
    const counts = ({ operation }: Writer) =>
      operation.outcome !== 'fail' && operation.startedAt < endedAt
    const placed = this.inOrder()
    for (let i = this.firstAbove(offset); i < placed.length; i++) {
      if (counts((placed[i] as (typeof placed)[number]).writer)) return true
    }
    return this.unplaced.some(counts)
  }

  private inOrder() {
    if (this.placed) return this.placed
    this.placed = []
    for (const writer of this.writers) {
      const offset = this.offsetOf(writer)
      if (offset === undefined) this.unplaced.push(writer)
      else this.placed.push({ offset, writer })
    }
    return this.placed.sort((a, b) => a.offset - b.offset)
  }

  private firstAbove(offset: number): number {
    const placed = this.inOrder()
    let [low, high] = [0, placed.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((placed[middle] as { offset: number }).offset <= offset) low = middle + 1
      else high = middle
    }
    return low
  }
}
