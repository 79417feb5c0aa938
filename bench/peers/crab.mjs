// kafka-crab-js (librdkafka behind NAPI) at its best settings: batches through its Web Stream with
// the sizes of its own benchmark, and one send for many messages.
import { KafkaClient } from 'kafka-crab-js'

const client = (bootstrap) =>
  new KafkaClient({ brokers: bootstrap, clientId: 'bench', diagnostics: false })

export async function openProducer({ bootstrap, topic, codec, mode }) {
  const producer = client(bootstrap).createProducer({
    queueTimeout: 60_000,
    configuration: {
      acks: 'all',
      'compression.type': codec,
      'linger.ms': mode === 'latency' ? '0' : '5',
      'batch.size': '1000000',
      'queue.buffering.max.messages': '1000000',
      'queue.buffering.max.kbytes': '262144',
    },
  })
  return {
    send: (values) => producer.send({ topic, messages: values.map((payload) => ({ payload })) }),
    close: () => producer.flush(),
  }
}

export async function openConsumer({ bootstrap, topic, size }) {
  const { consumer, stream } = client(bootstrap).createWebStreamConsumer({
    groupId: `bench-${process.pid}-${Date.now()}`,
    enableAutoCommit: false,
    batchSize: size > 1024 ? 512 : 4096,
    batchTimeout: 2,
    configuration: { 'auto.offset.reset': 'earliest' },
  })
  await consumer.subscribe(topic)
  return {
    run: async (onRecords) => {
      for await (const batch of stream) {
        let bytes = 0
        for (const message of batch) bytes += message.payload.length
        onRecords(batch.length, bytes)
      }
    },
    close: () => consumer.disconnect(),
  }
}
