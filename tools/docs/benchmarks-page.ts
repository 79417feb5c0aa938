/** Benchmark figures, from the results that runs have left in bench/results. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { type ResultRow, tableOf } from '../../bench/support/results.ts'
import { page, table } from './markdown.ts'

/** Too many figures for a section. */
const CLIENT_SPEED = 'client-speed'
const RESULTS = new URL('../../bench/results/', import.meta.url)

interface Result {
  readonly name?: string
  readonly bench?: string
  readonly date: string
  readonly versions: Readonly<Record<string, unknown>>
  readonly machine: Readonly<Record<string, unknown>>
  readonly settings?: Readonly<Record<string, unknown>>
  readonly rows?: readonly ResultRow[]
  readonly summary?: readonly Readonly<Record<string, unknown>>[]
}

const listed = (values: Readonly<Record<string, unknown>>): string =>
  Object.entries(values)
    .map(([name, value]) => `${name} ${String(value)}`)
    .join(', ')

/** Columns of a summary are whatever its rows have. */
function summaryTable(rows: readonly Readonly<Record<string, unknown>>[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  return table(
    columns,
    rows.map((row) =>
      columns.map((column) => {
        const value = row[column]
        if (Array.isArray(value)) return value.join('-')
        return typeof value === 'number' ? value.toLocaleString('en-US') : String(value ?? '')
      }),
    ),
  )
}

function section(file: string): string[] {
  if (file.startsWith(CLIENT_SPEED)) {
    return [
      `## ${CLIENT_SPEED}`,
      'The client beside other clients has [a page of its own](client-speed.md).',
    ]
  }
  const result = JSON.parse(readFileSync(new URL(file, RESULTS), 'utf8')) as Result
  const figures = result.rows
    ? tableOf(result.rows)
    : summaryTable(Array.isArray(result.summary) ? result.summary : [])
  return [
    `## ${result.name ?? result.bench ?? file.replace('.json', '')}`,
    `${result.date.slice(0, 10)}; ${listed(result.versions)}; ${listed(result.machine)}.`,
    ...(result.settings ? [`Settings: ${listed(result.settings)}.`] : []),
    figures,
  ]
}

/** The last result of each bench: files are named NAME-YYYY-MM-DD.json. */
function newestOfEach(names: readonly string[]): string[] {
  const newest = new Map<string, string>()
  for (const name of [...names].sort()) {
    if (name.endsWith('.json')) newest.set(name.replace(/-\d{4}-\d\d-\d\d\.json$/, ''), name)
  }
  return [...newest.values()]
}

export function benchmarksPage(): string {
  const files = newestOfEach(existsSync(RESULTS) ? readdirSync(RESULTS) : [])
  return page(
    'Benchmarks',
    'Figures of single runs, ottla and its peer side by side and interleaved, on the machine named ' +
      'with them. `npm run bench` lists the commands that make them anew; the raw results are in ' +
      '`bench/results`.',
    ...files.flatMap(section),
  )
}
