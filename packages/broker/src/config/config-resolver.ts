/**
 * Which value of a setting holds, and where it comes from. A topic's own value wins over the
 * broker's dynamic values, those over the file the broker was started with, that over the default.
 * Pure: dynamic values are looked up in the metadata image through a function.
 */
import { type ConfigRow, formatConfig, parseConfig } from '@ottla/base'
import type { BrokerConfig } from './broker-config.ts'
import { type BrokerSettingName, brokerSettings } from './broker-settings.ts'
import { clientMetricsSettings } from './client-metrics-settings.ts'
import { groupConfigSettings } from './group-config-settings.ts'
import { topicSettings } from './topic-settings.ts'

/** Resource types of DescribeConfigs and of the metadata log. */
export const ResourceType = {
  TOPIC: 2,
  BROKER: 4,
  BROKER_LOGGER: 8,
  CLIENT_METRICS: 16,
  GROUP: 32,
} as const

/** Sources of a value, as DescribeConfigs numbers them. */
export const ConfigSource = {
  DYNAMIC_TOPIC: 1,
  DYNAMIC_BROKER: 2,
  DYNAMIC_DEFAULT_BROKER: 3,
  STATIC_BROKER: 4,
  DEFAULT: 5,
  GROUP: 8,
  CLIENT_METRICS: 7,
} as const

export interface ConfigSynonym {
  readonly name: string
  readonly value: string | null
  readonly source: number
}

export interface DescribedConfig {
  readonly name: string
  readonly value: string | null
  /** Missing for a name that no table knows: brokers keep those too, for plugins. */
  readonly row: ConfigRow | undefined
  readonly source: number
  readonly isReadOnly: boolean
  readonly isSensitive: boolean
  readonly synonyms: readonly ConfigSynonym[]
}

export type DynamicConfigs = (
  resourceType: number,
  resourceName: string,
) => ReadonlyMap<string, string> | undefined

/** Broker settings that stand behind one topic setting, most specific first, in milliseconds. */
const TIME_SYNONYMS: Readonly<Record<string, readonly (readonly [BrokerSettingName, number])[]>> = {
  'retention.ms': [
    ['log.retention.ms', 1],
    ['log.retention.minutes', 60_000],
    ['log.retention.hours', 3_600_000],
  ],
  'segment.ms': [
    ['log.roll.ms', 1],
    ['log.roll.hours', 3_600_000],
  ],
  'segment.jitter.ms': [
    ['log.roll.jitter.ms', 1],
    ['log.roll.jitter.hours', 3_600_000],
  ],
  'flush.ms': [
    ['log.flush.interval.ms', 1],
    ['log.flush.scheduler.interval.ms', 1],
  ],
}

