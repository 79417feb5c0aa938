import { setTimeout as pause } from 'node:timers/promises'
import { FencedError, Kafka, type Producer } from '@ottla/client'
import { apis } from '@ottla/protocol'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isBeforeKafka4, startTestBroker, type TestBroker } from '../support/broker.ts'
import { runMember } from '../support/members.ts'
import { createTopic, uniqueName, waitFor } from '../support/topics.ts'

let broker: TestBroker
let kafka: Kafka

beforeAll(async () => {
  broker = await startTestBroker({
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': '200',
    'transaction.state.log.num.partitions': '3',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'offsets.topic.replication.factor': '1',
  })
  kafka = new Kafka({ brokers: broker.bootstrap })
}, 90_000)
afterAll(async () => {
  await kafka.close()
  await broker.stop()
})

const END = 'end'

/** What a reader of committed records sees of a topic with one partition. */
async function committedIn(topic: string): Promise<string[]> {
  await using ender = kafka.producer({ transactionalId: uniqueName('ender') })
  await ender.transaction((tx) => tx.send(topic, { value: END, partition: 0 }))
  const values: string[] = []
  const signal = AbortSignal.timeout(20_000)
  await using consumer = kafka.consumer({ from: 'earliest', isolationLevel: 'read_committed' })
  for await (const batch of consumer.subscribe(topic, { signal })) {
    for (const record of batch) values.push(String(record.value))
    if (values.at(-1) === END) return values.filter((value) => value !== END)
  }
  throw new Error(`${topic}: the last record was not seen`)
}

const transactional = (options: { transactionalId?: string } = {}): Producer =>
  kafka.producer({ transactionalId: uniqueName('tx'), ...options })

async function setTransactionVersion(level: number): Promise<void> {
  if (isBeforeKafka4) return
  const { errorCode, errorMessage } = await kafka.request(
    apis.updateFeatures,
    {
      timeoutMs: 10_000,
      featureUpdates: [
        { feature: 'transaction.version', maxVersionLevel: level, upgradeType: level > 1 ? 1 : 2 },
      ],
      validateOnly: false,
    },
    { broker: 'controller' },
  )
  if (errorCode !== 0) throw new Error(`${errorCode}: ${errorMessage}`)
}

/** Kafka 3.9 has the old transactions only, and no feature to choose by. */
const VERSIONS: [string, number][] = isBeforeKafka4
  ? [['of Kafka 3.9', 0]]
  : [
      ['V2', 2],
      ['V1', 1],
    ]

