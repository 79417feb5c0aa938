/**
 * Settings on the command line: `retention.ms=7d`, `segment.bytes=64MB`, `retention=7d`.
 *
 * Kafka's names end in their unit, so a duration or size with a unit of its own is converted to it.
 * Everything else is passed on untouched; the broker judges it.
 */
import { nearestName, OttlaError } from '@ottla/base'
import type { Kafka } from '@ottla/client'
import { UsageError } from './cli-error.ts'
import { formatBytes, formatDuration, tryParseDuration, tryParseSize } from './text/quantity.ts'

/** Short names for what is set most often. */
const SHORT_NAMES: Readonly<Record<string, string>> = {
  retention: 'retention.ms',
  cleanup: 'cleanup.policy',
  compression: 'compression.type',
  segment: 'segment.bytes',
}

const TIME_UNIT_MS: readonly (readonly [RegExp, number])[] = [
  [/(^|\.)ms(\.|$)/, 1],
  [/(^|\.)(seconds|secs)$/, 1_000],
  [/(^|\.)minutes$/, 60_000],
  [/(^|\.)hours$/, 3_600_000],
]

export interface Setting {
  readonly name: string
  readonly value: string
}

export function parseSetting(text: string, option: string): Setting {
  const cut = text.indexOf('=')
  if (cut <= 0) {
    throw new UsageError(`${option} ${text} is not of the form name=value`, 'retention.ms=7d')
  }
  const written = text.slice(0, cut).trim()
  const name = SHORT_NAMES[written] ?? written
  return { name, value: settingValue(name, text.slice(cut + 1).trim()) }
}

/** For commander: gathers `-c name=value` that may be given several times. */
export function collectSettings(
  text: string,
  before: Record<string, string>,
): Record<string, string> {
  const { name, value } = parseSetting(text, '--config')
  return { ...before, [name]: value }
}

function settingValue(name: string, text: string): string {
  const unitMs = TIME_UNIT_MS.find(([pattern]) => pattern.test(name))?.[1]
  if (unitMs !== undefined) {
    const ms = tryParseDuration(text)
    return ms === undefined ? text : String(Math.round(ms / unitMs))
  }
  if (/(^|\.)(bytes|size|memory)(\.|$)/.test(name)) {
    const bytes = tryParseSize(text)
    return bytes === undefined ? text : String(bytes)
  }
  return text
}

/** `604800000 (7d)`: the value as Kafka writes it, and what a person reads in it. */
export function describeSetting(name: string, value: string | null): string {
  if (value === null) return ''
  const number = Number(value)
  if (value === '' || !Number.isSafeInteger(number) || number < 1_000) return value
  const unitMs = TIME_UNIT_MS.find(([pattern]) => pattern.test(name))?.[1]
  if (unitMs !== undefined) return `${value} (${formatDuration(number * unitMs)})`
  if (/(^|\.)bytes(\.|$)/.test(name) && number >= 1_024) return `${value} (${formatBytes(number)})`
  return value
}

/** Kafka takes the deletion of any name: a slip would look as if it had been done. */
export async function checkDeletedSettings(
  kafka: Kafka,
  topic: string,
  deleted: readonly string[],
): Promise<void> {
  if (deleted.length === 0) return
  const [found] = await kafka.admin.describeConfigs([{ type: 'topic', name: topic }])
  const known = (found?.configs ?? []).map(({ name }) => name)
  const strange = deleted.find((name) => !known.includes(name))
  if (strange === undefined) return
  const nearest = nearestName(strange, known)
  const hint = nearest ? `Did you mean ${nearest}?` : `ottla config get topic ${topic} lists them.`
  throw new UsageError(`There is no topic setting ${strange}`, hint)
}

/** Adds "did you mean" to the broker's answer about a setting it does not know. */
export async function explainSetting(error: unknown, names: readonly string[]): Promise<unknown> {
  if (!(error instanceof OttlaError) || error.code !== 'INVALID_CONFIG') return error
  // Only the error path pays for loading the tables.
  const { topicSettings } = await import('@ottla/broker')
  const known = Object.keys(topicSettings)
  const strange = names.find((name) => !known.includes(name))
  if (strange === undefined) return new OttlaError(error.message, { code: 'USAGE' })
  const nearest = nearestName(strange, known)
  if (nearest) {
    const hint = `Did you mean ${nearest}?`
    return new OttlaError(`There is no topic setting ${strange}`, { code: 'USAGE', hint })
  }
  return new OttlaError(`There is no topic setting ${strange}`, {
    code: 'USAGE',
    hint: 'ottla config get topic NAME lists the settings of a topic.',
    cause: error,
  })
}
