// @confluentinc/kafka-javascript (librdkafka behind NAN) through its promise API, with the settings
// its documentation names for throughput: many messages a call, linger, larger batches to eachBatch.
import kafkaJavascript from '@confluentinc/kafka-javascript'

const { Kafka, logLevel } = kafkaJavascript.KafkaJS
const client = (bootstrap) =>
  new Kafka({ kafkaJS: { clientId: 'bench', brokers: [bootstrap], logLevel: logLevel.ERROR } })

export async function openProducer({ bootstrap, topic, codec, mode }) {
  const producer = client(bootstrap).producer({
    acks: 'all',
    'compression.codec': codec,
    'linger.ms': mode === 'latency' ? 0 : 5,
    'batch.size': 1_000_000,
    'queue.buffering.max.messages': 1_000_000,
    'queue.buffering.max.kbytes': 262_144,
  })
  await producer.connect()
  return {
    send: (values) => producer.send({ topic, messages: values.map((value) => ({ value })) }),
    close: () => producer.disconnect(),
  }
}

export async function openConsumer({ bootstrap, topic }) {
  const consumer = client(bootstrap).consumer({
    'group.id': `bench-${process.pid}-${Date.now()}`,
    'auto.offset.reset': 'earliest',
    'enable.auto.commit': false,
    'js.consumer.max.batch.size': -1,
    'queued.max.messages.kbytes': 65_536,
  })
  await consumer.connect()
  await consumer.subscribe({ topic })
  return {
    run: (onRecords) =>
      consumer.run({
        eachBatchAutoResolve: true,
        eachBatch: async ({ batch }) => {
          let bytes = 0
          for (const message of batch.messages) bytes += message.value.length
          onRecords(batch.messages.length, bytes)
        },
      }),
    close: () => consumer.disconnect(),
  }
}