describe.each(VERSIONS)('transactions %s', (_, level) => {
  let own: Kafka

  beforeAll(async () => {
    await setTransactionVersion(level)
    // What a cluster can do is learnt with each connection.
    own = kafka
    kafka = new Kafka({ brokers: broker.bootstrap })
  })
  afterAll(async () => {
    await kafka.close()
    kafka = own
    await setTransactionVersion(2)
  })

  test('are seen once they are committed, and never when aborted', async () => {
    const topic = await createTopic(kafka)
    await using producer = transactional()
    const sent = await producer.transaction(async (tx) => {
      const { offset } = await tx.send(topic, { value: 'one' })
      void tx.send(topic, [{ value: 'two' }, { value: 'three' }])
      return offset
    })
    expect(sent).toBe(0n)
    const failure = new Error('no')
    const aborted = producer.transaction(async (tx) => {
      await tx.send(topic, { value: 'lost' })
      void tx.send(topic, { value: 'lost too' })
      throw failure
    })
    await expect(aborted).rejects.toBe(failure)
    await producer.transaction(async (tx) => {
      while (!tx.enqueue(topic, { value: 'four' })) await tx.ready
    })
    await producer.transaction(() => undefined)
    expect(await committedIn(topic)).toEqual(['one', 'two', 'three', 'four'])
  })

  test('follow each other in one producer, over several partitions', async () => {
    const topic = await createTopic(kafka, 3)
    await using producer = transactional()
    for (let i = 0; i < 40; i++) {
      const run = producer.transaction(async (tx) => {
        for (let j = 0; j < 6; j++) void tx.send(topic, { value: `${i} ${j}`, partition: j % 3 })
        if (i % 4 === 3) throw new Error('every fourth')
      })
      if (i % 4 === 3) await expect(run).rejects.toThrow('every fourth')
      else await run
    }
    const seen = new Set<string>()
    const signal = AbortSignal.timeout(20_000)
    await using consumer = kafka.consumer({ from: 'earliest', isolationLevel: 'read_committed' })
    for await (const batch of consumer.subscribe(topic, { signal })) {
      for (const record of batch) {
        const value = String(record.value)
        expect(seen.has(value), value).toBe(false)
        seen.add(value)
      }
      if (seen.size === 180) break
    }
    expect([...seen].filter((value) => Number(value.split(' ')[0]) % 4 === 3)).toEqual([])
  })

  test('are aborted when a record cannot be stored, whoever looks at its promise', async () => {
    const topic = await createTopic(kafka, 1, { 'max.message.bytes': 1000 })
    await using producer = transactional()
    const run = producer.transaction(async (tx) => {
      await tx.send(topic, { value: 'small' })
      void tx.send(topic, { value: 'x'.repeat(2000) })
    })
    await expect(run).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' })
    await producer.transaction((tx) => tx.send(topic, { value: 'after' }))
    expect(await committedIn(topic)).toEqual(['after'])
  })

  test('leave the older of two producers with one id behind', async () => {
    const topic = await createTopic(kafka)
    const transactionalId = uniqueName('tx')
    await using older = transactional({ transactionalId })
    await older.transaction((tx) => tx.send(topic, { value: 'older' }))
    await using newer = transactional({ transactionalId })
    await newer.transaction((tx) => tx.send(topic, { value: 'newer' }))
    const late = older.transaction((tx) => tx.send(topic, { value: 'late' }))
    await expect(late).rejects.toBeInstanceOf(FencedError)
    await expect(older.transaction(() => undefined)).rejects.toBeInstanceOf(FencedError)
    await newer.transaction((tx) => tx.send(topic, { value: 'newer again' }))
    expect(await committedIn(topic)).toEqual(['older', 'newer', 'newer again'])
  })

  test('a newer producer ends what an older one has left open', async () => {
    const topic = await createTopic(kafka)
    const transactionalId = uniqueName('tx')
    await using older = transactional({ transactionalId })
    let go = () => {}
    const held = new Promise<void>((resolve) => {
      go = resolve
    })
    let isWritten = false
    const stuck = older.transaction(async (tx) => {
      await tx.send(topic, { value: 'stuck' })
      isWritten = true
      await held
    })
    stuck.catch(() => undefined)
    await waitFor('the older writes', () => isWritten)
    await using newer = transactional({ transactionalId })
    await newer.transaction((tx) => tx.send(topic, { value: 'newer' }))
    go()
    await expect(stuck).rejects.toBeInstanceOf(FencedError)
    expect(await committedIn(topic)).toEqual(['newer'])
  })

  test('commit offsets with their records or not at all', async () => {
    const [input, output] = [await createTopic(kafka), await createTopic(kafka)]
    const group = uniqueName('group')
    await using feeder = kafka.producer()
    await feeder.send(
      input,
      Array.from({ length: 20 }, (_value, i) => ({ value: `${i}` })),
    )
    await using producer = transactional()
    await using consumer = kafka.consumer({ group, from: 'earliest', autoCommit: false })
    let isFirst = true
    for await (const batch of consumer.subscribe(input)) {
      const run = () =>
        producer.transaction(async (tx) => {
          for (const { value } of batch) void tx.send(output, { value: `did ${value}` })
          await tx.commitOffsets(consumer, [batch])
          if (isFirst) throw new Error('first')
        })
      await expect(run()).rejects.toThrow('first')
      isFirst = false
      expect(await committedOffset(group, input)).toBe(undefined)
      await run()
      if (batch.nextOffset === 20n) break
    }
    await waitFor('the offset', async () => (await committedOffset(group, input)) === 20n)
    expect(await committedIn(output)).toEqual(Array.from({ length: 20 }, (_value, i) => `did ${i}`))
  })

  test.each(isBeforeKafka4 ? (['classic'] as const) : (['classic', 'consumer'] as const))(
    'commit no offsets of a member that is gone from its %s group',
    async (groupProtocol) => {
      const [input, output] = [await createTopic(kafka), await createTopic(kafka)]
      const group = uniqueName('group')
      const options = { group, groupProtocol, autoCommit: false } as const
      const old = runMember(kafka, input, options)
      await waitFor('the partition', () => old.consumer.assignment.length === 1)
      const { groupMetadata } = old.consumer
      await old.stop()
      const next = runMember(kafka, input, options)
      await waitFor('the partition, again', () => next.consumer.assignment.length === 1)
      await using producer = transactional()
      const offsetTo = (offset: bigint) => [{ topic: input, partition: 0, offset }]
      const late = producer.transaction(async (tx) => {
        void tx.send(output, { value: 'late' })
        await tx.commitOffsets({ groupMetadata }, offsetTo(7n))
      })
      await expect(late).rejects.toMatchObject({ code: 'COMMIT_FAILED' })
      await producer.transaction(async (tx) => {
        void tx.send(output, { value: 'in time' })
        await tx.commitOffsets(next.consumer, offsetTo(5n))
      })
      await waitFor('the offset', async () => (await committedOffset(group, input)) === 5n)
      expect(await committedIn(output)).toEqual(['in time'])
      await next.stop()
    },
  )

  test('transform a topic exactly once', async () => {
    const [input, output] = [await createTopic(kafka), await createTopic(kafka)]
    await using feeder = kafka.producer({ batchSize: 100, linger: 0 })
    for (let i = 0; i < 100; i++) await feeder.send(input, { value: `${i}` })
    await using producer = transactional()
    const group = uniqueName('group')
    let failures = 0
    for (let isDone = false; !isDone; ) {
      const signal = AbortSignal.timeout(30_000)
      const stop = new AbortController()
      await using consumer = kafka.consumer({
        ...{ group, from: 'earliest', autoCommit: false, isolationLevel: 'read_committed' },
        maxPollRecords: 7,
      })
      const both = AbortSignal.any([signal, stop.signal])
      const run = producer.transform(
        consumer,
        input,
        async (batch, tx) => {
          for (const { value } of batch) {
            await tx.send(output, { value })
            if (failures < 3 && Number(value) === 20 * (failures + 1)) {
              failures++
              throw new Error('now and then')
            }
          }
          if (batch.nextOffset === 100n) {
            isDone = true
            stop.abort()
          }
        },
        { signal: both },
      )
      if (!isDone) await run.catch((error: Error) => expect(error.message).toBe('now and then'))
    }
    expect(failures).toBe(3)
    expect(await committedIn(output)).toEqual(Array.from({ length: 100 }, (_value, i) => `${i}`))
  })

  test('that take too long are aborted by the coordinator, and told of', async () => {
    const topic = await createTopic(kafka)
    await using producer = kafka.producer({
      transactionalId: uniqueName('tx'),
      transactionTimeoutMs: 500,
    })
    const run = producer.transaction(async (tx) => {
      await tx.send(topic, { value: 'slow' })
      await pause(2_500)
    })
    await expect(run).rejects.toThrow()
    expect(await committedIn(topic)).toEqual([])
  })
})

