/**
 * Which settings of a topic go together when it is, or was, tiered (KIP-405). Pure; the sentences
 * are shown to the user.
 */
import { parseConfig } from '@ottla/base'
import type { ConfigResolver } from './config-resolver.ts'
import { topicSettings } from './topic-settings.ts'

type Name = keyof typeof topicSettings

/** Why a topic cannot have these settings of its own, or undefined when it can. */
export function tieringFault(
  resolver: ConfigResolver,
  wanted: ReadonlyMap<string, string>,
  was: ReadonlyMap<string, string> | undefined,
): string | undefined {
  const get = (name: Name): unknown => {
    const own = wanted.get(name)
    // No topic has an empty name: what holds for it is what stands behind every topic.
    return own === undefined
      ? resolver.topic('', name)
      : parseConfig(name, topicSettings[name], own)
  }
  if (get('remote.storage.enable') === true) {
    return (
      systemFault(resolver) ??
      policyFault(get('cleanup.policy') as readonly string[]) ??
      retentionFault(get, 'retention.bytes', 'local.retention.bytes') ??
      retentionFault(get, 'retention.ms', 'local.retention.ms') ??
      copyLagFault(get) ??
      copyDisabledFault(get)
    )
  }
  const wasEnabled = was?.get('remote.storage.enable')?.trim().toLowerCase() === 'true'
  if (!wasEnabled || get('remote.log.delete.on.disable') === true) return undefined
  return (
    'It is invalid to disable remote storage without deleting remote data. If you want to keep ' +
    'the remote data and turn to read only, please set ' +
    '`remote.storage.enable=true,remote.log.copy.disable=true`. If you want to disable remote ' +
    'storage and delete all remote data, please set ' +
    '`remote.storage.enable=false,remote.log.delete.on.disable=true`.'
  )
}

function systemFault(resolver: ConfigResolver): string | undefined {
  if (resolver.broker('remote.log.storage.system.enable') === true) return undefined
  return (
    'Tiered Storage functionality is disabled in the broker. ' +
    'Topic cannot be configured with remote log storage.'
  )
}

function policyFault(policy: readonly string[]): string | undefined {
  if (!policy.includes('compact')) return undefined
  return (
    'Remote log storage only supports topics with cleanup.policy=delete or ' +
    'cleanup.policy being an empty list.'
  )
}

function retentionFault(
  get: (name: Name) => unknown,
  whole: Name,
  local: Name,
): string | undefined {
  const all = get(whole) as number
  const here = get(local) as number
  if (all < 0 || here === -2) return undefined
  const invalid = `Invalid value ${here} for configuration ${local}`
  if (here === -1) return `${invalid}: Value must not be -1 as ${whole} value is set as ${all}.`
  if (here > all) return `${invalid}: Value must not be more than ${whole} property value: ${all}`
  return undefined
}

function copyLagFault(get: (name: Name) => unknown): string | undefined {
  const pairs = [
    ['remote.copy.lag.ms', 'local.retention.ms', 'retention.ms'],
    ['remote.copy.lag.bytes', 'local.retention.bytes', 'retention.bytes'],
  ] as const
  for (const [name, local, whole] of pairs) {
    const lag = get(name) as number
    const set = get(local) as number
    const effective = set === -2 ? (get(whole) as number) : set
    if (lag <= 0 || effective < 0 || lag <= effective) continue
    return (
      `Invalid value ${lag} for configuration ${name}: ` +
      `Value must not exceed ${local} (effective value: ${effective})`
    )
  }
  return undefined
}

function copyDisabledFault(get: (name: Name) => unknown): string | undefined {
  if (get('remote.log.copy.disable') !== true) return undefined
  for (const unit of ['ms', 'bytes'] as const) {
    const local = get(`local.retention.${unit}`)
    if (local === -2 || local === get(`retention.${unit}`)) continue
    return (
      `When \`remote.log.copy.disable\` is set to true, the \`local.retention.${unit}\` and ` +
      `\`retention.${unit}\` must be set to the identical value because there will be no more ` +
      'logs copied to the remote storage.'
    )
  }
  return undefined
}
