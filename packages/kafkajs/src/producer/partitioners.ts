/**
 * kafkajs's partitioners: by murmur2 of the key, else in turn over the partitions that have a
 * leader. The legacy one is that of kafkajs 1, whose hash differs from Java's wherever its
 * multiplications went beyond 2^53.
 */
import { murmur2, realRandom } from '@ottla/base'
import type { ICustomPartitioner } from '../types/producer.ts'

type Hash = (key: Buffer | string) => number

const bytesOf = (key: Buffer | string): Buffer =>
  Buffer.isBuffer(key) ? key : Buffer.from(String(key))

const positive = (value: number): number => value & 0x7fffffff

const partitionerBy =
  (hash: Hash): ICustomPartitioner =>
  () => {
    const turns = new Map<string, number>()
    return ({ topic, partitionMetadata, message }) => {
      const { partition, key } = message
      if (partition !== null && partition !== undefined) return partition
      if (key !== null && key !== undefined) return positive(hash(key)) % partitionMetadata.length
      const turn = (turns.get(topic) ?? realRandom.integer(2 ** 31)) + 1
      turns.set(topic, turn)
      const led = partitionMetadata.filter(({ leader }) => leader >= 0)
      const chosen = led[positive(turn) % Math.max(1, led.length)]
      return chosen ? chosen.partitionId : positive(turn) % partitionMetadata.length
    }
  }

const SEED = 0x9747b28c
const M = 0x5bd1e995

/** Murmur2 with floating point products, as kafkajs 1 computed it: one word more than it should. */
function legacyHash(key: Buffer | string): number {
  const data = bytesOf(key)
  const { length } = data
  const at = (index: number) => (data[index] ?? 0) & 0xff
  let h = SEED ^ length
  for (let i = 0; i < length / 4; i++) {
    const base = i * 4
    let k = at(base) + (at(base + 1) << 8) + (at(base + 2) << 16) + (at(base + 3) << 24)
    k *= M
    k ^= k >>> 24
    k *= M
    h *= M
    h ^= k
  }
  const tail = length & ~3
  if (length % 4 === 3) h ^= at(tail + 2) << 16
  if (length % 4 >= 2) h ^= at(tail + 1) << 8
  if (length % 4 >= 1) {
    h ^= at(tail)
    h *= M
  }
  h ^= h >>> 13
  h *= M
  h ^= h >>> 15
  return h
}

const DefaultPartitioner = partitionerBy((key) => murmur2(bytesOf(key)))
const LegacyPartitioner = partitionerBy(legacyHash)

export const Partitioners = {
  DefaultPartitioner,
  LegacyPartitioner,
  /** The name of the default one in kafkajs 1. */
  JavaCompatiblePartitioner: DefaultPartitioner,
}
