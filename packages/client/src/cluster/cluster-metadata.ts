/**
 * What the client knows about the cluster: brokers, topics, leaders. Pure: responses go in,
 * questions are answered, nothing is sent from here.
 *
 * Must always hold: a partition's leader epoch never goes backwards while its topic keeps its id.
 * A broker that lags behind may answer with an older leader; taking it would send the client back
 * to a broker that has already refused it. A new topic id is a new topic and starts over.
 */
import { ZERO_UUID } from '@ottla/base'
import { errorCode, type Infer, type MetadataResponse } from '@ottla/protocol'
import type { Node } from './client-context.ts'

export interface PartitionMetadata {
  readonly index: number
  /** -1 when there is no leader. */
  readonly leaderId: number
  /** -1 when the broker is too old to say. */
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
  readonly offlineReplicas: readonly number[]
}

export interface TopicMetadata {
  readonly name: string
  /** ZERO_UUID when the broker is too old to say. */
  readonly id: string
  readonly isInternal: boolean
  /** By partition index. */
  readonly partitions: readonly PartitionMetadata[]
}

type Response = Infer<typeof MetadataResponse>
type TopicResponse = Response['topics'][number]

export class ClusterMetadata {
  clusterId: string | null = null
  controllerId = -1
  private nodes = new Map<number, Node>()
  private readonly topics = new Map<string, TopicMetadata>()
  private readonly topicErrors = new Map<string, number>()
  private readonly namesById = new Map<string, string>()

  /** Takes over a response; `isFull` when it was asked for all topics. */
  update(response: Response, isFull: boolean): void {
    this.clusterId = response.clusterId ?? this.clusterId
    this.controllerId = response.controllerId
    if (response.brokers.length > 0) {
      this.nodes = new Map(
        response.brokers.map((b) => [
          b.nodeId,
          { id: b.nodeId, host: b.host, port: b.port, rack: b.rack },
        ]),
      )
    }
    const seen = new Set<string>()
    for (const topic of response.topics) {
      if (topic.name === null) continue
      seen.add(topic.name)
      this.updateTopic(topic.name, topic)
    }
    if (!isFull) return
    for (const name of [...this.topics.keys()]) if (!seen.has(name)) this.forget(name)
  }

  private updateTopic(name: string, topic: TopicResponse): void {
    if (topic.errorCode !== 0) {
      this.topicErrors.set(name, topic.errorCode)
      const isGone = topic.errorCode === errorCode('UNKNOWN_TOPIC_OR_PARTITION')
      if (isGone) this.forget(name)
      return
    }
    this.topicErrors.delete(name)
    const known = this.topics.get(name)
    const isSameTopic = known !== undefined && known.id === topic.topicId
    if (known && !isSameTopic) this.namesById.delete(known.id)
    const partitions: PartitionMetadata[] = []
    for (const p of topic.partitions) {
      const fresh: PartitionMetadata = {
        index: p.partitionIndex,
        leaderId: p.leaderId,
        leaderEpoch: p.leaderEpoch,
        replicas: p.replicaNodes,
        isr: p.isrNodes,
        offlineReplicas: p.offlineReplicas,
      }
      const before = isSameTopic ? known.partitions[p.partitionIndex] : undefined
      const isStale = before !== undefined && before.leaderEpoch > fresh.leaderEpoch
      partitions[p.partitionIndex] = isStale ? before : fresh
    }
    this.topics.set(name, { name, id: topic.topicId, isInternal: topic.isInternal, partitions })
    if (topic.topicId !== ZERO_UUID) this.namesById.set(topic.topicId, name)
  }

  private forget(name: string): void {
    const known = this.topics.get(name)
    if (known) this.namesById.delete(known.id)
    this.topics.delete(name)
  }

  /** A response named the current leader itself (KIP-951). */
  updateLeader(topic: string, partition: number, leaderId: number, leaderEpoch: number): boolean {
    const known = this.topics.get(topic)
    const before = known?.partitions[partition]
    if (!known || !before || leaderEpoch <= before.leaderEpoch || !this.nodes.has(leaderId)) {
      return false
    }
    const partitions = [...known.partitions]
    partitions[partition] = { ...before, leaderId, leaderEpoch }
    this.topics.set(topic, { ...known, partitions })
    return true
  }

  node(id: number): Node | undefined {
    return this.nodes.get(id)
  }

  allNodes(): Node[] {
    return [...this.nodes.values()]
  }

  topic(name: string): TopicMetadata | undefined {
    return this.topics.get(name)
  }

  /** The error the topic was last answered with, 0 when none. */
  topicError(name: string): number {
    return this.topicErrors.get(name) ?? 0
  }

  partition(topic: string, partition: number): PartitionMetadata | undefined {
    return this.topics.get(topic)?.partitions[partition]
  }

  nameOf(topicId: string): string | undefined {
    return this.namesById.get(topicId)
  }

  topicNames(): string[] {
    return [...this.topics.keys()]
  }
}
