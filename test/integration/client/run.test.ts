import { type ConsumedRecord, Kafka, RecordExpiredError, type RunContext } from '@ottla/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { readAll } from '../support/read-all.ts'
import { createTopic, uniqueName, waitFor } from '../support/topics.ts'

type TestRecord = ConsumedRecord<string>

let broker: TestBroker
let kafka: Kafka

beforeAll(async () => {
  broker = await startTestBroker()
  kafka = new Kafka({ brokers: broker.bootstrap })
}, 90_000)
afterAll(async () => {
  await kafka.close()
  await broker.stop()
})

interface Sent {
  readonly key?: string
  readonly value: string
  readonly partition?: number
}

async function fill(topic: string, records: readonly Sent[]): Promise<void> {
  await using producer = kafka.producer()
  await producer.send(topic, records)
}

const numbered = (count: number, partition = 0): Sent[] =>
  Array.from({ length: count }, (_, i) => ({ key: `k${i % 4}`, value: `${i}`, partition }))

const committed = async (group: string): Promise<bigint> => {
  const offsets = await kafka.admin.listGroupOffsets(group)
  return offsets.reduce((sum, { offset }) => sum + (offset > 0n ? offset : 0n), 0n)
}

/** Runs until `count` records are processed, then ends the run. */
async function runUntil(
  count: number,
  topic: string,
  options: { group: string } & Parameters<ReturnType<Kafka['consumer']>['run']>[2],
  handler: (record: TestRecord, context: RunContext) => Promise<void> | void,
): Promise<string[]> {
  const { group, ...runOptions } = options
  const stop = new AbortController()
  const done: string[] = []
  await using consumer = kafka.consumer({ group, from: 'earliest' })
  await consumer.run(
    topic,
    async (record, context) => {
      await handler(record, context)
      done.push(String(record.value))
      if (done.length === count) stop.abort()
    },
    { ...runOptions, signal: stop.signal },
  )
  return done
}

/** Counts who is at work at the same time. */
function gauge() {
  let now = 0
  return {
    most: 0,
    async during(work: () => Promise<void>): Promise<void> {
      this.most = Math.max(this.most, ++now)
      await work()
      now--
    },
  }
}

const soon = () => new Promise((resolve) => setTimeout(resolve, 2))

