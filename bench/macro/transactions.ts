/**
 * Transactions beside Apache Kafka, with Apache's Java client: one transaction per 1, 100 and
 * 10,000 records of 100 bytes. Their rate and latency one after another, then at a fixed pace the
 * time from begin until a read_committed consumer holds the last record.
 *
 * ottla syncs what it acknowledges, Apache Kafka does not. So each broker runs in both ways and
 * each of ottla's is compared with Apache Kafka's of the same promise; the third pair is what
 * both do by default, where ottla pays for syncs alone.
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
  { records: 1, transactions: 3000, paced: 1000, pace: 200 },
  { records: 100, transactions: 2000, paced: 1000, pace: 100 },
  { records: 10_000, transactions: 100, paced: 60, pace: 4 },
] as const

interface Figures {
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
  readonly seenP50: number
  readonly seenP99: number
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
    ...[String(load.paced), String(load.pace)],
  ])
  const output = await run.catch((cause: unknown) => {
    throw new Error(`the load on ${side}, topic ${topic}, failed`, { cause })
  })
  const [perSecond, p50, p99, seenP50, seenP99] = output.trim().split(' ').map(Number)
  return { perSecond, p50, p99, seenP50, seenP99 } as Figures
}

await using ottla = await startOttlaProcess()
await using apache = await startApacheBroker({ heap: '1g' })
await using ottlaUnsynced = await startOttlaProcess({ settings: { 'flush.policy': 'os' } })
await using apacheSynced = await startApacheBroker({
  heap: '1g',
  overrides: { 'log.flush.interval.messages': '1' },
})
const SIDES = { ottla, apache, ottlaUnsynced, apacheSynced }
type Side = keyof typeof SIDES
const PAIRS: readonly { name: string; ottla: Side; apache: Side }[] = [
  { name: 'by default', ottla: 'ottla', apache: 'apache' },
  { name: 'both synced', ottla: 'ottla', apache: 'apacheSynced' },
  { name: 'neither synced', ottla: 'ottlaUnsynced', apache: 'apache' },
]

const rows: ResultRow[] = []
for (const load of LOADS) {
  const figures: Record<Side, Figures[]> = {
    ottla: [],
    apache: [],
    ottlaUnsynced: [],
    apacheSynced: [],
  }
  for (let round = 0; round <= ROUNDS; round++) {
    for (const side of Object.keys(SIDES) as Side[]) {
      const { bootstrap } = SIDES[side]
      const found = await measure(side, bootstrap, `txn-${load.records}-${round}`, load)
      process.stdout.write(
        `${side} ${load.records} records, round ${round}: ${found.perSecond.toFixed(0)}/s, ` +
          `p50 ${found.p50} ms, p99 ${found.p99} ms, ` +
          `seen p50 ${found.seenP50} ms, p99 ${found.seenP99} ms\n`,
      )
      if (round > 0) figures[side].push(found)
    }
  }
  for (const pair of PAIRS) {
    const what = `transactions of ${load.records.toLocaleString('en-US')} records, ${pair.name}`
    const row = (name: string, unit: string, better: 'more' | 'less', key: keyof Figures) =>
      rowOf(
        { name: `${what}: ${name}`, unit, better, bar: 1 },
        figures[pair.ottla].map((f) => f[key]),
        {
          name: `Apache Kafka ${APACHE_BROKER_VERSION}`,
          values: figures[pair.apache].map((f) => f[key]),
        },
      )
    rows.push(
      row('rate', 'per second', 'more', 'perSecond'),
      row('median latency', 'ms', 'less', 'p50'),
      row('p99 latency', 'ms', 'less', 'p99'),
      row('median until seen', 'ms', 'less', 'seenP50'),
      row('p99 until seen', 'ms', 'less', 'seenP99'),
    )
  }
}
const paces = LOADS.map(({ pace, records }) => `${pace}/s of ${records}`).join(', ')
saveResults('transactions', rows, { rounds: ROUNDS, paces, client: 'Java, kafka-clients' })
