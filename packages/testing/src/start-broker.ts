import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Broker, type BrokerOptions } from '@ottla/broker'

export interface StartBrokerOptions extends Partial<BrokerOptions> {
  /** Port on loopback; a free one by default. */
  readonly port?: number
}

/** A broker that belongs to one test. */
export interface TestBroker extends AsyncDisposable {
  /** `host:port`, for `brokers` or `bootstrap.servers`. */
  readonly address: string
  readonly port: number
  readonly dataDir: string
  /** Stops the broker cleanly and keeps its data. */
  stop(): Promise<void>
  /** Stops the broker when it still runs and starts it again on the same port and data. */
  restart(): Promise<void>
  /** Stops the broker and removes its data, unless `dataDir` was given. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Starts a real broker inside the test's process: real sockets on loopback, real files in a
 * temporary directory, Kafka's settings by their names.
 *
 *     await using broker = await startBroker({ settings: { 'num.partitions': 4 } })
 */
export async function startBroker(options: StartBrokerOptions = {}): Promise<TestBroker> {
  const isTemporary = options.dataDir === undefined
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'ottla-test-')))
  const start = (port: number) =>
    Broker.start({
      ...options,
      dataDir,
      settings: { listeners: `PLAINTEXT://127.0.0.1:${port}`, ...options.settings },
    })
  let broker = await start(options.port ?? 0)
  const { port } = broker
  return {
    address: broker.address,
    port,
    dataDir,
    stop: () => broker.stop(),
    async restart() {
      await broker.stop()
      broker = await start(port)
    },
    async [Symbol.asyncDispose]() {
      await broker.stop()
      if (isTemporary) await rm(dataDir, { recursive: true, force: true })
    },
  }
}
