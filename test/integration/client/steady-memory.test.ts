/**
 * A client that produces and consumes for long needs no more memory for it: what is left behind a
 * full garbage collection is the same after many rounds as after the first few. Leaks of a few
 * bytes for each record, or a few kilobytes for each response, are above the limits. The broker has
 * a process of its own.
 */
import { randomBytes } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type ConsumerBatch, Kafka } from '@ottla/client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type OttlaProcess, startOttlaProcess } from '../../support/ottla-process.ts'
import { createTopic, uniqueName, waitFor } from '../support/topics.ts'

const WARM_UP_ROUNDS = 3
const ROUNDS = 6
const RECORDS_PER_ROUND = 10_000
const RECORDS_PER_CALL = 50
const CALLS_IN_FLIGHT = 4
/** Does not shrink, so that every record takes its bytes in every buffer it passes through. */
const NOISE = randomBytes(8192)
const MIB = 1024 * 1024
/** Growth between the warm-up and the end. Pools of memory may still fill up, within bounds. */
const LIMITS = { heap: MIB, external: 3 * MIB, resident: 64 * MIB }

let broker: OttlaProcess
let kafka: Kafka

beforeAll(async () => {
  broker = await startOttlaProcess()
  kafka = new Kafka({ brokers: broker.bootstrap })
}, 60_000)
afterAll(async () => {
  await kafka.close()
  await broker.stop()
})

/** What is still held when everything that can be collected is gone. */
async function memoryHeld() {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  for (let i = 0; i < 3; i++) {
    collect()
    // Memory outside the heap is given back by another thread.
    await new Promise((resolve) => setImmediate(resolve))
  }
  const { heapUsed: heap, external, rss: resident } = process.memoryUsage()
  return { heap, external, resident }
}

type Held = Awaited<ReturnType<typeof memoryHeld>>

/** Least growth in the last rounds: what a round happens to leave behind is not a leak. */
function growth(before: Held, after: readonly Held[], part: keyof Held): number {
  return Math.min(...after.map((held) => held[part])) - before[part]
}

interface Reader {
  readonly count: () => number
  readonly end: () => Promise<void>
}

const consumerOf = (reuseMemory: boolean) =>
  kafka.consumer({
    ...{ group: uniqueName('group'), from: 'earliest', reuseMemory },
    ...{ autoCommitIntervalMs: 100, maxPartitionFetchBytes: 256 * 1024 },
  })

function loop(topic: string, reuseMemory: boolean): Reader {
  const consumer = consumerOf(reuseMemory)
  let count = 0
  const read = (batch: ConsumerBatch) => {
    for (const record of batch) if (record.value) count++
  }
  const ended = (async () => {
    for await (const batch of consumer.subscribe(topic)) read(batch)
  })()
  return { count: () => count, end: () => consumer.close().then(() => ended) }
}

function handlers(topic: string, reuseMemory: boolean): Reader {
  const consumer = consumerOf(reuseMemory)
  let count = 0
  const handler = async (record: { value: unknown }) => {
    if (record.value) count++
  }
  const ended = consumer.run(topic, handler, { concurrency: 4, order: 'key' })
  return { count: () => count, end: () => consumer.close().then(() => ended) }
}

async function produceRound(producer: ReturnType<Kafka['producer']>, topic: string) {
  let left = RECORDS_PER_ROUND / RECORDS_PER_CALL
  const lane = async () => {
    while (left-- > 0) {
      const records = Array.from({ length: RECORDS_PER_CALL }, (_, i) => ({
        key: `key-${i % 7}`,
        value: NOISE.subarray((left * i) % 4096).subarray(0, 300 + 8 * i),
        headers: { round: String(left) },
      }))
      await producer.send(topic, records)
    }
  }
  await Promise.all(Array.from({ length: CALLS_IN_FLIGHT }, lane))
  // One by one too: records without a promise of their own take another way.
  for (let i = 0; i < RECORDS_PER_CALL; i++) producer.enqueue(topic, { value: `${i}` })
  await producer.flush()
}

const cases = [
  { reader: loop, reuseMemory: false, compression: 'none' },
  { reader: loop, reuseMemory: true, compression: 'lz4' },
  { reader: handlers, reuseMemory: true, compression: 'none' },
] as const

test.each(cases)(
  'memory stays what it is: $reader.name, reuseMemory $reuseMemory, $compression',
  async ({ reader, reuseMemory, compression }) => {
    const topic = await createTopic(kafka, 3)
    await using producer = kafka.producer({ compression })
    const reading = reader(topic, reuseMemory)
    const after: Held[] = []
    let before: Held | undefined
    for (let round = 1; round <= WARM_UP_ROUNDS + ROUNDS; round++) {
      await produceRound(producer, topic)
      const sent = round * (RECORDS_PER_ROUND + RECORDS_PER_CALL)
      await waitFor('all records of the round', () => reading.count() >= sent, 30_000)
      if (round === WARM_UP_ROUNDS) before = await memoryHeld()
      else if (round > WARM_UP_ROUNDS + ROUNDS / 2) after.push(await memoryHeld())
    }
    await reading.end()
    const grown = (part: keyof Held) => growth(before as Held, after, part)
    const all = JSON.stringify({ before, after })
    expect(grown('heap'), all).toBeLessThan(LIMITS.heap)
    expect(grown('external'), all).toBeLessThan(LIMITS.external)
    expect(grown('resident'), all).toBeLessThan(LIMITS.resident)
  },
  120_000,
)
