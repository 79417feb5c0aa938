/**
 * Who had a transactional id, and when. A clerk whose transaction is over without its doing is told
 * so in one of two ways:
 *
 * - while the id is still its own, after the coordinator's timeout: INVALID_TXN_STATE, as Apache
 *   Kafka 4.4 answers. The abort raised the epoch by one, so the commit looks like a repetition of
 *   the request that ended the transaction, which has ended otherwise (KAFKA-20785);
 * - once another has the id: PRODUCER_FENCED or INVALID_PRODUCER_EPOCH, and nothing else.
 *
 * Epochs, not the order in which lines are heard, say who came after whom.
 */

export interface Late {
  readonly clerk: string
  readonly error: string
  readonly attempt: string
  readonly epoch: number
  /** When the call was made that failed. */
  readonly ms: number
}

interface Reign {
  readonly epoch: number
  readonly ms: number
}

export class Reigns {
  private readonly reigns = new Map<string, Reign[]>()
  private readonly lates: Late[] = []

  begins(clerk: string, epoch: number, ms: number): void {
    const list = this.reigns.get(clerk) ?? []
    this.reigns.set(clerk, list)
    list.push({ epoch, ms })
  }

  wasLate(late: Late): void {
    this.lates.push(late)
  }

  /** Who was told INVALID_TXN_STATE though another had the id before the call was made. */
  faults(): string[] {
    return this.lates
      .filter(({ error }) => error === 'InvalidTxnStateException')
      .flatMap((late) => {
        const next = (this.reigns.get(late.clerk) ?? []).find(
          ({ epoch, ms }) => epoch > late.epoch && ms < late.ms,
        )
        return next
          ? [
              `${late.attempt}, epoch ${late.epoch}: late ${late.error}, epoch ${next.epoch} reigned`,
            ]
          : []
      })
  }
}
