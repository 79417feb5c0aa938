import { ConfigError, type ConfigRow, defineConfig, int, list, parseConfig } from '@ottla/base'
import type { ErrorName } from '@ottla/protocol'

/** Settings of one subscription of client metrics (KIP-714), stored in the metadata log. */
export const clientMetricsSettings = defineConfig({
  'interval.ms': int({
    default: 300_000,
    doc: 'Milliseconds between two pushes of metrics by a client of this subscription.',
  }),
  match: list({
    default: [],
    doc: 'What clients of this subscription look like, as name=pattern; all must match, none means every client.',
  }),
  metrics: list({
    default: [],
    doc: 'Prefixes of the names of the metrics that clients of this subscription push; * means all.',
  }),
})

const INTERVAL_MS_MIN = 100
const INTERVAL_MS_MAX = 3_600_000

/** What a subscription can tell clients apart by. */
export const MATCH_NAMES = [
  'client_instance_id',
  'client_id',
  'client_software_name',
  'client_software_version',
  'client_source_address',
  'client_source_port',
] as const
export type MatchName = (typeof MATCH_NAMES)[number]

/** Why a setting of a subscription cannot be used, or undefined when it can. */
export function clientMetricsFault(name: string, value: string): [ErrorName, string] | undefined {
  if (!Object.hasOwn(clientMetricsSettings, name)) {
    return ['INVALID_REQUEST', `Unknown client metrics configuration: ${name}`]
  }
  const row: ConfigRow = clientMetricsSettings[name as keyof typeof clientMetricsSettings]
  try {
    const parsed = parseConfig(name, row, value)
    if (name === 'match') return matchFault(parsed as readonly string[])
    return name === 'interval.ms' ? intervalFault(parsed as number) : undefined
  } catch (error) {
    if (error instanceof ConfigError) return ['INVALID_CONFIG', error.message]
    throw error
  }
}

function intervalFault(intervalMs: number): [ErrorName, string] | undefined {
  if (intervalMs >= INTERVAL_MS_MIN && intervalMs <= INTERVAL_MS_MAX) return undefined
  const range = `interval must be between ${INTERVAL_MS_MIN} and ${INTERVAL_MS_MAX} (1 hour)`
  return ['INVALID_REQUEST', `Invalid value ${intervalMs} for interval.ms, ${range}`]
}

function matchFault(patterns: readonly string[]): [ErrorName, string] | undefined {
  const wrong = patterns.find((pattern) => !matcherOf(pattern))
  return wrong === undefined
    ? undefined
    : ['INVALID_CONFIG', `Illegal client matching pattern: ${wrong}`]
}

/** `name=pattern` read; undefined when it is neither a known name nor a pattern. */
export function matcherOf(text: string): { name: MatchName; pattern: RegExp } | undefined {
  const [left, right, ...more] = text.split('=')
  const name = MATCH_NAMES.find((known) => known === left?.trim())
  if (!name || !right || more.length > 0) return undefined
  try {
    return { name, pattern: new RegExp(`^(?:${right.trim()})$`) }
  } catch {
    // Not a pattern: the caller tells the user.
    return undefined
  }
}
