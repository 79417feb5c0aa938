/** What an application written for kafkajs does, with the package that stands in for it. */
import { setTimeout as pause } from 'node:timers/promises'
import { Kafka as Engine } from '@ottla/client'
import {
  type Admin,
  CompressionTypes,
  type EachBatchPayload,
  type EachMessagePayload,
  Kafka,
  KafkaJSNonRetriableError,
  KafkaJSNumberOfRetriesExceeded,
  KafkaJSProtocolError,
  logLevel,
} from '@ottla/kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { readAll } from '../support/read-all.ts'
import { codecsIn } from '../support/stored-batches.ts'
import { uniqueName, waitFor } from '../support/topics.ts'

let broker: TestBroker
let kafka: Kafka
let admin: Admin

beforeAll(async () => {
  broker = await startTestBroker({
    'transaction.state.log.num.partitions': '3',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '3',
    'group.initial.rebalance.delay.ms': '0',
  })
  kafka = new Kafka({
    clientId: 'shop',
    brokers: [broker.bootstrap],
    logLevel: logLevel.NOTHING,
    retry: { retries: 8, initialRetryTime: 100 },
  })
  admin = kafka.admin()
  await admin.connect()
}, 90_000)
afterAll(async () => {
  await admin.disconnect()
  await broker.stop()
})

async function createTopic(numPartitions = 1): Promise<string> {
  const topic = uniqueName('shop')
  await admin.createTopics({ topics: [{ topic, numPartitions, replicationFactor: 1 }] })
  return topic
}

async function produce(topic: string, values: readonly string[], partition?: number) {
  const producer = kafka.producer()
  await producer.connect()
  const messages = values.map((value) => ({
    value,
    ...(partition === undefined ? {} : { partition }),
  }))
  const answers = await producer.send({ topic, messages })
  await producer.disconnect()
  return answers
}

const numbered = (count: number) => Array.from({ length: count }, (_, i) => `v${i}`)
const consumerOf = (groupId = uniqueName('group')) =>
  kafka.consumer({ groupId, maxWaitTimeInMs: 100 })

describe('a producer', () => {
  test('sends with every codec, and says where the records are', async () => {
    const topic = await createTopic()
    const producer = kafka.producer()
    await producer.connect()
    for (const [name, compression] of Object.entries(CompressionTypes)) {
      const [answer] = await producer.send({
        topic,
        compression,
        messages: [{ key: 'k', value: name, headers: { a: 'b', many: ['c', 'd'] } }],
      })
      expect(answer).toMatchObject({ topicName: topic, partition: 0, errorCode: 0 })
      expect(answer).toMatchObject({ logAppendTime: '-1', logStartOffset: '0' })
    }
    await producer.disconnect()
    const consumer = consumerOf()
    const seen: EachMessagePayload[] = []
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({ eachMessage: async (payload) => void seen.push(payload) })
    await waitFor('five messages', () => seen.length === 5)
    await consumer.disconnect()
    expect(seen.map(({ message }) => String(message.value))).toEqual(Object.keys(CompressionTypes))
    const { key, headers, offset, timestamp } = (seen[4] as EachMessagePayload).message
    expect([String(key), offset, typeof timestamp]).toEqual(['k', '4', 'string'])
    expect(headers).toEqual({ a: Buffer.from('b'), many: [Buffer.from('c'), Buffer.from('d')] })
  })

  test('asks a partitioner of the application', async () => {
    const topic = await createTopic(3)
    const producer = kafka.producer({
      createPartitioner:
        () =>
        ({ message, partitionMetadata }) =>
          Number(message.value) % partitionMetadata.length,
    })
    await producer.connect()
    const topicMessages = [{ topic, messages: ['0', '1', '2', '3'].map((value) => ({ value })) }]
    const answers = await producer.sendBatch({ topicMessages })
    await producer.disconnect()
    expect(answers.map(({ partition }) => partition).sort()).toEqual([0, 1, 2])
    // Apache Kafka answers in an order of its own, as kafkajs passes it on.
    const ends = await admin.fetchTopicOffsets(topic)
    const byPartition = ends.toSorted((a, b) => a.partition - b.partition)
    expect(byPartition.map(({ high }) => high)).toEqual(['2', '1', '1'])
  })

  test('sends to partitions that were added a moment ago', async () => {
    const topic = await createTopic(1)
    const producer = kafka.producer()
    await producer.connect()
    const send = (partition: number) =>
      producer.send({
        topic,
        messages: [
          { value: 'v', partition },
          { value: 'v', partition: 0 },
        ],
      })
    await send(0)
    await admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] })
    // Another topic makes it look at all of them again.
    await producer.send({ topic: await createTopic(), messages: [{ value: 'v' }] })
    const answers = await send(2)
    await producer.disconnect()
    expect(answers.map(({ partition }) => partition).sort()).toEqual([0, 2])
    const ends = await admin.fetchTopicOffsets(topic)
    expect(ends.map(({ high }) => high).sort()).toEqual(['0', '1', '3'])
  })

  test('refuses what kafkajs refuses, with its errors', async () => {
    const producer = kafka.producer({ idempotent: true })
    const message = { topic: 'none', messages: [{ value: 'v' }] }
    await expect(producer.send(message)).rejects.toThrow('The producer is disconnected')
    await producer.connect()
    await expect(producer.send({ ...message, acks: 1 })).rejects.toThrow(KafkaJSNonRetriableError)
    await expect(producer.transaction()).rejects.toThrow('Must provide transactional id')
    await producer.disconnect()
    const error = await kafka
      .producer({ retry: { retries: 0 } })
      .send(message)
      .catch((e: Error) => e)
    expect(error).toMatchObject({ name: 'KafkaJSError', retriable: true })
  })

  test('tells of its requests', async () => {
    const topic = await createTopic()
    const producer = kafka.producer()
    const names: string[] = []
    producer.on(producer.events.CONNECT, ({ type }) => void names.push(type))
    producer.on('producer.network.request', ({ payload }) => void names.push(payload.apiName))
    await producer.connect()
    await producer.send({ topic, messages: [{ value: 'v' }] })
    await producer.disconnect()
    expect(names).toEqual(expect.arrayContaining(['producer.connect', 'Metadata', 'Produce']))
  })
})

