/**
 * Where an idempotent producer gets its producer id and epoch. A new epoch begins the sequences
 * anew; it is simply the next number (KIP-360), and a new id is asked for when the numbers end.
 */

import { apis } from '@ottla/protocol'
import type { Cluster } from '../cluster/cluster.ts'
import { retry } from '../cluster/retry.ts'
import { isRetriableError, KafkaError, TimeoutError } from '../errors.ts'
import { NO_IDENTITY, type ProducerIdentity } from './producer-batch.ts'

const PRODUCER_EPOCH_MAX = 32_767

/** Who gives batches their producer id and epoch, and says when those of a partition may go. */
export interface Identities {
  /** Undefined until a broker has given one. */
  readonly current: ProducerIdentity | undefined
  readonly lastError: Error | undefined
  /** What produce requests say; null outside of transactions. */
  readonly transactionalId: string | null
  /** Newest version of Produce to use. */
  readonly produceVersionMax: number | undefined
  /** Gets an identity unless that is under way. */
  load(onLoaded: () => void): void
  /** Begins a new epoch, if that is for the producer to do. */
  renew(onRenewed: () => void): void
  /** False while batches of this partition have to wait; the sender is woken when that is over. */
  admits(topic: string, partition: number): boolean
  /** Batches go out now. */
  sending(): void
}

export class IdentitySource implements Identities {
  private readonly cluster: Cluster
  private readonly onFatal: (error: Error) => void
  private loading = false
  current: ProducerIdentity | undefined
  lastError: Error | undefined
  readonly transactionalId = null
  readonly produceVersionMax = undefined

  constructor(cluster: Cluster, isIdempotent: boolean, onFatal: (error: Error) => void) {
    this.cluster = cluster
    this.onFatal = onFatal
    this.current = isIdempotent ? undefined : NO_IDENTITY
  }

  load(onLoaded: () => void): void {
    if (this.loading) return
    this.loading = true
    const { context } = this.cluster
    const options = { what: 'InitProducerId', timeoutMs: context.apiTimeoutMs }
    retry(context, options, async () => {
      const response = await this.cluster.request('any', apis.initProducerId, {
        transactionalId: null,
        transactionTimeoutMs: 0,
      })
      if (response.errorCode !== 0) throw new KafkaError(response.errorCode, 'InitProducerId')
      return response
    })
      .then(
        ({ producerId, producerEpoch }) => {
          this.current = { producerId, producerEpoch }
          this.lastError = undefined
        },
        (error: Error) => {
          this.lastError = error
          // Trouble that may pass is for the deadlines of the records, which ask again.
          const mayPass = error instanceof TimeoutError || isRetriableError(error)
          if (!mayPass) this.onFatal(error)
        },
      )
      .finally(() => {
        this.loading = false
        onLoaded()
      })
  }

  admits(): boolean {
    return true
  }

  sending(): void {}

  renew(onRenewed: () => void): void {
    if (!this.current || this.loading) return
    const { producerId, producerEpoch } = this.current
    if (producerEpoch >= PRODUCER_EPOCH_MAX) {
      this.current = undefined
      this.load(onRenewed)
      return
    }
    this.current = { producerId, producerEpoch: producerEpoch + 1 }
    onRenewed()
  }
}
