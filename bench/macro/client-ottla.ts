import { Kafka } from '@ottla/client'

interface Options {
  readonly bootstrap: string
  readonly topic: string
}

/** ottla with its defaults: idempotent, acks=all, checksums verified on read. */
export async function openProducer({ bootstrap, topic }: Options) {
  const kafka = new Kafka({ brokers: bootstrap })
  const producer = kafka.producer()
  return {
    send: (values: readonly Buffer[]) =>
      producer.send(
        topic,
        values.map((value) => ({ value })),
      ),
    close: () => kafka.close(),
  }
}

export async function openConsumer({ bootstrap, topic }: Options) {
  const kafka = new Kafka({ brokers: bootstrap })
  const group = `bench-${process.pid}-${Date.now()}`
  const consumer = kafka.consumer({ group, from: 'earliest', autoCommit: false })
  const abort = new AbortController()
  let loop: Promise<void> | undefined
  return {
    run: async (onRecords: (count: number, bytes: number) => void) => {
      loop = (async () => {
        for await (const batch of consumer.subscribe(topic, { signal: abort.signal })) {
          let bytes = 0
          for (const record of batch) bytes += record.value?.length ?? 0
          onRecords(batch.count, bytes)
        }
      })()
    },
    close: async () => {
      abort.abort()
      await loop
      await kafka.close()
    },
  }
}
