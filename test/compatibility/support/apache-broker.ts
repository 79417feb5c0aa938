/**
 * A real Apache Kafka broker on this machine: combined mode (broker and controller in one
 * process), formatted by Apache's own storage tool, on two free loopback ports, in a temporary
 * directory unless one is given.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createConnection, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { APACHE_BROKER_VERSION, ensureApacheBroker } from './apache-jars.ts'

const START_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 30_000
const PROBE_TIMEOUT_MS = 1_000
const SLF4J_LEVEL = '-Dorg.slf4j.simpleLogger.defaultLogLevel='

export interface ApacheBrokerOptions {
  /** Data directory to use and to keep; without it a temporary one is made and removed on stop. */
  readonly dataDir?: string
  /** Port of the client listener; a free one by default. */
  readonly port?: number
  /** Java heap, as for -Xmx. Default `1g`. */
  readonly heap?: string
  /** Settings of server.properties that replace or join the ones chosen here. */
  readonly overrides?: Readonly<Record<string, string>>
  /** Version of Apache Kafka. Default 4.4.0. */
  readonly version?: string
  /** Cluster that a new directory belongs to; one of its own by default. */
  readonly clusterId?: string
  /** More options of the storage tool's `format`, such as `--standalone`. */
  readonly formatOptions?: readonly string[]
  /** Level of the broker's log. Default `warn`. */
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error'
}

export interface ApacheBroker {
  readonly port: number
  /** `127.0.0.1:PORT` */
  readonly bootstrap: string
  readonly dataDir: string
  readonly pid: number
  /** What the broker printed so far. */
  output(): string
  /** SIGTERM, a clean shutdown, then removal of a temporary data directory. */
  stop(): Promise<void>
  /** SIGKILL; the data directory stays. */
  kill9(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** Starts a broker and resolves when it answers on its port. */
export async function startApacheBroker(options: ApacheBrokerOptions = {}): Promise<ApacheBroker> {
  const brokerClasspath = await ensureApacheBroker(options.version ?? APACHE_BROKER_VERSION)
  const isTemporary = options.dataDir === undefined
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'ottla-apache-')))
  await mkdir(dataDir, { recursive: true })
  const port = options.port ?? (await freePort())
  const properties = propertiesOf(dataDir, port, await freePort(), options.overrides ?? {})
  const file = join(dataDir, 'server.properties')
  await writeFile(file, properties)
  const java = ['-cp', brokerClasspath, `${SLF4J_LEVEL}${options.logLevel ?? 'warn'}`]
  const { clusterId = newClusterId(), formatOptions = [] } = options
  await format(java, dataDir, ['-t', clusterId, '-c', file, ...formatOptions])

  const heap = options.heap ?? '1g'
  const flags = [`-Xmx${heap}`, `-Xms${heap}`, '-XX:+UseG1GC', `-Dkafka.logs.dir=${dataDir}`]
  const child = spawn('java', [...flags, ...java, 'kafka.Kafka', file], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = collectOutput(child)
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const cleanUp = async () => {
    if (isTemporary) await rm(dataDir, { recursive: true, force: true })
  }
  try {
    await waitUntilReady(port, child, output)
  } catch (error) {
    child.kill('SIGKILL')
    await exited
    await cleanUp()
    throw error
  }
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
    const forced = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    await exited
    clearTimeout(forced)
    await cleanUp()
  }
  return {
    port,
    bootstrap: `127.0.0.1:${port}`,
    dataDir,
    pid: child.pid as number,
    output,
    stop,
    kill9: async () => {
      child.kill('SIGKILL')
      await exited
    },
    [Symbol.asyncDispose]: stop,
  }
}

function propertiesOf(
  dataDir: string,
  port: number,
  controllerPort: number,
  overrides: Readonly<Record<string, string>>,
): string {
  const settings: Record<string, string> = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    'log.dirs': join(dataDir, 'data'),
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '5',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '5',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'share.coordinator.state.topic.num.partitions': '5',
    'group.initial.rebalance.delay.ms': '0',
    ...overrides,
  }
  return Object.entries(settings)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('')
}

/** Formats the data directory; a directory that was formatted before stays as it is. */
async function format(
  java: readonly string[],
  dataDir: string,
  options: readonly string[],
): Promise<void> {
  if (existsSync(join(dataDir, 'data', 'meta.properties'))) return
  const args = [...java, 'kafka.tools.StorageTool', 'format', ...options]
  await promisify(execFile)('java', args)
}

/** Kafka's own rule: a uuid in text must not begin with a dash, tools read it as a flag. */
export function newClusterId(): string {
  const uuid = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString('base64url')
  return uuid.startsWith('-') ? `A${uuid.slice(1)}` : uuid
}

function collectOutput(child: ChildProcess): () => string {
  let text = ''
  const add = (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-256 * 1024)
  }
  child.stdout?.on('data', add)
  child.stderr?.on('data', add)
  return () => text
}

async function waitUntilReady(
  port: number,
  child: ChildProcess,
  output: () => string,
): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS
  while (performance.now() < deadline) {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`Apache Kafka ended while starting:\n${output()}`)
    }
    if (await isServing(port)) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`Apache Kafka was not ready in ${START_TIMEOUT_MS} ms:\n${output()}`)
}

/**
 * Asks for cluster metadata (key 3, version 1, no topics). The listener opens before the broker
 * has caught up with the controller; it counts as ready when it lists itself and a controller.
 */
async function isServing(port: number): Promise<boolean> {
  const request = Buffer.from('000000110003000100000001000370726200000000', 'hex')
  const answer = await exchange(port, request)
  if (!answer || answer.length < 12) return false
  const brokers = answer.readInt32BE(8)
  return brokers > 0
}

function exchange(port: number, request: Buffer): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' })
    const finish = (answer?: Buffer) => {
      socket.destroy()
      resolve(answer)
    }
    let received = Buffer.alloc(0)
    socket.setTimeout(PROBE_TIMEOUT_MS, () => finish())
    socket.on('error', () => finish())
    socket.on('connect', () => socket.write(request))
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      if (received.length >= 4 && received.length >= received.readInt32BE(0) + 4) finish(received)
    })
    socket.on('end', () => finish())
  })
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => {
        if (typeof address === 'object' && address) resolve(address.port)
        else reject(new Error('no port'))
      })
    })
  })
}

/** The server.properties a broker was started with. */
export const readProperties = (dataDir: string): Promise<string> =>
  readFile(join(dataDir, 'server.properties'), 'utf8')
