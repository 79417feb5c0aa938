/**
 * The long form of the bank: `npm run test:bank -- [--broker-kills N] [--client-kills N] [--seed N]
 * [--protocol classic|consumer]`. Ends with 1 when anything was lost, doubled, torn or left open.
 */
import { parseArgs } from 'node:util'
import { Bank, type GroupProtocol } from './bank.ts'

const { values } = parseArgs({
  options: {
    'broker-kills': { type: 'string', default: '100' },
    'client-kills': { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    protocol: { type: 'string', default: 'consumer' },
  },
})
const say = (line: string) => process.stdout.write(`${line}\n`)

const { transfers, kills, events, audit, faults } = await Bank.run({
  seed: Number(values.seed),
  brokerKills: Number(values['broker-kills']),
  clientKills: Number(values['client-kills']),
  protocol: values.protocol as GroupProtocol,
  onKill: (report) => {
    const done = Object.values(report.kills).reduce((sum, n) => sum + n, 0)
    if (done % 20 === 0) say(`${done} kills, ${report.transfers} transfers`)
  },
})
say(
  `bank: ${transfers} transfers; killed: broker ${kills.broker}, clerks ${kills.clerk}, zombies ` +
    `${kills.zombie}, twins ${kills.twin}; ${faults.length} faults`,
)
say(
  `auditor: ${audit.records} records, ${audit.hiddenAttempts} aborted attempts hidden, a transfer ` +
    `in part for ${audit.partMsMax} ms at most, debits and credits ${audit.imbalanceMax} apart at ` +
    `most, ${audit.looks} looks at committed offsets`,
)
for (const [event, times] of [...events].sort()) say(`  ${event}: ${times}`)
for (const fault of faults) say(`  FAULT ${fault}`)
process.exitCode = faults.length > 0 ? 1 : 0
