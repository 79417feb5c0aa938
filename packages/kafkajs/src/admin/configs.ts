/** Settings of topics and brokers. */
import { apis } from '@ottla/protocol'
import { ConfigResourceTypes, ConfigSource } from '../constants.ts'
import { protocolError } from '../engine-errors.ts'
import type { Admin, DescribeConfigResponse } from '../types/admin.ts'
import { type AdminContext, onController, refuse } from './context.ts'

type Resource = { readonly type: number; readonly name: string }

function checkResources(resources: readonly Resource[]): void {
  if (!resources || !Array.isArray(resources)) refuse(`Invalid resources array ${resources}`)
  if (resources.length === 0) refuse('Resources array cannot be empty')
  const known: readonly number[] = Object.values(ConfigResourceTypes)
  for (const resource of resources) {
    const shown = JSON.stringify(resource)
    if (!known.includes(resource.type)) refuse(`Invalid resource type ${resource.type}: ${shown}`)
  }
  for (const resource of resources) {
    if (resource.name && typeof resource.name === 'string') continue
    refuse(`Invalid resource name ${resource.name}: ${JSON.stringify(resource)}`)
  }
}

/** A broker's settings are its own to tell; all others are the controller's. */
function byBroker<R extends Resource>(resources: readonly R[], controller: number) {
  const found = new Map<number, R[]>()
  for (const resource of resources) {
    const isBroker =
      resource.type === ConfigResourceTypes.BROKER ||
      resource.type === ConfigResourceTypes.BROKER_LOGGER
    const broker = isBroker ? Number(resource.name) : controller
    found.set(broker, [...(found.get(broker) ?? []), resource])
  }
  return [...found]
}

export function configCalls(
  context: AdminContext,
): Pick<Admin, 'describeConfigs' | 'alterConfigs'> {
  return {
    describeConfigs: async (options) => describeConfigs(context, options),
    alterConfigs: async (options) => alterConfigs(context, options),
  }
}

async function describeConfigs(
  context: AdminContext,
  options: Parameters<Admin['describeConfigs']>[0],
): Promise<DescribeConfigResponse> {
  const { resources, includeSynonyms = false } = options
  checkResources(resources)
  for (const resource of resources) {
    const { configNames } = resource
    if (Array.isArray(configNames) || configNames == null) continue
    refuse(`Invalid resource configNames ${configNames}: ${JSON.stringify(resource)}`)
  }
  return onController(context, 'describe configs', {}, async (controller) => {
    const answers = await Promise.all(
      byBroker(resources, controller).map(([broker, ofBroker]) => {
        const wanted = ofBroker.map(({ type, name, configNames }) => ({
          resourceType: type,
          resourceName: name,
          configurationKeys: configNames?.length ? configNames : null,
        }))
        const body = { resources: wanted, includeSynonyms, includeDocumentation: false }
        return context.cluster.request(apis.describeConfigs, body, { broker })
      }),
    )
    const found = answers.flatMap(({ results }) => results.map(describedResource))
    return { resources: found } as DescribeConfigResponse
  })
}

interface Described {
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly resourceType: number
  readonly resourceName: string
  readonly configs: readonly {
    readonly name: string
    readonly value: string | null
    readonly readOnly: boolean
    readonly configSource: number
    readonly isSensitive: boolean
    readonly synonyms: readonly { name: string; value: string | null; source: number }[]
  }[]
}

function describedResource(found: Described) {
  if (found.errorCode !== 0) throw protocolError(found.errorCode, found.errorMessage)
  return {
    errorCode: found.errorCode,
    errorMessage: found.errorMessage || null,
    resourceType: found.resourceType,
    resourceName: found.resourceName,
    configEntries: found.configs.map((config) => ({
      configName: config.name,
      configValue: config.value,
      readOnly: config.readOnly,
      isDefault: config.configSource === ConfigSource.DEFAULT_CONFIG,
      configSource: config.configSource,
      isSensitive: config.isSensitive,
      configSynonyms: config.synonyms.map((synonym) => ({
        configName: synonym.name,
        configValue: synonym.value,
        configSource: synonym.source,
      })),
    })),
  }
}

async function alterConfigs(
  context: AdminContext,
  options: Parameters<Admin['alterConfigs']>[0],
): Promise<unknown> {
  const { resources, validateOnly = false } = options
  checkResources(resources)
  for (const resource of resources) {
    const { configEntries } = resource
    const shown = JSON.stringify(resource)
    if (!Array.isArray(configEntries)) {
      refuse(`Invalid resource configEntries ${configEntries}: ${shown}`)
    }
    const isText = (value: unknown) => typeof value === 'string'
    if (configEntries.every(({ name, value }) => isText(name) && isText(value))) continue
    refuse(`Invalid resource config value: ${shown}`)
  }
  return onController(context, 'alter configs', {}, async (controller) => {
    const answers = await Promise.all(
      byBroker(resources, controller).map(([broker, ofBroker]) => {
        const changed = ofBroker.map(({ type, name, configEntries }) => ({
          resourceType: type,
          resourceName: name,
          configs: configEntries,
        }))
        const body = { resources: changed, validateOnly }
        return context.cluster.request(apis.alterConfigs, body, { broker })
      }),
    )
    const altered = answers.flatMap(({ responses }) => responses)
    for (const { errorCode, errorMessage } of altered) {
      if (errorCode !== 0) throw protocolError(errorCode, errorMessage)
    }
    return {
      resources: altered.map(({ errorCode, errorMessage, resourceType, resourceName }) => ({
        ...{ errorCode, errorMessage: errorMessage || null, resourceName, resourceType },
      })),
    }
  })
}
