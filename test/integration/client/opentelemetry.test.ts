import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { Kafka } from '@ottla/client'
import { openTelemetry } from '@ottla/opentelemetry'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { startTestBroker, type TestBroker } from '../support/broker.ts'
import { createTopic, uniqueName, waitFor } from '../support/topics.ts'

const exporter = new InMemorySpanExporter()
const tracerProvider = new BasicTracerProvider({
  spanProcessors: [new SimpleSpanProcessor(exporter)],
})
const tracer = tracerProvider.getTracer('application')
let broker: TestBroker
let kafka: Kafka

beforeAll(async () => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  broker = await startTestBroker()
  kafka = new Kafka({ brokers: broker.bootstrap, tracing: openTelemetry({ tracerProvider }) })
}, 90_000)
afterEach(() => exporter.reset())
afterAll(async () => {
  await kafka.close()
  await broker.stop()
  context.disable()
  propagation.disable()
})

const named = (name: string) => exporter.getFinishedSpans().filter((span) => span.name === name)

async function runOnce(
  topic: string,
  handler: () => Promise<void>,
  options: { client?: Kafka; group?: string } = {},
): Promise<void> {
  const stop = new AbortController()
  const { client = kafka, group = uniqueName('group') } = options
  await using consumer = client.consumer({ group, from: 'earliest' })
  const work = async () => {
    await handler()
    stop.abort()
  }
  await consumer.run(topic, work, { signal: stop.signal })
}

