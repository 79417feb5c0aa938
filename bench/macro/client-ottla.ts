import { type CompressionName, Kafka } from '@ottla/client'

interface Options {
  readonly bootstrap: string
  readonly topic: string
  readonly codec: CompressionName
  readonly mode: string
}

/** ottla with its defaults (idempotent, acks=all); without linger where latency is measured. */
export async function openProducer({ bootstrap, topic, codec, mode }: Options) {
  const kafka = new Kafka({ brokers: bootstrap })
  const linger = mode === 'latency' ? { linger: 0 } : {}
  const producer = kafka.producer({ compression: codec, ...linger })
  return {
    send: (values: readonly Buffer[]) =>
      producer.send(
        topic,
        values.map((value) => ({ value })),
      ),
    close: () => kafka.close(),
  }
}

/** What the client's documentation advises for throughput. */
const BEST = { reuseMemory: true, maxPartitionFetchBytes: 4 * 1024 * 1024 }

/** Batches, checksums verified, and the value of every record in them. */
export async function openConsumer({ bootstrap, topic }: Options) {
  const kafka = new Kafka({ brokers: bootstrap })
  const group = `bench-${process.pid}-${Date.now()}`
  const consumer = kafka.consumer({ group, from: 'earliest', autoCommit: false, ...BEST })
  return {
    run: async (onRecords: (count: number, bytes: number) => void) => {
      for await (const batch of consumer.subscribe(topic)) {
        let bytes = 0
        for (const record of batch) bytes += record.value?.length ?? 0
        onRecords(batch.count, bytes)
      }
    },
    close: () => kafka.close(),
  }
}
