import { Kafka } from '@ottla/client'

export { openProducer } from './client-ottla.ts'

/** As client-ottla.ts, with the defaults of the consumer: memory is not used again. */
export async function openConsumer(options: {
  readonly bootstrap: string
  readonly topic: string
}) {
  const kafka = new Kafka({ brokers: options.bootstrap })
  const group = `bench-${process.pid}-${Date.now()}`
  const consumer = kafka.consumer({ group, from: 'earliest', autoCommit: false })
  return {
    run: async (onRecords: (count: number, bytes: number) => void) => {
      for await (const batch of consumer.subscribe(options.topic)) {
        let bytes = 0
        for (const record of batch) bytes += record.value?.length ?? 0
        onRecords(batch.count, bytes)
      }
    },
    close: () => kafka.close(),
  }
}
