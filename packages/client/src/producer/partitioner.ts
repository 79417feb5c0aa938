/**
 * Chooses partitions as Kafka's default partitioner does: by murmur2 of the key; without a key all
 * records go to one partition until `batchSize` bytes went there, then to another (KIP-480 and
 * KIP-794), which fills batches instead of spreading single records. Which one is next depends on
 * how many batches wait, whether its broker comes to it, and on racks (KIP-1123).
 */
import { murmur2, type Random } from '@ottla/base'
import type { TopicMetadata } from '../cluster/cluster-metadata.ts'
import type { Encoded } from '../serde/serde.ts'

/** Chooses the partition of a record; -1 leaves it to the default. */
export type Partitioner = (input: {
  readonly topic: string
  readonly key: Encoded
  readonly value: Encoded
  readonly partitionCount: number
}) => number

const SCRATCH_BYTES = 1024
const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)

/** The partition of a key; text is hashed as UTF-8. */
export function keyedPartition(key: Uint8Array | string, partitionCount: number): number {
  let hash: number
  if (typeof key !== 'string') hash = murmur2(key)
  else if (key.length * 3 <= SCRATCH_BYTES)
    hash = murmur2(scratch, 0, scratch.write(key, 0, 'utf8'))
  else hash = murmur2(Buffer.from(key))
  return (hash & 0x7fffffff) % partitionCount
}

/** What is known of partitions beside their leaders; what is left out makes no difference. */
export interface PartitionHints {
  /** Batches that wait for a partition: those that are behind are chosen less often. */
  readonly waitingOf?: ((partition: number) => number) | undefined
  /** False for a partition whose broker does not come to it: chosen when all are like that. */
  readonly isAvailable?: ((partition: number) => boolean) | undefined
  /** True for a leader in the producer's rack: others are chosen when there is none. */
  readonly isNear?: ((leaderId: number) => boolean) | undefined
}

/** The sticky choice of one topic. */
export class StickyPartition {
  private readonly random: Random
  private readonly switchBytes: number
  private readonly hints: PartitionHints
  private current = -1
  private bytes = 0

  constructor(random: Random, switchBytes: number, hints: PartitionHints = {}) {
    this.random = random
    this.switchBytes = switchBytes
    this.hints = hints
  }

  /** The partition for the next record without a key. */
  choose(topic: TopicMetadata): number {
    const isUsable = this.current >= 0 && this.current < topic.partitions.length
    if (isUsable && this.bytes < this.switchBytes) return this.current
    this.current = this.next(topic)
    this.bytes = 0
    return this.current
  }

  /** Counts what went to the chosen partition. */
  add(bytes: number): void {
    this.bytes += bytes
  }

  private next(topic: TopicMetadata): number {
    const count = topic.partitions.length
    if (count === 1) return 0
    const led = topic.partitions.filter((p) => p.leaderId >= 0)
    if (led.length === 0) return this.random.integer(count)
    const { waitingOf, isAvailable, isNear } = this.hints
    const available = someOf(led, isAvailable && (({ index }) => isAvailable(index)))
    const near = someOf(available, isNear && (({ leaderId }) => isNear(leaderId)))
    if (!waitingOf) return (near[this.random.integer(near.length)] as { index: number }).index
    return this.byLoad(near, waitingOf)
  }

  /** The more batches wait, the less likely: the fullest partition has one chance (KIP-794). */
  private byLoad(
    partitions: readonly { readonly index: number }[],
    waitingOf: (partition: number) => number,
  ): number {
    const waiting = partitions.map(({ index }) => waitingOf(index))
    const most = Math.max(...waiting)
    const chances = waiting.map((count) => most + 1 - count)
    let left = this.random.integer(chances.reduce((sum, chance) => sum + chance, 0))
    const at = chances.findIndex((chance) => {
      left -= chance
      return left < 0
    })
    return (partitions[at] as { index: number }).index
  }
}

/** Those for which it is true; all of them when there are none. */
function someOf<T>(all: readonly T[], isWanted: ((item: T) => boolean) | undefined): readonly T[] {
  const some = isWanted ? all.filter(isWanted) : all
  return some.length > 0 ? some : all
}
