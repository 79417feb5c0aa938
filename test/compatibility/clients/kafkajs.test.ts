import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type JudgedBroker,
  startJudgedBroker,
  uniqueName,
  waitUntil,
} from '../support/judged-broker.ts'
import {
  KAFKAJS_CODECS,
  type Kafkajs,
  type KafkajsAdmin,
  type KafkajsReceived,
  kafkajs,
} from '../support/kafkajs.ts'
import { INSTALL_TIMEOUT_MS } from '../support/peers.ts'

let broker: JudgedBroker
let kafka: Kafkajs
let admin: KafkajsAdmin

beforeAll(async () => {
  broker = await startJudgedBroker()
  kafka = await kafkajs(broker.bootstrap)
  admin = kafka.admin()
  await admin.connect()
}, INSTALL_TIMEOUT_MS)
afterAll(async () => {
  await admin?.disconnect()
  await broker?.stop()
})

async function newTopic(numPartitions = 1, configEntries: Record<string, unknown>[] = []) {
  const topic = uniqueName('kafkajs')
  await admin.createTopics({
    waitForLeaders: true,
    topics: [{ topic, numPartitions, configEntries }],
  })
  return topic
}

async function produceTexts(topic: string, texts: readonly string[], partition = 0) {
  const producer = kafka.producer()
  await producer.connect()
  await producer.send({ topic, messages: texts.map((value) => ({ value, partition })) })
  await producer.disconnect()
}

/** Joins a group and collects what it is given until `close` is called. */
async function join(groupId: string, topic: string, options: Record<string, unknown> = {}) {
  const consumer = kafka.consumer({
    maxWaitTimeInMs: 200,
    groupId,
    sessionTimeout: 10_000,
    rebalanceTimeout: 20_000,
    ...options,
  })
  const received: KafkajsReceived[] = []
  const member = { received, assigned: [] as number[], generation: 0, consumer }
  consumer.on('consumer.group_join', ({ payload }) => {
    member.assigned = (payload['memberAssignment'] as Record<string, number[]>)[topic] ?? []
    member.generation++
  })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({
    eachMessage: async (one) => {
      received.push(one)
    },
  })
  return { ...member, member, close: () => consumer.disconnect() }
}

const texts = (received: readonly KafkajsReceived[]) =>
  received.map(({ message }) => message.value?.toString())

