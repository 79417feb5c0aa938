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
  checkResource(image, target)
  const names = new Set(changes.map((change) => change.name))
  if (names.size < changes.length) {
    throw new Refusal('INVALID_REQUEST', 'Error due to duplicate config keys')
  }
  const current = image.config(target.resourceType, target.resourceName)
  const records: MetadataRecord[] = []
  for (const change of changes) {
    const value = changedValue(target, change, current)
    if (value === undefined) continue
    if (value !== null) checkValue(target, change.name, value)
    if ((current?.get(change.name) ?? null) !== value) {
      records.push(configRecord(target, change.name, value))
    }
  }
  return records
}

/** Records for AlterConfigs, which replaces everything set on the resource. */
export function replaceConfigs(
  image: MetadataImage,
  target: AlterTarget,
  wanted: ReadonlyMap<string, string | null>,
): MetadataRecord[] {
  checkResource(image, target)
  const current = image.config(target.resourceType, target.resourceName) ?? new Map()
  const records: MetadataRecord[] = []
  for (const [name, value] of wanted) {
    if (value === null) {
      throw new Refusal('INVALID_CONFIG', `Null value not supported for configuration ${name}`)
    }
    checkValue(target, name, value)
    if (current.get(name) !== value) records.push(configRecord(target, name, value))
  }
  for (const name of current.keys()) {
    if (!wanted.has(name)) records.push(configRecord(target, name, null))
  }
  return records
}

function checkResource(image: MetadataImage, target: AlterTarget): void {
  const { resourceType, resourceName } = target
  switch (resourceType) {
    case ResourceType.TOPIC:
      if (!image.topics.has(resourceName)) {
        throw new Refusal(
          'UNKNOWN_TOPIC_OR_PARTITION',
          `The topic '${resourceName}' does not exist.`,
        )
      }
      return
    case ResourceType.BROKER:
      if (resourceName !== '' && resourceName !== String(target.nodeId)) {
        throw new Refusal(
          'INVALID_REQUEST',
          `Unexpected broker id, expected ${target.nodeId} or empty string, but received ${resourceName}`,
        )
      }
      return
    case ResourceType.CLIENT_METRICS:
      if (resourceName === '')
        throw new Refusal('INVALID_REQUEST', "Subscription name can't be empty")
      return
    case ResourceType.GROUP:
      if (resourceName === '') {
        throw new Refusal('INVALID_REQUEST', 'Default resources are not allowed for this type.')
      }
      return
    default:
      throw new Refusal('INVALID_REQUEST', `Unexpected resource type ${resourceType}`)
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
  if (value === null) {
    throw new Refusal('INVALID_CONFIG', `Null value not supported for : ${name}`)
  }
  if (operation === AlterOperation.SET) return value
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
  const what = target.resourceType === ResourceType.GROUP ? 'group' : 'topic'
  const fault = configFault(table, what, name, value)
  if (fault) throw new Refusal('INVALID_CONFIG', fault)
}

const configRecord = (target: AlterTarget, name: string, value: string | null): MetadataRecord =>
  metadataRecord('ConfigRecord', {
    resourceType: target.resourceType,
    resourceName: target.resourceName,
    name,
    value,
  })
