// OpenTelemetry's instrumentation of kafkajs: spans of a producer and a consumer, one trace.
const { AsyncLocalStorageContextManager } = require('@opentelemetry/context-async-hooks')
const { registerInstrumentations } = require('@opentelemetry/instrumentation')
const { KafkaJsInstrumentation } = require('@opentelemetry/instrumentation-kafkajs')
const { InMemorySpanExporter, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-base')
const { NodeTracerProvider } = require('@opentelemetry/sdk-trace-node')

const [, , bootstrap, topic] = process.argv
const exporter = new InMemorySpanExporter()
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
provider.register({ contextManager: new AsyncLocalStorageContextManager().enable() })
registerInstrumentations({ instrumentations: [new KafkaJsInstrumentation()] })

const { Kafka } = require('kafkajs')

async function main() {
  const kafka = new Kafka({ clientId: 'traced', brokers: [bootstrap], logLevel: 0 })
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] })
  await admin.disconnect()
  const producer = kafka.producer()
  const consumer = kafka.consumer({ groupId: topic, maxWaitTimeInMs: 100 })
  await Promise.all([producer.connect(), consumer.connect()])
  await consumer.subscribe({ topic, fromBeginning: true })
  const headers = []
  await consumer.run({
    eachMessage: async ({ message }) => void headers.push(String(message.headers.traceparent)),
  })
  await producer.send({ topic, messages: [{ key: 'k', value: 'v' }] })
  for (let i = 0; i < 300 && headers.length === 0; i++) await new Promise((r) => setTimeout(r, 50))
  await consumer.disconnect()
  await producer.disconnect()
  const spans = exporter.getFinishedSpans().map((span) => ({
    ...{ name: span.name, kind: span.kind, system: span.attributes['messaging.system'] },
    destination: span.attributes['messaging.destination.name'],
    trace: span.spanContext().traceId,
    span: span.spanContext().spanId,
  }))
  process.stdout.write(`${JSON.stringify({ headers, spans })}\n`)
  process.exit(0)
}
main()
