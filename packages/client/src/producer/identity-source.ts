/**
 * Where an idempotent producer gets its producer id and epoch. A new epoch begins the sequences
 * anew; it is simply the next number (KIP-360), and a new id is asked for when the numbers end.
 */

import { apis } from '@ottla/protocol'
import type { Cluster } from '../cluster/cluster.ts'
import { retry } from '../cluster/retry.ts'
import { KafkaError, TimeoutError } from '../errors.ts'
import { NO_IDENTITY, type ProducerIdentity } from './producer-batch.ts'

const PRODUCER_EPOCH_MAX = 32_767

export class IdentitySource {
  private readonly cluster: Cluster
  private readonly onFatal: (error: Error) => void
  private loading = false
  /** Undefined until the broker has given one. */
  current: ProducerIdentity | undefined
  lastError: Error | undefined

  constructor(cluster: Cluster, isIdempotent: boolean, onFatal: (error: Error) => void) {
    this.cluster = cluster
    this.onFatal = onFatal
    this.current = isIdempotent ? undefined : NO_IDENTITY
  }

  /** Asks for a producer id unless that is under way. */
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
          if (!(error instanceof TimeoutError)) this.onFatal(error)
        },
      )
      .finally(() => {
        this.loading = false
        onLoaded()
      })
  }

  /** Begins a new epoch. */
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
