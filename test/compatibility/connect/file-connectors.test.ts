/**
 * Apache's Connect worker on ottla: a file source and a file sink while the broker is killed with
 * -9. No line may be lost; with exactly-once support none may be in the topic twice either, though
 * the worker itself is killed as well.
 */
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SeededRandom } from '@ottla/base'
import { Kafka } from '@ottla/client'
import { expect, it } from 'vitest'
import { type OttlaProcess, startOttlaProcess } from '../../support/ottla-process.ts'
import { waitUntil } from '../support/judged-broker.ts'
import { contentOf } from '../support/topic-content.ts'
import { ConnectWorker } from './connect-worker.ts'

const ROUNDS = 8
const BURSTS_PER_ROUND = 20
const LINES_PER_BURST = 25
const SOURCE = {
  'connector.class': 'org.apache.kafka.connect.file.FileStreamSourceConnector',
  topic: 'lines',
}
const SINK = {
  'connector.class': 'org.apache.kafka.connect.file.FileStreamSinkConnector',
  topics: 'lines',
}
const TEST_TIMEOUT_MS = 180_000

/** A broker that can be killed and comes back, a folder for files, and what is written to them. */
class Scene implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'ottla-connect-'))
  readonly input = join(this.folder, 'input.txt')
  readonly output = join(this.folder, 'output.txt')
  readonly lines: string[] = []
  readonly kafka: Kafka
  private broker: OttlaProcess

  static async open(): Promise<Scene> {
    const folder = mkdtempSync(join(tmpdir(), 'ottla-connect-data-'))
    return new Scene(await startOttlaProcess({ dataDir: folder }))
  }

  private constructor(broker: OttlaProcess) {
    this.broker = broker
    this.kafka = new Kafka({ brokers: broker.bootstrap })
    writeFileSync(this.input, '')
  }

  get bootstrap(): string {
    return this.broker.bootstrap
  }

  write(count: number): void {
    const lines = Array.from({ length: count }, (_, i) => `line ${this.lines.length + i}`)
    this.lines.push(...lines)
    appendFileSync(this.input, `${lines.join('\n')}\n`)
  }

  /** Lines while the broker is killed at moments of the seed's choice. */
  async writeThroughKills(seed: number, onRound?: (round: number) => Promise<void>): Promise<void> {
    const random = new SeededRandom(seed)
    const { dataDir, port } = this.broker
    for (let round = 0; round < ROUNDS; round++) {
      for (let burst = 0; burst < BURSTS_PER_ROUND; burst++) {
        this.write(LINES_PER_BURST)
        await new Promise((resolve) => setTimeout(resolve, 20 + random.integer(120)))
      }
      await this.broker.kill9()
      this.broker = await startOttlaProcess({ dataDir, port })
      await onRound?.(round)
    }
  }

  inTopic = async (): Promise<(string | null)[]> =>
    (await contentOf(this.kafka, 'lines', 'read_committed')).map(({ value }) => value)

  inOutput = (): string[] =>
    existsSync(this.output) ? readFileSync(this.output, 'utf8').trimEnd().split('\n') : []

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kafka.close()
    await this.broker.kill9()
    rmSync(this.broker.dataDir, { recursive: true, force: true })
    rmSync(this.folder, { recursive: true, force: true })
  }
}

const missing = (wanted: readonly string[], found: readonly (string | null)[]) => {
  const there = new Set(found)
  return wanted.filter((line) => !there.has(line))
}

it(
  'loses no line between files',
  async () => {
    await using scene = await Scene.open()
    await using worker = await ConnectWorker.start(scene.folder, scene.bootstrap)
    await worker.configure('source', { ...SOURCE, file: scene.input })
    await worker.configure('sink', { ...SINK, file: scene.output })
    scene.write(100)
    await waitUntil('the first lines', () => scene.inOutput().length >= 100)

    await scene.writeThroughKills(11)
    await waitUntil('all lines', () => missing(scene.lines, scene.inOutput()).length === 0)
    expect(missing(scene.lines, await scene.inTopic())).toEqual([])
    await waitUntil('the source', () => worker.isRunning('source'))
    await waitUntil('the sink', () => worker.isRunning('sink'))
    await expectOffsets(worker, scene)
  },
  TEST_TIMEOUT_MS,
)

/** What the worker says of its offsets is what the internal topics hold. */
async function expectOffsets(worker: ConnectWorker, scene: Scene): Promise<void> {
  const bytes = Buffer.byteLength(`${scene.lines.join('\n')}\n`)
  await waitUntil('offsets of the source', async () => {
    const { body } = await worker.ask('GET', '/connectors/source/offsets')
    const { offsets = [] } = body as { offsets?: { offset: { position: number } }[] }
    return offsets[0]?.offset.position === bytes
  })
  for (const topic of ['connect-configs', 'connect-offsets', 'connect-statuss']) {
    const [described] = await scene.kafka.admin.describeConfigs([{ type: 'topic', name: topic }])
    const policy = described?.configs.find(({ name }) => name === 'cleanup.policy')
    expect(policy?.value).toBe('compact')
  }
}

it(
  'writes no line twice with exactly-once support',
  async () => {
    await using scene = await Scene.open()
    const settings = { 'exactly.once.source.support': 'enabled' }
    let worker = await ConnectWorker.start(scene.folder, scene.bootstrap, settings)
    try {
      await worker.configure('source', { ...SOURCE, file: scene.input })
      await scene.writeThroughKills(12, async (round) => {
        if (round !== ROUNDS / 2) return
        await worker.kill9()
        worker = await ConnectWorker.start(scene.folder, scene.bootstrap, settings)
      })
      await waitUntil(
        'all lines',
        async () => missing(scene.lines, await scene.inTopic()).length === 0,
        60_000,
      )
      expect(await scene.inTopic()).toEqual(scene.lines)
    } catch (error) {
      throw new Error(`${String(error)}\n${worker.output.slice(-8_000)}`, { cause: error })
    } finally {
      await worker.kill9()
    }
  },
  TEST_TIMEOUT_MS,
)
