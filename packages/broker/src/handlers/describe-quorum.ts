/**
 * DescribeQuorum (key 55), versions 0-2.
 *
 * Behaviour: this node is the only voter of `__cluster_metadata-0` and leads it. Any other
 * partition is UNKNOWN_TOPIC_OR_PARTITION.
 * Version notes: times of the replicas from 1; error messages and the voters' endpoints from 2, and
 * their directories, which voters have from kraft.version 1 on.
 * Differences: there is no controller listener; the endpoint of the node is the one of its clients.
 */
import {
  apis,
  type DescribeQuorumRequest,
  type DescribeQuorumResponse,
  errorCode,
  type Infer,
  type InferInput,
} from '@ottla/protocol'
import type { BrokerServices } from '../broker-services.ts'
import { handler } from '../handler.ts'
import { METADATA_TOPIC } from '../metadata/topic-names.ts'

type Topics = Infer<typeof DescribeQuorumRequest>['topics']
type Partition = InferInput<typeof DescribeQuorumResponse>['topics'][number]['partitions'][number]

export const describeQuorum = handler(
  apis.describeQuorum,
  { lowest: 0, highest: 2 },
  (services, { apiVersion, connection }, { topics }) => {
    const isAsked = isMetadataPartition(topics)
    const { host, port } = services.endpoints.for(connection)
    const listeners = [{ name: connection.listenerName, host, port }]
    return {
      errorCode: 0,
      errorMessage: '',
      topics: topics.map(({ topicName, partitions }) => ({
        topicName,
        partitions: partitions.map(({ partitionIndex }) =>
          isAsked ? described(services, apiVersion) : unknown(partitionIndex, apiVersion),
        ),
      })),
      nodes: isAsked && apiVersion >= 2 ? [{ nodeId: services.nodeId, listeners }] : [],
    }
  },
)

/** Nothing else may be asked for in the same request. */
function isMetadataPartition(topics: Topics): boolean {
  const [topic] = topics
  const [partition] = topic?.partitions ?? []
  return (
    topics.length === 1 &&
    topic?.topicName === METADATA_TOPIC &&
    topic.partitions.length === 1 &&
    partition?.partitionIndex === 0
  )
}

function described({ nodeId, metadata, clock }: BrokerServices, apiVersion: number): Partition {
  const endOffset = metadata.lastOffset + 1
  const times =
    apiVersion >= 1 ? { lastFetchTimestamp: clock.now(), lastCaughtUpTimestamp: clock.now() } : {}
  const voter = { replicaId: nodeId, logEndOffset: endOffset, ...times }
  return {
    partitionIndex: 0,
    errorCode: 0,
    errorMessage: '',
    leaderId: nodeId,
    leaderEpoch: metadata.leaderEpoch,
    highWatermark: endOffset,
    currentVoters: [voter],
    observers: [],
  }
}

const unknown = (partitionIndex: number, apiVersion: number): Partition => ({
  partitionIndex,
  errorCode: errorCode('UNKNOWN_TOPIC_OR_PARTITION'),
  errorMessage: apiVersion >= 2 ? 'This server does not host this topic-partition.' : '',
  leaderId: 0,
  leaderEpoch: 0,
  highWatermark: 0,
  currentVoters: [],
  observers: [],
})
