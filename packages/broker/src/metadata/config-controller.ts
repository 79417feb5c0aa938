/**
 * Decides about dynamic settings: which records a request to alter them means. Pure, like
 * topic-controller.ts.
 */
import { ConfigError, type ConfigRow, nearestName, parseConfig } from '@ottla/base'
import { brokerSettings } from '../config/broker-settings.ts'
import { clientMetricsFault } from '../config/client-metrics-settings.ts'
import { ResourceType } from '../config/config-resolver.ts'
import { groupConfigSettings } from '../config/group-config-settings.ts'
import { topicSettings } from '../config/topic-settings.ts'
import type { MetadataImage } from './metadata-image.ts'
import { type MetadataRecord, metadataRecord } from './metadata-record.ts'
import { Refusal } from './topic-controller.ts'
import { topicNameFault } from './topic-names.ts'

export const AlterOperation = { SET: 0, DELETE: 1, APPEND: 2, SUBTRACT: 3 } as const

export interface ConfigChange {
  readonly name: string
  readonly operation: number
  readonly value: string | null
}

export interface AlterTarget {
  readonly resourceType: number
  readonly resourceName: string
  readonly nodeId: number
  /** The value that holds when nothing dynamic is set; APPEND and SUBTRACT start from it. */
  readonly valueBehind: (name: string) => string | null
  /** Why settings of a topic do not go together; see config/tiering-rules.ts. */
  readonly tieringFault: (
    wanted: ReadonlyMap<string, string>,
    was: ReadonlyMap<string, string> | undefined,
  ) => string | undefined
}

/** Table of the settings that a type of resource knows. */
export function settingsOf(resourceType: number): Readonly<Record<string, ConfigRow>> | undefined {
  if (resourceType === ResourceType.TOPIC) return topicSettings
  if (resourceType === ResourceType.BROKER) return brokerSettings
  if (resourceType === ResourceType.GROUP) return groupConfigSettings
  return undefined
}

/** Checks one setting of a topic; the sentence is shown to the user. */
export function topicConfigFault(name: string, value: string | null): string | undefined {
  return configFault(topicSettings, 'topic', name, value)
}

