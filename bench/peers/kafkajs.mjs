// kafkajs at its best settings: eachBatch, no per-message callback.
import kafkajs from 'kafkajs'

const { Kafka, Partitioners, logLevel } = kafkajs
const client = (bootstrap) =>
  new Kafka({ clientId: 'bench', brokers: [bootstrap], logLevel: logLevel.ERROR })

export async function openProducer({ bootstrap, topic }) {
  const producer = client(bootstrap).producer({
    createPartitioner: Partitioners.DefaultPartitioner,
  })
  await producer.connect()
  return {
    send: (values) =>
      producer.send({ topic, acks: -1, messages: values.map((value) => ({ value })) }),
    close: () => producer.disconnect(),
  }
}

export async function openConsumer({ bootstrap, topic }) {
  const consumer = client(bootstrap).consumer({ groupId: `bench-${process.pid}-${Date.now()}` })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  return {
    run: (onRecords) =>
      consumer.run({
        autoCommit: false,
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
