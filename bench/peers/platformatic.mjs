// @platformatic/kafka at its best settings: its stream of messages, read with its data event.
import { Consumer, Producer } from '@platformatic/kafka'

export async function openProducer({ bootstrap, topic, codec }) {
  const producer = new Producer({
    clientId: 'bench',
    bootstrapBrokers: [bootstrap],
    compression: codec,
  })
  return {
    send: (values) =>
      producer.send({ acks: -1, messages: values.map((value) => ({ topic, value })) }),
    close: () => producer.close(),
  }
}

export async function openConsumer({ bootstrap, topic }) {
  const consumer = new Consumer({
    clientId: 'bench',
    groupId: `bench-${process.pid}-${Date.now()}`,
    bootstrapBrokers: [bootstrap],
  })
  let stream
  return {
    run: async (onRecords) => {
      stream = await consumer.consume({
        topics: [topic],
        mode: 'earliest',
        autocommit: false,
        maxWaitTime: 500,
        highWaterMark: 10_000,
      })
      stream.on('data', (message) => onRecords(1, message.value.length))
    },
    close: async () => {
      await stream?.close()
      await consumer.close(true)
    },
  }
}
