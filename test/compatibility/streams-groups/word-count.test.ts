/**
 * Java's Kafka Streams counts words exactly once, with both group protocols, while an instance and
 * the broker are killed with -9. Every count of every word must come out once, in order: 1, 2, 3
 * and so on up to the number of times that the word was written.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SeededRandom } from '@ottla/base'
import { Kafka } from '@ottla/client'
import { expect, test } from 'vitest'
import { startOttlaProcess } from '../../support/ottla-process.ts'
import { freePort } from '../support/apache-broker.ts'
import { WordCounter } from './word-counter.ts'

const WORDS = ['alpha', 'beta', 'gamma', 'delta', 'epsilon', 'zeta', 'eta', 'theta', 'iota']
const WAVES = 6
const LINES_PER_WAVE = 400
const OUTPUT_MS = 120_000

const BROKER = {
  'group.streams.min.session.timeout.ms': '6000',
  'group.streams.session.timeout.ms': '6000',
  'group.streams.min.heartbeat.interval.ms': '300',
  'group.streams.heartbeat.interval.ms': '500',
}
const CLASSIC = { 'session.timeout.ms': '6000', 'heartbeat.interval.ms': '500' }

/** Lines to write, and how often each word is in them. */
class Text {
  readonly counts = new Map<string, number>()
  private readonly random = new SeededRandom(11)

  wave(): { partition: number; value: string }[] {
    return Array.from({ length: LINES_PER_WAVE }, (_, i) => {
      const length = 1 + this.random.integer(4)
      const words = Array.from({ length }, () => WORDS[this.random.integer(WORDS.length)] as string)
      for (const word of words) this.counts.set(word, (this.counts.get(word) ?? 0) + 1)
      return { partition: i % 4, value: words.join(' ') }
    })
  }
}

test.for(['streams', 'classic'] as const)(
  'counts exactly once with the %s protocol, whatever is killed',
  { timeout: 420_000 },
  async (protocol) => {
    const dataDir = mkdtempSync(join(tmpdir(), 'ottla-words-'))
    const port = await freePort()
    let broker = await startOttlaProcess({ dataDir, port, settings: BROKER })
    const { bootstrap } = broker
    const settings = protocol === 'classic' ? CLASSIC : { 'client.tag.zone': 'here' }
    const counters: WordCounter[] = []
    const start = async () => {
      const counter = await WordCounter.start(bootstrap, protocol, settings)
      counters.push(counter)
      return counter
    }
    try {
      await using kafka = new Kafka({ brokers: bootstrap })
      await kafka.admin.createTopics([
        { topic: 'lines', partitions: 4 },
        { topic: 'counts', partitions: 3 },
      ])
      const text = new Text()
      await using producer = kafka.producer()
      const first = await start()
      let second = await start()
      await Promise.all([first.running(), second.running()])
      for (let wave = 0; wave < WAVES; wave++) {
        await producer.send('lines', text.wave())
        if (wave === 1) await second.kill9()
        if (wave === 2 || wave === 4) {
          await broker.kill9()
          broker = await startOttlaProcess({ dataDir, port, settings: BROKER })
        }
        if (wave === 3) second = await start()
      }
      const wanted = new Map([...text.counts].map(([word, n]) => [word, countTo(n)]))
      const total = [...text.counts.values()].reduce((sum, n) => sum + n, 0)
      expect(await readCounts(kafka, total)).toEqual(wanted)
      await Promise.all([first.close(), second.close()])
      expect(first.states.filter((state) => state.startsWith('failed'))).toEqual([])
      const groups = await kafka.admin.listGroups()
      expect(groups).toContainEqual(expect.objectContaining({ group: 'words' }))
    } finally {
      for (const counter of counters) await counter.kill9()
      await broker.kill9()
      rmSync(dataDir, { recursive: true, force: true })
    }
  },
)

const countTo = (n: number): string[] => Array.from({ length: n }, (_, i) => String(i + 1))

/** Counts of each word in the order in which they were committed. */
async function readCounts(kafka: Kafka, total: number): Promise<Map<string, string[]>> {
  const counts = new Map<string, string[]>()
  let seen = 0
  await using consumer = kafka.consumer({ from: 'earliest', isolationLevel: 'read_committed' })
  const partitions = [0, 1, 2].map((partition) => ({ topic: 'counts', partition }))
  const signal = AbortSignal.timeout(OUTPUT_MS)
  try {
    for await (const batch of consumer.assign(partitions, { signal })) {
      for (const { key, value } of batch) {
        const list = counts.get(String(key))
        if (list) list.push(String(value))
        else counts.set(String(key), [String(value)])
        seen++
      }
      if (seen >= total) break
    }
  } catch (error) {
    // What came until now shows what is missing.
    if (!signal.aborted) throw error
  }
  return counts
}