describe('kafkajs', () => {
  test.each(Object.entries(KAFKAJS_CODECS))(
    'reads back what it wrote with %s',
    async (_, compression) => {
      const topic = await newTopic()
      const producer = kafka.producer()
      await producer.connect()
      const messages = Array.from({ length: 200 }, (_, i) => ({
        key: i % 3 === 0 ? null : `key ${i % 7}`,
        value: i % 10 === 9 ? null : `value ${i} ${'x'.repeat(i)}`,
        headers: { number: String(i), bytes: Buffer.from([0, 255, i]) },
        timestamp: String(Date.now() - i),
      }))
      const [answer] = await producer.send({ topic, messages, compression, acks: -1 })
      expect(answer).toMatchObject({ errorCode: 0, baseOffset: '0' })
      await producer.disconnect()
      const reader = await join(uniqueName('group'), topic)
      await waitUntil('all records', () => reader.received.length === messages.length)
      await reader.close()
      for (const [i, { message }] of reader.received.entries()) {
        const sent = messages[i] as (typeof messages)[number]
        expect(message.offset).toBe(String(i))
        expect(message.key?.toString() ?? null).toBe(sent.key)
        expect(message.value?.toString() ?? null).toBe(sent.value)
        expect(message.timestamp).toBe(sent.timestamp)
        expect(message.headers['number']?.toString()).toBe(sent.headers.number)
        expect(message.headers['bytes']).toEqual(sent.headers.bytes)
      }
    },
  )

  test('writes with an idempotent producer, one sequence per partition', async () => {
    const topic = await newTopic(3)
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
    await producer.connect()
    for (let i = 0; i < 20; i++) {
      const messages = Array.from({ length: 10 }, (_, j) => ({
        value: `${i}/${j}`,
        partition: j % 3,
      }))
      await producer.send({ topic, messages })
    }
    await producer.disconnect()
    const offsets = await admin.fetchTopicOffsets(topic)
    expect(offsets.map((o) => Number(o['high'])).sort()).toEqual([60, 60, 80])
  })

  test('creates a topic by writing to it, with the default number of partitions', async () => {
    const topic = uniqueName('auto')
    const producer = kafka.producer({ allowAutoTopicCreation: true })
    await producer.connect()
    await producer.send({ topic, messages: [{ value: 'x' }] })
    await producer.disconnect()
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    expect(topics[0]?.partitions).toHaveLength(4)
  })

  test('shares partitions among members, hands them over, resumes where it stopped', async () => {
    const topic = await newTopic(4)
    const groupId = uniqueName('group')
    for (let p = 0; p < 4; p++) await produceTexts(topic, [`${p}/0`, `${p}/1`, `${p}/2`], p)
    const one = await join(groupId, topic)
    await waitUntil('first member reads all', () => one.received.length === 12)
    const two = await join(groupId, topic)
    await waitUntil(
      'two members share',
      () => one.member.assigned.length === 2 && two.member.assigned.length === 2,
    )
    expect([...one.member.assigned, ...two.member.assigned].sort()).toEqual([0, 1, 2, 3])
    for (let p = 0; p < 4; p++) await produceTexts(topic, [`${p}/3`], p)
    await waitUntil('both read', () => one.received.length + two.received.length === 16)
    const { groups } = await admin.describeGroups([groupId])
    expect(groups[0]).toMatchObject({ state: 'Stable', protocolType: 'consumer' })
    expect(groups[0]?.['members']).toHaveLength(2)
    await one.close()
    await waitUntil('the other takes over', () => two.member.assigned.length === 4)
    await two.close()
    for (let p = 0; p < 4; p++) await produceTexts(topic, [`${p}/4`], p)
    const three = await join(groupId, topic)
    await waitUntil('the rest', () => three.received.length >= 4)
    await three.close()
    expect(texts(three.received).sort()).toEqual(['0/4', '1/4', '2/4', '3/4'])
  })

  test('seeks and commits offsets with metadata', async () => {
    const topic = await newTopic()
    await produceTexts(topic, ['a', 'b', 'c'])
    const groupId = uniqueName('group')
    const reader = await join(groupId, topic, {})
    await waitUntil('all', () => reader.received.length === 3)
    reader.consumer.seek({ topic, partition: 0, offset: '1' })
    await waitUntil('again from 1', () => reader.received.length === 5)
    expect(texts(reader.received)).toEqual(['a', 'b', 'c', 'b', 'c'])
    await reader.consumer.commitOffsets([{ topic, partition: 0, offset: '2', metadata: 'mark' }])
    const [committed] = await admin.fetchOffsets({ groupId, topics: [topic] })
    expect(committed?.partitions[0]).toMatchObject({ offset: '2', metadata: 'mark' })
    await reader.close()
  })

  test('moves and deletes groups', async () => {
    const topic = await newTopic()
    await produceTexts(topic, ['a', 'b'])
    const groupId = uniqueName('group')
    await admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '1' }] })
    const [set] = await admin.fetchOffsets({ groupId, topics: [topic] })
    expect(set?.partitions[0]).toMatchObject({ offset: '1' })
    await admin.resetOffsets({ groupId, topic, earliest: true })
    const { groups } = await admin.listGroups()
    expect(groups.map((g) => g['groupId'])).toContain(groupId)
    const [deleted] = await admin.deleteGroups([groupId])
    expect(deleted).toMatchObject({ groupId, errorCode: 0 })
    await expect(admin.deleteGroups([groupId])).rejects.toThrow()
  })

  test('creates, widens, configures and deletes topics', async () => {
    const topic = await newTopic(1, [{ name: 'retention.ms', value: '3600000' }])
    expect(await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] })).toBe(false)
    await admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] })
    await expect(
      admin.createPartitions({ topicPartitions: [{ topic, count: 2 }] }),
    ).rejects.toThrow()
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    expect(topics[0]?.partitions).toHaveLength(3)
    const resources = [{ type: 2, name: topic, configNames: ['retention.ms', 'cleanup.policy'] }]
    const described = await admin.describeConfigs({ resources, includeSynonyms: true })
    const entries = described.resources[0]?.configEntries ?? []
    expect(entries.find((e) => e['configName'] === 'retention.ms')).toMatchObject({
      configValue: '3600000',
      isDefault: false,
    })
    const configEntries = [{ name: 'cleanup.policy', value: 'compact' }]
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: 2, name: topic, configEntries }],
    })
    const after = await admin.describeConfigs({ resources })
    const values = after.resources[0]?.configEntries.map((e) => [e['configName'], e['configValue']])
    expect(Object.fromEntries(values ?? [])).toEqual({
      'cleanup.policy': 'compact',
      'retention.ms': '604800000',
    })
    await admin.deleteTopics({ topics: [topic] })
    await waitUntil('the topic is gone', async () => !(await admin.listTopics()).includes(topic))
  })

  test('finds offsets by time, deletes records, refuses what is too large', async () => {
    const topic = await newTopic(1, [{ name: 'max.message.bytes', value: '1000' }])
    const producer = kafka.producer()
    await producer.connect()
    for (const timestamp of ['1000', '2000', '3000']) {
      await producer.send({ topic, messages: [{ value: timestamp, timestamp }] })
    }
    await expect(
      producer.send({ topic, messages: [{ value: Buffer.alloc(2000) }] }),
    ).rejects.toMatchObject({ type: 'MESSAGE_TOO_LARGE' })
    await producer.disconnect()
    expect(await admin.fetchTopicOffsetsByTimestamp(topic, 1500)).toEqual([
      { partition: 0, offset: '1' },
    ])
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '2' }] })
    expect(await admin.fetchTopicOffsets(topic)).toMatchObject([
      { low: '2', high: '3', offset: '3' },
    ])
  })

  test('is refused a record without a key on a compacted topic', async () => {
    const topic = await newTopic(1, [{ name: 'cleanup.policy', value: 'compact' }])
    const producer = kafka.producer({ retry: { retries: 0 } })
    await producer.connect()
    const messages = [{ value: 'no key' }]
    await expect(producer.send({ topic, messages })).rejects.toThrow()
    await producer.send({
      topic,
      messages: [
        { key: 'k', value: 'v' },
        { key: 'k', value: null },
      ],
    })
    await producer.disconnect()
    expect(await admin.fetchTopicOffsets(topic)).toMatchObject([{ low: '0', high: '2' }])
  })

  test('sees a cluster of one broker', async () => {
    const cluster = await admin.describeCluster()
    expect(cluster.clusterId).toMatch(/^[\w-]{22}$/)
    expect(cluster.brokers).toEqual([
      {
        nodeId: cluster.controller,
        host: '127.0.0.1',
        port: Number(broker.bootstrap.split(':')[1]),
      },
    ])
  })
})
