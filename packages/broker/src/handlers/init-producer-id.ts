/**
 * InitProducerId (key 22), versions 0-5.
 *
 * Behaviour: without a transactional id, a producer id that nobody had before, with epoch 0. With
 * one, the id it has with the next epoch, which fences whoever used it before; a transaction that
 * is still open is aborted first, and CONCURRENT_TRANSACTIONS asks the client to come back.
 * Version notes: from 3 a producer may name the identity it has (KIP-360); PRODUCER_FENCED is
 * INVALID_PRODUCER_EPOCH before 4.
 */
import { apis, type ErrorName, errorCode } from '@ottla/protocol'
import { handler } from '../handler.ts'

export const initProducerId = handler(
  apis.initProducerId,
  { lowest: 0, highest: 5 },
  async (services, { apiVersion }, request) => {
    const { transactionalId, transactionTimeoutMs, producerId, producerEpoch } = request
    const refuse = (error: ErrorName) => ({
      throttleTimeMs: 0,
      errorCode: errorCode(
        error === 'PRODUCER_FENCED' && apiVersion < 4 ? 'INVALID_PRODUCER_EPOCH' : error,
      ),
      producerEpoch: -1,
    })
    if (transactionalId === '') return refuse('INVALID_REQUEST')
    if (producerId >= 0 !== producerEpoch >= 0) return refuse('INVALID_REQUEST')
    if (transactionalId === null) {
      const fresh = await services.producerIds.allocate()
      return { throttleTimeMs: 0, errorCode: 0, producerId: fresh, producerEpoch: 0 }
    }
    const expected = producerId >= 0 ? { producerId, producerEpoch } : undefined
    const answer = await services.transactions.initProducerId(
      transactionalId,
      transactionTimeoutMs,
      expected,
    )
    return answer.kind === 'done'
      ? { throttleTimeMs: 0, errorCode: 0, ...answer.value }
      : refuse(answer.error)
  },
)
