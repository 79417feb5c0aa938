/**
 * The broker beside Apache Kafka: Apache's own perf tools load both in turn, in one run. ottla
 * answers after fdatasync, Apache Kafka with its defaults (no fsync).
 *
 *   npm run bench -- broker [--rounds N] [--megabytes N] [--only SIZE-BATCH or latency]
 */
import { parseArgs } from 'node:util'
import {
  type ApacheBroker,
  startApacheBroker,
} from '../../test/compatibility/support/apache-broker.ts'
import {
  APACHE_BROKER_VERSION,
  APACHE_TOOLS_VERSION,
} from '../../test/compatibility/support/apache-jars.ts'
import { runTool } from '../../test/compatibility/support/apache-tools.ts'
import { type OttlaProcess, startOttlaProcess } from '../../test/support/ottla-process.ts'
import { cpuSeconds, residentBytes } from '../support/process-usage.ts'
import { type ResultRow, rowOf, saveResults } from '../support/results.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    megabytes: { type: 'string', default: '150' },
    only: { type: 'string' },
  },
  args: process.argv.slice(2),
})
const ROUNDS = Number(values.rounds)
const BYTES = Number(values.megabytes) * 1e6
/** Share of a run's records that is sent before the counting begins. */
const WARM_UP = 0.3
const LATENCY_RECORDS = 400_000

type Subject = Pick<OttlaProcess & ApacheBroker, 'bootstrap' | 'pid'> & { readonly name: string }

interface Load {
  readonly recordSize: number
  readonly batchSize: number
}

const LOADS: readonly Load[] = [100, 1024].flatMap((recordSize) =>
  [16_384, 131_072].map((batchSize) => ({ recordSize, batchSize })),
)

interface Figures {
  readonly recordsPerSecond: number
  readonly cpuPerGigabyte: number
  readonly cpuPerMillionRecords: number
}

async function mustRun(tool: string, args: readonly string[]): Promise<string> {
  const { stdout, stderr, code } = await runTool(tool, args, { timeoutMs: 180_000, heap: '512m' })
  if (code !== 0) throw new Error(`${tool} failed: ${stderr || stdout}`)
  return stdout
}

const createTopic = (subject: Subject, topic: string) =>
  mustRun('TopicCommand', [
    ...['--bootstrap-server', subject.bootstrap, '--create', '--topic', topic],
    ...['--partitions', '1', '--replication-factor', '1'],
  ])

async function measured(
  subject: Subject,
  records: number,
  recordSize: number,
  work: () => Promise<number>,
): Promise<Figures> {
  const before = cpuSeconds(subject.pid)
  const recordsPerSecond = await work()
  const cpu = cpuSeconds(subject.pid) - before
  return {
    recordsPerSecond,
    cpuPerGigabyte: (cpu / (records * recordSize)) * 1e9,
    cpuPerMillionRecords: (cpu / records) * 1e6,
  }
}

/** While Java compiles the tool, its first seconds tell nothing of a broker: not counted. */
const warmUp = (records: number) => ['--warmup-records', String(Math.round(records * WARM_UP))]

/** A figure of the producing tool's last line, which is about the records behind the warm-up. */
function figureOf(output: string, pattern: RegExp): number {
  const line = output.trim().split('\n').at(-1) ?? ''
  const figure = line.includes('steady state') ? pattern.exec(line)?.[1] : undefined
  if (figure === undefined) throw new Error(`No figure of the steady state in: ${line}`)
  return Number(figure)
}

function produce(subject: Subject, topic: string, load: Load, records: number): Promise<Figures> {
  return measured(subject, records, load.recordSize, async () => {
    const output = await mustRun('ProducerPerformance', [
      ...['--topic', topic, '--num-records', String(records)],
      ...['--record-size', String(load.recordSize), '--throughput', '-1'],
      ...warmUp(records),
      ...['--bootstrap-server', subject.bootstrap],
      // One option with all its values: of a repeated one the tool takes the last.
      ...['--command-property', 'acks=all', `batch.size=${load.batchSize}`, 'linger.ms=5'],
      'buffer.memory=67108864',
    ])
    return figureOf(output, /([\d.]+) records\/sec/)
  })
}

function consume(subject: Subject, topic: string, load: Load, records: number): Promise<Figures> {
  return measured(subject, records, load.recordSize, async () => {
    const output = await mustRun('ConsumerPerformance', [
      ...['--topic', topic, '--num-records', String(records)],
      ...['--bootstrap-server', subject.bootstrap, '--timeout', '30000'],
    ])
    const summary = output.trim().split('\n').at(-1) ?? ''
    // Columns: ..., nMsg.sec over the fetching time alone is the last one.
    return Number(summary.split(',').at(-1))
  })
}

