/** Admin calls about settings of topics, brokers and groups. */
import { apis, type ResponseOf } from '@ottla/protocol'
import type { AdminOptions, ValidateOptions } from './admin-core.ts'
import {
  type ItemAnswer,
  type ItemOptions,
  type ItemResult,
  inOrder,
  type Outcomes,
  type Results,
} from './item-results.ts'
import { RecordAdmin } from './record-admin.ts'

/** Kinds of things that have settings, by their numbers on the wire. */
export const CONFIG_RESOURCE = {
  topic: 2,
  broker: 4,
  'broker-logger': 8,
  'client-metrics': 16,
  group: 32,
} as const
export type ConfigResourceType = keyof typeof CONFIG_RESOURCE

const CONFIG_SOURCES = [
  'unknown',
  'topic',
  'dynamic-broker',
  'dynamic-default-broker',
  'static-broker',
  'default',
  'dynamic-broker-logger',
  'client-metrics',
  'group',
] as const
/** Where a value comes from. */
export type ConfigSource = (typeof CONFIG_SOURCES)[number]

const CONFIG_TYPES = [
  'unknown',
  'boolean',
  'string',
  'int',
  'short',
  'long',
  'double',
  'list',
  'class',
  'password',
] as const
export type ConfigValueType = (typeof CONFIG_TYPES)[number]

export interface ConfigResource {
  readonly type: ConfigResourceType
  /** Topic or group, or the broker's id; empty for the defaults of all brokers. */
  readonly name: string
}

export interface ConfigEntry {
  readonly name: string
  /** Null for secrets and for what is not set. */
  readonly value: string | null
  readonly source: ConfigSource
  readonly isDefault: boolean
  readonly isReadOnly: boolean
  readonly isSensitive: boolean
  readonly type: ConfigValueType
  readonly documentation: string | null
  readonly synonyms: readonly { name: string; value: string | null; source: ConfigSource }[]
}

export interface ResourceConfigs extends ConfigResource {
  readonly configs: readonly ConfigEntry[]
}

const OPERATIONS = { set: 0, delete: 1, append: 2, subtract: 3 } as const

export interface ConfigChange {
  readonly name: string
  /** `delete` goes back to the default; `append` and `subtract` are for lists. Default `set`. */
  readonly operation?: keyof typeof OPERATIONS
  readonly value?: string | number | boolean | null
}

export class ConfigAdmin extends RecordAdmin {
  describeConfigs<
    Options extends ItemOptions & {
      readonly includeSynonyms?: boolean
      readonly includeDocumentation?: boolean
    },
  >(
    resources: readonly (ConfigResource & { readonly names?: readonly string[] })[],
    options: Options = {} as Options,
  ): Promise<Outcomes<Options, ConfigResource, ResourceConfigs>> {
    return this.each('describeConfigs', resources, options, async (list) => {
      const answers = await this.askBrokers(list, options, async (broker, own) => {
        const response = await this.cluster.request(broker, apis.describeConfigs, {
          resources: own.map(({ type, name, names }) => ({
            resourceType: CONFIG_RESOURCE[type],
            resourceName: name,
            configurationKeys: names ? [...names] : null,
          })),
          includeSynonyms: options.includeSynonyms ?? false,
          includeDocumentation: options.includeDocumentation ?? false,
        })
        return response.results
      })
      return answers.map(([{ type, name }, answer]) =>
        this.outcome<ConfigResource, ResourceConfigs, DescribedResource>(
          { type, name },
          `Configuration of ${name}`,
          answer,
          ({ configs }) => ({ type, name, configs: configs.map(entryOf) }),
        ),
      )
    })
  }

  /** Changes single settings and leaves the others as they are. */
  incrementalAlterConfigs<Options extends ValidateOptions & ItemOptions>(
    changes: readonly (ConfigResource & { readonly configs: readonly ConfigChange[] })[],
    options: Options = {} as Options,
  ): Promise<Results<Options, ConfigResource>> {
    return this.eachDone('incrementalAlterConfigs', changes, options, async (list) => {
      const answers = await this.askBrokers(list, options, async (broker, own) => {
        const response = await this.cluster.request(broker, apis.incrementalAlterConfigs, {
          validateOnly: options.validateOnly ?? false,
          resources: own.map(({ type, name, configs }) => ({
            resourceType: CONFIG_RESOURCE[type],
            resourceName: name,
            configs: configs.map((change) => ({
              name: change.name,
              configOperation: OPERATIONS[change.operation ?? 'set'],
              value:
                change.value === undefined || change.value === null ? null : String(change.value),
            })),
          })),
        })
        return response.responses
      })
      return answers.map(([resource, answer]) => this.changed(resource, answer))
    })
  }

