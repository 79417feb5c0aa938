/**
 * Which batches of a fetch belong to aborted transactions.
 *
 * The broker sends, with the batches, the aborted transactions that touch them: producer id and
 * first offset, but no end. So one walks along with the batches: a transaction whose first offset
 * has been reached makes its producer "aborted" until that producer's abort marker is passed. The
 * marker may lie in a later fetch; then the producer stays aborted to the end of this one, and the
 * next fetch names the transaction again.
 */
export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
}

export class AbortedTransactions {
  private readonly upcoming: AbortedTransaction[]
  private next = 0
  private readonly aborted = new Set<number>()

  constructor(transactions: readonly AbortedTransaction[]) {
    this.upcoming = [...transactions].sort((a, b) => a.firstOffset - b.firstOffset)
  }

  /** True when the transactional batch [.., lastOffset] of the producer is to be hidden. */
  isAborted(producerId: number, lastOffset: number): boolean {
    this.advance(lastOffset)
    return this.aborted.has(producerId)
  }

  /** The producer's abort marker has been passed. */
  passAbortMarker(producerId: number, offset: number): void {
    this.advance(offset)
    this.aborted.delete(producerId)
  }

  private advance(offset: number): void {
    for (; this.next < this.upcoming.length; this.next++) {
      const transaction = this.upcoming[this.next] as AbortedTransaction
      if (transaction.firstOffset > offset) return
      this.aborted.add(transaction.producerId)
    }
  }
}
