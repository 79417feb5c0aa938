import { expect, test } from 'vitest'
import { ensureKcat } from '../support/peers.ts'
import { runCluster } from './cluster-run.ts'
import type { Fault } from './faults.ts'

const SEED = 1
const SHORT: readonly Fault[] = [
  'leaders-move',
  'group-coordinator-killed',
  'worker-doubled',
  'leader-suspended',
  'answers-lost',
  'leader-cut-off',
  'controller-killed',
  'address-moved',
]

test('three nodes lose nothing, double nothing and copy exactly while they fail', async () => {
  await ensureKcat()
  const report = await runCluster({
    seed: SEED,
    faults: SHORT,
    onFault: (fault, acknowledged, tookMs) => {
      process.stdout.write(`  ${fault}: ${Math.round(tookMs)} ms, ${acknowledged} acknowledged\n`)
    },
  })
  const { faults, ...counts } = report
  process.stdout.write(`cluster: ${JSON.stringify(counts)}\n`)
  expect(faults).toEqual([])
  expect(report.fenced).toBe(report.doubled)
}, 900_000)
