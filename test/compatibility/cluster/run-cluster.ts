/**
 * The long form: `npm run test:cluster -- [--seed N] [--minutes N] [--faults name,name]`. Three
 * nodes of Apache Kafka under load, one fault after the other in an order given by the seed. Ends
 * with 1 when a promise was broken.
 */
import { parseArgs } from 'node:util'
import { SeededRandom } from '@ottla/base'
import { ensureKcat } from '../support/peers.ts'
import { runCluster } from './cluster-run.ts'
import { FAULTS, type Fault } from './faults.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '10' },
    faults: { type: 'string', default: FAULTS.join() },
  },
})
const seed = Number(values.seed)
const chosen = values.faults.split(',').map((name) => {
  const fault = FAULTS.find((known) => known === name)
  if (!fault) throw new TypeError(`no fault ${name}; there are ${FAULTS.join()}`)
  return fault
})
const say = (line: string) => process.stdout.write(`${line}\n`)

/** Each of them once before any comes again. */
function* untilTheTimeIsUp(): Generator<Fault> {
  const random = new SeededRandom(seed)
  const endMs = performance.now() + Number(values.minutes) * 60_000
  for (;;) {
    const left = [...chosen]
    while (left.length > 0) {
      if (performance.now() > endMs) return
      yield left.splice(random.integer(left.length), 1)[0] as Fault
    }
  }
}

const counts = new Map<Fault, number>()
await ensureKcat()
const report = await runCluster({
  seed,
  faults: untilTheTimeIsUp(),
  onFault: (fault, acknowledged, tookMs) => {
    counts.set(fault, (counts.get(fault) ?? 0) + 1)
    say(`${fault}: ${(tookMs / 1000).toFixed(1)} s, ${acknowledged} records acknowledged`)
  },
})
say(
  `cluster, seed ${seed}: ${report.acknowledged} records acknowledged, ${report.copied} copied in ` +
    `transactions, ${report.fenced} of ${report.doubled} doubled workers fenced; ` +
    `${report.faults.length} promises broken`,
)
for (const [fault, times] of [...counts].sort()) say(`  ${fault}: ${times}`)
for (const fault of report.faults.slice(0, 50)) say(`  FAULT ${fault}`)
process.exitCode = report.faults.length > 0 || report.fenced !== report.doubled ? 1 : 0
