/**
 * A number that stands for the topics a group reads: their names, ids and partition counts. It is
 * kept in the group's record (KIP-1101), so that a broker that starts anew sees what changed while
 * it was away. It need not equal Apache Kafka's, which then merely assigns once more.
 */
import type { TopicsView } from './consumer-groups.ts'

const PRIME = 0x01000193

export function hashOf(topicNames: Iterable<string>, topics: TopicsView): number {
  let sum = 0
  for (const name of topicNames) {
    const topic = topics.byName(name)
    if (!topic) continue
    const text = `${name}/${topic.id}/${topic.partitionCount}`
    // Sums do not depend on the order of the topics; 2^50 keeps every partial sum exact.
    sum = (sum + textHash(text)) % 2 ** 50
  }
  return sum
}

/** FNV-1a twice, from both ends of the text: 50 bits. */
function textHash(text: string): number {
  let low = 0x811c9dc5
  let high = 0x811c9dc5 ^ text.length
  for (let i = 0; i < text.length; i++) {
    low = Math.imul(low ^ text.charCodeAt(i), PRIME)
    high = Math.imul(high ^ text.charCodeAt(text.length - 1 - i), PRIME)
  }
  return (high >>> 14) * 2 ** 32 + (low >>> 0)
}
