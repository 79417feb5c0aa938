/**
 * InitProducerId (key 22), versions 0-5.
 *
 * Behaviour: gives an idempotent producer an id that nobody had before, with epoch 0. A producer
 * that comes back with its old id (KIP-360) gets a new one too, as from Apache Kafka.
 * Differences: transactional ids are not offered yet and are refused.
 */
import { apis, errorCode } from '@ottla/protocol'
import { handler } from '../handler.ts'

export const initProducerId = handler(
  apis.initProducerId,
  { lowest: 0, highest: 5 },
  async (services, _context, request) => {
    if (request.transactionalId !== null) {
      const error = request.transactionalId === '' ? 'INVALID_REQUEST' : 'UNSUPPORTED_VERSION'
      return { throttleTimeMs: 0, errorCode: errorCode(error), producerEpoch: -1 }
    }
    const producerId = await services.producerIds.allocate()
    return { throttleTimeMs: 0, errorCode: 0, producerId, producerEpoch: 0 }
  },
)
