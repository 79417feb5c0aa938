import { Kafka, type OffsetSpec } from '@ottla/client'
import { apis } from '@ottla/protocol'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isBeforeKafka4, startTestBroker, type TestBroker } from '../support/broker.ts'
import { createTopic, uniqueName, waitFor } from '../support/topics.ts'

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

describe('topics', () => {
  test('are created, described, extended, listed and deleted', async () => {
    const topic = uniqueName('made')
    const [created] = await kafka.admin.createTopics([
      { topic, partitions: 2, configs: { 'retention.ms': 86_400_000 } },
    ])
    expect(created).toMatchObject({ name: topic, partitions: 2, replicationFactor: 1 })
    await expect(kafka.admin.createTopics([{ topic }])).rejects.toMatchObject({
      code: 'TOPIC_ALREADY_EXISTS',
    })
    await kafka.admin.createPartitions([{ topic, partitions: 3 }])
    await waitFor('three partitions', async () => {
      const [found] = await kafka.admin.describeTopics([topic])
      return found?.partitions.length === 3
    })
    const [described] = await kafka.admin.describeTopics([topic])
    expect(described?.id).toBe(created?.id)
    expect(described?.partitions[2]).toMatchObject({ partition: 2, leaderEpoch: 0 })
    expect((await kafka.admin.listTopics()).map(({ name }) => name)).toContain(topic)
    await kafka.admin.deleteTopics([topic])
    await waitFor('the topic to be gone', async () => {
      const topics = await kafka.admin.listTopics()
      return !topics.some(({ name }) => name === topic)
    })
    await expect(kafka.admin.describeTopics([topic])).rejects.toMatchObject({
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
    })
  })

  test('validateOnly creates nothing', async () => {
    const topic = uniqueName('not-made')
    await kafka.admin.createTopics([{ topic }], { validateOnly: true })
    expect((await kafka.admin.listTopics()).map(({ name }) => name)).not.toContain(topic)
  })

  test('offsets by time, and deleting records', async () => {
    const topic = await createTopic(kafka)
    await using producer = kafka.producer()
    for (const timestamp of [1_000, 2_000, 3_000])
      await producer.send(topic, { value: 'x', timestamp })
    const at = async (spec: OffsetSpec) =>
      (await kafka.admin.listOffsets([{ topic, partition: 0, at: spec }]))[0]
    expect(await at('earliest')).toMatchObject({ offset: 0n })
    expect(await at('latest')).toMatchObject({ offset: 3n })
    expect(await at('earliestLocal')).toMatchObject({ offset: 0n })
    expect(await at('latestTiered')).toMatchObject({ offset: -1n })
    expect(await at('maxTimestamp')).toMatchObject({ offset: 2n, timestamp: 3_000 })
    expect(await at(1_500)).toMatchObject({ offset: 1n, timestamp: 2_000 })
    expect(await at(9_000)).toMatchObject({ offset: -1n })
    const deleted = await kafka.admin.deleteRecords([{ topic, partition: 0, before: 2 }])
    expect(deleted).toEqual([{ topic, partition: 0, logStartOffset: 2n }])
    expect(await at('earliest')).toMatchObject({ offset: 2n })
    await expect(
      kafka.admin.listOffsets([{ topic, partition: 7, at: 'latest' }]),
    ).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' })
  })
})

