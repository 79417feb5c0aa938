/** One JSON file per run, with everything that is needed to judge the figures. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'

const DIRECTORY = fileURLToPath(new URL('../results/', import.meta.url))

export interface Spread {
  readonly min: number
  readonly median: number
  readonly max: number
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (index: number) => sorted[index] ?? Number.NaN
  const middle = Math.floor(sorted.length / 2)
  const median = sorted.length % 2 ? at(middle) : (at(middle - 1) + at(middle)) / 2
  return { min: at(0), median, max: at(sorted.length - 1) }
}

export interface ResultRow {
  readonly name: string
  readonly unit: string
  /** Whether larger or smaller is better. */
  readonly better: 'more' | 'less'
  readonly ottla: Spread
  readonly peer?: Spread
  readonly peerName?: string
  /** Ratio of each pair of runs that followed each other: how many times as good as the peer. */
  readonly ratio?: Spread
  /** What the ratio or figure should reach. */
  readonly bar?: number
}

/** Times as good as the peer, pair by pair. */
export function rowOf(
  row: Pick<ResultRow, 'name' | 'unit' | 'better'> & { readonly bar?: number },
  ottla: readonly number[],
  peer?: { readonly name: string; readonly values: readonly number[] },
): ResultRow {
  if (!peer) return { ...row, ottla: spreadOf(ottla) }
  const ratios = ottla.map((value, i) => {
    const other = peer.values[i] ?? Number.NaN
    return row.better === 'more' ? value / other : other / value
  })
  return {
    ...row,
    ottla: spreadOf(ottla),
    peer: spreadOf(peer.values),
    peerName: peer.name,
    ratio: spreadOf(ratios),
  }
}

const format = (value: number): string =>
  value >= 1000 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(3)))

/** The rows as a table in Markdown. */
export function tableOf(rows: readonly ResultRow[]): string {
  const lines = rows.map((row) => {
    const ratio = row.ratio
      ? `${format(row.ratio.median)}x (${format(row.ratio.min)}-${format(row.ratio.max)})`
      : ''
    const bar =
      row.bar === undefined ? '' : `${row.peer ? '' : '≤ '}${row.bar}${row.peer ? 'x' : ''}`
    const peer = row.peer ? `${format(row.peer.median)} (${row.peerName})` : ''
    return `| ${row.name} | ${row.unit} | ${format(row.ottla.median)} | ${peer} | ${ratio} | ${bar} |`
  })
  return [
    '| What | Unit | ottla | Peer | Times as good (spread) | Bar |',
    '|---|---|---|---|---|---|',
    ...lines,
  ].join('\n')
}

/** Writes bench/results/NAME-DATE.json, replacing an earlier run of the day; prints the table. */
export function saveResults(
  name: string,
  rows: readonly ResultRow[],
  settings: Readonly<Record<string, unknown>>,
): void {
  mkdirSync(DIRECTORY, { recursive: true })
  const manifest = JSON.parse(
    readFileSync(new URL('../../packages/cli/package.json', import.meta.url), 'utf8'),
  ) as { version: string }
  const date = new Date().toISOString()
  const result = {
    name,
    date,
    versions: { ottla: manifest.version, commit: commit(), node: process.version },
    machine: {
      cpu: cpus()[0]?.model,
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      kernel: release(),
      loadAtEnd: loadavg()[0],
    },
    settings,
    rows,
  }
  writeFileSync(
    `${DIRECTORY}${name}-${date.slice(0, 10)}.json`,
    `${JSON.stringify(result, null, 2)}\n`,
  )
  process.stdout.write(`\n${tableOf(rows)}\n`)
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
  } catch {
    // A source archive without git history.
    return 'unknown'
  }
}
