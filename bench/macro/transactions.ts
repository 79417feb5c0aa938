/**
 * Transactions per second and their latency beside Apache Kafka, with Apache's Java client: one
 * transaction per 1, 100 and 10,000 records of 100 bytes.
 *
 *   npm run bench -- transactions [--rounds N]
 */
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { startApacheBroker } from '../../test/compatibility/support/apache-broker.ts'
import {
  APACHE_BROKER_VERSION,
  ensureApacheKafka,
} from '../../test/compatibility/support/apache-jars.ts'
import { runTool } from '../../test/compatibility/support/apache-tools.ts'
import { outputOf } from '../../test/compatibility/support/run-program.ts'
import { startOttlaProcess } from '../../test/support/ottla-process.ts'
import { type ResultRow, rowOf, saveResults } from '../support/results.ts'

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '3' } },
  args: process.argv.slice(2),
})
const ROUNDS = Number(values.rounds)
const SOURCE = fileURLToPath(new URL('./java/TransactionLoad.java', import.meta.url))
const LOADS = [
  { records: 1, transactions: 3000 },
  { records: 100, transactions: 2000 },
  { records: 10_000, transactions: 100 },
] as const

interface Figures {
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
}

const { brokerClasspath } = await ensureApacheKafka()

async function measure(
  side: string,
  bootstrap: string,
  topic: string,
  load: (typeof LOADS)[number],
): Promise<Figures> {
  const server = ['--bootstrap-server', bootstrap]
  const { code, stderr } = await runTool('TopicCommand', [
    ...[...server, '--create', '--topic', topic, '--partitions', '3'],
    ...['--replication-factor', '1'],
  ])
  if (code !== 0) throw new Error(`${side}: ${stderr}`)
  const run = outputOf('java', [
    ...['-Xmx256m', '-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-cp', brokerClasspath],
    ...[SOURCE, bootstrap, topic, String(load.records), String(load.transactions)],
  ])
  const output = await run.catch((cause: unknown) => {
    throw new Error(`the load on ${side}, topic ${topic}, failed`, { cause })
  })
  const [perSecond, p50, p99] = output.trim().split(' ').map(Number)
  return { perSecond, p50, p99 } as Figures
}

await using ottla = await startOttlaProcess()
await using apache = await startApacheBroker({ heap: '1g' })
const rows: ResultRow[] = []
for (const load of LOADS) {
  const figures = { ottla: [] as Figures[], apache: [] as Figures[] }
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [side, { bootstrap }] of [
      ['ottla', ottla],
      ['apache', apache],
    ] as const) {
      const found = await measure(side, bootstrap, `txn-${load.records}-${round}`, load)
      process.stdout.write(
        `${side} ${load.records} records, round ${round}: ${found.perSecond.toFixed(0)}/s, ` +
          `p50 ${found.p50} ms, p99 ${found.p99} ms\n`,
      )
      if (round > 0) figures[side].push(found)
    }
  }
  const what = `transactions of ${load.records.toLocaleString('en-US')} records`
  const row = (name: string, unit: string, better: 'more' | 'less', key: keyof Figures) =>
    rowOf(
      { name: `${what}: ${name}`, unit, better, bar: 1 },
      figures.ottla.map((f) => f[key]),
      { name: `Apache Kafka ${APACHE_BROKER_VERSION}`, values: figures.apache.map((f) => f[key]) },
    )
  rows.push(
    row('rate', 'per second', 'more', 'perSecond'),
    row('median latency', 'ms', 'less', 'p50'),
    row('p99 latency', 'ms', 'less', 'p99'),
  )
}
saveResults('transactions', rows, { rounds: ROUNDS, loads: LOADS, client: 'Java, kafka-clients' })
