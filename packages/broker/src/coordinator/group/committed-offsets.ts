/**
 * Committed offsets of all groups, by group, topic and partition. Changed by replay only, so what a
 * group reads is what a restart would read.
 *
 * Who has committed once is a group, even when all of it has been deleted since: until somebody
 * removes the group, or the check for old offsets finds it without any.
 */
import type { CommittedOffset, GroupRecord } from './group-records.ts'

type ByPartition = Map<number, CommittedOffset>

export class CommittedOffsets {
  private readonly byGroup = new Map<string, Map<string, ByPartition>>()
  private readonly known = new Set<string>()

  set(group: string, topic: string, partition: number, value: CommittedOffset | null): void {
    if (value === null) {
      this.delete(group, topic, partition)
      return
    }
    this.note(group)
    let topics = this.byGroup.get(group)
    if (!topics) {
      topics = new Map()
      this.byGroup.set(group, topics)
    }
    let partitions = topics.get(topic)
    if (!partitions) {
      partitions = new Map()
      topics.set(topic, partitions)
    }
    partitions.set(partition, value)
  }

  /** Makes a group known, though nothing that it committed counts yet. */
  note(group: string): void {
    this.known.add(group)
  }

  /** The group was removed: it is known no longer than there are offsets of it. */
  forget(group: string): void {
    this.known.delete(group)
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
    return this.byGroup.has(group) || this.known.has(group)
  }

  groups(): Iterable<string> {
    return new Set([...this.byGroup.keys(), ...this.known])
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

export type OffsetRecord = Extract<GroupRecord, { kind: 'offset' }>

/**
 * Offsets committed within transactions that are still open, by producer and by partition of the
 * internal topic, since each of its partitions gets a marker of its own.
 */
export class PendingOffsets {
  private readonly byProducer = new Map<number, Map<number, OffsetRecord[]>>()

  add(producerId: number, partition: number, records: readonly OffsetRecord[]): void {
    let partitions = this.byProducer.get(producerId)
    if (!partitions) {
      partitions = new Map()
      this.byProducer.set(producerId, partitions)
    }
    const known = partitions.get(partition)
    if (known) known.push(...records)
    else partitions.set(partition, [...records])
  }

  /** Takes out what a marker decides about, in the order in which it was committed. */
  take(producerId: number, partition: number): readonly OffsetRecord[] {
    const partitions = this.byProducer.get(producerId)
    const records = partitions?.get(partition) ?? []
    partitions?.delete(partition)
    if (partitions?.size === 0) this.byProducer.delete(producerId)
    return records
  }

  has(group: string, topic: string, partition: number): boolean {
    for (const record of this.all()) {
      if (record.group === group && record.topic === topic && record.partition === partition) {
        return true
      }
    }
    return false
  }

  *all(): Iterable<OffsetRecord> {
    for (const partitions of this.byProducer.values()) {
      for (const records of partitions.values()) yield* records
    }
  }

  /** The offset was deleted: what transactions had said of it before does not count. */
  drop(group: string, topic: string, partition: number): void {
    const isOther = (record: OffsetRecord) =>
      record.group !== group || record.topic !== topic || record.partition !== partition
    for (const partitions of this.byProducer.values()) {
      for (const [at, records] of partitions) {
        if (!records.every(isOther)) partitions.set(at, records.filter(isOther))
      }
    }
  }
}
