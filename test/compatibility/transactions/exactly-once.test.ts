/**
 * Exactly once through kills: Apache's Java client copies a topic transaction by transaction while
 * the broker and now and then the copier itself are killed with -9. What a read_committed consumer
 * finds afterwards must be the input, each record once, in order.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SeededRandom } from '@ottla/base'
import { Kafka } from '@ottla/client'
import { expect, it } from 'vitest'
import { type OttlaProcess, startOttlaProcess } from '../../support/ottla-process.ts'
import { ensureApacheKafka } from '../support/apache-jars.ts'

const SOURCE = fileURLToPath(new URL('./Copier.java', import.meta.url))
const KILLS = Number(process.env['KILLS'] ?? 12)
const RECORDS = KILLS * 4000
const PARTITIONS = 3

class Copier {
  output = ''
  readonly ended: Promise<number | null>
  private readonly child: ChildProcess

  constructor(classpath: string, args: readonly string[]) {
    this.child = spawn('java', ['-Xmx256m', '-cp', classpath, SOURCE, ...args])
    const take = (text: Buffer) => {
      this.output = (this.output + text.toString()).slice(-20_000)
    }
    this.child.stdout?.on('data', take)
    this.child.stderr?.on('data', take)
    this.ended = new Promise((resolve) => this.child.once('exit', (code) => resolve(code)))
  }

  async kill9(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.ended
  }
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

it('copies every record once, whatever is killed', async () => {
  const { brokerClasspath: classpath } = await ensureApacheKafka()
  const dataDir = mkdtempSync(join(tmpdir(), 'ottla-eos-'))
  const random = new SeededRandom(5)
  let broker: OttlaProcess = await startOttlaProcess({ dataDir })
  const { port, bootstrap } = broker
  try {
    await using kafka = new Kafka({ brokers: bootstrap })
    const topics = ['in', 'out'].map((topic) => ({ topic, partitions: PARTITIONS }))
    await kafka.admin.createTopics(topics)
    await using producer = kafka.producer()
    const records = Array.from({ length: RECORDS }, (_, i) => ({
      partition: i % PARTITIONS,
      value: String(Math.floor(i / PARTITIONS)),
    }))
    await producer.send('in', records)
    const start = () =>
      new Copier(classpath, [bootstrap, 'in', 'out', 'copiers', 'copier', String(RECORDS)])
    let copier = start()
    let isDone = false
    void copier.ended.then(() => {
      isDone = true
    })
    await wait(2500)
    let kills = 0
    for (let kill = 1; kill <= KILLS && !isDone; kill++) {
      kills = kill
      await wait(200 + random.integer(900))
      await broker.kill9()
      broker = await startOttlaProcess({ dataDir, port })
      if (kill % 5 === 0 && !isDone) {
        await copier.kill9()
        copier = start()
        isDone = false
      }
    }
    const code = await copier.ended
    expect({ code, output: code === 0 ? '' : copier.output }).toEqual({ code: 0, output: '' })
    expect(kills).toBeGreaterThan(KILLS / 2)
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const expected = records.filter((r) => r.partition === partition).map((r) => r.value)
      expect(await readCommitted(kafka, partition, expected.length)).toEqual(expected)
    }
  } finally {
    await broker.kill9()
    rmSync(dataDir, { recursive: true, force: true })
  }
}, 600_000)

/** Everything committed in a partition, up to its end. */
async function readCommitted(kafka: Kafka, partition: number, atLeast: number): Promise<string[]> {
  const values: string[] = []
  await using consumer = kafka.consumer({ from: 'earliest', isolationLevel: 'read_committed' })
  const [end] = await kafka.admin.listOffsets([{ topic: 'out', partition, at: 'latest' }])
  const signal = AbortSignal.timeout(30_000)
  for await (const batch of consumer.assign([{ topic: 'out', partition }], { signal })) {
    for (const record of batch) values.push(String(record.value))
    if (values.length >= atLeast && batch.nextOffset >= (end?.offset ?? 0n) - 1n) break
  }
  return values
}
