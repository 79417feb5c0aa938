import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { base64, Confluent, plain } from '../support/confluent.ts'
import { type JudgedBroker, startJudgedBroker, uniqueName } from '../support/judged-broker.ts'
import { kafkajs } from '../support/kafkajs.ts'
import { ensureConfluentKafka, INSTALL_TIMEOUT_MS } from '../support/peers.ts'

let broker: JudgedBroker
let confluent: Confluent

beforeAll(async () => {
  await ensureConfluentKafka()
  broker = await startJudgedBroker()
  confluent = new Confluent(broker.bootstrap)
}, INSTALL_TIMEOUT_MS)
afterAll(() => broker?.stop())

async function newTopic(partitions: number, settings: Record<string, string> = {}) {
  const topic = uniqueName('confluent')
  const admin = (await kafkajs(broker.bootstrap)).admin()
  await admin.connect()
  const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }))
  const topics = [{ topic, numPartitions: partitions, configEntries }]
  await admin.createTopics({ waitForLeaders: true, topics })
  await admin.disconnect()
  return topic
}

describe('confluent-kafka', () => {
  test.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'])(
    'reads what it wrote with %s',
    async (codec) => {
      const topic = await newTopic(1)
      const records = Array.from({ length: 300 }, (_, i) => ({
        key: i % 4 === 0 ? null : base64(`key ${i}`),
        value: i % 9 === 8 ? null : base64(`value ${i} ${'x'.repeat(i)}`),
        timestamp: 1_700_000_000_000 + i,
        headers: [['n', base64(String(i))] as const, ['none', null] as const],
      }))
      const config = { 'compression.type': codec, 'linger.ms': 50 }
      const sent = await confluent.produce(topic, records, config)
      expect(sent).toEqual(records.map((_, i) => [0, i]))
      const read = await confluent.consume(topic, records.length)
      expect(
        read.map(({ key, value, timestamp, headers }) => ({ key, value, timestamp, headers })),
      ).toEqual(records)
    },
  )

  test('an idempotent producer writes every record once and in order', async () => {
    const topic = await newTopic(2)
    const records = Array.from({ length: 2_000 }, (_, i) => ({
      value: base64(`${i}`),
      partition: i % 2,
    }))
    const config = { 'enable.idempotence': true, 'linger.ms': 0, 'batch.num.messages': 7 }
    const sent = await confluent.produce(topic, records, config)
    expect(sent).toEqual(records.map((_, i) => [i % 2, Math.floor(i / 2)]))
    const read = await confluent.consume(topic, 2_000, { partitions: [0, 1] })
    for (const p of [0, 1]) {
      const values = read.filter((r) => r.partition === p).map((r) => Number(plain(r.value)))
      expect(values).toEqual(Array.from({ length: 1_000 }, (_, i) => 2 * i + p))
    }
  })

  test.each(['range', 'roundrobin', 'cooperative-sticky'])(
    'a group of three with %s',
    async (strategy) => {
      const topic = await newTopic(6)
      const outcome = await confluent.group({
        topic,
        partitions: 6,
        group: uniqueName('group'),
        strategy,
      })
      expect(outcome.shares).toEqual([[6], [3, 3], [2, 2, 2]])
      expect(outcome.resumed).toEqual(Array.from({ length: 6 }, (_, p) => `round 3/${p}`))
    },
  )

  test('resumes where a group committed', async () => {
    const topic = await newTopic(1)
    await confluent.produce(
      topic,
      ['a', 'b', 'c', 'd'].map((value) => ({ value: base64(value) })),
    )
    const group = uniqueName('group')
    const config = { 'queued.max.messages.kbytes': 1024 }
    const first = await confluent.consume(topic, 2, { group, commit: true, config })
    const second = await confluent.consume(topic, 2, { group, commit: true, config })
    expect([...first, ...second].map((r) => plain(r.value))).toEqual(['a', 'b', 'c', 'd'])
  })

  test('a static member comes back to its partitions without a new generation', async () => {
    const topic = await newTopic(2)
    await confluent.produce(
      topic,
      [0, 1].map((p) => ({ value: base64(`${p}`), partition: p })),
    )
    const group = uniqueName('group')
    const config = { 'group.instance.id': 'one', 'session.timeout.ms': 10_000 }
    expect(await confluent.consume(topic, 2, { group, config })).toHaveLength(2)
    expect(await confluent.consume(topic, 2, { group, commit: true, config })).toHaveLength(2)
  })

  test('errors of single records: too large, without key, unknown partition', async () => {
    const small = await newTopic(1, { 'max.message.bytes': '1000' })
    const records = [{ value: base64('x'.repeat(3_000)) }]
    const once = { 'message.send.max.retries': 0 }
    expect(await confluent.produce(small, records, once)).toEqual(['MSG_SIZE_TOO_LARGE'])
    const compacted = await newTopic(1, { 'cleanup.policy': 'compact' })
    expect(await confluent.produce(compacted, [{ value: base64('x') }], once)).toEqual([
      'INVALID_RECORD',
    ])
    const keyed = [
      { key: base64('k'), value: base64('x') },
      { key: base64('k'), value: null },
    ]
    expect(await confluent.produce(compacted, keyed, once)).toEqual([
      [0, 0],
      [0, 1],
    ])
  })

  test('the admin client leads a topic through its life', async () => {
    expect(await confluent.admin(uniqueName('life'))).toMatchObject({
      created: null,
      again: 'TOPIC_ALREADY_EXISTS',
      badConfig: 'INVALID_CONFIG',
      badName: 'TOPIC_EXCEPTION',
      badFactor: 'INVALID_REPLICATION_FACTOR',
      widened: null,
      narrowed: 'INVALID_PARTITIONS',
      partitions: 5,
      configs: {
        start: '3600000',
        set: [null, '7200000'],
        delete: [null, '604800000'],
        append: [null, 'delete,compact'],
        subtract: [null, 'compact'],
        appendToNumber: 'INVALID_CONFIG',
        unknown: 'INVALID_CONFIG',
        restored: [null, 'delete'],
      },
      offsets: {
        earliest: [0, -1],
        latest: [4, -1],
        max: [2, 3000],
        at: [
          [0, 1000],
          [1, 2000],
          [1, 2000],
          [2, 3000],
          [-1, -1],
        ],
        altered: [3],
        committed: [3],
        lowWatermark: [2],
        groups: [expect.stringContaining('life')],
        groupDeleted: null,
        groupDeletedAgain: 'GROUP_ID_NOT_FOUND',
      },
      deleted: null,
      deletedAgain: 'UNKNOWN_TOPIC_OR_PART',
      nodes: [[1, '127.0.0.1']],
    })
  })
})
