/**
 * UnregisterBroker (key 64), version 0, and UnregisterController (key 94), version 0.
 *
 * Behaviour: registrations that other nodes left in the metadata log can be removed. This node is
 * the controller that is active, and as such cannot be removed.
 * Differences: Apache Kafka lets the broker of one node be unregistered while it runs, and has no
 * leader for any partition until it is started again. Here that is INVALID_REQUEST.
 */
import { apis, type ErrorName, errorCode } from '@ottla/protocol'
import type { BrokerServices } from '../broker-services.ts'
import { handler } from '../handler.ts'
import type { MetadataImage } from '../metadata/metadata-image.ts'
import { type MetadataRecord, metadataRecord } from '../metadata/metadata-record.ts'
import { Refusal } from '../metadata/topic-controller.ts'

export const unregisterBroker = handler(
  apis.unregisterBroker,
  { lowest: 0, highest: 0 },
  (services, _context, { brokerId }) =>
    remove(services, ({ brokers }) => {
      if (brokerId === services.nodeId) {
        const message = `Broker ID ${brokerId} is this node, which cannot unregister itself.`
        throw new Refusal('INVALID_REQUEST', message)
      }
      const registration = brokers.get(brokerId)
      if (!registration) {
        const message = `Broker ID ${brokerId} is not currently registered`
        throw new Refusal('BROKER_ID_NOT_REGISTERED', message)
      }
      const { brokerEpoch } = registration
      return metadataRecord('UnregisterBrokerRecord', { brokerId, brokerEpoch })
    }),
)

export const unregisterController = handler(
  apis.unregisterController,
  { lowest: 0, highest: 0 },
  (services, _context, { controllerId }) =>
    remove(services, ({ controllers }) => {
      if (controllerId === services.nodeId) {
        const message = 'Controller cannot unregister itself while it is active.'
        throw new Refusal('INVALID_REQUEST', message)
      }
      if (!controllers.has(controllerId)) {
        const message = `Controller ID ${controllerId} is not currently registered.`
        throw new Refusal('CONTROLLER_ID_NOT_REGISTERED', message)
      }
      return metadataRecord('UnregisterControllerRecord', { controllerId })
    }),
)

async function remove(
  { metadata }: BrokerServices,
  decide: (image: MetadataImage) => MetadataRecord,
) {
  const answer = (error: ErrorName, errorMessage: string) => ({
    throttleTimeMs: 0,
    errorCode: errorCode(error),
    errorMessage,
  })
  try {
    return await metadata.change((image) => ({
      records: [decide(image)],
      response: answer('NONE', ''),
    }))
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return answer(error.error, error.message)
  }
}