describe('transactions', () => {
  test('commit records with offsets of a group, or abort both', async () => {
    const [source, target] = [await createTopic(), await createTopic()]
    await produce(source, ['1', '2', '3'])
    const groupId = uniqueName('eos')
    const producer = kafka.producer({ transactionalId: uniqueName('tx'), idempotent: true })
    await producer.connect()
    const consumer = consumerOf(groupId)
    await consumer.connect()
    await consumer.subscribe({ topics: [source], fromBeginning: true })
    let attempts = 0
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch, isStale }) => {
        const tx = await producer.transaction()
        const messages = batch.messages.map(({ value }) => ({ value: `got ${value}` }))
        await tx.send({ topic: target, messages, compression: CompressionTypes.GZIP })
        const offset = String(BigInt(batch.lastOffset()) + 1n)
        const topics = [{ topic: batch.topic, partitions: [{ partition: 0, offset }] }]
        await tx.sendOffsets({ consumerGroupId: groupId, topics })
        expect([tx.isActive(), isStale()]).toEqual([true, false])
        if (attempts++ === 0) {
          await tx.abort()
          throw new Error('the first attempt fails')
        }
        await tx.commit()
        expect(tx.isActive()).toBe(false)
      },
    })
    await waitFor('a second attempt', async () => {
      const [found] = await admin.fetchOffsets({ groupId, topics: [source] })
      return found?.partitions[0]?.offset === '3'
    })
    await consumer.disconnect()
    await producer.disconnect()
    expect(attempts).toBe(2)
    await using engine = new Engine({ brokers: broker.bootstrap })
    const values: string[] = []
    const reader = engine.consumer({ from: 'earliest', isolationLevel: 'read_committed' })
    for await (const record of reader.subscribe(target).records()) {
      if (values.push(String(record.value)) === 3) break
    }
    expect(values).toEqual(['got 1', 'got 2', 'got 3'])
  })

  test('write with the codec that each call asks for', async () => {
    const topic = await createTopic()
    const producer = kafka.producer({ transactionalId: uniqueName('tx') })
    await producer.connect()
    const tx = await producer.transaction()
    const { GZIP, None, ZSTD, Snappy } = CompressionTypes
    const asked = [GZIP, None, ZSTD, GZIP, Snappy]
    for (const compression of asked) {
      await tx.send({ topic, compression, messages: [{ value: `with ${compression}` }] })
    }
    await tx.commit()
    await producer.disconnect()
    await using engine = new Engine({ brokers: broker.bootstrap })
    expect(await codecsIn(engine, topic)).toEqual(['gzip', 'none', 'zstd', 'gzip', 'snappy'])
    const options = { isolationLevel: 'read_committed' } as const
    const stored = await readAll(engine, topic, asked.length, options)
    expect(stored.map(({ value }) => String(value))).toEqual(asked.map((one) => `with ${one}`))
  })

  test('are one at a time, and over once they have ended', async () => {
    const topic = await createTopic()
    const producer = kafka.producer({ transactionalId: uniqueName('tx') })
    await producer.connect()
    const tx = await producer.transaction()
    await expect(producer.transaction()).rejects.toThrow('already an ongoing transaction')
    await tx.abort()
    await expect(tx.send({ topic, messages: [] })).rejects.toThrow('once ended')
    const next = await producer.transaction()
    await next.send({ topic, messages: [{ value: 'v' }] })
    await next.commit()
    await producer.disconnect()
  })

  test('fence an older producer with the same id', async () => {
    const topic = await createTopic()
    const transactionalId = uniqueName('tx')
    const [older, newer] = [
      kafka.producer({ transactionalId }),
      kafka.producer({ transactionalId }),
    ]
    await Promise.all([older.connect(), newer.connect()])
    const old = await older.transaction()
    const tx = await newer.transaction()
    const error = await old.send({ topic, messages: [{ value: 'v' }] }).catch((e: Error) => e)
    expect(error).toMatchObject({ name: 'KafkaJSProtocolError', type: 'INVALID_PRODUCER_EPOCH' })
    await tx.send({ topic, messages: [{ value: 'v' }] })
    await tx.commit()
    await Promise.all([older.disconnect(), newer.disconnect()])
  })
})

