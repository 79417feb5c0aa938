import {
  type GroupEvent,
  Kafka,
  type RequestReport,
  TimeoutError,
  type TopicPartition,
} from '@ottla/client'
import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
  encodePrefixed,
} from '@ottla/protocol'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { createTopic, uniqueName, waitFor } from '../support/topics.ts'

let broker: TestBroker
let kafka: Kafka
const reports: RequestReport[] = []

beforeAll(async () => {
  broker = await startTestBroker({ 'group.initial.rebalance.delay.ms': '0' })
  kafka = new Kafka({ brokers: broker.bootstrap, onRequest: (report) => reports.push(report) })
}, 90_000)
afterAll(async () => {
  await kafka.close()
  await broker.stop()
})

/** Gives everything to the member that says the greatest number. */
const greatest = (partitions: number, own: number) => ({
  name: 'greatest',
  subscription: (topics: readonly string[]) =>
    encodePrefixed(ConsumerProtocolSubscription, 0, 0, {
      topics: [...topics],
      userData: Buffer.from([own]),
    }),
  assign: async (
    members: readonly { memberId: string; metadata: Buffer }[],
    topics: readonly string[],
  ) => {
    const [winner] = [...members].sort(
      (a, b) => (b.metadata.at(-1) ?? 0) - (a.metadata.at(-1) ?? 0),
    )
    const all = Array.from({ length: partitions }, (_, i) => i)
    return members.map(({ memberId }) => ({
      memberId,
      assignment: encodePrefixed(ConsumerProtocolAssignment, 0, 0, {
        assignedPartitions: topics.map((topic) => ({
          topic,
          partitions: memberId === winner?.memberId ? all : [],
        })),
        userData: null,
      }),
    }))
  },
})

test('an assignor of the user hands partitions out, and is told of what happens', async () => {
  const topic = await createTopic(kafka, 2)
  const group = uniqueName('group')
  const producer = kafka.producer()
  const sent = await producer.send(topic, { value: 'first', partition: 0 })
  expect(sent.logStartOffset).toBe(0n)
  const log: string[] = []
  const start = (name: string, own: number) => {
    const stop = new AbortController()
    const consumer = kafka.consumer({
      group,
      assignors: [greatest(2, own)],
      from: (asked) => (asked === topic ? 'earliest' : 'latest'),
      heartbeatIntervalMs: 100,
      rebalanceTimeoutMs: 10_000,
      onPartitionsRevoked: async (partitions: readonly TopicPartition[]) => {
        await Promise.resolve()
        log.push(`${name} gives up ${partitions.length}`)
      },
      onGroupEvent: (event: GroupEvent) => {
        if (event.type === 'joined') log.push(`${name} holds ${event.partitions.length}`)
        else log.push(`${name} ${event.type}`)
      },
    })
    const loop = (async () => {
      for await (const record of consumer.subscribe(topic, { signal: stop.signal }).records()) {
        log.push(`${name} read ${record.value}`)
      }
    })()
    return async () => {
      stop.abort()
      await loop
    }
  }
  const stopFirst = start('one', 1)
  await waitFor('the first record', () => log.includes('one read first'))
  await waitFor('a heartbeat', () => log.includes('one heartbeat'))
  const stopSecond = start('two', 2)
  await waitFor('the greater one to win', () => log.includes('two holds 2'))
  await producer.send(topic, { value: 'second', partition: 1 })
  await waitFor('the second record', () => log.includes('two read second'))
  await stopSecond()
  await stopFirst()
  expect(log).toContain('one rebalancing')
  const gaveUp = log.indexOf('one gives up 2')
  expect(gaveUp).toBeGreaterThan(log.indexOf('one holds 2'))
  expect(log.indexOf('two holds 2')).toBeGreaterThan(gaveUp)
}, 60_000)

test('every request is reported', () => {
  const names = new Set(reports.map(({ apiName }) => apiName))
  for (const name of ['Produce', 'Fetch', 'JoinGroup', 'Heartbeat']) expect(names).toContain(name)
  const produced = reports.find(({ apiName }) => apiName === 'Produce')
  expect(produced).toMatchObject({ broker: broker.bootstrap, hasTimedOut: false })
  expect(produced?.responseBytes).toBeGreaterThan(0)
})

test('a missing topic is not created when that is turned off', async () => {
  await using own = new Kafka({
    brokers: broker.bootstrap,
    allowAutoTopicCreation: false,
    apiTimeoutMs: 2_000,
  })
  const topic = uniqueName('missing')
  const producer = own.producer({ maxBlockMs: 2_000 })
  const error = await producer.send(topic, { value: 'v' }).catch((e: Error) => e)
  // The time may be up while one more question is on its way.
  const reason = error instanceof TimeoutError ? error.cause : error
  expect(reason).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' })
  const topics = await kafka.admin.listTopics()
  expect(topics.map(({ name }) => name)).not.toContain(topic)
})
