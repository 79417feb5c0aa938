/** What the broker speaks, the error codes and the metrics. */
import { readdirSync, readFileSync } from 'node:fs'
import { handlers, METRICS } from '@ottla/broker'
import { apis, ERROR_CODES } from '@ottla/protocol'
import { definedHandlers, type HandlerHeader, handlerHeader } from './handler-header.ts'
import { page, table } from './markdown.ts'

const HANDLERS = new URL('../../packages/broker/src/handlers/', import.meta.url)

/** The header that speaks for each API, by its name. */
function readHeaders(): Map<string, HandlerHeader> {
  const headers = new Map<string, HandlerHeader>()
  for (const name of readdirSync(HANDLERS)) {
    if (!name.endsWith('.ts') || name.endsWith('.test.ts')) continue
    const text = readFileSync(new URL(name, HANDLERS), 'utf8')
    const header = handlerHeader(text)
    if (!header) continue
    for (const handler of definedHandlers(text)) headers.set(handler.name.toLowerCase(), header)
  }
  return headers
}

const versions = (lowest: number, highest: number): string =>
  lowest === highest ? String(lowest) : `${lowest}-${highest}`

export function protocolPage(): string {
  const headers = readHeaders()
  const served = [...handlers].sort((a, b) => a.api.key - b.api.key)
  const keys = new Set(served.map(({ api }) => api.key))
  const known = Object.values(apis)
    .filter(({ key }) => !keys.has(key))
    .sort((a, b) => a.key - b.key)
  const rows = served.map(({ api, lowest, highest, advertisedLowest }) => [
    String(api.key),
    api.name,
    versions(lowest, highest),
    advertisedLowest === lowest ? '' : versions(advertisedLowest, highest),
  ])
  const notes = served.flatMap(({ api }) => {
    const header = headers.get(api.name.toLowerCase())
    if (!header) return []
    const { behaviour, versionNotes, differences } = header
    return [
      `## ${api.name}`,
      ...(behaviour ? [sentence(behaviour)] : []),
      ...(versionNotes ? [`**Versions.** ${sentence(versionNotes)}`] : []),
      ...(differences ? [`**Unlike Apache Kafka.** ${sentence(differences)}`] : []),
    ]
  })
  return page(
    'Protocol',
    'The APIs of Apache Kafka that the broker answers, with their versions. ApiVersions tells ' +
      'clients the same; *Advertised* is filled where it says something else.',
    table(['Key', 'API', 'Versions', 'Advertised'], rows),
    'Known to `@ottla/protocol`, for clients of other brokers, but not answered by this one: ' +
      `${known.map(({ name }) => name).join(', ')}.`,
    ...notes,
  )
}

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

const KINDS: Readonly<Record<string, string>> = {
  fatal: '',
  retriable: 'ask again',
  refresh: 'refresh metadata, ask again',
}

export function errorsPage(): string {
  const rows = Object.entries(ERROR_CODES)
    .sort(([, [a]], [, [b]]) => a - b)
    .map(([name, [code, kind]]) => [String(code), `\`${name}\``, KINDS[kind] ?? ''])
  return page(
    'Error codes',
    "Kafka's error codes with the number on the wire and what a client does about them. Where the " +
      'last column is empty, the same request fails again.',
    table(['Code', 'Name', 'A client should'], rows),
  )
}

export function metricsPage(): string {
  const rows = Object.entries(METRICS).map(([name, help]) => [
    `\`${name}\``,
    name.endsWith('_total') ? 'counter' : 'gauge',
    help,
  ])
  return page(
    'Metrics',
    'With `--set metrics.port=PORT` the broker serves `/metrics` in the text form of Prometheus on ' +
      '127.0.0.1, and `/healthz` beside it. The usual metrics of a Node.js process come with them.',
    table(['Name', 'Kind', 'What it counts'], rows),
  )
}
