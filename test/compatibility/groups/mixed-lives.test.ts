/**
 * Random lives of members of both protocols in one group, to ottla and to Apache Kafka: the group
 * changes between the protocols while they work, as far as `group.consumer.migration.policy` lets
 * it, and every answer is the same. `npm run test:differential -- --lives mixed` runs longer.
 */
import { describe, expect, test } from 'vitest'
import { compare, type Difference } from '../../differential/differential.ts'
import { startWorlds } from '../../differential/starting-point.ts'

const STEPS = 250
const SEEDS = [1, 2, 3]

const line = ({ seed, step, request, at, body }: Difference) =>
  `seed ${seed} step ${step}: ${request} at ${at}, asked ${JSON.stringify(body)}`

describe.each(['bidirectional', 'upgrade', 'downgrade', 'disabled'])('migration: %s', (policy) => {
  test('members of both protocols hear the same from both brokers', async () => {
    await using worlds = await startWorlds({ 'group.consumer.migration.policy': policy })
    let answered = 0
    for (const seed of SEEDS) {
      const outcome = await compare(worlds, seed, { steps: STEPS, lives: ['mixed'] })
      expect(outcome.differences.map(line)).toEqual([])
      answered += outcome.answered
    }
    expect(answered).toBeGreaterThan((SEEDS.length * STEPS) / 4)
  })
})
