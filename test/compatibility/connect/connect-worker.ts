/** Apache's Connect worker, distributed, with the file connectors, driven over its REST API. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../support/apache-broker.ts'
import { ensureApacheKafka } from '../support/apache-jars.ts'
import { JavaProcess } from '../support/java-process.ts'
import { waitUntil } from '../support/judged-broker.ts'

const START_TIMEOUT_MS = 90_000
const STRING = 'org.apache.kafka.connect.storage.StringConverter'
const INTERNAL_TOPICS = ['config', 'offset', 'status']

export class ConnectWorker implements AsyncDisposable {
  private readonly process: JavaProcess
  private readonly url: string

  private constructor(process: JavaProcess, port: number) {
    this.process = process
    this.url = `http://127.0.0.1:${port}`
  }

  /** A worker of the group `connect-judge`; its internal topics are made when they are missing. */
  static async start(
    folder: string,
    bootstrap: string,
    settings: Readonly<Record<string, string>> = {},
  ): Promise<ConnectWorker> {
    const port = await freePort()
    const file = join(folder, 'worker.properties')
    writeFileSync(file, propertiesOf(bootstrap, port, settings))
    const { toolClasspath } = await ensureApacheKafka()
    const process = new JavaProcess({
      classpath: toolClasspath,
      main: 'org.apache.kafka.connect.cli.ConnectDistributed',
      args: [file],
      heap: '384m',
      logLevel: 'warn',
    })
    const worker = new ConnectWorker(process, port)
    await worker.until('the worker answers', async () => {
      const { status, body } = await worker.ask('GET', '/connectors')
      return status === 200 && Array.isArray(body)
    })
    return worker
  }

  get output(): string {
    return this.process.output
  }

  async ask(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; body: unknown }> {
    try {
      const answer = await fetch(`${this.url}${path}`, {
        method,
        headers: { 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      const text = await answer.text()
      return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) }
    } catch (error) {
      return { status: 0, body: String(error) }
    }
  }

  /** Creates a connector or gives it these settings; a worker that rebalances is asked again. */
  async configure(name: string, config: Readonly<Record<string, string>>): Promise<void> {
    await this.until(`connector ${name} is taken`, async () => {
      const { status } = await this.ask('PUT', `/connectors/${name}/config`, config)
      return status === 200 || status === 201
    })
    await this.until(`connector ${name} runs`, () => this.isRunning(name))
  }

  async isRunning(name: string): Promise<boolean> {
    const { body } = await this.ask('GET', `/connectors/${name}/status`)
    const { connector, tasks = [] } = (body ?? {}) as {
      connector?: { state: string }
      tasks?: { state: string }[]
    }
    const isUp = (part?: { state: string }) => part?.state === 'RUNNING'
    return isUp(connector) && tasks.length > 0 && tasks.every(isUp)
  }

  kill9 = (): Promise<void> => this.process.kill9()

  stop = (): Promise<void> => this.process.stop();

  [Symbol.asyncDispose](): Promise<void> {
    return this.process.kill9()
  }

  private async until(what: string, condition: () => Promise<boolean>): Promise<void> {
    await waitUntil(
      what,
      () => {
        if (!this.process.isRunning) throw new Error(`Connect ended:\n${this.output}`)
        return condition()
      },
      START_TIMEOUT_MS,
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${this.output.slice(-5_000)}`, { cause: error })
    })
  }
}

function propertiesOf(
  bootstrap: string,
  port: number,
  settings: Readonly<Record<string, string>>,
): string {
  const all: Record<string, string> = {
    'bootstrap.servers': bootstrap,
    'group.id': 'connect-judge',
    listeners: `http://127.0.0.1:${port}`,
    'key.converter': STRING,
    'value.converter': STRING,
    'offset.flush.interval.ms': '500',
    'session.timeout.ms': '6000',
    'heartbeat.interval.ms': '1000',
    'scheduled.rebalance.max.delay.ms': '0',
    'reconnect.backoff.max.ms': '500',
    'producer.reconnect.backoff.max.ms': '500',
    'consumer.reconnect.backoff.max.ms': '500',
    'plugin.discovery': 'hybrid_warn',
    ...settings,
  }
  for (const topic of INTERNAL_TOPICS) {
    all[`${topic}.storage.topic`] = `connect-${topic}s`
    all[`${topic}.storage.replication.factor`] = '1'
  }
  return Object.entries(all)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('')
}
