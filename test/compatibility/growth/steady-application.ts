/**
 * The application that runs while the cluster grows under it: our client and a Java client, each
 * sending numbered records to every partition and reading all of them, until they are stopped.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Kafka } from '@ottla/client'
import { ensureApacheKafka } from '../support/apache-jars.ts'
import { JavaProcess } from '../support/java-process.ts'

const SOURCE = fileURLToPath(new URL('./Steady.java', import.meta.url))
const PAUSE_MS = 20

/** A record as somebody saw it. */
export interface Seen {
  readonly partition: number
  readonly offset: number
  readonly value: string
}

/** What one client was told: records acknowledged, and records read. */
export interface ClientLog {
  readonly acked: Seen[]
  readonly read: Seen[]
  readonly failures: string[]
}

export interface SteadyOptions {
  readonly bootstrap: string
  readonly topic: string
  readonly partitions: number
  /** For the file that stops the Java client. */
  readonly folder: string
}

const emptyLog = (): ClientLog => ({ acked: [], read: [], failures: [] })

export class SteadyApplication {
  readonly ours = emptyLog()
  readonly java = emptyLog()
  private readonly options: SteadyOptions
  private readonly kafka: Kafka
  private readonly process: JavaProcess
  private readonly stopFile: string
  private isStopping = false
  private readonly reading = new AbortController()
  private readonly running: Promise<void>
  private isJavaDone = false

  static async start(options: SteadyOptions): Promise<SteadyApplication> {
    const { brokerClasspath } = await ensureApacheKafka()
    return new SteadyApplication(options, brokerClasspath)
  }

  private constructor(options: SteadyOptions, classpath: string) {
    this.options = options
    const { bootstrap, topic, partitions, folder } = options
    this.stopFile = join(folder, 'stop')
    this.kafka = new Kafka({ brokers: bootstrap.split(',') })
    this.process = new JavaProcess({
      classpath,
      main: SOURCE,
      args: [bootstrap, topic, String(partitions), this.stopFile],
      onLine: (line) => this.take(line),
    })
    this.running = Promise.all([this.produce(), this.consume()]).then(() => undefined)
    // Told where it is waited for.
    this.running.catch(() => undefined)
  }

  /** Records acknowledged so far, to both. */
  get progress(): readonly [ours: number, java: number] {
    return [this.ours.acked.length, this.java.acked.length]
  }

  /** Resolves when both have everything acknowledged and read. */
  async stop(): Promise<void> {
    writeFileSync(this.stopFile, '')
    this.isStopping = true
    await this.process.ended
    if (!this.isJavaDone) throw new Error(`the Java client ended early: ${this.process.output}`)
    await this.running
    await this.kafka.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isStopping = true
    this.reading.abort()
    await this.process.kill9()
    await this.kafka.close()
  }

  private take(line: string): void {
    const [, what, partition, offset, value = ''] =
      /^(acked|read) (\d+) (\d+) (.*)$/.exec(line) ?? []
    const seen = { partition: Number(partition), offset: Number(offset), value }
    if (what === 'acked') this.java.acked.push(seen)
    else if (what === 'read') this.java.read.push(seen)
    else if (line === 'done') this.isJavaDone = true
    else if (line.startsWith('failed')) this.java.failures.push(line)
  }

  private async produce(): Promise<void> {
    const { topic, partitions } = this.options
    const producer = this.kafka.producer({ deliveryTimeoutMs: 240_000, requestTimeoutMs: 10_000 })
    for (let n = 0; !this.isStopping; n++) {
      const value = `ours ${n}`
      for (let partition = 0; partition < partitions; partition++) {
        producer.send(topic, { partition, key: null, value }).then(
          (place) => {
            this.ours.acked.push({ partition, offset: Number(place.offset), value })
          },
          (error: unknown) => this.ours.failures.push(`${value}: ${error}`),
        )
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
    await producer.close()
    await this.readToEnd()
  }

  private async consume(): Promise<void> {
    const { topic, partitions } = this.options
    await using consumer = this.kafka.consumer({ from: 'earliest' })
    const all = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
    for await (const batch of consumer.assign(all, { signal: this.reading.signal })) {
      for (const { partition, offset, value } of batch) {
        this.ours.read.push({ partition, offset: Number(offset), value: String(value) })
      }
    }
  }

  private async readToEnd(): Promise<void> {
    const { topic, partitions } = this.options
    const all = Array.from({ length: partitions }, (_, partition) => partition)
    const ends = await this.kafka.admin.listOffsets(
      all.map((partition) => ({ topic, partition, at: 'latest' as const })),
    )
    const isRead = () =>
      ends.every(({ partition, offset }) => {
        const last = this.ours.read.findLast((seen) => seen.partition === partition)
        return last !== undefined && last.offset + 1 >= Number(offset)
      })
    const deadline = performance.now() + 60_000
    while (!isRead()) {
      if (performance.now() > deadline) throw new Error('the end is not read')
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    this.reading.abort()
  }
}

/** What is wrong with what two clients were told of a log; empty when all is well. */
export function faultsOf(
  logs: Readonly<Record<string, ClientLog>>,
  stored: readonly Seen[],
): string[] {
  const faults: string[] = []
  const byPlace = new Map(stored.map((seen) => [`${seen.partition}/${seen.offset}`, seen.value]))
  for (const [name, { acked, read, failures }] of Object.entries(logs)) {
    faults.push(...failures.map((failure) => `${name} failed: ${failure}`))
    for (const { partition, offset, value } of acked) {
      const found = byPlace.get(`${partition}/${offset}`)
      if (found !== value)
        faults.push(`${name}: lost ${value} at ${partition}/${offset} (${found})`)
    }
    faults.push(...orderFaults(`${name} wrote`, stored, name))
    for (const writer of Object.keys(logs))
      faults.push(...orderFaults(`${name} read`, read, writer))
    if (read.length !== stored.length) {
      faults.push(`${name} read ${read.length} of ${stored.length} records`)
    }
  }
  return faults
}

/** The numbers of a writer go up by one in each partition, from 0. */
function orderFaults(what: string, records: readonly Seen[], writer: string): string[] {
  const next = new Map<number, number>()
  const faults: string[] = []
  for (const { partition, offset, value } of records) {
    if (!value.startsWith(`${writer} `)) continue
    const number = Number(value.slice(writer.length + 1))
    const expected = next.get(partition) ?? 0
    if (number !== expected) {
      faults.push(`${what} ${writer} ${number}, not ${expected}, at ${partition}/${offset}`)
    }
    next.set(partition, number + 1)
  }
  return faults
}
