/**
 *   npm run test:consistency [-- --seed N] [--minutes N] [--kills N] [--mutants N]
 *
 * Runs histories, one seed after the other, until the time is over: power cuts and kill -9 by
 * turns. Then breaks the broker on purpose, one rule at a time, with N seeds for each: a checker
 * that notices nothing proves nothing. Ends with 1 when there was an anomaly, or when a mutant was
 * not caught.
 */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { namesOf } from './checker.ts'
import { MUTANTS, runMutant } from './mutants.ts'
import { type RunResult, runHistory } from './run-history.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '5' },
    kills: { type: 'string', default: '10' },
    mutants: { type: 'string', default: '30' },
  },
})
const firstSeed = Number(values.seed)
const kills = Number(values.kills)
const say = (line: string) => process.stdout.write(`${line}\n`)

const total = {
  runs: 0,
  operations: 0,
  acknowledged: 0,
  reads: 0,
  compactedAway: 0,
  kills: 0,
  crashes: 0,
}
const COUNTED = [
  'operations',
  'acknowledged',
  'reads',
  'compactedAway',
  'kills',
  'crashes',
] as const
let anomalies = 0
let unknown = 0

function add(result: RunResult): void {
  total.runs++
  for (const name of COUNTED) total[name] += result[name]
  unknown += result.unknownShare
  anomalies += result.anomalies.length + (result.failure === undefined ? 0 : 1)
}

/** The history of a bad run is kept: the seed brings back the choices, but not the timing. */
function keep(result: RunResult, seed: number): void {
  const path = join(mkdtempSync(join(tmpdir(), 'ottla-history-')), `seed-${seed}.jsonl`)
  writeFileSync(path, result.history.map((operation) => JSON.stringify(operation)).join('\n'))
  say(`  history: ${path}`)
  for (const { name, text } of result.anomalies.slice(0, 20)) say(`  ${name}: ${text}`)
}

const until = performance.now() + Number(values.minutes) * 60_000
for (let seed = firstSeed; seed === firstSeed || performance.now() < until; seed++) {
  const kind = seed % 4 === 0 ? 'kill -9' : 'power cut'
  const result = await runHistory({ seed, kind, kills })
  add(result)
  const { operations, acknowledged, reads, unknownShare, seconds } = result
  say(
    `seed ${seed}: ${result.kills} x ${kind}, ${operations} operations, ${acknowledged} acknowledged, ` +
      `${reads} reads, ${result.compactedAway} compacted away, ${Math.round(unknownShare * 100)} % unknown, ${seconds.toFixed(1)} s, ` +
      `${result.anomalies.length} anomalies`,
  )
  if (result.failure !== undefined) say(`  ${result.failure}`)
  if (result.anomalies.length > 0) keep(result, seed)
}
say(
  `${total.runs} runs, ${total.kills} kills, ${total.crashes} clients thrown away, ` +
    `${total.operations} operations, ${total.acknowledged} records acknowledged, ${total.reads} read, ` +
    `${total.compactedAway} compacted away, ${((100 * unknown) / total.runs).toFixed(1)} % of the writes unknown, ${anomalies} anomalies`,
)

let missed = 0
for (const name of Number(values.mutants) > 0 ? Object.keys(MUTANTS) : []) {
  const { seeds, result } = await runMutant(name, firstSeed, Number(values.mutants))
  if (!result) missed++
  say(
    `mutant "${name}": ${result ? `caught by seed ${seeds} as ${result.failure ?? namesOf(result).join(', ')}` : 'NOT CAUGHT'}`,
  )
}
process.exit(anomalies + missed > 0 ? 1 : 0)
