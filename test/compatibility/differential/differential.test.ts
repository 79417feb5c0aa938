/**
 * The differential test in short: the same few hundred random requests to ottla and to Apache
 * Kafka, and no answer differs but for a reason that is listed. `npm run test:differential` runs
 * longer.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { compare, type Difference } from '../../differential/differential.ts'
import { SETTINGS } from '../../differential/starting-point.ts'
import { World } from '../../differential/world.ts'
import { type BothBrokers, startBothBrokers } from '../support/side-by-side.ts'

const STEPS = 250

let brokers: BothBrokers
let worlds: { readonly ottla: World; readonly apache: World }

beforeAll(async () => {
  brokers = await startBothBrokers(SETTINGS)
  worlds = {
    ottla: new World('ottla', brokers.ottla.bootstrap),
    apache: new World('apache', brokers.apache.bootstrap),
  }
})
afterAll(async () => {
  worlds?.ottla.close()
  worlds?.apache.close()
  await brokers?.stop()
})

const line = ({ step, request, at, body }: Difference) =>
  `step ${step}: ${request} at ${at}, asked ${JSON.stringify(body)}`

test.each([1, 2])('both answer the requests of seed %i alike', async (seed) => {
  const { differences, answered } = await compare(worlds, seed, { steps: STEPS })
  expect(differences.map(line)).toEqual([])
  // Most random requests are refused; enough are not, or nothing would have been compared.
  expect(answered).toBeGreaterThan(STEPS / 4)
})