/** Broker settings behind a group's own: its value elsewhere, the least and the most allowed. */
const GROUP_NUMBERS = {
  'consumer.session.timeout.ms': [
    'group.consumer.session.timeout.ms',
    'group.consumer.min.session.timeout.ms',
    'group.consumer.max.session.timeout.ms',
  ],
  'consumer.heartbeat.interval.ms': [
    'group.consumer.heartbeat.interval.ms',
    'group.consumer.min.heartbeat.interval.ms',
    'group.consumer.max.heartbeat.interval.ms',
  ],
  'consumer.assignment.interval.ms': [
    'group.consumer.assignment.interval.ms',
    'group.consumer.min.assignment.interval.ms',
    'group.consumer.max.assignment.interval.ms',
  ],
  'share.session.timeout.ms': [
    'group.share.session.timeout.ms',
    'group.share.min.session.timeout.ms',
    'group.share.max.session.timeout.ms',
  ],
  'share.heartbeat.interval.ms': [
    'group.share.heartbeat.interval.ms',
    'group.share.min.heartbeat.interval.ms',
    'group.share.max.heartbeat.interval.ms',
  ],
  'share.assignment.interval.ms': [
    'group.share.assignment.interval.ms',
    'group.share.min.assignment.interval.ms',
    'group.share.max.assignment.interval.ms',
  ],
  'share.record.lock.duration.ms': [
    'group.share.record.lock.duration.ms',
    'group.share.min.record.lock.duration.ms',
    'group.share.max.record.lock.duration.ms',
  ],
  'share.delivery.count.limit': [
    'group.share.delivery.count.limit',
    'group.share.min.delivery.count.limit',
    'group.share.max.delivery.count.limit',
  ],
  'share.partition.max.record.locks': [
    'group.share.partition.max.record.locks',
    'group.share.min.partition.max.record.locks',
    'group.share.max.partition.max.record.locks',
  ],
  'streams.session.timeout.ms': [
    'group.streams.session.timeout.ms',
    'group.streams.min.session.timeout.ms',
    'group.streams.max.session.timeout.ms',
  ],
  'streams.heartbeat.interval.ms': [
    'group.streams.heartbeat.interval.ms',
    'group.streams.min.heartbeat.interval.ms',
    'group.streams.max.heartbeat.interval.ms',
  ],
  'streams.assignment.interval.ms': [
    'group.streams.assignment.interval.ms',
    'group.streams.min.assignment.interval.ms',
    'group.streams.max.assignment.interval.ms',
  ],
  'streams.num.standby.replicas': [
    'group.streams.num.standby.replicas',
    undefined,
    'group.streams.max.standby.replicas',
  ],
  'streams.initial.rebalance.delay.ms': [
    'group.streams.initial.rebalance.delay.ms',
    undefined,
    undefined,
  ],
} as const satisfies Record<string, readonly (BrokerSettingName | undefined)[]>

/** A broker setting and those it wins over that say the same in other units. */
function familyOf(name: BrokerSettingName): readonly BrokerSettingName[] {
  const families = Object.values(TIME_SYNONYMS).map((family) => family.map(([member]) => member))
  const family = families.find((members) => members.includes(name)) ?? [name]
  return family.slice(family.indexOf(name))
}

export class ConfigResolver {
  private readonly config: BrokerConfig
  private readonly dynamic: DynamicConfigs
  private readonly nodeId: number

  constructor(config: BrokerConfig, nodeId: number, dynamic: DynamicConfigs) {
    this.config = config
    this.nodeId = nodeId
    this.dynamic = dynamic
  }

  /** Value of a broker setting, dynamic changes included. */
  broker<K extends BrokerSettingName>(name: K): ReturnType<BrokerConfig['get']> {
    const [first] = this.brokerSynonyms(name)
    if (!first || first.source === ConfigSource.DEFAULT || first.value === null) {
      return this.config.get(name)
    }
    return parseConfig(name, brokerSettings[name], first.value) as ReturnType<BrokerConfig['get']>
  }

  /** Value of a topic setting with all that stands behind it. */
  topic(topic: string, name: keyof typeof topicSettings): unknown {
    const own = this.dynamic(ResourceType.TOPIC, topic)?.get(name)
    const row: ConfigRow = topicSettings[name]
    if (own !== undefined) return parseConfig(name, row, own)
    return this.topicDefault(name, row)
  }

  private topicDefault(name: string, row: ConfigRow): unknown {
    for (const [synonym, factor] of TIME_SYNONYMS[name] ?? []) {
      const value = this.broker(synonym) as number | null
      if (value !== null) return value >= 0 && value < 2 ** 62 ? value * factor : value
    }
    if (row.synonym && !TIME_SYNONYMS[name]) return this.broker(row.synonym as BrokerSettingName)
    return row.default
  }

