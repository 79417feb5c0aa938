/**
 * Committed offsets of all groups, by group, topic and partition. Changed by replay only, so what a
 * group reads is what a restart would read.
 */
import type { CommittedOffset } from './group-records.ts'

type ByPartition = Map<number, CommittedOffset>

export class CommittedOffsets {
  private readonly byGroup = new Map<string, Map<string, ByPartition>>()

  set(group: string, topic: string, partition: number, value: CommittedOffset | null): void {
    if (value === null) {
      this.delete(group, topic, partition)
      return
    }
    let topics = this.byGroup.get(group)
    if (!topics) this.byGroup.set(group, (topics = new Map()))
    let partitions = topics.get(topic)
    if (!partitions) topics.set(topic, (partitions = new Map()))
    partitions.set(partition, value)
  }

  private delete(group: string, topic: string, partition: number): void {
    const topics = this.byGroup.get(group)
    const partitions = topics?.get(topic)
    if (!topics || !partitions?.delete(partition)) return
    if (partitions.size === 0) topics.delete(topic)
    if (topics.size === 0) this.byGroup.delete(group)
  }

  get(group: string, topic: string, partition: number): CommittedOffset | undefined {
    return this.byGroup.get(group)?.get(topic)?.get(partition)
  }

  has(group: string): boolean {
    return this.byGroup.has(group)
  }

  groups(): Iterable<string> {
    return this.byGroup.keys()
  }

  topics(group: string): ReadonlyMap<string, ReadonlyMap<number, CommittedOffset>> {
    return this.byGroup.get(group) ?? new Map()
  }

  *of(group: string): Iterable<readonly [string, number, CommittedOffset]> {
    for (const [topic, partitions] of this.topics(group)) {
      for (const [partition, value] of partitions) yield [topic, partition, value]
    }
  }
}
