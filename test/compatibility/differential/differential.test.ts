/**
 * The differential test in short: the same few hundred random requests to ottla and to Apache
 * Kafka, and no answer differs but for a reason that is listed. `npm run test:differential` runs
 * longer.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { compare, type Difference } from '../../differential/differential.ts'
import { startWorlds, type Worlds } from '../../differential/starting-point.ts'

const STEPS = 400

let worlds: Worlds

beforeAll(async () => {
  worlds = await startWorlds()
})
afterAll(async () => {
  await worlds?.[Symbol.asyncDispose]()
})

const line = ({ step, request, at, body }: Difference) =>
  `step ${step}: ${request} at ${at}, asked ${JSON.stringify(body)}`

test.each([1, 2])('both answer the requests of seed %i alike', async (seed) => {
  const { differences, answered } = await compare(worlds, seed, { steps: STEPS })
  expect(differences.map(line)).toEqual([])
  // Most random requests are refused; enough are not, or nothing would have been compared.
  expect(answered).toBeGreaterThan(STEPS / 4)
})
