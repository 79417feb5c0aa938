import type { TopicPartition } from '@ottla/client'

/** The order of partitions in lists: by the names of topics, then by number. */
export function byPlace(a: TopicPartition, b: TopicPartition): number {
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1
  return a.partition - b.partition
}
