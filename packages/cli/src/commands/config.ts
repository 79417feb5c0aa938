/** `ottla config get|set`: settings of topics, brokers and groups. */
import { nearestName } from '@ottla/base'
import type { ConfigEntry, ConfigResource, Kafka } from '@ottla/client'
import { type Command, Option } from 'commander'
import { NotFoundError, UsageError } from '../cli-error.ts'
import { addConnectionOptions, type ConnectionOptions, withKafka } from '../connection.ts'
import { knownTopics } from '../known-topics.ts'
import { printDone, printJson, printRows } from '../printer.ts'
import {
  checkDeletedSettings,
  describeSetting,
  explainSetting,
  parseSetting,
} from '../setting-text.ts'
import { terminal } from '../terminal.ts'

const KINDS = ['topic', 'broker', 'group'] as const
type Kind = (typeof KINDS)[number]

interface GetOptions extends ConnectionOptions {
  readonly changed?: boolean
}

interface SetOptions extends ConnectionOptions {
  readonly delete: readonly string[]
  readonly dryRun?: boolean
}

export function defineConfig(command: Command): void {
  addConnectionOptions(
    command.command('get <kind> <name> [settings...]').summary('show settings and their sources'),
  )
    .description(
      'Shows settings of a topic, a broker (by id, or "all" for the defaults of all brokers) or a group.',
    )
    .option('--changed', 'only what differs from the default')
    .action(get)
  addConnectionOptions(
    command.command('set <kind> <name> [name=value...]').summary('change settings'),
  )
    .description('Changes settings; takes durations (10m) and sizes (64MB).')
    .option('-d, --delete <setting>', 'back to the default; can be repeated', gather, [])
    .addOption(new Option('--dry-run', 'have the broker check it without doing it'))
    .action(set)
}

const gather = (text: string, before: readonly string[]): string[] => [...before, text]

function resourceOf(kind: string, name: string): ConfigResource {
  if (!KINDS.includes(kind as Kind)) {
    const nearest = nearestName(kind, KINDS)
    throw new UsageError(
      `There are no settings of a ${kind}`,
      `Use ${KINDS.join(', ')}.${nearest ? ` Did you mean ${nearest}?` : ''}`,
    )
  }
  if (kind !== 'broker') return { type: kind as Kind, name }
  if (name === 'all' || name === 'default') return { type: 'broker', name: '' }
  if (!/^\d+$/.test(name)) {
    throw new UsageError(`${name} is not the id of a broker`, 'ottla config get broker 1, or all')
  }
  return { type: 'broker', name }
}

async function checkResource(kafka: Kafka, { type, name }: ConfigResource): Promise<void> {
  if (type === 'topic') await knownTopics(kafka, [name])
  if (type !== 'broker' || name === '') return
  const { brokers } = await kafka.admin.describeCluster()
  if (brokers.some(({ id }) => String(id) === name)) return
  const ids = brokers.map(({ id }) => id).join(', ')
  throw new NotFoundError(`There is no broker ${name}`, `The cluster has ${ids}.`)
}

interface ShownSetting {
  readonly name: string
  readonly value: string | null
  readonly default: string | null
  readonly source: string
  readonly type: string
  readonly readOnly: boolean
  readonly sensitive: boolean
  readonly doc: string | null
}

async function get(
  kind: string,
  name: string,
  settings: string[],
  options: GetOptions,
): Promise<void> {
  const resource = resourceOf(kind, name)
  const shown = await withKafka(options, async (kafka) => {
    await checkResource(kafka, resource)
    const [found] = await kafka.admin.describeConfigs([resource], {
      includeSynonyms: true,
      includeDocumentation: true,
    })
    return (found?.configs ?? []).map(shownSetting).sort((a, b) => (a.name < b.name ? -1 : 1))
  })
  const names = shown.map((setting) => setting.name)
  for (const wanted of settings) {
    if (names.includes(wanted)) continue
    const nearest = nearestName(wanted, names)
    throw new NotFoundError(
      `A ${kind} has no setting ${wanted}`,
      nearest ? `Did you mean ${nearest}?` : `ottla config get ${kind} ${name} lists them.`,
    )
  }
  const rows = shown
    .filter((setting) => settings.length === 0 || settings.includes(setting.name))
    .filter((setting) => !options.changed || setting.source !== 'default')
  await printSettings(rows, settings.length > 0, options)
}

