/**
 * What has been processed (`resolved`: the next offset to read) and what of it is committed, by
 * partition. Pure: whoever commits tells it.
 */
import type { OffsetsByTopicPartition, TopicOffsets } from '../types/cluster.ts'

interface Progress {
  readonly topic: string
  readonly partition: number
  resolved: bigint | undefined
  committed: bigint | undefined
}

export const keyOf = (topic: string, partition: number): string => `${topic}:${partition}`

export class OffsetManager {
  private readonly progress = new Map<string, Progress>()
  /** Messages resolved since the last commit. */
  private resolvedCount = 0n

  private at(topic: string, partition: number): Progress {
    const key = keyOf(topic, partition)
    let found = this.progress.get(key)
    if (!found) {
      found = { topic, partition, resolved: undefined, committed: undefined }
      this.progress.set(key, found)
    }
    return found
  }

  /** Everything before `next` has been processed. */
  resolve(topic: string, partition: number, next: bigint): void {
    const progress = this.at(topic, partition)
    const before = progress.resolved ?? progress.committed
    if (before !== undefined && next > before) this.resolvedCount += next - before
    else if (before === undefined) this.resolvedCount += 1n
    progress.resolved = next
  }

  next(topic: string, partition: number): bigint | undefined {
    return this.progress.get(keyOf(topic, partition))?.resolved
  }

  /** Says where a partition begins, so that resolved messages can be counted from there. */
  begin(topic: string, partition: number, offset: bigint): void {
    this.at(topic, partition).committed ??= offset
  }

  get resolvedSinceCommit(): bigint {
    return this.resolvedCount
  }

  uncommitted(): OffsetsByTopicPartition {
    const byTopic = new Map<string, { partition: number; offset: string }[]>()
    for (const { topic, partition, resolved, committed } of this.progress.values()) {
      if (resolved === undefined || resolved === committed || resolved < 0n) continue
      const list = byTopic.get(topic) ?? []
      // kafkajs gives the number as text, whatever its types say.
      const shown = String(partition) as unknown as number
      list.push({ partition: shown, offset: String(resolved) })
      byTopic.set(topic, list)
    }
    return { topics: [...byTopic].map(([topic, partitions]) => ({ topic, partitions })) }
  }

  markCommitted(topics: readonly TopicOffsets[]): void {
    for (const { topic, partitions } of topics) {
      for (const { partition, offset } of partitions) {
        this.at(topic, Number(partition)).committed = BigInt(offset)
      }
    }
    this.resolvedCount = 0n
  }

  /** A seek: where the partition goes on, committed or not. */
  moveTo(topic: string, partition: number, offset: bigint | undefined): void {
    this.at(topic, partition).resolved = offset
  }

  clear(): void {
    this.progress.clear()
    this.resolvedCount = 0n
  }
}
