import { VirtualClock } from '@ottla/base'
import { beforeEach, describe, expect, test } from 'vitest'
import { ClientMetrics } from './client-metrics.ts'
import { prometheusText } from './prometheus-text.ts'

let clock: VirtualClock
let metrics: ClientMetrics

beforeEach(() => {
  clock = new VirtualClock()
  metrics = new ClientMetrics(clock)
})

const values = () =>
  Object.fromEntries(
    metrics.collect().map(({ name, labels, value }) => {
      const node = labels['node_id']
      return [`${name.replace('org.apache.kafka.', '')}${node ? `@${node}` : ''}`, value]
    }),
  )

describe('what a client measures', () => {
  test('is nothing until something happens', () => {
    expect(metrics.collect()).toEqual([])
  })

  test('counts things that come in numbers by their sum', async () => {
    metrics.record('recordsSent', 100)
    metrics.record('recordsSent', 20)
    await clock.advance(10_000)
    expect(values()).toEqual({
      'producer.record.send.total': 120,
      'producer.record.send.rate': 12,
    })
  })

  test('counts events one by one', async () => {
    metrics.record('producerConnections', 1)
    metrics.record('producerConnections', 1)
    await clock.advance(4_000)
    expect(values()).toEqual({
      'producer.connection.creation.total': 2,
      'producer.connection.creation.rate': 0.5,
    })
  })

  test('tells brokers apart', () => {
    metrics.record('producerRequests', 4, 1)
    metrics.record('producerRequests', 6, 1)
    metrics.record('producerRequests', 1, 2)
    expect(values()).toEqual({
      'producer.node.request.latency.avg@1': 5,
      'producer.node.request.latency.max@1': 6,
      'producer.node.request.latency.avg@2': 1,
      'producer.node.request.latency.max@2': 1,
    })
  })

  test('forgets what is longer ago than two windows, but not what was counted', async () => {
    metrics.record('rebalanceLatency', 500)
    await clock.advance(31_000)
    metrics.record('rebalanceLatency', 100)
    expect(values()).toMatchObject({
      'consumer.coordinator.rebalance.latency.avg': 300,
      'consumer.coordinator.rebalance.latency.max': 500,
    })
    await clock.advance(31_000)
    expect(values()).toMatchObject({ 'consumer.coordinator.rebalance.latency.max': 100 })
    await clock.advance(120_000)
    expect(values()).toEqual({
      'consumer.coordinator.rebalance.latency.avg': 0,
      'consumer.coordinator.rebalance.latency.max': 0,
      'consumer.coordinator.rebalance.latency.total': 600,
    })
  })

  test('has levels that rise and fall', () => {
    metrics.add('assignedPartitions', 3)
    metrics.add('assignedPartitions', -1)
    expect(values()).toEqual({ 'consumer.coordinator.assigned.partitions': 2 })
  })
})

test('a page for Prometheus has each name once, with its kind', () => {
  metrics.record('producerRequests', 2, 1)
  metrics.record('producerRequests', 3, 2)
  metrics.record('recordErrors', 5)
  const page = prometheusText(metrics.collect(), { app: 'a "b"\n' })
  expect(page.split('\n')).toEqual([
    '# HELP kafka_producer_node_request_latency_avg ' +
      'Milliseconds until a broker answers a producer, by broker.',
    '# TYPE kafka_producer_node_request_latency_avg gauge',
    'kafka_producer_node_request_latency_avg{app="a \\"b\\"\\n",node_id="1"} 2',
    'kafka_producer_node_request_latency_avg{app="a \\"b\\"\\n",node_id="2"} 3',
    '# HELP kafka_producer_node_request_latency_max ' +
      'Milliseconds until a broker answers a producer, by broker.',
    '# TYPE kafka_producer_node_request_latency_max gauge',
    'kafka_producer_node_request_latency_max{app="a \\"b\\"\\n",node_id="1"} 2',
    'kafka_producer_node_request_latency_max{app="a \\"b\\"\\n",node_id="2"} 3',
    '# HELP kafka_producer_record_error_total Records that could not be stored.',
    '# TYPE kafka_producer_record_error_total counter',
    'kafka_producer_record_error_total{app="a \\"b\\"\\n"} 5',
    '# HELP kafka_producer_record_error_rate Records that could not be stored.',
    '# TYPE kafka_producer_record_error_rate gauge',
    'kafka_producer_record_error_rate{app="a \\"b\\"\\n"} 5',
    '',
  ])
})