/** p99 in milliseconds at a rate that neither broker is pressed by. */
async function latency(subject: Subject, topic: string): Promise<number> {
  const output = await mustRun('ProducerPerformance', [
    ...['--topic', topic, '--num-records', String(LATENCY_RECORDS), '--record-size', '1024'],
    ...warmUp(LATENCY_RECORDS),
    ...['--throughput', '10000', '--bootstrap-server', subject.bootstrap],
    ...['--command-property', 'acks=all', 'linger.ms=0'],
  ])
  return figureOf(output, /([\d.]+) ms 99th/)
}

const label = ({ recordSize, batchSize }: Load): string =>
  `${recordSize === 1024 ? '1 KB' : '100 B'}, batches of ${batchSize / 1024} KB`

async function compareLoad(ottla: Subject, apache: Subject, load: Load): Promise<ResultRow[]> {
  const records = Math.round(BYTES / load.recordSize)
  const produced = { ottla: [] as Figures[], apache: [] as Figures[] }
  const consumed = { ottla: [] as Figures[], apache: [] as Figures[] }
  // One more round than counted, first: it warms the code of both brokers.
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [side, subject] of [
      ['ottla', ottla],
      ['apache', apache],
    ] as const) {
      const topic = `load-${load.recordSize}-${load.batchSize}-${round}`
      await createTopic(subject, topic)
      const made = await produce(subject, topic, load, records)
      const read = await consume(subject, topic, load, records)
      process.stdout.write(
        `${side} ${label(load)} round ${round}: produce ${Math.round(made.recordsPerSecond)}/s ` +
          `${made.cpuPerGigabyte.toFixed(2)} CPU s/GB, consume ` +
          `${Math.round(read.recordsPerSecond)}/s ${read.cpuPerGigabyte.toFixed(2)} CPU s/GB\n`,
      )
      if (round === 0) continue
      produced[side].push(made)
      consumed[side].push(read)
    }
  }
  const rows = (what: string, figures: typeof produced): ResultRow[] => {
    const row = (name: string, unit: string, better: 'more' | 'less', key: keyof Figures) =>
      rowOf(
        { name: `${what} ${label(load)}: ${name}`, unit, better, bar: 1 },
        figures.ottla.map((f) => f[key]),
        {
          name: `Apache Kafka ${APACHE_BROKER_VERSION}`,
          values: figures.apache.map((f) => f[key]),
        },
      )
    return [
      row('throughput', 'records/s', 'more', 'recordsPerSecond'),
      row('broker CPU per GB', 's', 'less', 'cpuPerGigabyte'),
      row('broker CPU per million records', 's', 'less', 'cpuPerMillionRecords'),
    ]
  }
  return [...rows('produce', produced), ...rows('consume', consumed)]
}

async function compareLatency(ottla: Subject, apache: Subject): Promise<ResultRow> {
  const figures = { ottla: [] as number[], apache: [] as number[] }
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [side, subject] of [
      ['ottla', ottla],
      ['apache', apache],
    ] as const) {
      const topic = `latency-${round}`
      await createTopic(subject, topic)
      const p99 = await latency(subject, topic)
      process.stdout.write(`${side} latency round ${round}: p99 ${p99} ms\n`)
      if (round > 0) figures[side].push(p99)
    }
  }
  return rowOf(
    { name: 'produce 1 KB at 10,000 records/s: p99 latency', unit: 'ms', better: 'less', bar: 1 },
    figures.ottla,
    { name: `Apache Kafka ${APACHE_BROKER_VERSION}`, values: figures.apache },
  )
}

await using ottlaProcess = await startOttlaProcess()
await using apacheProcess = await startApacheBroker({ heap: '1g' })
const ottla: Subject = { name: 'ottla', bootstrap: ottlaProcess.bootstrap, pid: ottlaProcess.pid }
const apache: Subject = {
  name: 'apache',
  bootstrap: apacheProcess.bootstrap,
  pid: apacheProcess.pid,
}
const rows: ResultRow[] = []
for (const load of LOADS) {
  if (values.only !== undefined && values.only !== `${load.recordSize}-${load.batchSize}`) continue
  rows.push(...(await compareLoad(ottla, apache, load)))
}
if (values.only === undefined || values.only === 'latency')
  rows.push(await compareLatency(ottla, apache))
const memory = (pid: number) => [residentBytes(pid) / 1e6]
rows.push(
  rowOf({ name: 'resident memory after the runs', unit: 'MB', better: 'less' }, memory(ottla.pid), {
    name: `Apache Kafka ${APACHE_BROKER_VERSION}`,
    values: memory(apache.pid),
  }),
)
saveResults(values.only === undefined ? 'broker' : `broker-${values.only}`, rows, {
  tools: `Apache Kafka ${APACHE_TOOLS_VERSION} ProducerPerformance and ConsumerPerformance`,
  rounds: ROUNDS,
  bytesPerRun: BYTES,
  warmUp: `the first ${WARM_UP * 100} % of a run's records are not counted in throughput and p99`,
  ottla: 'defaults: acks after fdatasync',
  apache: 'defaults: no fsync, 1 GB heap',
})
