/** Asks partition leaders for offsets by time, and where a leader epoch ended. */
import { apis, errorCode } from '@ottla/protocol'
import type { Cluster } from '../cluster/cluster.ts'
import type { ConnectionPool } from '../cluster/connection-pool.ts'
import { KafkaError } from '../errors.ts'

/** Special timestamps of ListOffsets. */
export const OFFSET_SPEC = {
  latest: -1,
  earliest: -2,
  maxTimestamp: -3,
  earliestLocal: -4,
  latestTiered: -5,
} as const

export interface OffsetQuestion {
  readonly topic: string
  readonly partition: number
  /** Milliseconds since 1970, or one of OFFSET_SPEC. */
  readonly timestamp: number
}

export interface OffsetAnswer {
  readonly topic: string
  readonly partition: number
  readonly errorCode: number
  /** -1 when no record is that young. */
  readonly offset: number
  readonly timestamp: number
  readonly leaderEpoch: number
}

export interface LeaderRequestOptions {
  readonly pool?: ConnectionPool
  readonly isolationLevel?: number
}

interface HasPartition {
  readonly topic: string
  readonly partition: number
}

/** Groups partitions by leader; those without one come back separately. */
export function groupByLeader<T extends HasPartition>(
  cluster: Cluster,
  items: readonly T[],
): { byLeader: Map<number, T[]>; leaderless: T[] } {
  const byLeader = new Map<number, T[]>()
  const leaderless: T[] = []
  for (const item of items) {
    const leaderId = cluster.metadata.partition(item.topic, item.partition)?.leaderId ?? -1
    const known = byLeader.get(leaderId)
    if (leaderId < 0 || !cluster.metadata.node(leaderId)) leaderless.push(item)
    else if (known) known.push(item)
    else byLeader.set(leaderId, [item])
  }
  return { byLeader, leaderless }
}

export function groupByTopic<T extends HasPartition>(items: readonly T[]): [string, T[]][] {
  const topics = new Map<string, T[]>()
  for (const item of items) {
    const known = topics.get(item.topic)
    if (known) known.push(item)
    else topics.set(item.topic, [item])
  }
  return [...topics]
}

/** One attempt for all questions; partitions without a leader are answered with an error. */
export async function listOffsetsOnce(
  cluster: Cluster,
  questions: readonly OffsetQuestion[],
  options: LeaderRequestOptions = {},
): Promise<OffsetAnswer[]> {
  const { byLeader, leaderless } = groupByLeader(cluster, questions)
  const pool = options.pool ?? cluster.pool
  const answers = await Promise.all(
    [...byLeader].map(async ([leaderId, items]) => {
      const body = {
        replicaId: -1,
        isolationLevel: options.isolationLevel ?? 0,
        timeoutMs: cluster.context.requestTimeoutMs,
        topics: groupByTopic(items).map(([name, partitions]) => ({
          name,
          partitions: partitions.map(({ partition, timestamp }) => ({
            partitionIndex: partition,
            currentLeaderEpoch: cluster.metadata.partition(name, partition)?.leaderEpoch ?? -1,
            timestamp,
          })),
        })),
      }
      const response = await cluster.request(leaderId, apis.listOffsets, body, { pool })
      return response.topics.flatMap(({ name, partitions }) =>
        partitions.map((p) => ({ ...p, topic: name, partition: p.partitionIndex })),
      )
    }),
  )
  const missing = leaderless.map(({ topic, partition }) => ({
    topic,
    partition,
    errorCode: errorCode('LEADER_NOT_AVAILABLE'),
    offset: -1,
    timestamp: -1,
    leaderEpoch: -1,
  }))
  return [...answers.flat(), ...missing]
}

export interface EpochAnswer {
  readonly topic: string
  readonly partition: number
  readonly errorCode: number
  readonly leaderEpoch: number
  /** End of the newest epoch not above the one asked for; -1 when the leader knows none. */
  readonly endOffset: number
}

/** Where the given leader epochs ended, by the leaders' own logs (KIP-320). */
export async function endOfEpochs(
  cluster: Cluster,
  questions: readonly (HasPartition & { readonly leaderEpoch: number })[],
  options: LeaderRequestOptions = {},
): Promise<EpochAnswer[]> {
  const { byLeader } = groupByLeader(cluster, questions)
  const pool = options.pool ?? cluster.pool
  const answers = await Promise.all(
    [...byLeader].map(async ([leaderId, items]) => {
      const body = {
        replicaId: -1,
        topics: groupByTopic(items).map(([topic, partitions]) => ({
          topic,
          partitions: partitions.map(({ partition, leaderEpoch }) => ({
            partition,
            leaderEpoch,
            currentLeaderEpoch: cluster.metadata.partition(topic, partition)?.leaderEpoch ?? -1,
          })),
        })),
      }
      const response = await cluster.request(leaderId, apis.offsetForLeaderEpoch, body, { pool })
      return response.topics.flatMap(({ topic, partitions }) =>
        partitions.map((p) => ({ ...p, topic })),
      )
    }),
  )
  return answers.flat()
}

/** Throws the error of an answer, if it has one. */
export function checkOffset(answer: OffsetAnswer): OffsetAnswer {
  if (answer.errorCode === 0) return answer
  throw new KafkaError(answer.errorCode, `ListOffsets of ${answer.topic}-${answer.partition}`)
}
