/**
 * The topics of a run. Its keys are their partitions: those of a topic that keeps everything, and
 * behind them those of one that is compacted. There a record has a key of its own, one of few, and
 * only the newest record of each must stay.
 */
export const TOPIC = 'keys'
export const COMPACTED_TOPIC = 'latest'

/** Of the topic that keeps everything; groups divide these. */
export const KEYS = 4
export const COMPACTED_KEYS = 2
export const ALL_KEYS = KEYS + COMPACTED_KEYS

/** Record keys of a compacted partition. */
const RECORD_KEYS = 5

export const isCompacted = (key: number): boolean => key >= KEYS

export const topicOf = (key: number): string => (isCompacted(key) ? COMPACTED_TOPIC : TOPIC)

export const partitionOf = (key: number): number => (isCompacted(key) ? key - KEYS : key)

export const keyOf = (topic: string, partition: number): number =>
  topic === COMPACTED_TOPIC ? partition + KEYS : partition

/** Follows from the value, so that nobody has to be told; records elsewhere have none. */
export const recordKeyOf = (key: number, value: number): string | null =>
  isCompacted(key) ? `record-${(value * 7 + (value >> 3)) % RECORD_KEYS}` : null

/** What is asked about keys, by topic. */
export function byTopic<T>(
  keys: Iterable<number>,
  ask: (key: number, partition: number) => T,
): { topic: string; partitions: T[] }[] {
  const topics = new Map<string, T[]>()
  for (const key of keys) {
    const partitions = topics.get(topicOf(key)) ?? []
    topics.set(topicOf(key), partitions)
    partitions.push(ask(key, partitionOf(key)))
  }
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }))
}