describe('a consumer', () => {
  test('commits what its handler is done with, and goes on there', async () => {
    const topic = await createTopic()
    await produce(topic, numbered(10))
    const groupId = uniqueName('group')
    const seen: string[] = []
    for (const count of [4, 6]) {
      const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 100, retry: { retries: 50 } })
      await consumer.connect()
      await consumer.subscribe({ topic, fromBeginning: true })
      let left = count
      await consumer.run({
        eachMessage: async ({ message }) => {
          if (left === 0) throw new Error('enough')
          left--
          seen.push(String(message.value))
        },
      })
      await waitFor(`${count} messages`, () => left === 0)
      await consumer.disconnect()
    }
    expect(seen).toEqual(numbered(10))
    const [offsets] = await admin.fetchOffsets({ groupId, topics: [topic] })
    expect(offsets?.partitions).toEqual([{ partition: 0, offset: '10', metadata: null }])
  })

  test('leaves it to eachBatch what is resolved', async () => {
    const topic = await createTopic()
    await produce(topic, numbered(5))
    const consumer = consumerOf()
    const batches: string[][] = []
    const uncommitted: unknown[] = []
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({
      eachBatchAutoResolve: false,
      eachBatch: async ({ batch, resolveOffset, uncommittedOffsets, heartbeat, isRunning }) => {
        batches.push(batch.messages.map(({ value }) => String(value)))
        expect([batch.highWatermark, batch.lastOffset(), isRunning()]).toEqual(['5', '4', true])
        resolveOffset(batch.firstOffset() as string)
        uncommitted.push(uncommittedOffsets().topics[0]?.partitions[0]?.offset)
        await heartbeat()
      },
    })
    await waitFor('five batches', () => batches.length === 5)
    await consumer.disconnect()
    expect(batches.map(([first, ...rest]) => [first, rest.length])).toEqual(
      numbered(5).map((value, i) => [value, 4 - i]),
    )
    expect(uncommitted).toEqual(['1', '2', '3', '4', '5'])
  })

  test('works on partitions side by side, each in its order', async () => {
    const topic = await createTopic(3)
    for (const partition of [0, 1, 2]) await produce(topic, numbered(20), partition)
    const consumer = consumerOf()
    const seen: string[][] = [[], [], []]
    let running = 0
    let most = 0
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({
      partitionsConsumedConcurrently: 3,
      eachMessage: async ({ partition, message }) => {
        most = Math.max(most, ++running)
        await pause(2)
        running--
        seen[partition]?.push(String(message.value))
      },
    })
    await waitFor('all messages', () => seen.every((values) => values.length === 20))
    await consumer.disconnect()
    expect(seen).toEqual([numbered(20), numbered(20), numbered(20)])
    expect(most).toBe(3)
  })

  test('seeks, also before it has partitions, and pauses', async () => {
    const topic = await createTopic(2)
    for (const partition of [0, 1]) await produce(topic, numbered(10), partition)
    const consumer = consumerOf()
    const seen: EachMessagePayload[] = []
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    const running = consumer.run({
      eachMessage: async (payload) => {
        if (payload.partition === 1) payload.pause()
        seen.push(payload)
      },
    })
    consumer.seek({ topic, partition: 0, offset: '7' })
    await running
    await waitFor('messages of both', () => seen.length === 4)
    const of = (partition: number) =>
      seen.filter((one) => one.partition === partition).map(({ message }) => message.offset)
    expect([of(0), of(1)]).toEqual([['7', '8', '9'], ['0']])
    expect(consumer.paused()).toEqual([{ topic, partitions: [1] }])
    consumer.seek({ topic, partition: 0, offset: '9' })
    consumer.resume([{ topic, partitions: [1] }])
    await waitFor('two more', () => of(0).length === 4 && of(1).length === 2)
    expect([of(0)[3], of(1)[1]]).toEqual(['9', '1'])
    await consumer.disconnect()
  })

  test('retries a handler that fails, crashes in the end, and begins again', async () => {
    const topic = await createTopic()
    await produce(topic, ['v'])
    const restarts: Error[] = []
    const consumer = kafka.consumer({
      groupId: uniqueName('group'),
      maxWaitTimeInMs: 100,
      retry: {
        retries: 2,
        initialRetryTime: 20,
        restartOnFailure: async (error) => restarts.push(error) < 2,
      },
    })
    let attempts = 0
    const crashes: { error: Error; restart: boolean }[] = []
    consumer.on(consumer.events.CRASH, ({ payload }) => void crashes.push(payload))
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({
      eachMessage: async () => {
        attempts++
        throw new Error('not today')
      },
    })
    await waitFor('the second crash', () => crashes.length === 2)
    expect(attempts).toBe(6)
    expect(crashes.map(({ restart }) => restart)).toEqual([true, false])
    expect(crashes[0]?.error).toBeInstanceOf(KafkaJSNumberOfRetriesExceeded)
    expect(crashes[0]?.error.message).toBe('not today')
    await consumer.disconnect()
  })

  test('shares partitions with others, through a rebalance', async () => {
    const topic = await createTopic(2)
    const groupId = uniqueName('group')
    const seen: string[] = []
    const assigned = new Map<string, number[]>()
    const start = async (name: string) => {
      const consumer = consumerOf(groupId)
      consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
        assigned.set(name, payload.memberAssignment[topic] ?? [])
      })
      await consumer.connect()
      await consumer.subscribe({ topic, fromBeginning: true })
      await consumer.run({ eachMessage: async ({ message }) => void seen.push(`${message.value}`) })
      return consumer
    }
    const first = await start('first')
    expect(assigned.get('first')).toEqual([0, 1])
    await produce(topic, ['a'], 0)
    await waitFor('a', () => seen.length === 1)
    const second = await start('second')
    await waitFor('one each', () => assigned.get('first')?.length === 1)
    expect([...assigned.values()].flat().sort()).toEqual([0, 1])
    await produce(topic, ['b'], 0)
    await produce(topic, ['c'], 1)
    await waitFor('b and c', () => seen.length === 3)
    const { state, members, protocol } = await first.describeGroup()
    expect([state, members.length, protocol]).toEqual(['Stable', 2, 'RoundRobinAssigner'])
    await second.disconnect()
    await waitFor('both again', () => assigned.get('first')?.length === 2)
    await first.disconnect()
    expect(seen.sort()).toEqual(['a', 'b', 'c'])
  })

  test('tells what it does as events', async () => {
    const topic = await createTopic()
    await produce(topic, ['a', 'b'])
    const consumer = kafka.consumer({
      groupId: uniqueName('group'),
      maxWaitTimeInMs: 50,
      heartbeatInterval: 100,
    })
    const seen = new Map<string, object>()
    for (const name of Object.values(consumer.events)) {
      consumer.on(name as 'consumer.fetch', (event) => {
        if (!seen.has(event.type)) seen.set(event.type, event.payload)
      })
    }
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    const batches: EachBatchPayload[] = []
    await consumer.run({ eachBatch: async (payload) => void batches.push(payload) })
    const expected = ['connect', 'group_join', 'fetch_start', 'fetch', 'heartbeat']
    expected.push('start_batch_process', 'end_batch_process', 'commit_offsets', 'network.request')
    await waitFor('events', () => expected.every((name) => seen.has(`consumer.${name}`)))
    await consumer.disconnect()
    expect(seen.get('consumer.end_batch_process')).toMatchObject({
      ...{ topic, partition: 0, highWatermark: '2', offsetLag: '0', offsetLagLow: '1' },
      ...{ batchSize: 2, firstOffset: '0', lastOffset: '1' },
    })
    expect(seen.get('consumer.commit_offsets')).toMatchObject({
      topics: [{ topic, partitions: [{ partition: '0', offset: '2' }] }],
    })
    expect([...seen.keys()]).toEqual(
      expect.arrayContaining(['consumer.stop', 'consumer.disconnect']),
    )
  })
})

