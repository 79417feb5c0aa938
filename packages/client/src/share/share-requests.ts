/** Partitions and acknowledgements in the shape in which requests carry them: by topic. */
import type { AcknowledgementBatch, HeldRecords } from './held-records.ts'
import { type SharePartition, sharePartitionKey } from './share-session.ts'

/** Acknowledgements on their way. */
export interface TakenAcknowledgements {
  readonly at: SharePartition
  readonly held: HeldRecords
  readonly batches: readonly AcknowledgementBatch[]
}

interface PartitionPart {
  readonly partitionIndex: number
  readonly acknowledgementBatches: AcknowledgementBatch[]
}

interface TopicPart {
  readonly topicId: string
  readonly partitions: PartitionPart[]
}

export const acknowledgedTopics = (taken: readonly TakenAcknowledgements[]): TopicPart[] =>
  fetchTopics([], taken)

/** Partitions that are new to the session, and what is told of any. */
export function fetchTopics(
  toAdd: readonly SharePartition[],
  taken: readonly TakenAcknowledgements[],
): TopicPart[] {
  const parts = new Map<string, { at: SharePartition; batches: AcknowledgementBatch[] }>()
  for (const at of toAdd) parts.set(sharePartitionKey(at), { at, batches: [] })
  for (const { at, batches } of taken) {
    const known = parts.get(sharePartitionKey(at))
    if (known) known.batches.push(...batches)
    else parts.set(sharePartitionKey(at), { at, batches: [...batches] })
  }
  const topics = new Map<string, PartitionPart[]>()
  for (const { at, batches } of parts.values()) {
    // What is held of several fetches is told in the order of the log.
    batches.sort((a, b) => a.firstOffset - b.firstOffset)
    const part = { partitionIndex: at.partition, acknowledgementBatches: batches }
    const known = topics.get(at.topicId)
    if (known) known.push(part)
    else topics.set(at.topicId, [part])
  }
  return [...topics].map(([topicId, partitions]) => ({ topicId, partitions }))
}

export function forgottenTopics(
  toForget: readonly SharePartition[],
): { topicId: string; partitions: number[] }[] {
  const topics = new Map<string, number[]>()
  for (const { topicId, partition } of toForget) {
    const known = topics.get(topicId)
    if (known) known.push(partition)
    else topics.set(topicId, [partition])
  }
  return [...topics].map(([topicId, partitions]) => ({ topicId, partitions }))
}