function shownSetting(entry: ConfigEntry): ShownSetting {
  const defaults = entry.synonyms.filter(({ source }) => source === 'default')
  const fallback = defaults.find(({ value }) => value !== null)
  const isDefault = entry.source === 'default'
  return {
    name: entry.name,
    value: entry.value,
    default: fallback?.value ?? (isDefault ? entry.value : null),
    source: entry.source,
    type: entry.type,
    readOnly: entry.isReadOnly,
    sensitive: entry.isSensitive,
    doc: entry.documentation || null,
  }
}

async function printSettings(
  rows: readonly ShownSetting[],
  isDetailed: boolean,
  options: GetOptions,
): Promise<void> {
  const out = terminal()
  if (options.output === 'table' && isDetailed && out.isInteractive) {
    for (const row of rows) {
      await out.line(`${out.style('bold', row.name)} = ${valueText(row)}`)
      await out.line(`  ${row.type}, default ${row.default ?? 'none'}, set by ${row.source}`)
      if (row.doc) await out.line(`  ${row.doc.replace(/<[^>]+>/g, '')}`)
    }
    return
  }
  if (options.output === 'json') return printJson(out, rows, 'json')
  await printRows(out, options.output, rows, [
    { title: 'SETTING', value: (row) => row.name },
    { title: 'VALUE', value: (row) => (out.isInteractive ? valueText(row) : row.value) },
    { title: 'DEFAULT', value: (row) => (row.default === row.value ? '' : row.default) },
    { title: 'SOURCE', value: (row) => row.source },
    { title: 'DOC', value: (row) => row.doc?.replace(/<[^>]+>/g, '') ?? '', isFlexible: true },
  ])
}

const valueText = (row: ShownSetting): string =>
  row.sensitive ? '(secret)' : describeSetting(row.name, row.value)

async function set(
  kind: string,
  name: string,
  assignments: string[],
  options: SetOptions,
): Promise<void> {
  const resource = resourceOf(kind, name)
  const settings = assignments.map((text) => parseSetting(text, 'config set'))
  if (settings.length === 0 && options.delete.length === 0) {
    throw new UsageError('Nothing to set', `ottla config set ${kind} ${name} retention.ms=7d`)
  }
  const isDryRun = options.dryRun === true
  await withKafka(options, async (kafka) => {
    await checkResource(kafka, resource)
    if (kind === 'topic') await checkDeletedSettings(kafka, name, options.delete)
    const configs = [
      ...settings,
      ...options.delete.map((deleted) => ({ name: deleted, operation: 'delete' as const })),
    ]
    await kafka.admin
      .incrementalAlterConfigs([{ ...resource, configs }], { validateOnly: isDryRun })
      .catch(async (error: unknown) => {
        if (kind !== 'topic') throw error
        const names = configs.map((config) => config.name)
        throw await explainSetting(error, names)
      })
  })
  const parts = [
    ...settings.map((s) => `${s.name}=${describeSetting(s.name, s.value)}`),
    ...options.delete.map((deleted) => `${deleted} back to its default`),
  ]
  const set = Object.fromEntries(settings.map((s) => [s.name, s.value]))
  const done = { kind, name, set, deleted: options.delete, dryRun: isDryRun }
  const verb = isDryRun ? 'dry run: would set' : 'set'
  await printDone(
    terminal(),
    options.output,
    done,
    `${verb} on ${kind} ${name}   ${parts.join(' · ')}`,
  )
}
