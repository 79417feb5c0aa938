/** Reference pages of the settings: one row each, from the tables the broker itself reads. */
import { type ConfigRow, type ConfigTable, formatConfig, type NoEffect } from '@ottla/base'
import { brokerSettings, groupConfigSettings, topicSettings } from '@ottla/broker'
import { page, table } from './markdown.ts'

const DYNAMIC: Readonly<Record<string, string>> = {
  'read-only': 'no',
  'per-broker': 'per broker',
  'cluster-wide': 'yes',
}

/** Settings without effect, by the reason; first those that one node of Apache Kafka acts on. */
const NO_EFFECT: Readonly<Record<NoEffect, string>> = {
  later: '### With an effect on one node of Apache Kafka',
  nodes: '### About other nodes',
  threads: '### About threads and their buffers',
  java: '### About Java',
}

function valueText(row: ConfigRow): string {
  const text = formatConfig(row, row.default)
  if (text === null) return 'none'
  return text === '' ? '(empty)' : `\`${text}\``
}

function range({ oneOf, min, max }: ConfigRow): string {
  if (oneOf) return oneOf.map((value) => `\`${value}\``).join(' ')
  if (min !== undefined && max !== undefined) return `${min} to ${max}`
  if (min !== undefined) return `at least ${min}`
  return max === undefined ? '' : `at most ${max}`
}

function settingTable(rows: readonly (readonly [string, ConfigRow])[], last: string): string {
  return table(
    ['Setting', 'Type', 'Default', 'Range', last, 'What it does'],
    rows.map(([name, row]) => [
      `\`${name}\``,
      row.type,
      valueText(row),
      range(row),
      last === 'Follows' ? (row.synonym ? `\`${row.synonym}\`` : '') : dynamicText(row),
      row.doc,
    ]),
  )
}

const dynamicText = (row: ConfigRow): string => DYNAMIC[row.dynamic ?? 'read-only'] ?? ''

const shown = (settings: ConfigTable): [string, ConfigRow][] =>
  Object.entries<ConfigRow>(settings)
    .filter(([, row]) => !row.internal)
    .sort(([a], [b]) => (a < b ? -1 : 1))

function sections(settings: ConfigTable, last: string): string[] {
  const rows = shown(settings)
  const acting = rows.filter(([, row]) => !row.noEffect && !row.own)
  const own = rows.filter(([, row]) => row.own)
  const idle = rows.filter(([, row]) => row.noEffect)
  const parts: string[] = []
  if (own.length > 0) {
    parts.push('## Only in ottla', 'Apache Kafka does not know these.', settingTable(own, last))
  }
  if (acting.length > 0) parts.push('## With effect', settingTable(acting, last))
  if (idle.length > 0) {
    parts.push(
      '## Without effect in this version',
      'Kept, checked and shown as Apache Kafka does, so that its tools and files work; nothing here ' +
        'acts on them.',
    )
  }
  for (const [why, title] of Object.entries(NO_EFFECT)) {
    const some = idle.filter(([, row]) => row.noEffect === why)
    if (some.length > 0) parts.push(title, settingTable(some, last))
  }
  return parts
}

export const brokerSettingsPage = (): string =>
  page(
    'Broker settings',
    'Give them with `--set NAME=VALUE`, in a properties file with `--config FILE`, or, where the ' +
      'column *Dynamic* says so, on the running broker with `ottla config set`. Defaults are those ' +
      "of ottla, which differ from Apache Kafka's where one node on loopback asks for it.",
    ...sections(brokerSettings, 'Dynamic'),
  )

export const topicSettingsPage = (): string =>
  page(
    'Topic settings',
    'A setting that a topic does not have follows the broker setting of the column *Follows*.',
    ...sections(topicSettings, 'Follows'),
  )

export const groupSettingsPage = (): string =>
  page(
    'Group settings',
    'Settings of single groups of the consumer, share and streams protocols. This version serves ' +
      'the classic protocol, which has none.',
    ...sections(groupConfigSettings, 'Follows'),
  )
