/**
 * ListConfigResources (key 74), versions 0-1.
 *
 * Behaviour: names of the resources of the asked types; without types, of all.
 * Version notes: 0 lists client metrics subscriptions only.
 */
import { apis, errorCode } from '@ottla/protocol'
import { ResourceType } from '../config/config-resolver.ts'
import { handler } from '../handler.ts'

const ALL: readonly number[] = [
  ResourceType.TOPIC,
  ResourceType.BROKER,
  ResourceType.BROKER_LOGGER,
  ResourceType.CLIENT_METRICS,
  ResourceType.GROUP,
]

export const listConfigResources = handler(
  apis.listConfigResources,
  { lowest: 0, highest: 1 },
  (services, { apiVersion }, request) => {
    const asked = apiVersion === 0 ? [ResourceType.CLIENT_METRICS] : request.resourceTypes
    const types = asked.length === 0 ? ALL : asked
    if (types.some((type) => !ALL.includes(type))) {
      return { throttleTimeMs: 0, errorCode: errorCode('UNSUPPORTED_VERSION'), configResources: [] }
    }
    const names = (type: number): string[] => {
      if (type === ResourceType.TOPIC) return [...services.image.topics.keys()]
      if (type === ResourceType.BROKER || type === ResourceType.BROKER_LOGGER) {
        return [String(services.nodeId)]
      }
      return services.image.configuredResources(type)
    }
    const configResources = [...new Set(types)].flatMap((resourceType) =>
      names(resourceType).map((resourceName) => ({ resourceName, resourceType })),
    )
    return { throttleTimeMs: 0, errorCode: 0, configResources }
  },
)
