/**
 * Metrics that clients push (KIP-714), as a collector gets them: those of Apache's Java producer,
 * and those of ottla's client, which Apache's classes read.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Kafka } from '@ottla/client'
import { expect, test } from 'vitest'
import { startCollector } from '../../support/otlp-collector.ts'
import { startOttlaProcess } from '../../support/ottla-process.ts'
import { ensureApacheKafka } from '../support/apache-jars.ts'
import { runTool } from '../support/apache-tools.ts'
import { outputOf } from '../support/run-program.ts'

test('a Java producer pushes to a collector', { timeout: 180_000 }, async () => {
  await using collector = await startCollector()
  await using broker = await startOttlaProcess({
    settings: { 'client.telemetry.otlp.endpoint': collector.url },
  })
  await using kafka = new Kafka({ brokers: broker.bootstrap })
  await kafka.admin.createTopics([{ topic: 'measured', partitions: 1 }])
  const bootstrap = ['--bootstrap-server', broker.bootstrap]
  const subscribe = ['--alter', '--name', 'producers', '--metrics', 'org.apache.kafka.producer.']
  const subscribed = await runTool('ClientMetricsCommand', [
    ...bootstrap,
    ...subscribe,
    '--interval',
    '500',
    '--match',
    'client_id=judge.*,client_software_name=apache-kafka-java',
  ])
  expect(subscribed, subscribed.stderr).toMatchObject({ code: 0 })
  const load = ['--topic', 'measured', '--num-records', '4000', '--record-size', '100']
  const result = await runTool('ProducerPerformance', [
    ...bootstrap,
    ...load,
    '--throughput',
    '1000',
    '--command-property',
    'client.id=judge-1',
  ])
  expect(result, result.stderr).toMatchObject({ code: 0 })
  expect(result.stderr).not.toContain('ERROR')
  expect(collector.received.length).toBeGreaterThan(1)
  for (const { type, body } of collector.received) {
    expect(type).toBe('application/x-protobuf')
    // ResourceMetrics is field 1 of both MetricsData and ExportMetricsServiceRequest.
    expect(body[0]).toBe(0x0a)
  }
  const text = collector.received.map(({ body }) => body.toString('latin1')).join('')
  expect(text).toContain('org.apache.kafka.producer.record.send.total')
  expect(broker.log()).not.toContain('collector takes no')
})

const READER = fileURLToPath(new URL('./ReadMetrics.java', import.meta.url))

test("ottla's client pushes what Apache's classes can read", { timeout: 180_000 }, async () => {
  const { brokerClasspath } = await ensureApacheKafka()
  await using collector = await startCollector()
  await using broker = await startOttlaProcess({
    settings: { 'client.telemetry.otlp.endpoint': collector.url },
  })
  {
    await using kafka = new Kafka({ brokers: broker.bootstrap, metricsPush: false })
    const configs = { metrics: 'org.apache.kafka.', 'interval.ms': '100' }
    await kafka.admin.alterConfigs([{ type: 'client-metrics', name: 'everything', configs }])
    await kafka.admin.createTopics([{ topic: 'measured', partitions: 1 }])
  }
  const kafka = new Kafka({ brokers: broker.bootstrap })
  const producer = kafka.producer()
  for (let i = 0; i < 50 || collector.received.length < 2; i++) {
    if (i === 1_000) throw new Error('nothing was pushed')
    await producer.send('measured', { value: `${i}` })
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  const sent = kafka.metrics().find(({ name }) => name.endsWith('producer.record.send.total'))
  await kafka.close()

  const directory = await mkdtemp(join(tmpdir(), 'ottla-metrics-'))
  const files = collector.received.map((_, i) => join(directory, `${i}`))
  for (const [i, { body }] of collector.received.entries()) {
    await writeFile(files[i] as string, body)
  }
  const read = await outputOf('java', ['-cp', brokerClasspath, READER, ...files])
  await rm(directory, { recursive: true })
  const points = read
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
  const about = (name: string) => points.filter((point) => point[0] === `org.apache.kafka.${name}`)
  const totals = about('producer.record.send.total')
  expect(totals.length).toBeGreaterThan(1)
  // Each push says what came since the one before.
  for (const [, kind] of totals) expect(kind).toBe('AGGREGATION_TEMPORALITY_DELTA+')
  expect(totals.reduce((sum, [, , value]) => sum + Number(value), 0)).toBe(sent?.value)
  const [latency] = about('producer.node.request.latency.avg')
  expect(latency?.[1]).toBe('gauge')
  expect(Number(latency?.[2])).toBeGreaterThan(0)
  expect(latency?.[3]).toMatch(/^node_id=\d+$/)
})
