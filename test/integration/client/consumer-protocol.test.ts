import { type ConsumerOptions, Kafka } from '@ottla/client'
import { apis } from '@ottla/protocol'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { runMember } from '../support/members.ts'
import { createTopic, uniqueName, waitFor } from '../support/topics.ts'

let broker: TestBroker
let kafka: Kafka

beforeAll(async () => {
  broker = await startTestBroker({
    'group.consumer.min.heartbeat.interval.ms': '100',
    'group.consumer.heartbeat.interval.ms': '200',
    'group.consumer.assignment.interval.ms': '0',
    'group.initial.rebalance.delay.ms': '0',
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

const inGroup = (options: ConsumerOptions = {}): ConsumerOptions => ({
  groupProtocol: 'consumer',
  group: uniqueName('group'),
  ...options,
})

async function send(topic: string, from: number, count: number, partitions: number) {
  await using producer = kafka.producer()
  await producer.send(
    topic,
    Array.from({ length: count }, (_, i) => ({
      value: String(from + i),
      partition: i % partitions,
    })),
  )
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

describe.each(['uniform', 'range'])('the consumer protocol with %s', (serverAssignor) => {
  test('shares partitions, hands them over, loses and repeats nothing', async () => {
    const topic = await createTopic(kafka, 6)
    const options = inGroup({ serverAssignor })
    const members = [runMember(kafka, topic, options)]
    await send(topic, 0, 60, 6)
    const total = () => members.reduce((sum, { seen }) => sum + seen.length, 0)
    await waitFor('the first sixty', () => total() === 60)
    members.push(runMember(kafka, topic, options), runMember(kafka, topic, options))
    const held = () => members.map(({ consumer }) => consumer.assignment.length)
    await waitFor('two partitions each', () => held().every((n) => n === 2))
    await send(topic, 60, 60, 6)
    await waitFor('another sixty', () => total() === 120)
    await members[1]?.stop()
    await waitFor('three partitions each', () => held().join() === '3,0,3')
    await send(topic, 120, 60, 6)
    await waitFor('the last sixty', () => total() === 180)
    const values = members.flatMap(({ seen }) => seen.map(({ value }) => Number(value)))
    expect(values.sort((a, b) => a - b)).toEqual(numbers(180))
    for (const member of members) await member.stop()
  }, 60_000)
})

describe('a member under the consumer protocol', () => {
  test('goes on after the committed offset', async () => {
    const topic = await createTopic(kafka)
    const options = inGroup()
    await send(topic, 0, 10, 1)
    const seen: number[] = []
    for (const count of [4, 6]) {
      await using consumer = kafka.consumer({ from: 'earliest', ...options, maxPollRecords: 1 })
      let left = count
      for await (const record of consumer.subscribe(topic).records()) {
        if (left-- === 0) break
        seen.push(Number(record.value))
        if (seen.length === 10) {
          await consumer.commit([{ topic, partition: 0, offset: 10n }])
          break
        }
      }
    }
    expect(seen).toEqual(numbers(10))
  })

  test('is described with what it holds', async () => {
    const topic = await createTopic(kafka, 3)
    const options = inGroup({ rack: 'r1' })
    const member = runMember(kafka, topic, options)
    await waitFor('partitions', () => member.consumer.assignment.length === 3)
    await waitFor('the coordinator to know', async () => {
      const { groups } = await kafka.request(apis.consumerGroupDescribe, {
        groupIds: [options.group as string],
        includeAuthorizedOperations: false,
      })
      const [described] = groups[0]?.members ?? []
      const [owned] = described?.assignment.topicPartitions ?? []
      return described?.rackId === 'r1' && owned?.partitions.length === 3
    })
    await member.stop()
    await waitFor('an empty group', async () => {
      const { groups } = await kafka.request(apis.consumerGroupDescribe, {
        groupIds: [options.group as string],
        includeAuthorizedOperations: false,
      })
      return groups[0]?.members.length === 0
    })
  })

  test('with an instance id comes back to its partitions', async () => {
    const topic = await createTopic(kafka, 2)
    const options = inGroup({ groupInstanceId: 'one' })
    const first = runMember(kafka, topic, options)
    const other = runMember(kafka, topic, { ...options, groupInstanceId: 'two' })
    const held = (member: typeof first) =>
      member.consumer.assignment.map(({ partition }) => partition).join()
    await waitFor(
      'one each',
      () => held(first) !== '' && `${held(first)}${held(other)}`.length === 2,
    )
    const [before, kept] = [held(first), held(other)]
    await first.stop()
    const again = runMember(kafka, topic, options)
    await waitFor('partitions again', () => held(again) !== '')
    expect([held(again), held(other)]).toEqual([before, kept])
    await again.stop()
    await other.stop()
  })

  test('finds topics and partitions that come later', async () => {
    const name = uniqueName('pattern')
    const own = new Kafka({ brokers: broker.bootstrap, metadataMaxAgeMs: 300 })
    await using producer = kafka.producer()
    await producer.send(`${name}-a`, { value: '0' })
    const member = runMember(own, new RegExp(`^${name}-`), inGroup())
    await waitFor('the first topic', () => member.consumer.assignment.length === 1)
    await producer.send(`${name}-b`, { value: '1' })
    await waitFor('the second topic', () => member.consumer.assignment.length === 2)
    await kafka.admin.createPartitions([{ topic: `${name}-a`, partitions: 3 }])
    await waitFor('more partitions', () => member.consumer.assignment.length === 4)
    await waitFor('both records', () => member.seen.length === 2)
    await member.stop()
    await own.close()
  })

  test('that the loop has forgotten leaves, and comes back with the loop', async () => {
    const topic = await createTopic(kafka, 2)
    await send(topic, 0, 2, 1)
    const options = inGroup({ maxPollIntervalMs: 1_000 })
    await using slow = kafka.consumer({ ...options, from: 'earliest' })
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const abort = new AbortController()
    let rounds = 0
    const done = (async () => {
      for await (const _ of slow.subscribe(topic, { signal: abort.signal })) {
        if (rounds++ === 0) await held
      }
    })()
    await waitFor('the first batch', () => rounds === 1)
    const other = runMember(kafka, topic, options)
    await waitFor('all partitions to go over', () => other.consumer.assignment.length === 2)
    release()
    await waitFor('one each', () => slow.assignment.length === 1)
    await waitFor('one each', () => other.consumer.assignment.length === 1)
    abort.abort()
    await done
    await other.stop()
  })

  test('is told what is wrong with its options', async () => {
    const topic = await createTopic(kafka)
    const wrong = runMember(kafka, topic, inGroup({ serverAssignor: 'none such' }))
    await expect(wrong.done).rejects.toMatchObject({ code: 'UNSUPPORTED_ASSIGNOR' })
  })

  test('shares a group with classic members, during a rolling change', async () => {
    const topic = await createTopic(kafka, 4)
    const group = uniqueName('group')
    const classic = { group, assignors: ['range'] as const, heartbeatIntervalMs: 200 }
    const old = [runMember(kafka, topic, classic), runMember(kafka, topic, classic)]
    await waitFor('two each', () => old.every((m) => m.consumer.assignment.length === 2))
    await send(topic, 0, 40, 4)
    await waitFor('forty', () => old.reduce((sum, { seen }) => sum + seen.length, 0) === 40)
    await old[0]?.stop()
    const fresh = runMember(kafka, topic, inGroup({ group }))
    const both = () => [old[1]?.consumer.assignment.length, fresh.consumer.assignment.length].join()
    await waitFor('both at work', () => both() === '2,2')
    await send(topic, 40, 40, 4)
    const all = () => [...old, fresh].flatMap(({ seen }) => seen.map(({ value }) => Number(value)))
    await waitFor('eighty', () => all().length === 80)
    await old[1]?.stop()
    await waitFor('the new one alone', () => fresh.consumer.assignment.length === 4)
    await send(topic, 80, 40, 4)
    await waitFor('all', () => all().length === 120)
    expect(all().sort((a, b) => a - b)).toEqual(numbers(120))
    await fresh.stop()
  }, 60_000)

  test('commits offsets in transactions', async () => {
    const [input, output] = [await createTopic(kafka, 2), await createTopic(kafka)]
    await send(input, 0, 50, 2)
    const options = inGroup({ autoCommit: false, isolationLevel: 'read_committed' })
    await using producer = kafka.producer({ transactionalId: uniqueName('tx') })
    await using consumer = kafka.consumer({ ...options, from: 'earliest', maxPollRecords: 10 })
    const abort = new AbortController()
    let left = 50
    await producer.transform(
      consumer,
      input,
      (batch, tx) => {
        for (const { value } of batch) void tx.send(output, { value })
        left -= batch.count
        if (left === 0) abort.abort()
      },
      { signal: abort.signal },
    )
    const offsets = await kafka.admin.listGroupOffsets(options.group as string)
    expect(offsets.reduce((sum, { offset }) => sum + Number(offset), 0)).toBe(50)
  })
})
