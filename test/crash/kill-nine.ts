/**
 * Kills the broker with -9 again and again while clients write, and checks what is left.
 *
 * Each writer sends a running number of its own, one record after another, through an idempotent
 * producer that lives through all the kills. What was acknowledged must be in the log; nothing may
 * be there twice or out of order, acknowledged or not.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BytesRecord, Kafka } from '@ottla/client'
import { type OttlaProcess, startOttlaProcess } from '../support/ottla-process.ts'

export interface KillNineOptions {
  readonly kills: number
  readonly partitions?: number
  /** Chooses the moments of the kills. */
  readonly random: () => number
  readonly onKill?: (kill: number, startedInMs: number) => void
}

export interface KillNineResult {
  readonly acknowledged: number
  readonly stored: number
  readonly startsMs: number[]
  /** Sentences about everything that is wrong; empty when all is well. */
  readonly faults: string[]
}

const TOPIC = 'kill-nine'
const RECORD_BYTES = 200
const BURST = 20

/** Writes bursts to one partition until stopped; `acknowledged` numbers are safe for good. */
class Writer {
  acknowledged = 0
  failures: string[] = []
  private sent = 0
  private isStopped = false

  stop(): void {
    this.isStopped = true
  }

  async run(kafka: Kafka, partition: number): Promise<void> {
    await using producer = kafka.producer({ linger: 0, deliveryTimeoutMs: 120_000 })
    while (!this.isStopped) {
      const records = Array.from({ length: BURST }, (): BytesRecord => {
        this.sent++
        return { partition, value: String(this.sent).padEnd(RECORD_BYTES) }
      })
      try {
        await producer.send(TOPIC, records)
        this.acknowledged = this.sent
      } catch (error) {
        this.failures.push(String(error))
        return
      }
    }
  }
}

export async function killNine(options: KillNineOptions): Promise<KillNineResult> {
  const { kills, partitions = 4, random } = options
  const dataDir = mkdtempSync(join(tmpdir(), 'ottla-kill-'))
  let broker = await startOttlaProcess({ dataDir })
  const { port } = broker
  const startsMs: number[] = []
  try {
    await using kafka = new Kafka({ brokers: broker.bootstrap })
    await kafka.admin.createTopics([{ topic: TOPIC, partitions }])
    const writers = Array.from({ length: partitions }, () => new Writer())
    const running = writers.map((writer, partition) => writer.run(kafka, partition))
    for (let kill = 1; kill <= kills; kill++) {
      const before = writers.reduce((sum, writer) => sum + writer.acknowledged, 0)
      await wait(20 + random() * 180)
      await broker.kill9()
      const startMs = performance.now()
      broker = await startOttlaProcess({ dataDir, port })
      startsMs.push(Math.round(performance.now() - startMs))
      options.onKill?.(kill, startsMs.at(-1) as number)
      // Each kill must meet a broker that has taken records since the last one.
      await waitFor(() => writers.reduce((sum, w) => sum + w.acknowledged, 0) > before, 30_000)
    }
    for (const writer of writers) writer.stop()
    await Promise.all(running)
    const faults = writers.flatMap((writer) => writer.failures)
    const stored = await verify(kafka, writers, faults)
    const acknowledged = writers.reduce((sum, writer) => sum + writer.acknowledged, 0)
    return { acknowledged, stored, startsMs, faults }
  } finally {
    await end(broker)
    rmSync(dataDir, { recursive: true, force: true })
  }
}

const end = (broker: OttlaProcess): Promise<void> => broker.kill9()

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function waitFor(condition: () => boolean, limitMs: number): Promise<void> {
  const deadline = performance.now() + limitMs
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`nothing acknowledged for ${limitMs} ms`)
    await wait(5)
  }
}

/** Reads every partition from its start: the numbers must be 1, 2, 3, ... without gap or repeat. */
async function verify(kafka: Kafka, writers: readonly Writer[], faults: string[]) {
  let stored = 0
  for (const [partition, writer] of writers.entries()) {
    const [end] = await kafka.admin.listOffsets([{ topic: TOPIC, partition, at: 'latest' }])
    const count = Number(end?.offset ?? 0n)
    stored += count
    if (count < writer.acknowledged) {
      faults.push(`partition ${partition}: ${writer.acknowledged} acknowledged, ${count} stored`)
    }
    let expected = 1
    await using consumer = kafka.consumer({ from: 'earliest' })
    const signal = AbortSignal.timeout(60_000)
    for await (const batch of consumer.assign([{ topic: TOPIC, partition }], { signal })) {
      for (const record of batch) {
        const number = Number(record.value?.toString())
        if (number !== expected && faults.length < 20) {
          faults.push(
            `partition ${partition}: ${number} at offset ${record.offset}, not ${expected}`,
          )
        }
        expected = number + 1
      }
      if (batch.nextOffset >= BigInt(count)) break
    }
  }
  return stored
}