describe('settings', () => {
  test('of a topic are described and changed one by one', async () => {
    const topic = await createTopic(kafka, 1, { 'retention.ms': 1_000_000 })
    const resource = { type: 'topic' as const, name: topic }
    const read = async (name: string) => {
      const [found] = await kafka.admin.describeConfigs([{ ...resource, names: [name] }])
      return found?.configs[0]
    }
    expect(await read('retention.ms')).toMatchObject({
      value: '1000000',
      source: 'topic',
      type: 'long',
      isDefault: false,
    })
    await kafka.admin.incrementalAlterConfigs([
      {
        ...resource,
        configs: [
          { name: 'retention.ms', operation: 'delete' },
          { name: 'cleanup.policy', value: 'compact' },
        ],
      },
    ])
    await waitFor('the change', async () => (await read('cleanup.policy'))?.value === 'compact')
    expect((await read('retention.ms'))?.source).not.toBe('topic')
    await expect(
      kafka.admin.incrementalAlterConfigs([
        { ...resource, configs: [{ name: 'no.such.setting', value: '1' }] },
      ]),
    ).rejects.toMatchObject({ code: 'INVALID_CONFIG' })
  })

  test('alterConfigs replaces all of them', async () => {
    const topic = await createTopic(kafka, 1, { 'retention.ms': 5_000_000 })
    const resource = { type: 'topic' as const, name: topic }
    await kafka.admin.alterConfigs([{ ...resource, configs: { 'segment.bytes': 2_000_000 } }])
    await waitFor('the change', async () => {
      const [found] = await kafka.admin.describeConfigs([resource])
      const own = found?.configs.filter(({ source }) => source === 'topic')
      return own?.map(({ name }) => name).join() === 'segment.bytes'
    })
  })

  test('of a broker are described', async () => {
    const { brokers } = await kafka.admin.describeCluster()
    const name = String(brokers[0]?.id)
    const [found] = await kafka.admin.describeConfigs([{ type: 'broker', name }])
    expect(found?.configs.some((config) => config.name === 'num.partitions')).toBe(true)
    const resources = kafka.admin.listConfigResources(['broker'])
    // Kafka 3.9 lists client metrics, whatever it is asked: it is not asked.
    if (isBeforeKafka4) await expect(resources).rejects.toThrow('it speaks versions 0 to 0')
    else expect(await resources).toContainEqual({ type: 'broker', name })
  })
})

describe('groups', () => {
  test('offsets are set, read, deleted, and lag follows from them', async () => {
    const topic = await createTopic(kafka, 2)
    const group = uniqueName('group')
    await using producer = kafka.producer()
    await producer.send(topic, [
      { value: 'a', partition: 0 },
      { value: 'b', partition: 0 },
      { value: 'c', partition: 1 },
    ])
    await kafka.admin.alterGroupOffsets(group, [
      { topic, partition: 0, offset: 1n },
      { topic, partition: 1, offset: 1n },
    ])
    const lag = await kafka.admin.lag(group)
    expect(lag.find((l) => l.partition === 0)).toMatchObject({ committed: 1n, lag: 1n })
    expect(lag.find((l) => l.partition === 1)).toMatchObject({ committed: 1n, lag: 0n })
    expect((await kafka.admin.listGroups()).map((g) => g.group)).toContain(group)
    await kafka.admin.deleteGroupOffsets(group, [{ topic, partition: 1 }])
    expect(await kafka.admin.listGroupOffsets(group)).toHaveLength(1)
    await kafka.admin.deleteGroups([group])
    expect((await kafka.admin.listGroups()).map((g) => g.group)).not.toContain(group)
  })

  test('members are described and removed', async () => {
    const topic = await createTopic(kafka, 2)
    const group = uniqueName('group')
    await using consumer = kafka.consumer({ group, groupInstanceId: 'i1' })
    const abort = new AbortController()
    const done = (async () => {
      for await (const _ of consumer.subscribe(topic, { signal: abort.signal }));
    })()
    await waitFor('membership', async () => {
      const [found] = await kafka.admin.describeGroups([group]).catch(() => [])
      return found?.state === 'Stable'
    })
    const [found] = await kafka.admin.describeGroups([group])
    expect(found).toMatchObject({ group, type: 'classic', assignor: 'range' })
    expect(found?.members[0]?.partitions).toHaveLength(2)
    abort.abort()
    await done
    await kafka.admin.removeMembers(group, [{ groupInstanceId: 'i1' }])
    await waitFor('an empty group', async () => {
      const [after] = await kafka.admin.describeGroups([group])
      return after?.state === 'Empty'
    })
  })
})

describe('cluster', () => {
  test('is described, with log directories', async () => {
    const topic = await createTopic(kafka)
    const cluster = await kafka.admin.describeCluster()
    expect(cluster.brokers).toHaveLength(1)
    // A broker may lead a new partition a little before it has made the directory.
    await waitFor('the directory of the partition', async () => {
      const dirs = await kafka.admin.describeLogDirs()
      return dirs[0]?.partitions.some((p) => p.topic === topic) ?? false
    })
  })

  test('any request can be sent by its table', async () => {
    const response = await kafka.request(apis.describeCluster, {
      includeClusterAuthorizedOperations: false,
    })
    expect(response.brokers).toHaveLength(1)
  })

  test('nobody there: the error says so and how to mend it', async () => {
    await using lost = new Kafka({ brokers: '127.0.0.1:1', apiTimeoutMs: 400 })
    await expect(lost.admin.listTopics()).rejects.toMatchObject({
      code: 'TIMEOUT',
      hint: expect.stringContaining('Nothing listens'),
    })
  })
})
