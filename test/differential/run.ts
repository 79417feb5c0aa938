/**
 *   npm run test:differential [-- --seed N] [--minutes N] [--steps N] [--only API,...]
 *     [--lives KIND,...] [--set NAME=VALUE,...] [--verbose]
 *
 * Runs one seed after the other until the time is over, prints every difference as it is found, and
 * ends with 1 when there was one. `--minutes 0` runs one seed, `--seeds N` so many, `--verbose`
 * prints every request with both answers, and Apache Kafka's log at the end. `--only` asks these
 * APIs alone, `--lives` has these kinds of members alone; with both there are both. `--set` gives
 * both brokers a setting.
 */
import { parseArgs } from 'node:util'
import { compare, type Difference, type Exchange, servedNames } from './differential.ts'
import { LIFE_KINDS, type LifeKind } from './lives/lives.ts'
import { startWorlds } from './starting-point.ts'

const PROGRESS_MS = 10_000

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string' },
    minutes: { type: 'string', default: '5' },
    steps: { type: 'string', default: '400' },
    only: { type: 'string' },
    lives: { type: 'string' },
    set: { type: 'string', default: '' },
    verbose: { type: 'boolean', default: false },
  },
})
const print = (line: string) => process.stdout.write(`${line}\n`)
const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`

process.exitCode = await main()

async function main(): Promise<number> {
  const only = values.only?.split(',')
  const lives = values.lives?.split(',')
  const stranger =
    strangerIn(only, servedNames(), 'API that is compared') ??
    strangerIn(lives, LIFE_KINDS, 'kind of members')
  if (stranger !== undefined) {
    print(stranger)
    return 2
  }
  print('starting ottla and Apache Kafka')
  await using worlds = await startWorlds(settingsOf(values.set))
  const first = Number(values.seed)
  const until = performance.now() + Number(values.minutes) * 60_000
  const isOver = (seed: number) =>
    values.seeds === undefined ? performance.now() >= until : seed >= first + Number(values.seeds)
  const sums = { requests: 0, found: 0, explained: new Map<string, number>() }
  for (let seed = first; seed === first || !isOver(seed); seed++) {
    const startMs = performance.now()
    let at = 'making topics'
    const progress = setInterval(() => print(`    seed ${seed}: ${at}`), PROGRESS_MS)
    const outcome = await compare(worlds, seed, {
      steps: Number(values.steps),
      only,
      lives: lives as LifeKind[] | undefined,
      onStep: (step, request) => {
        at = `step ${step} asks ${request}`
      },
      onDifference: tell,
      ...(values.verbose ? { onAnswers: tellAll } : {}),
    })
    clearInterval(progress)
    sums.requests += outcome.requests
    sums.found += outcome.differences.length
    for (const [reason, n] of outcome.explained) {
      sums.explained.set(reason, (sums.explained.get(reason) ?? 0) + n)
    }
    print(
      `seed ${seed}: ${outcome.requests} requests, ${outcome.answered} orderly, ` +
        `${outcome.differences.length} differences, ${seconds(performance.now() - startMs)}`,
    )
  }
  if (values.verbose) print(worlds.apacheLog())
  for (const [reason, n] of sums.explained) print(`${n} explained: ${reason}`)
  print(`${sums.requests} requests compared, ${sums.found} differences`)
  return sums.found === 0 ? 0 : 1
}

function strangerIn(
  asked: readonly string[] | undefined,
  known: readonly string[],
  what: string,
): string | undefined {
  const stranger = asked?.find((name) => !known.includes(name))
  return stranger && `No ${what} is called ${stranger}; there are ${known.join(', ')}.`
}

function settingsOf(text: string): Record<string, string> {
  return Object.fromEntries(text.split(',').flatMap((pair) => (pair ? [pair.split('=', 2)] : [])))
}

function tell({ seed, step, request, at, body }: Difference): void {
  print(`seed ${seed} step ${step}: ${request} at ${at.slice(0, 500)}`)
  print(`    asked ${JSON.stringify(body, shortly).slice(0, 1000)}`)
}

function tellAll({ step, request, body, ottla, apache }: Exchange): void {
  const [ours, theirs] = [JSON.stringify(ottla), JSON.stringify(apache)]
  print(`step ${step}: ${request} ${JSON.stringify(body, shortly)}`)
  print(ours === theirs ? `    both ${ours}` : `    ottla  ${ours}\n    apache ${theirs}`)
}

/** Names of 250 letters and batches would hide the rest. */
function shortly(_key: string, value: unknown): unknown {
  if (typeof value === 'string' && value.length > 40) return `${value.slice(0, 10)}...`
  const { type, data } = (value ?? {}) as { type?: string; data?: number[] }
  if (type === 'Buffer' && data) return `${data.length} bytes`
  const { kind, key, detail } = (value ?? {}) as { kind?: string; key?: string; detail?: object }
  if (kind && key !== undefined) return `<${kind} of ${key}${detailsOf(detail)}>`
  return value
}

function detailsOf(detail: object | undefined): string {
  return detail && Object.keys(detail).length > 0 ? ` ${JSON.stringify(detail)}` : ''
}
