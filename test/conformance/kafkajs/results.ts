/** What runs of kafkajs's specs have found: one file, read by the report card. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'

const FILE = new URL('./results.json', import.meta.url)

export type Lane = 'ottla' | 'apache'

export interface SpecOutcome {
  readonly passed: number
  readonly failures: readonly { readonly test: string; readonly reason: string }[]
  /** Tests that need listeners the broker does not have: TLS, logins. */
  readonly needLogin: number
}

export interface SpecResult {
  readonly name: string
  readonly outcomes: Partial<Record<Lane, SpecOutcome>>
}

export interface SuiteResults {
  readonly date: string
  readonly specs: readonly SpecResult[]
}

export const readResults = (): SuiteResults =>
  existsSync(FILE) ? JSON.parse(readFileSync(FILE, 'utf8')) : { date: '', specs: [] }

/** Outcomes of a run take the place of earlier ones; specs that were not run keep theirs. */
export function mergeResults(
  earlier: SuiteResults,
  names: readonly string[],
  { lane, found }: { lane: Lane; found: ReadonlyMap<string, SpecOutcome> },
): SuiteResults {
  const specs = names.map((name) => {
    const outcomes = { ...earlier.specs.find((spec) => spec.name === name)?.outcomes }
    const outcome = found.get(name)
    if (outcome) outcomes[lane] = outcome
    return { name, outcomes }
  })
  return { date: new Date().toISOString(), specs }
}

/** Without what differs from run to run: random names, ports. */
const plain = (text: string): string =>
  text
    .replaceAll(/[0-9a-f]{20}-\d+-[0-9a-f-]{36}/g, 'NAME')
    .replaceAll(/127\.0\.0\.1:\d+|localhost:\d+/g, 'BROKER')
    .replaceAll(/\S*\/\.cache\/kafkajs-suite\/tree-\d+\//g, '')

export function writeResults({ date, specs }: SuiteResults): void {
  const rows = specs.map(
    (spec) => `    ${JSON.stringify(spec, (key, v) => (key === 'reason' ? plain(v) : v))}`,
  )
  const head = `{\n  "date": ${JSON.stringify(date)},\n  "specs": [\n`
  writeFileSync(FILE, `${head}${rows.join(',\n')}\n  ]\n}\n`)
}
