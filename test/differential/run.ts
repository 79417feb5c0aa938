/**
 *   npm run test:differential [-- --seed N] [--minutes N] [--steps N] [--only API]
 *
 * Runs one seed after the other until the time is over, prints every difference, and ends with 1
 * when there was one.
 */
import { parseArgs } from 'node:util'
import { startBothBrokers } from '../compatibility/support/side-by-side.ts'
import { compare } from './differential.ts'
import { World } from './world.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '5' },
    steps: { type: 'string', default: '300' },
    only: { type: 'string' },
  },
})
const until = performance.now() + Number(values.minutes) * 60_000
let seed = Number(values.seed)
let requests = 0
let found = 0
const explained = new Map<string, number>()
await using brokers = await startBothBrokers()
const ottla = new World('ottla', brokers.ottla.bootstrap)
const apache = new World('apache', brokers.apache.bootstrap)
do {
  const outcome = await compare({ ottla, apache }, seed, {
    steps: Number(values.steps),
    only: values.only,
  })
  requests += outcome.requests
  found += outcome.differences.length
  for (const [reason, n] of outcome.explained)
    explained.set(reason, (explained.get(reason) ?? 0) + n)
  for (const difference of outcome.differences) {
    const { step, request, at, body } = difference
    process.stdout.write(`seed ${seed} step ${step}: ${request} at ${at.slice(0, 400)}\n`)
    process.stdout.write(`    asked ${JSON.stringify(body).slice(0, 600)}\n`)
  }
  process.stdout.write(`seed ${seed}: ${outcome.requests} requests, ${outcome.answered} orderly\n`)
  seed++
} while (performance.now() < until)
for (const [reason, n] of explained) process.stdout.write(`${n} explained: ${reason}\n`)
process.stdout.write(`${requests} requests compared, ${found} differences\n`)
ottla.close()
apache.close()
process.exitCode = found === 0 ? 0 : 1
