import { type ClientMetric, Kafka, prometheusText } from '@ottla/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Received, startCollector } from '../../support/otlp-collector.ts'
import { isApache, startTestBroker, type TestBroker } from '../support/broker.ts'
import { createTopic, uniqueName, waitFor } from '../support/topics.ts'

let broker: TestBroker
let collector: Awaited<ReturnType<typeof startCollector>>

beforeAll(async () => {
  collector = await startCollector()
  const settings = { 'client.telemetry.otlp.endpoint': collector.url }
  broker = await startTestBroker(isApache ? {} : settings)
}, 90_000)
afterAll(async () => {
  await broker.stop()
  await collector[Symbol.asyncDispose]()
})

const PREFIX = 'org.apache.kafka.'
const numberOf = (metrics: readonly ClientMetric[], name: string): number | undefined =>
  metrics.find((metric) => metric.name === PREFIX + name)?.value

/** Ten records there and back. */
async function work(kafka: Kafka): Promise<string> {
  const topic = await createTopic(kafka)
  await using producer = kafka.producer()
  for (let i = 0; i < 10; i++) await producer.send(topic, { value: `${i}` })
  const consumer = kafka.consumer({ group: uniqueName('group'), from: 'earliest' })
  let seen = 0
  for await (const _ of consumer.subscribe(topic).records()) if (++seen === 10) break
  await consumer.close()
  return topic
}

test('a client tells what it has done and how long it took', async () => {
  await using kafka = new Kafka({ brokers: broker.bootstrap })
  await work(kafka)
  const metrics = kafka.metrics()
  expect(numberOf(metrics, 'producer.record.send.total')).toBe(10)
  expect(numberOf(metrics, 'producer.connection.creation.total')).toBe(1)
  expect(numberOf(metrics, 'producer.node.request.latency.avg')).toBeGreaterThan(0)
  expect(numberOf(metrics, 'producer.record.queue.time.max')).toBeGreaterThan(0)
  expect(numberOf(metrics, 'consumer.fetch.manager.records.consumed.total')).toBe(10)
  expect(numberOf(metrics, 'consumer.fetch.manager.fetch.latency.max')).toBeGreaterThan(0)
  expect(numberOf(metrics, 'consumer.coordinator.commit.latency.max')).toBeGreaterThan(0)
  expect(numberOf(metrics, 'consumer.coordinator.rebalance.total')).toBe(1)
  expect(numberOf(metrics, 'consumer.coordinator.assigned.partitions')).toBe(0)
  const idle = numberOf(metrics, 'consumer.poll.idle.ratio.avg')
  expect(idle).toBeGreaterThan(0)
  expect(idle).toBeLessThanOrEqual(1)
  expect(prometheusText(metrics)).toContain('kafka_producer_record_send_total 10\n')
})

test('records that are refused are counted', async () => {
  await using kafka = new Kafka({ brokers: broker.bootstrap })
  const topic = await createTopic(kafka, 1, { 'max.message.bytes': 100 })
  await using producer = kafka.producer()
  await expect(producer.send(topic, { value: 'x'.repeat(1_000) })).rejects.toThrow()
  expect(numberOf(kafka.metrics(), 'producer.record.error.total')).toBe(1)
})

// Apache Kafka takes metrics only with a plugin in Java; its clients push to ottla in
// test/compatibility/apis/telemetry.test.ts.
describe.skipIf(isApache)('where an operator has subscribed to metrics', () => {
  const subscription = { type: 'client-metrics', name: 'all-of-ours' } as const

  beforeAll(async () => {
    await using kafka = new Kafka({ brokers: broker.bootstrap })
    const configs = {
      metrics: 'org.apache.kafka.producer.,org.apache.kafka.consumer.coordinator.',
      'interval.ms': '100',
      match: 'client_id=pushing.*',
    }
    await kafka.admin.alterConfigs([{ ...subscription, configs }])
  })

  const textOf = (received: readonly Received[]): string =>
    received.map(({ body }) => body.toString('latin1')).join('')

  test('a client pushes what was asked for, again and again, and once more at the end', async () => {
    collector.received.length = 0
    const kafka = new Kafka({ brokers: broker.bootstrap, clientId: 'pushing-1' })
    await work(kafka)
    await waitFor('three pushes', () => collector.received.length >= 3)
    // Kafka's text of a UUID.
    expect(kafka.clientInstanceId).toMatch(/^[\w-]{22}$/)
    const before = collector.received.length
    await kafka.close()
    expect(collector.received.length).toBeGreaterThan(before)
    for (const { type, body } of collector.received) {
      expect(type).toBe('application/x-protobuf')
      expect(body[0]).toBe(0x0a)
    }
    const text = textOf(collector.received)
    expect(text).toContain(`${PREFIX}producer.record.send.total`)
    expect(text).toContain(`${PREFIX}consumer.coordinator.commit.latency.avg`)
    expect(text).not.toContain(`${PREFIX}consumer.fetch.manager`)
  })

  test('a client that does not want to pushes nothing', async () => {
    collector.received.length = 0
    await using kafka = new Kafka({
      brokers: broker.bootstrap,
      clientId: 'pushing-2',
      metricsPush: false,
    })
    await work(kafka)
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(collector.received).toEqual([])
    expect(kafka.clientInstanceId).toBeUndefined()
  })

  test('a client that nobody asked pushes nothing', async () => {
    collector.received.length = 0
    await using kafka = new Kafka({ brokers: broker.bootstrap, clientId: 'another' })
    await work(kafka)
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(collector.received).toEqual([])
  })
})
