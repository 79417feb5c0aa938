/**
 * What the application wants of partitions, assigned or not yet: pauses and seeks. Both outlive a
 * rebalance; seeks wait until the partition is assigned.
 */
import type { TopicPartition, TopicPartitionOffset, TopicPartitions } from '../types/cluster.ts'
import { keyOf } from './offset-manager.ts'

export class PartitionControl {
  private readonly topics = new Set<string>()
  private readonly partitions = new Set<string>()
  private readonly seeks = new Map<string, TopicPartitionOffset>()
  private readonly versions = new Map<string, number>()

  pause(topicPartitions: readonly { topic: string; partitions?: number[] }[]): void {
    for (const { topic, partitions } of topicPartitions) {
      if (!partitions) this.topics.add(topic)
      else for (const partition of partitions) this.partitions.add(keyOf(topic, partition))
    }
  }

  /** Resuming a topic resumes all of its partitions. */
  resume(
    topicPartitions: readonly { topic: string; partitions?: number[] }[],
    held: readonly TopicPartition[],
  ): void {
    for (const { topic, partitions } of topicPartitions) {
      const ofTopic = held.filter((one) => one.topic === topic)
      if (!partitions) {
        this.topics.delete(topic)
        for (const { partition } of ofTopic) this.partitions.delete(keyOf(topic, partition))
        for (const key of this.partitions)
          if (key.startsWith(`${topic}:`)) this.partitions.delete(key)
        continue
      }
      // Of a topic that is paused as a whole, the rest stays paused.
      if (this.topics.delete(topic)) {
        for (const { partition } of ofTopic) this.partitions.add(keyOf(topic, partition))
      }
      for (const partition of partitions) this.partitions.delete(keyOf(topic, partition))
    }
  }

  isPaused(topic: string, partition: number): boolean {
    return this.topics.has(topic) || this.partitions.has(keyOf(topic, partition))
  }

  paused(held: readonly TopicPartition[]): TopicPartitions[] {
    const byTopic = new Map<string, number[]>()
    for (const { topic, partition } of held) {
      if (!this.isPaused(topic, partition)) continue
      byTopic.set(topic, [...(byTopic.get(topic) ?? []), partition])
    }
    return [...byTopic].map(([topic, partitions]) => ({ topic, partitions }))
  }

  /** What is in hand of the partition is out of date from now on. */
  seek(target: TopicPartitionOffset): void {
    const key = keyOf(target.topic, target.partition)
    this.seeks.set(key, target)
    this.versions.set(key, this.version(target.topic, target.partition) + 1)
  }

  version(topic: string, partition: number): number {
    return this.versions.get(keyOf(topic, partition)) ?? 0
  }

  /** The seek that waits for the partition, once. */
  takeSeek(topic: string, partition: number): TopicPartitionOffset | undefined {
    const key = keyOf(topic, partition)
    const seek = this.seeks.get(key)
    this.seeks.delete(key)
    return seek
  }
}
