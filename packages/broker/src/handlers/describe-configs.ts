/**
 * DescribeConfigs (key 32), versions 1-4.
 *
 * Behaviour: values of topics, brokers (this node, or "" for the cluster-wide defaults), groups,
 * client metrics and loggers, each with where it comes from.
 * Version notes: synonyms from 1, type and documentation from 3.
 */
import {
  apis,
  type DescribeConfigsResponse,
  type ErrorName,
  errorCode,
  type InferInput,
} from '@ottla/protocol'
import type { BrokerServices } from '../broker-services.ts'
import { type DescribedConfig, ResourceType } from '../config/config-resolver.ts'
import { handler } from '../handler.ts'
import { topicNameFault } from '../metadata/topic-names.ts'

type Answer = InferInput<typeof DescribeConfigsResponse>['results'][number]

const UNKNOWN_TYPE = 0
/** Numbers of the types of values on the wire. */
const TYPE_NUMBERS = {
  boolean: 1,
  string: 2,
  int: 3,
  short: 4,
  long: 5,
  double: 6,
  list: 7,
  class: 8,
  password: 9,
} as const

interface Resource {
  readonly resourceType: number
  readonly resourceName: string
}

interface AskedResource extends Resource {
  readonly configurationKeys: readonly string[] | null
}

export const describeConfigs = handler(
  apis.describeConfigs,
  { lowest: 1, highest: 4 },
  (services, _context, request) => {
    // One resource of a type that nobody knows spoils the whole request.
    const types: readonly number[] = Object.values(ResourceType)
    const stranger = request.resources.find(({ resourceType }) => !types.includes(resourceType))
    const results = stranger
      ? request.resources.map((resource) => refused(resource, unexpected(stranger)))
      : request.resources.map((resource) => answer(services, resource, request))
    return { throttleTimeMs: 0, results }
  },
)

interface Refused {
  readonly error: ErrorName
  readonly message: string
}

const unexpected = ({ resourceType, resourceName }: Resource): Refused => ({
  error: 'INVALID_REQUEST',
  message: `Unexpected resource type ${resourceType} for resource ${resourceName}`,
})

const refused = (
  { resourceType, resourceName }: Resource,
  { error, message }: Refused,
): Answer => ({
  errorCode: errorCode(error),
  errorMessage: message,
  resourceType,
  resourceName,
  configs: [],
})

function answer(
  services: BrokerServices,
  resource: AskedResource,
  options: { includeSynonyms: boolean; includeDocumentation: boolean },
): Answer {
  const { resourceType, resourceName, configurationKeys } = resource
  const found = describe(services, resourceType, resourceName)
  if ('error' in found) return refused(resource, found)
  // No names at all ask for everything, as null does.
  const wanted = configurationKeys?.length ? new Set(configurationKeys) : undefined
  return {
    errorCode: 0,
    errorMessage: '',
    resourceType,
    resourceName,
    configs: found.configs
      .filter((config) => !wanted || wanted.has(config.name))
      .map((config) => ({
        name: config.name,
        value: config.value,
        readOnly: config.isReadOnly,
        configSource: config.source,
        isSensitive: config.isSensitive,
        synonyms: options.includeSynonyms ? config.synonyms : [],
        configType: config.row ? TYPE_NUMBERS[config.row.type] : UNKNOWN_TYPE,
        documentation: options.includeDocumentation ? (config.row?.doc ?? null) : null,
      })),
  }
}

type Found = { readonly configs: readonly DescribedConfig[] } | Refused

function describe(services: BrokerServices, type: number, name: string): Found {
  const { configs, image, nodeId } = services
  switch (type) {
    case ResourceType.TOPIC: {
      const fault = topicNameFault(name)
      if (fault)
        return { error: 'INVALID_TOPIC_EXCEPTION', message: `Topic name is invalid: ${fault}` }
      if (!image.topics.has(name)) {
        return {
          error: 'UNKNOWN_TOPIC_OR_PARTITION',
          message: 'This server does not host this topic-partition.',
        }
      }
      return { configs: configs.describeTopic(name) }
    }
    case ResourceType.BROKER:
      if (name !== '' && name !== String(nodeId)) return wrongBroker(name, nodeId)
      return { configs: configs.describeBroker(name) }
    case ResourceType.BROKER_LOGGER:
      if (name !== String(nodeId)) return wrongBroker(name, nodeId)
      return { configs: [] }
    case ResourceType.CLIENT_METRICS:
      if (name === '') {
        const message = 'Client metrics subscription name must not be empty'
        return { error: 'INVALID_REQUEST', message }
      }
      return { configs: configs.describeClientMetrics(name) }
    case ResourceType.GROUP:
      if (name === '') return { error: 'INVALID_REQUEST', message: 'Group name must not be empty' }
      return { configs: configs.describeGroup(name) }
    default:
      return unexpected({ resourceType: type, resourceName: name })
  }
}

const wrongBroker = (name: string, nodeId: number): Found => ({
  error: 'INVALID_REQUEST',
  message: `Unexpected broker id, expected ${nodeId} or empty string, but received ${name}`,
})
