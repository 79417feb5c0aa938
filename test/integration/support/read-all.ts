import type { ConsumerOptions, ConsumerRecord, Kafka } from '@ottla/client'

/** Reads `count` records of a topic from its beginning, without a group. */
export async function readAll(
  kafka: Kafka,
  topic: string,
  count: number,
  options: ConsumerOptions = {},
) {
  const out: ReturnType<ConsumerRecord['detach']>[] = []
  const signal = AbortSignal.timeout(15_000)
  await using consumer = kafka.consumer({ from: 'earliest', ...options })
  for await (const batch of consumer.subscribe(topic, { signal })) {
    for (const record of batch) out.push(record.detach())
    if (out.length >= count) break
  }
  return out
}