describe('handlers', () => {
  test('work on several partitions at once, in order in each', async () => {
    const topic = await createTopic(kafka, 3)
    await fill(topic, [...numbered(20, 0), ...numbered(20, 1), ...numbered(20, 2)])
    const group = uniqueName('group')
    const atWork = gauge()
    const seen = new Map<number, number[]>()
    await runUntil(60, topic, { group, concurrency: 3 }, ({ partition, value }) =>
      atWork.during(async () => {
        await soon()
        seen.set(partition, [...(seen.get(partition) ?? []), Number(value)])
      }),
    )
    for (const partition of [0, 1, 2]) expect(seen.get(partition)).toEqual([...Array(20).keys()])
    expect(atWork.most).toBe(3)
    expect(await committed(group)).toBe(60n)
  })

  test('work on one partition at once, in order for each key', async () => {
    const topic = await createTopic(kafka)
    await fill(topic, numbered(40))
    const group = uniqueName('group')
    const atWork = gauge()
    const seen = new Map<string, number[]>()
    await runUntil(40, topic, { group, concurrency: 8, order: 'key' }, ({ key, value }) =>
      atWork.during(async () => {
        await soon()
        seen.set(String(key), [...(seen.get(String(key)) ?? []), Number(value)])
      }),
    )
    // Four keys, so never more than four at once.
    expect(atWork.most).toBe(4)
    for (const numbers of seen.values()) expect(numbers).toEqual(numbers.toSorted((a, b) => a - b))
    expect(await committed(group)).toBe(40n)
  })

  test('an unfinished record holds the commit back, whatever is done behind it', async () => {
    const topic = await createTopic(kafka)
    await fill(
      topic,
      Array.from({ length: 10 }, (_, i) => ({ value: `${i}` })),
    )
    const group = uniqueName('group')
    const stop = new AbortController()
    let others = 0
    await using consumer = kafka.consumer({ group, from: 'earliest' })
    await consumer.run(
      topic,
      async ({ value }, { signal }) => {
        if (String(value) === '3') {
          await new Promise((resolve) => signal.addEventListener('abort', resolve))
          throw new Error('told to end')
        }
        if (++others === 9) stop.abort()
      },
      { concurrency: 10, order: 'key', signal: stop.signal },
    )
    expect(await committed(group)).toBe(3n)
  })

  test('are waited for when the consumer is closed', async () => {
    const topic = await createTopic(kafka)
    await fill(topic, numbered(1))
    const group = uniqueName('group')
    const consumer = kafka.consumer({ group, from: 'earliest' })
    let isDone = false
    let hasBegun = false
    const run = consumer.run(topic, async () => {
      hasBegun = true
      await new Promise((resolve) => setTimeout(resolve, 50))
      isDone = true
    })
    await waitFor('the handler', () => hasBegun)
    await consumer.close()
    expect(isDone).toBe(true)
    await run
    expect(await committed(group)).toBe(1n)
  })

  test('finish what they have begun before the partitions go to another member', async () => {
    const topic = await createTopic(kafka, 2)
    await fill(topic, [...numbered(200, 0), ...numbered(200, 1)])
    const group = uniqueName('group')
    const times = new Map<string, number>()
    const members = [1, 2].map(() => {
      const stop = new AbortController()
      const consumer = kafka.consumer({ group, from: 'earliest' })
      const run = () =>
        consumer.run(
          topic,
          async ({ partition, offset }) => {
            await soon()
            const at = `${partition}@${offset}`
            times.set(at, (times.get(at) ?? 0) + 1)
          },
          { concurrency: 2, signal: stop.signal },
        )
      return { run, consumer, stop }
    })
    const [first, second] = members as [(typeof members)[0], (typeof members)[0]]
    const running = [first.run()]
    await waitFor('the first records', () => times.size > 5)
    running.push(second.run())
    await waitFor('two members', () => second.consumer.assignment.length === 1, 30_000)
    await waitFor('all records', () => times.size === 400, 30_000)
    for (const { stop } of members) stop.abort()
    await Promise.all(running)
    for (const { consumer } of members) await consumer.close()
    expect([...times.values()].every((count) => count === 1)).toBe(true)
    expect(await committed(group)).toBe(400n)
  })
})

describe('memory that is used again', () => {
  const EACH = 150
  const contentOf = (n: number) => Buffer.from(`${n}:`.repeat(200))

  /** The first partition's handler outlives most of what is fetched for the others meanwhile. */
  test.each(['none', 'lz4'] as const)('waits for the handlers that read it: %s', async (codec) => {
    const topic = await createTopic(kafka, 3)
    await using producer = kafka.producer({ compression: codec })
    const records = Array.from({ length: 3 * EACH }, (_, n) => ({ n, partition: n % 3 }))
    // Small batches, so that there are many responses.
    for (let at = 0; at < records.length; at += 30) {
      const some = records.slice(at, at + 30)
      await producer.send(
        topic,
        some.map(({ n, partition }) => ({ value: contentOf(n), partition })),
      )
    }
    const stop = new AbortController()
    const seen = new Set<number>()
    let others = 0
    let first: TestRecord | undefined
    await using consumer = kafka.consumer({
      ...{ group: uniqueName('group'), from: 'earliest', reuseMemory: true },
      ...{ maxPartitionFetchBytes: 16 * 1024, maxPollRecords: 10 },
    })
    const handler = async (record: TestRecord) => {
      first ??= record
      const n = Number(record.offset) * 3 + record.partition
      const value = record.value as Buffer
      expect(value.equals(contentOf(n))).toBe(true)
      if (record.partition > 0) others++
      else if (n % 30 === 0) {
        const enough = Math.min(2 * EACH, others + 60)
        await waitFor('handlers of other partitions', () => others >= enough)
      } else await soon()
      expect(value.equals(contentOf(n)), `${n} while its handler works`).toBe(true)
      expect((record.value as Buffer).equals(value)).toBe(true)
      seen.add(n)
      if (seen.size === records.length) stop.abort()
    }
    await consumer.run(topic, handler, { concurrency: 3, signal: stop.signal })
    expect(seen.size).toBe(records.length)
    expect(() => first?.value).toThrow(RecordExpiredError)
  })
})

