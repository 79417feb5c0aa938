import type { Consumer, ConsumerOptions, Kafka } from '@ottla/client'

export interface SeenRecord {
  readonly partition: number
  readonly offset: bigint
  readonly value: string
}

/** A consumer that runs by itself and remembers what it got. */
export function runMember(kafka: Kafka, topic: string | RegExp, options: ConsumerOptions) {
  const seen: SeenRecord[] = []
  const abort = new AbortController()
  const consumer: Consumer = kafka.consumer({ from: 'earliest', ...options })
  const done = (async () => {
    for await (const batch of consumer.subscribe(topic, { signal: abort.signal })) {
      for (const { partition, offset, value } of batch) {
        seen.push({ partition, offset, value: String(value) })
      }
    }
  })()
  const stop = async () => {
    abort.abort()
    await done
  }
  return { seen, consumer, stop, done }
}