async function committedOffset(group: string, topic: string): Promise<bigint | undefined> {
  const offsets = await kafka.admin.listGroupOffsets(group)
  return offsets.find((o) => o.topic === topic)?.offset
}

describe('a transactional producer', () => {
  test('says how it is used', async () => {
    const topic = await createTopic(kafka)
    await using plain = kafka.producer()
    await expect(plain.transaction(() => undefined)).rejects.toThrow('transactionalId')
    await using producer = transactional()
    expect(() => producer.send(topic, { value: 'x' })).toThrow('producer.transaction')
    expect(() => producer.enqueue(topic, { value: 'x' })).toThrow('producer.transaction')
    await producer.transaction(async () => {
      await expect(producer.transaction(() => undefined)).rejects.toThrow('is open')
    })
    let kept: Parameters<Parameters<typeof producer.transaction>[0]>[0] | undefined
    await producer.transaction((tx) => {
      kept = tx
    })
    expect(() => kept?.send(topic, { value: 'x' })).toThrow('is over')
    expect(() => kafka.producer({ transactionalId: 'x', acks: 1 })).toThrow('acks')
    expect(() => kafka.producer({ transactionalId: '' })).toThrow('empty')
    await using consumer = kafka.consumer({ group: uniqueName('group') })
    const run = producer.transaction(async (tx) => tx.commitOffsets(consumer, []))
    await expect(run).rejects.toThrow('autoCommit: false')
  })

  test('aborts what is open when it is closed', async () => {
    const topic = await createTopic(kafka)
    const producer = transactional()
    let isWritten = false
    const run = producer.transaction(async (tx) => {
      await tx.send(topic, { value: 'unfinished' })
      isWritten = true
      await pause(300)
    })
    run.catch(() => undefined)
    await waitFor('the record', () => isWritten)
    await producer.close()
    await expect(run).rejects.toThrow('closed')
    expect(await committedIn(topic)).toEqual([])
  })
})
