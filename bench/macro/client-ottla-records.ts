import { Kafka } from '@ottla/client'

export { openProducer } from './client-ottla.ts'

/** As client-ottla.ts, with the loop over single records instead of the one over batches. */
export async function openConsumer(options: {
  readonly bootstrap: string
  readonly topic: string
}) {
  const kafka = new Kafka({ brokers: options.bootstrap })
  const group = `bench-${process.pid}-${Date.now()}`
  const consumer = kafka.consumer({ group, from: 'earliest', autoCommit: false })
  return {
    run: async (onRecords: (count: number, bytes: number) => void) => {
      for await (const record of consumer.subscribe(options.topic).records()) {
        onRecords(1, record.value?.length ?? 0)
      }
    },
    close: () => kafka.close(),
  }
}