describe('a handler that throws', () => {
  test('ends the run with its error, and its record is read again', async () => {
    const topic = await createTopic(kafka)
    await fill(topic, numbered(5))
    const group = uniqueName('group')
    const failing = runUntil(5, topic, { group }, ({ value }) => {
      if (String(value) === '2') throw new Error('no such customer')
    })
    await expect(failing).rejects.toThrow('no such customer')
    expect(await committed(group)).toBe(2n)
    const rest = await runUntil(3, topic, { group }, () => {})
    expect(rest).toEqual(['2', '3', '4'])
  })

  test('is tried again as often as it was said', async () => {
    const topic = await createTopic(kafka)
    await fill(topic, numbered(3))
    const attempts: number[] = []
    const done = await runUntil(
      3,
      topic,
      { group: uniqueName('group'), retries: 2, retryBackoffMs: 1 },
      ({ value }, { attempt }) => {
        if (String(value) !== '1') return
        attempts.push(attempt)
        if (attempt < 3) throw new Error('not yet')
      },
    )
    expect(attempts).toEqual([1, 2, 3])
    expect(done).toEqual(['0', '1', '2'])
  })

  test('is passed over when the caller wants that', async () => {
    const topic = await createTopic(kafka)
    await fill(topic, numbered(4))
    const group = uniqueName('group')
    const givenUp: string[] = []
    await runUntil(
      3,
      topic,
      {
        group,
        onFailure: 'skip',
        onGivenUp: ({ offset }, error) => givenUp.push(`${offset}: ${(error as Error).message}`),
      },
      ({ value }) => {
        if (String(value) === '1') throw new Error('poison')
      },
    )
    expect(givenUp).toEqual(['1: poison'])
    expect(await committed(group)).toBe(4n)
  })

  test('sends its record to the dead letters, with the reason', async () => {
    const topic = await createTopic(kafka)
    const dead = await createTopic(kafka)
    const group = uniqueName('group')
    {
      await using producer = kafka.producer()
      await producer.send(topic, { key: 'k', value: 'bad', headers: { trace: ['a', 'b'] } })
      await producer.send(topic, { value: 'good' })
    }
    await using producer = kafka.producer()
    const deadLetters = { producer, topic: dead }
    await runUntil(1, topic, { group, retries: 1, retryBackoffMs: 1, deadLetters }, (record) => {
      if (String(record.value) === 'bad') throw new Error('unknown currency')
    })
    expect(await committed(group)).toBe(2n)
    const [letter] = await readAll(kafka, dead, 1)
    expect(String(letter?.key)).toBe('k')
    expect(String(letter?.value)).toBe('bad')
    const headers = letter?.headers.map(({ key, value }) => `${key}=${value}`)
    expect(headers).toEqual([
      ...['trace=a', 'trace=b'],
      `__dlq.errors.topic=${topic}`,
      '__dlq.errors.partition=0',
      '__dlq.errors.offset=0',
      `__dlq.errors.group=${group}`,
      '__dlq.errors.delivery.count=2',
      '__dlq.errors.message=unknown currency',
    ])
  })

  test('ends the run when its record cannot be put among the dead letters', async () => {
    const topic = await createTopic(kafka)
    await fill(topic, numbered(1))
    const group = uniqueName('group')
    await using producer = kafka.producer()
    await producer.close()
    const deadLetters = { producer, topic: 'anywhere' }
    const failing = runUntil(1, topic, { group, deadLetters }, () => {
      throw new Error('bad')
    })
    await expect(failing).rejects.toThrow('closed')
    expect(await committed(group)).toBe(0n)
  })
})

