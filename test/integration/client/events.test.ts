import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import {
  type ConsumerCommittedEvent,
  type ConsumerPartitionsEvent,
  type ConsumerReceivedEvent,
  Kafka,
  type ProducerFailedEvent,
  type ProducerSendEvent,
  type ProducerStoredEvent,
} from '@ottla/client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { readAll } from '../support/read-all.ts'
import { createTopic, uniqueName } from '../support/topics.ts'

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

/** What is published while something happens. */
async function heard<E>(name: string, during: () => Promise<unknown>): Promise<E[]> {
  const events: E[] = []
  const listener = (event: unknown) => void events.push(event as E)
  subscribe(name, listener)
  try {
    await during()
  } finally {
    unsubscribe(name, listener)
  }
  return events
}

test('a subscriber may put another record in the place of one that is sent', async () => {
  const topic = await createTopic(kafka)
  await using producer = kafka.producer()
  const intercept = (message: unknown) => {
    const event = message as ProducerSendEvent
    event.record = { ...event.record, headers: { ...event.record.headers, tenant: 'a' } }
  }
  subscribe('ottla:producer:send', intercept)
  await producer.send(topic, [{ value: '1', headers: { own: 'b' } }, { value: '2' }])
  producer.enqueue(topic, { value: '3' })
  await producer.flush()
  unsubscribe('ottla:producer:send', intercept)
  await producer.send(topic, { value: '4' })
  const headers = (await readAll(kafka, topic, 4)).map((record) =>
    record.headers.map(({ key, value }) => `${key}=${value}`).join(),
  )
  expect(headers).toEqual(['own=b,tenant=a', 'tenant=a', 'tenant=a', ''])
})

test('batches are told once they are stored', async () => {
  const topic = await createTopic(kafka)
  await using producer = kafka.producer()
  await producer.send(topic, { value: 'first' })
  const events = await heard<ProducerStoredEvent>('ottla:producer:stored', () =>
    producer.send(topic, [{ value: 'a' }, { value: 'b' }]),
  )
  expect(events).toEqual([
    { topic, partition: 0, count: 2, bytes: expect.any(Number), baseOffset: 1 },
  ])
})

test('batches that are given up are told with the reason', async () => {
  const topic = await createTopic(kafka, 1, { 'max.message.bytes': 100 })
  await using producer = kafka.producer()
  const events = await heard<ProducerFailedEvent>('ottla:producer:failed', async () => {
    await expect(producer.send(topic, { value: 'x'.repeat(1_000) })).rejects.toThrow()
  })
  expect(events).toMatchObject([{ topic, partition: 0, count: 1 }])
  expect(events[0]?.error.message).toContain('MESSAGE_TOO_LARGE')
})

test('a consumer tells what it is given, what it receives and what it commits', async () => {
  const topic = await createTopic(kafka)
  const group = uniqueName('group')
  await using producer = kafka.producer()
  await producer.send(topic, [{ value: 'a' }, { value: 'b' }])
  const consume = async () => {
    await using consumer = kafka.consumer({ group, from: 'earliest' })
    for await (const batch of consumer.subscribe(topic)) {
      await batch.commit()
      break
    }
  }
  const received: ConsumerReceivedEvent[] = []
  const committed: ConsumerCommittedEvent[] = []
  const revoked: ConsumerPartitionsEvent[] = []
  const assigned = await heard<ConsumerPartitionsEvent>('ottla:consumer:assigned', async () => {
    revoked.push(
      ...(await heard<ConsumerPartitionsEvent>('ottla:consumer:revoked', async () => {
        committed.push(
          ...(await heard<ConsumerCommittedEvent>('ottla:consumer:committed', async () => {
            received.push(
              ...(await heard<ConsumerReceivedEvent>('ottla:consumer:received', consume)),
            )
          })),
        )
      })),
    )
  })
  const partitions = [{ topic, partition: 0 }]
  expect(assigned).toEqual([{ group, partitions }])
  expect(revoked).toEqual([{ group, partitions }])
  expect(received.map(({ batch }) => batch.count)).toEqual([2])
  expect(committed).toMatchObject([{ group, offsets: [{ topic, partition: 0, offset: 2 }] }])
})
