/** Apache's Java producer pushes its metrics (KIP-714), and a collector gets them. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Kafka } from '@ottla/client'
import { expect, test } from 'vitest'
import { startOttlaProcess } from '../../support/ottla-process.ts'
import { runTool } from '../support/apache-tools.ts'

interface Received {
  readonly type: string | undefined
  readonly body: Buffer
}

/** A server that keeps what is posted to it. */
async function startCollector() {
  const received: Received[] = []
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      received.push({ type: request.headers['content-type'], body: Buffer.concat(parts) })
      response.end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const stop = () => new Promise<void>((resolve) => server.close(() => resolve()))
  return { received, url: `http://127.0.0.1:${port}/v1/metrics`, [Symbol.asyncDispose]: stop }
}

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