test('a paused partition gives its handlers nothing until it is resumed', async () => {
  const topic = await createTopic(kafka)
  await fill(topic, numbered(10))
  const consumer = kafka.consumer({ group: uniqueName('group'), from: 'earliest' })
  const seen: string[] = []
  const run = consumer.run(topic, ({ value }) => {
    seen.push(String(value))
    if (seen.length === 3) consumer.pause()
  })
  await waitFor('three records', () => seen.length >= 3)
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(seen).toHaveLength(3)
  consumer.resume()
  await waitFor('all records', () => seen.length === 10)
  await consumer.close()
  await run
})

test('a seek leaves the rest of the batch alone', async () => {
  const topic = await createTopic(kafka)
  await fill(topic, numbered(6))
  const consumer = kafka.consumer({ group: uniqueName('group'), from: 'earliest' })
  const seen: string[] = []
  const run = consumer.run(topic, ({ value, partition }) => {
    seen.push(String(value))
    if (seen.length === 2) consumer.seek({ topic, partition }, 0n)
  })
  await waitFor('all records', () => seen.length === 8)
  await consumer.close()
  await run
  expect(seen).toEqual(['0', '1', '0', '1', '2', '3', '4', '5'])
})

test('options that make no sense are refused by name', async () => {
  await using consumer = kafka.consumer({ group: 'g' })
  const run = (options: object) => consumer.run('t', () => {}, options)
  await expect(run({ concurrency: 0 })).rejects.toThrow('concurrency')
  await expect(run({ order: 'none' })).rejects.toThrow("order must be 'partition' or 'key'")
  await expect(run({ onFailure: 'ignore' })).rejects.toThrow('onFailure')
  await expect(run({ retries: -1 })).rejects.toThrow('retries')
  await expect(run({ retryBackoffMs: 50, retryBackoffMaxMs: 5 })).rejects.toThrow('retryBackoffMs')
  await expect(consumer.run([], () => {})).rejects.toThrow('at least one topic')
})

describe('listeners of a rebalance', () => {
  test('may seek before the first record, and commit before the last partition goes', async () => {
    const topic = await createTopic(kafka)
    await fill(topic, numbered(10))
    const group = uniqueName('group')
    const told: string[] = []
    const consumer = kafka.consumer({
      group,
      from: 'earliest',
      autoCommit: false,
      onPartitionsAssigned: async (partitions) => {
        await soon()
        for (const at of partitions) consumer.seek(at, 7n)
        told.push(`assigned ${partitions.map(({ partition }) => partition)}`)
      },
      onPartitionsRevoked: async (partitions) => {
        told.push(`revoked ${partitions.map(({ partition }) => partition)}`)
        await consumer.commit(partitions.map((at) => ({ ...at, offset: 9 })))
      },
    })
    const seen: string[] = []
    for await (const record of consumer.subscribe(topic).records()) {
      seen.push(String(record.value))
      if (seen.length === 2) break
    }
    await consumer.close()
    expect(seen).toEqual(['7', '8'])
    expect(told).toEqual(['assigned 0', 'revoked 0'])
    expect(await committed(group)).toBe(9n)
  })

  test.each(['classic', 'consumer'] as const)(
    'that throw end the loop (%s protocol)',
    async (groupProtocol) => {
      const topic = await createTopic(kafka)
      await fill(topic, numbered(1))
      await using consumer = kafka.consumer({
        group: uniqueName('group'),
        groupProtocol,
        from: 'earliest',
        onPartitionsAssigned: () => {
          throw new Error('no cache for this partition')
        },
      })
      await expect(consumer.run(topic, () => {})).rejects.toThrow('no cache for this partition')
    },
  )
})