describe('an admin client', () => {
  test('creates, describes, alters and deletes', async () => {
    const topic = await createTopic(2)
    const again = { topics: [{ topic, numPartitions: 2, replicationFactor: 1 }] }
    expect(await admin.createTopics(again)).toBe(false)
    expect(await admin.listTopics()).toContain(topic)
    await admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] })
    await waitFor('three partitions', async () => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
      return topics[0]?.partitions.length === 3
    })
    const configEntries = [{ name: 'retention.ms', value: '12345' }]
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: 2, name: topic, configEntries }],
    })
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: 2, name: topic, configNames: ['retention.ms'] }],
    })
    expect(resources[0]?.configEntries[0]).toMatchObject({
      ...{ configName: 'retention.ms', configValue: '12345', isDefault: false },
    })
    await admin.deleteTopics({ topics: [topic] })
    await waitFor('the topic to go', async () => !(await admin.listTopics()).includes(topic))
  })

  test('sets, resets and resolves offsets of a group', async () => {
    const topic = await createTopic()
    await produce(topic, numbered(5))
    const groupId = uniqueName('group')
    await admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '3' }] })
    const offsets = async () => {
      const [found] = await admin.fetchOffsets({ groupId, topics: [topic] })
      return found?.partitions[0]?.offset
    }
    expect(await offsets()).toBe('3')
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '2' }] })
    await admin.resetOffsets({ groupId, topic, earliest: true })
    expect(await offsets()).toBe('-2')
    const [resolved] = await admin.fetchOffsets({ groupId, topics: [topic], resolveOffsets: true })
    expect(resolved?.partitions[0]?.offset).toBe('2')
    expect(await admin.deleteGroups([groupId])).toEqual([{ groupId, errorCode: 0 }])
    const { groups } = await admin.listGroups()
    expect(groups.map((group) => group.groupId)).not.toContain(groupId)
  })

  test('fails with the errors of the protocol', async () => {
    const topic = uniqueName('missing')
    const own = kafka.admin({ retry: { retries: 1, initialRetryTime: 10 } })
    // kafkajs connects by itself for a call of an admin client.
    const missing = await own.deleteTopics({ topics: [topic] }).catch((e: Error) => e)
    expect(missing).toMatchObject({ name: 'KafkaJSNumberOfRetriesExceeded', retryCount: 1 })
    const { cause } = missing as Error
    expect(cause).toBeInstanceOf(KafkaJSProtocolError)
    expect(cause).toMatchObject({ type: 'UNKNOWN_TOPIC_OR_PARTITION', code: 3, retriable: true })
    await own.disconnect()
  })
})
