/** What runs of the suite have found: one file, read by the report card. */
import { readFileSync, writeFileSync } from 'node:fs'
import type { BrokerKind } from './judged-brokers.ts'
import type { Outcome, Protocol } from './run-test.ts'
import type { SuiteTest } from './suite.ts'

const FILE = new URL('./results.json', import.meta.url)

/** `local` for tests that need no broker; else who was asked, with which group protocol. */
export type Lane = 'local' | `${BrokerKind}/${Protocol}`

export const BROKER_LANES: readonly Lane[] = [
  'ottla/classic',
  'ottla/consumer',
  'apache/classic',
  'apache/consumer',
]

export interface TestResult extends Pick<SuiteTest, 'name' | 'isKnownIssue' | 'scenario'> {
  readonly outcomes: Partial<Record<Lane, Outcome>>
}

export interface SuiteResults {
  readonly date: string
  readonly command: string
  readonly versions: Readonly<Record<string, string>>
  readonly tests: readonly TestResult[]
}

export const readResults = (): SuiteResults => JSON.parse(readFileSync(FILE, 'utf8'))

/** Passed or skipped before; what failed, or was never run, is open. */
export const isSettled = (results: SuiteResults, lane: Lane, name: string): boolean =>
  ['passed', 'skipped'].includes(
    results.tests.find((test) => test.name === name)?.outcomes[lane]?.state ?? '',
  )

/** Puts the outcomes of a run in the place of earlier ones; tests that were not run keep theirs. */
export function mergeResults(
  earlier: readonly TestResult[],
  tests: readonly SuiteTest[],
  found: ReadonlyMap<Lane, ReadonlyMap<string, Outcome>>,
): TestResult[] {
  return tests.map(({ name, isKnownIssue, scenario }) => {
    const outcomes = { ...earlier.find((test) => test.name === name)?.outcomes }
    for (const [lane, byName] of found) {
      const outcome = byName.get(name)
      if (outcome) outcomes[lane] = outcome
    }
    return { name, isKnownIssue, scenario, outcomes }
  })
}

/** Without what differs from run to run: random names, ports, folders. */
const plain = (reason: string): string =>
  reason
    .replace(/rdkafkatest_\w+/g, 'TOPIC')
    .replace(/\/tmp\/[\w-]+/g, 'FOLDER')
    .replace(/127\.0\.0\.1:\d+/g, 'BROKER')

export function writeResults(results: SuiteResults): void {
  const { tests, ...rest } = results
  const head = JSON.stringify(rest, undefined, 2).slice(0, -2)
  const rows = tests.map(
    (test) => `    ${JSON.stringify(test, (key, v) => (key === 'reason' ? plain(v) : v))}`,
  )
  writeFileSync(FILE, `${head},\n  "tests": [\n${rows.join(',\n')}\n  ]\n}\n`)
}