  describeTopic(topic: string): DescribedConfig[] {
    const own = this.dynamic(ResourceType.TOPIC, topic)
    return Object.entries<ConfigRow>(topicSettings)
      .filter(([, row]) => !row.internal)
      .map(([name, row]) => {
        const value = own?.get(name)
        const synonyms: ConfigSynonym[] = []
        if (value !== undefined) synonyms.push({ name, value, source: ConfigSource.DYNAMIC_TOPIC })
        // Of rolling and flushing Apache Kafka names the setting in milliseconds alone.
        const units = name === 'retention.ms' ? TIME_SYNONYMS[name] : undefined
        const family = units?.map(([member]) => member) ?? [row.synonym]
        for (const member of family) {
          const behind = member ? this.brokerSynonyms(member as BrokerSettingName) : []
          synonyms.push(...behind.filter((synonym) => synonym.value !== null))
        }
        const text = value ?? formatConfig(row, this.topicDefault(name, row))
        const source = synonyms[0]?.source ?? ConfigSource.DEFAULT
        return described({ name, row, value: text, source, synonyms, isReadOnly: false })
      })
  }

  describeBroker(resourceName: string): DescribedConfig[] {
    if (resourceName === '') return this.describeDynamic(ResourceType.BROKER, '')
    const known = Object.entries<ConfigRow>(brokerSettings)
      .filter(([, row]) => !row.internal)
      .map(([name, row]) => {
        const own = this.brokerSynonyms(name as BrokerSettingName)[0]
        // Those that say the same in other units stand behind a value, not behind its absence.
        const family = own ? familyOf(name as BrokerSettingName) : []
        const all = family.flatMap((member) => this.brokerSynonyms(member))
        const synonyms = all.filter((synonym) => synonym.value !== null)
        return described({
          name,
          row,
          value: own ? own.value : formatConfig(row, row.default),
          source: synonyms[0]?.source ?? ConfigSource.DEFAULT,
          synonyms,
          isReadOnly: !row.dynamic || row.dynamic === 'read-only',
        })
      })
    return [...known, ...this.describeUnknown()]
  }

  /** Values under names that no table knows; they may be secrets, and are not shown. */
  private describeUnknown(): DescribedConfig[] {
    const own = this.dynamic(ResourceType.BROKER, String(this.nodeId)) ?? new Map<string, string>()
    const general = this.dynamic(ResourceType.BROKER, '') ?? new Map<string, string>()
    const names = new Set([...own.keys(), ...general.keys()])
    const unknown = [...names].filter((name) => !Object.hasOwn(brokerSettings, name))
    return unknown.map((name) => {
      const { DYNAMIC_BROKER, DYNAMIC_DEFAULT_BROKER } = ConfigSource
      const sources = [
        ...(own.has(name) ? [DYNAMIC_BROKER] : []),
        ...(general.has(name) ? [DYNAMIC_DEFAULT_BROKER] : []),
      ]
      return hidden(name, sources)
    })
  }

  /** The cluster-wide defaults: only what was set. */
  private describeDynamic(type: number, resource: string): DescribedConfig[] {
    const found: DescribedConfig[] = []
    for (const [name, value] of this.dynamic(type, resource) ?? []) {
      const source = ConfigSource.DYNAMIC_DEFAULT_BROKER
      if (!Object.hasOwn(brokerSettings, name)) {
        found.push(hidden(name, [source]))
        continue
      }
      const row: ConfigRow = brokerSettings[name as BrokerSettingName]
      const synonyms = [{ name, value, source }]
      found.push(described({ name, row, value, source, synonyms, isReadOnly: false }))
    }
    return found
  }

  /** A subscription of client metrics; one that nobody made has the defaults. */
  describeClientMetrics(subscription: string): DescribedConfig[] {
    const own = this.dynamic(ResourceType.CLIENT_METRICS, subscription)
    return Object.entries<ConfigRow>(clientMetricsSettings).map(([name, row]) => {
      const text = own?.get(name)
      const parsed = text === undefined ? row.default : parseConfig(name, row, text)
      // Repeated values count, and are shown, once.
      const value = formatConfig(row, Array.isArray(parsed) ? [...new Set(parsed)] : parsed)
      const source = text === undefined ? ConfigSource.DEFAULT : ConfigSource.CLIENT_METRICS
      const synonyms = text === undefined ? [] : [{ name, value, source }]
      return described({ name, row, value, source, synonyms, isReadOnly: false })
    })
  }