describe('a record', () => {
  test('carries its trace from who sends it to what its handler does', async () => {
    const topic = await createTopic(kafka)
    const group = uniqueName('group')
    await using producer = kafka.producer()
    await tracer.startActiveSpan('request', async (span) => {
      await producer.send(topic, { key: 'k1', value: 'v' })
      span.end()
    })
    await runOnce(
      topic,
      async () => {
        await Promise.resolve()
        tracer.startSpan('charge').end()
      },
      { group },
    )
    const [request] = named('request')
    const [send] = named(`send ${topic}`)
    const [process] = named(`process ${topic}`)
    const [charge] = named('charge')
    expect(send?.parentSpanContext?.spanId).toBe(request?.spanContext().spanId)
    expect(process?.parentSpanContext?.spanId).toBe(send?.spanContext().spanId)
    expect(charge?.parentSpanContext?.spanId).toBe(process?.spanContext().spanId)
    expect(charge?.spanContext().traceId).toBe(request?.spanContext().traceId)
    expect(send).toMatchObject({ kind: SpanKind.PRODUCER })
    expect(send?.attributes).toEqual({
      'messaging.system': 'kafka',
      'messaging.operation.type': 'send',
      'messaging.operation.name': 'send',
      'messaging.destination.name': topic,
      'messaging.destination.partition.id': '0',
      'messaging.kafka.offset': 0,
      'messaging.kafka.message.key': 'k1',
    })
    expect(process).toMatchObject({ kind: SpanKind.CONSUMER })
    expect(process?.attributes).toMatchObject({
      'messaging.operation.type': 'process',
      'messaging.consumer.group.name': group,
      'messaging.destination.partition.id': '0',
      'messaging.kafka.offset': 0,
      'messaging.kafka.message.key': 'k1',
    })
  })

  test('keeps its own headers beside the context', async () => {
    const topic = await createTopic(kafka)
    await using producer = kafka.producer()
    await producer.send(topic, [{ value: 'v', headers: { tenant: 'a' } }, { value: 'w' }])
    await using consumer = kafka.consumer({ from: 'earliest' })
    const names: string[][] = []
    for await (const { headers } of consumer.subscribe(topic).records()) {
      if (names.push(headers.map(({ key }) => key)) === 2) break
    }
    expect(names).toEqual([['tenant', 'traceparent'], ['traceparent']])
    const ids = named(`send ${topic}`).map((span) => span.spanContext().spanId)
    expect(new Set(ids).size).toBe(2)
    const [poll] = named(`poll ${topic}`)
    expect(poll?.links.map((link) => link.context.spanId).sort()).toEqual(ids.sort())
    expect(poll?.attributes['messaging.batch.message_count']).toBe(2)
  })

  test('of a share group has a span for each delivery', async () => {
    const topic = await createTopic(kafka)
    const group = uniqueName('share')
    const configs = [{ name: 'share.auto.offset.reset', value: 'earliest' }]
    await kafka.admin.incrementalAlterConfigs([{ type: 'group', name: group, configs }])
    await using producer = kafka.producer()
    await producer.send(topic, { value: 'v' })
    await using consumer = kafka.shareConsumer({ group })
    const stop = new AbortController()
    await consumer.run(
      topic,
      ({ deliveryCount }) => {
        if (deliveryCount === 1) throw new Error('not yet')
        stop.abort()
      },
      { signal: stop.signal, onError: () => undefined },
    )
    const [send] = named(`send ${topic}`)
    const deliveries = named(`process ${topic}`)
    expect(deliveries.map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual([
      ...[send?.spanContext().spanId, send?.spanContext().spanId],
    ])
    expect(deliveries.map(({ status }) => status.code)).toEqual([
      ...[SpanStatusCode.ERROR, SpanStatusCode.UNSET],
    ])
    expect(deliveries[0]?.attributes['messaging.consumer.group.name']).toBe(group)
  })

  test('that was enqueued has a span as well', async () => {
    const topic = await createTopic(kafka)
    await using producer = kafka.producer()
    producer.enqueue(topic, { value: 'v' })
    await producer.flush()
    expect(named(`send ${topic}`)).toHaveLength(1)
  })

  test('without a trace begins one with its handler', async () => {
    await using untraced = new Kafka({ brokers: broker.bootstrap })
    const topic = await createTopic(kafka)
    await using producer = untraced.producer()
    await producer.send(topic, { value: null })
    await runOnce(topic, async () => {})
    const [process] = named(`process ${topic}`)
    expect(process?.parentSpanContext).toBeUndefined()
    expect(process?.attributes['messaging.kafka.message.tombstone']).toBe(true)
  })

  test('is linked instead of being a parent when that is wished', async () => {
    await using linking = new Kafka({
      brokers: broker.bootstrap,
      tracing: openTelemetry({ tracerProvider, process: 'link', receive: false }),
    })
    const topic = await createTopic(kafka)
    await using producer = linking.producer()
    await producer.send(topic, { value: 'v' })
    await runOnce(topic, async () => {}, { client: linking })
    const [send] = named(`send ${topic}`)
    const [process] = named(`process ${topic}`)
    expect(process?.links.map((link) => link.context.spanId)).toEqual([send?.spanContext().spanId])
    expect(process?.spanContext().traceId).not.toBe(send?.spanContext().traceId)
  })
})

describe('what fails', () => {
  test('in a handler is on its span, once for all its attempts', async () => {
    const topic = await createTopic(kafka)
    await using producer = kafka.producer()
    await producer.send(topic, { value: 'v' })
    await using consumer = kafka.consumer({ group: uniqueName('group'), from: 'earliest' })
    const run = consumer.run(
      topic,
      () => {
        throw new RangeError('no such customer')
      },
      { retries: 2, retryBackoffMs: 1 },
    )
    await expect(run).rejects.toThrow('no such customer')
    const spans = named(`process ${topic}`)
    expect(spans).toHaveLength(1)
    expect(spans[0]?.status).toEqual({ code: SpanStatusCode.ERROR, message: 'no such customer' })
    expect(spans[0]?.attributes['error.type']).toBe('RangeError')
  })

  test('on the way to the broker is on the span of the send', async () => {
    const topic = await createTopic(kafka, 1, { 'max.message.bytes': 100 })
    await using producer = kafka.producer()
    await expect(producer.send(topic, { value: 'x'.repeat(1_000) })).rejects.toThrow()
    await waitFor('the span', () => named(`send ${topic}`).length === 1)
    expect(named(`send ${topic}`)[0]?.status.code).toBe(SpanStatusCode.ERROR)
  })
})

test('a provider that is registered globally is used by default', async () => {
  trace.setGlobalTracerProvider(tracerProvider)
  await using client = new Kafka({ brokers: broker.bootstrap, tracing: openTelemetry() })
  const topic = await createTopic(kafka)
  await using producer = client.producer()
  await producer.send(topic, { value: 'v' })
  trace.disable()
  expect(named(`send ${topic}`)).toHaveLength(1)
})
