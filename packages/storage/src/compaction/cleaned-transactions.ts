/**
 * Follows the transactions of a log while it is read for cleaning, batch by batch in order of
 * offsets: which batches were aborted, and which markers have nothing left to decide.
 *
 * An ABORT marker is wanted as long as a record of its transaction was still there when this pass
 * came by; a COMMIT marker likewise. A marker that is not wanted any more gets a delete horizon by
 * its batch and goes when that has passed, so that readers which are behind still see it.
 */
import { producerIdOf } from '@ottla/protocol'
import type { AbortedTransaction } from '../transaction-index.ts'

interface OpenAbort {
  readonly transaction: AbortedTransaction
  wasSeen: boolean
}

export class CleanedTransactions {
  /** Aborted transactions whose marker is still to come, in order of first offsets. */
  private upcoming: AbortedTransaction[] = []
  private readonly aborting = new Map<number, OpenAbort>()
  private readonly committing = new Set<number>()

  /** What the transaction indexes of the segments say that are read next. */
  add(transactions: readonly AbortedTransaction[]): void {
    this.upcoming.push(...transactions)
    this.upcoming.sort((a, b) => a.firstOffset - b.firstOffset)
  }

  /** A batch of records: true when its transaction was aborted. */
  isAborted(batch: Buffer, at: number, lastOffset: number, isTransactional: boolean): boolean {
    this.begin(lastOffset)
    if (!isTransactional) return false
    const producerId = producerIdOf(batch, at)
    const abort = this.aborting.get(producerId)
    if (abort) {
      abort.wasSeen = true
      return true
    }
    this.committing.add(producerId)
    return false
  }

  /**
   * A marker: is there still something that it decides? `aborted` is then the entry that the new
   * segment's transaction index needs.
   */
  endAt(
    batch: Buffer,
    at: number,
    lastOffset: number,
    isAbort: boolean | undefined,
  ): { readonly isNeeded: boolean; readonly aborted?: AbortedTransaction } {
    this.begin(lastOffset)
    const producerId = producerIdOf(batch, at)
    if (isAbort === undefined) return { isNeeded: true }
    if (!isAbort) return { isNeeded: this.committing.delete(producerId) }
    const abort = this.aborting.get(producerId)
    this.aborting.delete(producerId)
    if (!abort?.wasSeen) return { isNeeded: false }
    return { isNeeded: true, aborted: abort.transaction }
  }

  private begin(lastOffset: number): void {
    let begun = 0
    for (const transaction of this.upcoming) {
      if (transaction.firstOffset > lastOffset) break
      begun++
      this.aborting.set(transaction.producerId, { transaction, wasSeen: false })
    }
    if (begun > 0) this.upcoming.splice(0, begun)
  }
}
