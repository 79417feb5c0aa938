/**
 * UpdateFeatures (key 57), versions 0-2.
 *
 * Behaviour: levels of features are kept in the metadata log. All updates are made or none; the
 * first that cannot be made is told. A level that was lowered takes effect at once: groups of the
 * consumer protocol, share groups and dead letter queues are refused, and clients see it in
 * ApiVersions.
 * Version notes: a dry run and the type of upgrade came with 1 (0 can only raise); results per
 * feature went with 2.
 * Differences: `kraft.version` stays at 0, since there is no controller listener for other voters.
 */
import { apis, errorCode } from '@ottla/protocol'
import type { BrokerServices } from '../broker-services.ts'
import { handler } from '../handler.ts'
import { updateFeatures as decide } from '../metadata/feature-controller.ts'
import { Refusal } from '../metadata/topic-controller.ts'

export const updateFeatures = handler(
  apis.updateFeatures,
  { lowest: 0, highest: 2 },
  async (services, { apiVersion }, { featureUpdates, validateOnly }) => {
    const context = contextOf(services)
    try {
      if (validateOnly) decide(services.image, context, featureUpdates)
      else {
        await services.metadata.change((image) => ({
          records: decide(image, context, featureUpdates),
          response: undefined,
        }))
      }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return {
        throttleTimeMs: 0,
        errorCode: errorCode(error.error),
        errorMessage: `The update failed for all features since the following feature had an error: ${error.message}`,
        results: [],
      }
    }
    const results = featureUpdates.map(({ feature }) => ({
      feature,
      errorCode: 0,
      errorMessage: 'NONE',
    }))
    return {
      throttleTimeMs: 0,
      errorCode: 0,
      errorMessage: null,
      results: apiVersion <= 1 ? results : [],
    }
  },
)

const contextOf = ({ nodeId, config }: BrokerServices) => ({
  nodeId,
  minInsyncReplicas: Number(config.given.get('min.insync.replicas') ?? 1),
})
