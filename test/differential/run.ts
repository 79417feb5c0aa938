/**
 *   npm run test:differential [-- --seed N] [--minutes N] [--steps N] [--only API,...] [--verbose]
 *
 * Runs one seed after the other until the time is over, prints every difference as it is found, and
 * ends with 1 when there was one. `--minutes 0` runs one seed, `--verbose` prints every request with
 * both answers.
 */
import { parseArgs } from 'node:util'
import { startBothBrokers } from '../compatibility/support/side-by-side.ts'
import { compare, type Difference, type Exchange, servedNames } from './differential.ts'
import { SETTINGS } from './starting-point.ts'
import { World } from './world.ts'

const PROGRESS_MS = 10_000

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '5' },
    steps: { type: 'string', default: '300' },
    only: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
})
const print = (line: string) => process.stdout.write(`${line}\n`)
const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`

process.exitCode = await main()

async function main(): Promise<number> {
  const only = values.only?.split(',')
  const stranger = only?.find((name) => !servedNames().includes(name))
  if (stranger !== undefined) {
    print(`No API that is compared is called ${stranger}; there are ${servedNames().join(', ')}.`)
    return 2
  }
  print('starting ottla and Apache Kafka')
  await using brokers = await startBothBrokers(SETTINGS)
  using ottla = new World('ottla', brokers.ottla.bootstrap)
  using apache = new World('apache', brokers.apache.bootstrap)
  const until = performance.now() + Number(values.minutes) * 60_000
  let seed = Number(values.seed)
  let requests = 0
  let found = 0
  const explained = new Map<string, number>()
  do {
    const startMs = performance.now()
    let at = 'making topics'
    const progress = setInterval(() => print(`    seed ${seed}: ${at}`), PROGRESS_MS)
    const outcome = await compare({ ottla, apache }, seed, {
      steps: Number(values.steps),
      only,
      onStep: (step, request) => {
        at = `step ${step} asks ${request}`
      },
      onDifference: tell,
      ...(values.verbose ? { onAnswers: tellAll } : {}),
    })
    clearInterval(progress)
    requests += outcome.requests
    found += outcome.differences.length
    for (const [reason, n] of outcome.explained) {
      explained.set(reason, (explained.get(reason) ?? 0) + n)
    }
    print(
      `seed ${seed}: ${outcome.requests} requests, ${outcome.answered} orderly, ` +
        `${outcome.differences.length} differences, ${seconds(performance.now() - startMs)}`,
    )
    seed++
  } while (performance.now() < until)
  for (const [reason, n] of explained) print(`${n} explained: ${reason}`)
  print(`${requests} requests compared, ${found} differences`)
  return found === 0 ? 0 : 1
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
  const data = (value as { type?: string; data?: number[] } | null)?.data
  if ((value as { type?: string } | null)?.type === 'Buffer' && data) return `${data.length} bytes`
  return value
}