  describeGroup(group: string): DescribedConfig[] {
    const own = this.dynamic(ResourceType.GROUP, group)
    return Object.entries<ConfigRow>(groupConfigSettings).map(([name, row]) => {
      const value = own?.get(name)
      const synonyms: ConfigSynonym[] = []
      if (value !== undefined) synonyms.push({ name, value, source: ConfigSource.GROUP })
      if (row.synonym) {
        const behind = this.brokerSynonyms(row.synonym as BrokerSettingName)
        synonyms.push(...behind)
      } else {
        const text = formatConfig(row, row.default)
        synonyms.push({ name, value: text, source: ConfigSource.DEFAULT })
      }
      const first = synonyms[0] as ConfigSynonym
      return described({
        name,
        row,
        value: first.value,
        source: first.source,
        synonyms,
        isReadOnly: false,
      })
    })
  }

  /** A number of a group's own or the broker's, within the limits the broker sets for groups. */
  group(group: string, name: keyof typeof GROUP_NUMBERS): number {
    const own = this.dynamic(ResourceType.GROUP, group)?.get(name)
    const [general, least, most] = GROUP_NUMBERS[name]
    if (own === undefined) return this.broker(general) as number
    const value = parseConfig(name, groupConfigSettings[name], own) as number
    const raised = least ? Math.max(value, this.broker(least) as number) : value
    return most ? Math.min(raised, this.broker(most) as number) : raised
  }

  /** Client tags by which a streams group spreads its standby tasks. */
  rackAwareTags(group: string): readonly string[] {
    const name = 'streams.rack.aware.assignment.tags'
    const own = this.dynamic(ResourceType.GROUP, group)?.get(name)
    const value =
      own === undefined
        ? this.broker('group.streams.rack.aware.assignment.tags')
        : parseConfig(name, groupConfigSettings[name], own)
    return value as readonly string[]
  }

  /** A setting that only groups have. */
  groupOwn<K extends keyof typeof groupConfigSettings>(group: string, name: K) {
    const row: ConfigRow = groupConfigSettings[name]
    const own = this.dynamic(ResourceType.GROUP, group)?.get(name)
    return own === undefined ? row.default : parseConfig(name, row, own)
  }

  private brokerSynonyms(name: BrokerSettingName): ConfigSynonym[] {
    const row: ConfigRow = brokerSettings[name]
    const synonyms: ConfigSynonym[] = []
    const add = (value: string | null | undefined, source: number) => {
      if (value !== undefined) synonyms.push({ name, value, source })
    }
    add(
      this.dynamic(ResourceType.BROKER, String(this.nodeId))?.get(name),
      ConfigSource.DYNAMIC_BROKER,
    )
    add(this.dynamic(ResourceType.BROKER, '')?.get(name), ConfigSource.DYNAMIC_DEFAULT_BROKER)
    add(this.config.given.get(name), ConfigSource.STATIC_BROKER)
    const isSet = row.default !== null
    if (isSet) add(formatConfig(row, row.default), ConfigSource.DEFAULT)
    return synonyms
  }
}

const hidden = (name: string, sources: readonly number[]): DescribedConfig => ({
  name,
  value: null,
  row: undefined,
  source: sources[0] as number,
  isReadOnly: true,
  isSensitive: true,
  synonyms: sources.map((source) => ({ name, value: null, source })),
})

function described(entry: Omit<DescribedConfig, 'isSensitive'>): DescribedConfig {
  if (entry.row?.type !== 'password') return { ...entry, isSensitive: false }
  const synonyms = entry.synonyms.map((synonym) => ({ ...synonym, value: null }))
  return { ...entry, value: null, synonyms, isSensitive: true }
}
