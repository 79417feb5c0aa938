/** What kafkajs refuses of a consumer's arguments, in its words. */
import { KafkaJSNonRetriableError } from '../errors.ts'

export function checkPartition(topic: string, partition: unknown): void {
  if (!topic) throw new KafkaJSNonRetriableError(`Invalid topic ${topic}`)
  if (!Number.isNaN(Number(partition)) && partition !== undefined) return
  throw new KafkaJSNonRetriableError(`Invalid partition, expected a number received ${partition}`)
}

export function offsetOf(offset: string | number): bigint {
  try {
    return BigInt(offset)
  } catch {
    throw new KafkaJSNonRetriableError(`Invalid offset, expected a long received ${offset}`)
  }
}

export function checkTopicPartitions(
  topicPartitions: readonly { topic: string; partitions?: number[] }[],
  what: 'pause' | 'resume',
): void {
  for (const one of topicPartitions) {
    if (!one?.topic) throw new KafkaJSNonRetriableError(`Invalid topic ${one?.topic ?? one}`)
    const { partitions } = one
    if (partitions === undefined) continue
    if (Array.isArray(partitions) && !partitions.some((p) => Number.isNaN(Number(p)))) continue
    throw new KafkaJSNonRetriableError(
      `Array of valid partitions required to ${what} specific partitions instead of ${partitions}`,
    )
  }
}