function configFault(
  table: Readonly<Record<string, ConfigRow>>,
  what: string,
  name: string,
  value: string | null,
): string | undefined {
  if (!Object.hasOwn(table, name)) {
    const near = nearestName(name, Object.keys(table))
    return `Unknown ${what} config name: ${name}${near ? `; did you mean ${near}?` : ''}`
  }
  if (value === null) return `Null value not supported for ${what} configs: ${name}`
  try {
    parseConfig(name, table[name] as ConfigRow, value)
    return undefined
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
}

/** Records for IncrementalAlterConfigs on one resource; throws a Refusal. */
export function incrementalAlter(
  image: MetadataImage,
  target: AlterTarget,
  changes: readonly ConfigChange[],
): MetadataRecord[] {
  checkRequest(target, changes)
  const current = image.config(target.resourceType, target.resourceName)
  const wanted = new Map(current)
  const records: MetadataRecord[] = []
  for (const change of changes) {
    const value = changedValue(target, change, current)
    if (value === undefined) continue
    if (value === null) wanted.delete(change.name)
    else wanted.set(change.name, value)
    if ((current?.get(change.name) ?? null) !== value || isMinimumOfBrokers(target, change.name)) {
      records.push(configRecord(target, change.name, value))
    }
  }
  check(image, target, { wanted, records })
  return records
}

/** Records for AlterConfigs, which replaces everything set on the resource; throws a Refusal. */
export function replaceConfigs(
  image: MetadataImage,
  target: AlterTarget,
  configs: readonly { readonly name: string; readonly value: string | null }[],
): MetadataRecord[] {
  const changes = configs.map((config) => ({ ...config, operation: AlterOperation.SET }))
  checkRequest(target, changes)
  const current = image.config(target.resourceType, target.resourceName) ?? new Map()
  const wanted = new Map(configs.map(({ name, value }) => [name, value as string]))
  const records: MetadataRecord[] = []
  for (const [name, value] of wanted) {
    if (current.get(name) !== value || isMinimumOfBrokers(target, name)) {
      records.push(configRecord(target, name, value))
    }
  }
  for (const name of current.keys()) {
    if (!wanted.has(name)) records.push(configRecord(target, name, null))
  }
  check(image, target, { wanted, records })
  return records
}

/** What is wrong with a request whatever there is. */
function checkRequest(target: AlterTarget, changes: readonly ConfigChange[]): void {
  const { resourceType, resourceName, nodeId } = target
  const refuse = (message: string) => {
    throw new Refusal('INVALID_REQUEST', message)
  }
  if (new Set(changes.map((change) => change.name)).size < changes.length) {
    refuse('Error due to duplicate config keys')
  }
  const isEmpty = ({ operation, value }: ConfigChange) =>
    operation !== AlterOperation.DELETE && value === null
  const empty = changes.filter(isEmpty).map(({ name }) => name)
  if (empty.length > 0) refuse(`Null value not supported for : ${empty.join(', ')}`)
  if (resourceType === ResourceType.BROKER) {
    if (resourceName === '' || resourceName === String(nodeId)) return
    if (!/^[+-]?\d+$/.test(resourceName)) {
      refuse(`Node id must be an integer, but it is: ${resourceName}`)
    }
    refuse(`Unexpected broker id, expected ${nodeId}, but received ${resourceName}`)
  }
  const { TOPIC, CLIENT_METRICS, GROUP } = ResourceType
  if (![TOPIC, CLIENT_METRICS, GROUP].some((type) => type === resourceType)) {
    refuse(`Unknown resource type ${resourceType}`)
  }
}

/** Checks the name of a resource, then all that would be set on it, then whether it exists. */
function check(
  image: MetadataImage,
  target: AlterTarget,
  change: {
    readonly wanted: ReadonlyMap<string, string>
    readonly records: readonly MetadataRecord[]
  },
): void {
  const { resourceType, resourceName } = target
  checkName(target)
  for (const [name, value] of change.wanted) checkValue(target, name, value)
  if (resourceType === ResourceType.BROKER) checkMinimum(image, target, change.records)
  if (resourceType === ResourceType.TOPIC) checkTiering(image, target, change.wanted)
  if (resourceType === ResourceType.TOPIC && !image.topics.has(resourceName)) {
    throw new Refusal('UNKNOWN_TOPIC_OR_PARTITION', `The topic '${resourceName}' does not exist.`)
  }
}

function checkTiering(
  image: MetadataImage,
  { resourceType, resourceName, tieringFault }: AlterTarget,
  wanted: ReadonlyMap<string, string>,
): void {
  const fault = tieringFault(wanted, image.config(resourceType, resourceName))
  if (fault) throw new Refusal('INVALID_CONFIG', fault)
}

function checkName({ resourceType, resourceName }: AlterTarget): void {
  if (resourceName === '') {
    if (resourceType === ResourceType.TOPIC) {
      throw new Refusal('INVALID_REQUEST', 'Default topic resources are not allowed.')
    }
    if (resourceType === ResourceType.GROUP) {
      throw new Refusal('INVALID_REQUEST', 'Default group resources are not allowed.')
    }
    if (resourceType === ResourceType.CLIENT_METRICS) {
      throw new Refusal('INVALID_REQUEST', "Subscription name can't be empty")
    }
  }
  const fault = resourceType === ResourceType.TOPIC ? topicNameFault(resourceName) : undefined
  if (fault) throw new Refusal('INVALID_TOPIC_EXCEPTION', `Topic name is invalid: ${fault}`)
}

const MIN_INSYNC = 'min.insync.replicas'
const isMinimumOfBrokers = ({ resourceType }: AlterTarget, name: string): boolean =>
  resourceType === ResourceType.BROKER && name === MIN_INSYNC

/** With eligible leader replicas there is one minimum in sync, that of the whole cluster. */
function checkMinimum(
  image: MetadataImage,
  { resourceName }: AlterTarget,
  records: readonly MetadataRecord[],
): void {
  if (image.level('eligible.leader.replicas.version') === 0) return
  for (const record of records) {
    if (record.name !== 'ConfigRecord' || record.value.name !== MIN_INSYNC) continue
    if (resourceName !== '') {
      const message = `Broker-level ${MIN_INSYNC} cannot be altered while ELR is enabled.`
      throw new Refusal('INVALID_CONFIG', message)
    }
    if (record.value.value === null) {
      const message = `Cluster-level ${MIN_INSYNC} cannot be removed while ELR is enabled.`
      throw new Refusal('INVALID_CONFIG', message)
    }
  }
}

/** New value, null to remove it, undefined to leave everything as it is. */
function changedValue(
  target: AlterTarget,
  change: ConfigChange,
  current: ReadonlyMap<string, string> | undefined,
): string | null | undefined {
  const { name, operation, value } = change
  if (operation === AlterOperation.DELETE) return null
  if (operation === AlterOperation.SET || value === null) return value
  if (operation !== AlterOperation.APPEND && operation !== AlterOperation.SUBTRACT) {
    throw new Refusal('INVALID_REQUEST', `Unknown operation ${operation} for ${name}`)
  }
  const row = settingsOf(target.resourceType)?.[name]
  if (row?.type !== 'list') {
    const word = operation === AlterOperation.APPEND ? 'APPEND' : 'SUBTRACT'
    throw new Refusal(
      'INVALID_CONFIG',
      `Can't ${word} to key ${name} because its type is not LIST.`,
    )
  }
  const text = current?.get(name) ?? target.valueBehind(name) ?? ''
  const items = text === '' ? [] : text.split(',')
  const named = value.split(',').map((item) => item.trim())
  const changed =
    operation === AlterOperation.APPEND
      ? [...items, ...named.filter((item) => !items.includes(item))]
      : items.filter((item) => !named.includes(item))
  return changed.length === items.length ? undefined : changed.join(',')
}

function checkValue(target: AlterTarget, name: string, value: string): void {
  if (target.resourceType === ResourceType.CLIENT_METRICS) {
    const fault = clientMetricsFault(name, value)
    if (fault) throw new Refusal(fault[0], fault[1])
    return
  }
  const table = settingsOf(target.resourceType) as Readonly<Record<string, ConfigRow>>
  const row = Object.hasOwn(table, name) ? table[name] : undefined
  if (target.resourceType === ResourceType.BROKER) {
    if (!row) return
    if (!row.dynamic || row.dynamic === 'read-only') {
      throw new Refusal('INVALID_REQUEST', `Cannot update these configs dynamically: [${name}]`)
    }
    if (row.dynamic === 'per-broker' && target.resourceName === '') {
      throw new Refusal(
        'INVALID_REQUEST',
        `Cannot update these configs at default cluster level: Set(${name})`,
      )
    }
  }
  const what = WHAT[target.resourceType] as string
  const fault = configFault(table, what, name, value)
  // What a broker makes of its own settings is a matter of the request, Apache Kafka thinks.
  const error = target.resourceType === ResourceType.BROKER ? 'INVALID_REQUEST' : 'INVALID_CONFIG'
  if (fault) throw new Refusal(error, fault)
}

const WHAT: Readonly<Record<number, string>> = {
  [ResourceType.TOPIC]: 'topic',
  [ResourceType.BROKER]: 'broker',
  [ResourceType.GROUP]: 'group',
}

const configRecord = (target: AlterTarget, name: string, value: string | null): MetadataRecord =>
  metadataRecord('ConfigRecord', {
    resourceType: target.resourceType,
    resourceName: target.resourceName,
    name,
    value,
  })
