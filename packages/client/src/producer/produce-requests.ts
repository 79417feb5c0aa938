/**
 * Builds produce requests and reads their responses; topics by name or, since version 13, by id.
 */
import { ZERO_UUID } from '@ottla/base'
import type { ApiVersions } from '@ottla/network'
import { apis, type RequestInputOf, type ResponseOf } from '@ottla/protocol'
import type { ClusterMetadata } from '../cluster/cluster-metadata.ts'
import type { PartitionQueue } from './partition-queue.ts'
import type { ProducerBatch } from './producer-batch.ts'

type ProduceRequestBody = RequestInputOf<typeof apis.produce>
type ProduceResponseBody = ResponseOf<typeof apis.produce>
export type PartitionProduceResponse =
  ProduceResponseBody['responses'][number]['partitionResponses'][number]

/** Last version that names topics by name. */
const BY_NAME_MAX = 12

export interface SentBatch {
  readonly queue: PartitionQueue
  readonly batch: ProducerBatch
}

export interface ProduceRequestOptions {
  readonly acks: number
  readonly timeoutMs: number
  readonly transactionalId: string | null
}

/** The newest version usable for these topics: ids are known only for some brokers' topics. */
export function pickProduceVersion(
  versions: ApiVersions,
  sent: readonly SentBatch[],
  metadata: ClusterMetadata,
  versionMax: number = apis.produce.highest,
): number {
  const haveIds = sent.every(({ queue }) => topicIdOf(metadata, queue.topic) !== ZERO_UUID)
  return versions.pick(apis.produce, haveIds ? versionMax : Math.min(versionMax, BY_NAME_MAX))
}

export function produceRequest(
  sent: readonly SentBatch[],
  metadata: ClusterMetadata,
  options: ProduceRequestOptions,
): ProduceRequestBody {
  const byTopic = new Map<string, { index: number; records: Buffer }[]>()
  for (const { queue, batch } of sent) {
    let partitions = byTopic.get(queue.topic)
    if (!partitions) {
      partitions = []
      byTopic.set(queue.topic, partitions)
    }
    partitions.push({ index: queue.partition, records: batch.wireBytes() })
  }
  return {
    transactionalId: options.transactionalId,
    acks: options.acks,
    timeoutMs: options.timeoutMs,
    topicData: [...byTopic].map(([name, partitionData]) => ({
      name,
      topicId: topicIdOf(metadata, name),
      partitionData,
    })),
  }
}

/** The answer for each batch; undefined where the broker left one out. */
export function responsesOf(
  response: ProduceResponseBody,
  sent: readonly SentBatch[],
  metadata: ClusterMetadata,
): (PartitionProduceResponse | undefined)[] {
  return sent.map(({ queue }) => {
    const id = topicIdOf(metadata, queue.topic)
    const topic = response.responses.find(
      (t) => t.name === queue.topic || (t.topicId === id && id !== ZERO_UUID),
    )
    // One topic was asked for: whatever its id was when the request was made, this is the answer.
    const only = response.responses.length === 1 ? response.responses[0] : undefined
    return (topic ?? only)?.partitionResponses.find((p) => p.index === queue.partition)
  })
}

const topicIdOf = (metadata: ClusterMetadata, topic: string): string =>
  metadata.topic(topic)?.id ?? ZERO_UUID