  /** Replaces all settings of a resource: what is not named goes back to its default. */
  alterConfigs<Options extends ValidateOptions & ItemOptions>(
    resources: readonly (ConfigResource & {
      readonly configs: Readonly<Record<string, string | number | boolean>>
    })[],
    options: Options = {} as Options,
  ): Promise<Results<Options, ConfigResource>> {
    return this.eachDone('alterConfigs', resources, options, async (list) => {
      const answers = await this.askBrokers(list, options, async (broker, own) => {
        const response = await this.cluster.request(broker, apis.alterConfigs, {
          validateOnly: options.validateOnly ?? false,
          resources: own.map(({ type, name, configs }) => ({
            resourceType: CONFIG_RESOURCE[type],
            resourceName: name,
            configs: Object.entries(configs).map(([key, value]) => ({
              name: key,
              value: String(value),
            })),
          })),
        })
        return response.responses
      })
      return answers.map(([resource, answer]) => this.changed(resource, answer))
    })
  }

  private changed({ type, name }: ConfigResource, answer: ItemAnswer): ItemResult<ConfigResource> {
    return this.result({ type, name }, `Configuration of ${name}`, answer)
  }

  /**
   * Names of everything of the given kinds, or of all, that has settings. Kafka before 4.1 can tell
   * those of `client-metrics` only; asked for others this throws UNSUPPORTED_VERSION.
   */
  listConfigResources(
    types: readonly ConfigResourceType[] = [],
    options: AdminOptions = {},
  ): Promise<ConfigResource[]> {
    // Before Kafka 4.1 the question was for client metrics only, and named no types.
    const isOldQuestion = types.every((type) => type === 'client-metrics')
    const api = { ...apis.listConfigResources, ...(!isOldQuestion && { lowest: 1 }) }
    return this.call('listConfigResources', options, async () => {
      const response = await this.cluster.request('any', api, {
        resourceTypes: types.map((type) => CONFIG_RESOURCE[type]),
      })
      this.check(response.errorCode, 'Listing config resources')
      return response.configResources.map(({ resourceName, resourceType }) => ({
        type: resourceTypeOf(resourceType),
        name: resourceName,
      }))
    })
  }

  /** Settings of one broker are that broker's business; all others can be asked of any. */
  private async askBrokers<Item extends ConfigResource, Answer extends ResourceAnswer & ItemAnswer>(
    items: readonly Item[],
    options: ItemOptions,
    ask: (broker: number | 'any', items: readonly Item[]) => Promise<readonly Answer[]>,
  ): Promise<[Item, Answer | (ItemAnswer & ResourceAnswer)][]> {
    const groups = new Map<number | 'any', Item[]>()
    for (const item of items) {
      const isOneBroker = item.type.startsWith('broker') && item.name !== ''
      const broker = isOneBroker ? Number(item.name) : 'any'
      groups.set(broker, [...(groups.get(broker) ?? []), item])
    }
    if ([...groups.keys()].some((broker) => broker !== 'any')) await this.requestMetadata([])
    const answers = await Promise.all(
      [...groups].map(([broker, own]) =>
        this.orRefused(own.map(wireNameOf), options, () => ask(broker, own)),
      ),
    )
    const keyOf = (item: ConfigResource) => keyOfAnswer(wireNameOf(item))
    return inOrder<Item, Answer | (ItemAnswer & ResourceAnswer)>(
      items,
      answers.flat(),
      keyOf,
      keyOfAnswer,
    )
  }
}

interface ResourceAnswer {
  readonly resourceType: number
  readonly resourceName: string
}

type DescribedResource = ResponseOf<typeof apis.describeConfigs>['results'][number]

const wireNameOf = ({ type, name }: ConfigResource): ResourceAnswer => ({
  resourceType: CONFIG_RESOURCE[type],
  resourceName: name,
})
const keyOfAnswer = ({ resourceType, resourceName }: ResourceAnswer): string =>
  `${resourceType} ${resourceName}`

const entryOf = (config: DescribedResource['configs'][number]): ConfigEntry => ({
  name: config.name,
  value: config.value,
  source: sourceOf(config.configSource),
  isDefault: sourceOf(config.configSource) === 'default',
  isReadOnly: config.readOnly,
  isSensitive: config.isSensitive,
  type: CONFIG_TYPES[config.configType] ?? 'unknown',
  documentation: config.documentation,
  synonyms: config.synonyms.map(({ name, value, source }) => ({
    name,
    value,
    source: sourceOf(source),
  })),
})

const sourceOf = (code: number): ConfigSource => CONFIG_SOURCES[code] ?? 'unknown'

function resourceTypeOf(code: number): ConfigResourceType {
  const entry = Object.entries(CONFIG_RESOURCE).find(([, number]) => number === code)
  return (entry?.[0] ?? 'topic') as ConfigResourceType
}
