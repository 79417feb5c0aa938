/**
 * Metadata (key 3), versions 0-13.
 *
 * Behaviour: brokers is this node at the address the client dialled. Missing topics are created
 * when both the broker (auto.create.topics.enable) and the request allow it, and the answer already
 * describes them: there is no moment in which a topic exists without a leader.
 * Version notes: v0 takes an empty list for all topics, later ones null. Topic ids from 10, topics
 * by id alone from 12, and then no names count beside them. Authorized operations of topics from
 * 8, of the cluster from 8 to 10.
 */
import { ZERO_UUID } from '@ottla/base'
import {
  apis,
  errorCode,
  type InferInput,
  type MetadataRequest,
  type MetadataResponse,
} from '@ottla/protocol'
import {
  CLUSTER_OPERATIONS,
  OPERATIONS_NOT_ASKED,
  TOPIC_OPERATIONS,
} from '../authorized-operations.ts'
import type { BrokerServices } from '../broker-services.ts'
import { handler } from '../handler.ts'
import type { PartitionImage, TopicImage } from '../metadata/metadata-image.ts'
import { isInternalTopic, topicNameFault } from '../metadata/topic-names.ts'

type TopicAnswer = InferInput<typeof MetadataResponse>['topics'][number]

export const metadata = handler(
  apis.metadata,
  { lowest: 0, highest: 13 },
  async (services, { apiVersion, connection }, request) => {
    if (apiVersion < 12 && request.topics?.some(({ topicId }) => topicId !== ZERO_UUID)) {
      return refused(request.topics)
    }
    const { host, port } = services.endpoints.for(connection)
    return {
      throttleTimeMs: 0,
      brokers: [{ nodeId: services.nodeId, host, port, rack: services.config.get('broker.rack') }],
      clusterId: services.clusterId,
      controllerId: services.nodeId,
      topics: withOperations(await topicsOf(services, apiVersion, request), request),
      clusterAuthorizedOperations: request.includeClusterAuthorizedOperations
        ? CLUSTER_OPERATIONS
        : OPERATIONS_NOT_ASKED,
      errorCode: 0,
    }
  },
)

/** Ids in versions that have a field for them but no meaning: nothing is answered. */
const refused = (
  topics: readonly { readonly name: string | null; readonly topicId: string }[],
) => ({
  throttleTimeMs: 0,
  brokers: [],
  clusterId: null,
  controllerId: -1,
  topics: topics.map(({ name, topicId }) => failed(name, topicId, errorCode('INVALID_REQUEST'))),
  errorCode: 0,
})

/** Only topics with a name have operations; ids that nothing is known of do not. */
const withOperations = (topics: TopicAnswer[], request: MetadataRequest): TopicAnswer[] =>
  request.includeTopicAuthorizedOperations
    ? topics.map((topic) =>
        topic.name === null ? topic : { ...topic, topicAuthorizedOperations: TOPIC_OPERATIONS },
      )
    : topics

async function topicsOf(
  services: BrokerServices,
  apiVersion: number,
  request: MetadataRequest,
): Promise<TopicAnswer[]> {
  const { image } = services
  const { topics } = request
  if (topics === null || (apiVersion === 0 && topics.length === 0)) {
    return [...image.topics.values()].map((topic) => describe(services, topic))
  }
  const ids = topics.map(({ topicId }) => topicId).filter((topicId) => topicId !== ZERO_UUID)
  // Java clients that ask by id leave names empty, others null.
  if (ids.length > 0) return [...new Set(ids)].map((topicId) => byId(services, topicId))
  const mayCreate =
    request.allowAutoTopicCreation && services.configs.broker('auto.create.topics.enable') === true
  const missing = topics
    .map(({ name }) => name)
    .filter((name): name is string => name !== null && !image.topics.has(name))
  if (mayCreate && missing.length > 0) await services.topics.autoCreate([...new Set(missing)])
  return topics.map(({ name, topicId }) =>
    name === null ? byId(services, topicId) : byName(services, name),
  )
}

function byId(services: BrokerServices, topicId: string): TopicAnswer {
  const topic = services.image.topicsById.get(topicId)
  return topic ? describe(services, topic) : failed(null, topicId, errorCode('UNKNOWN_TOPIC_ID'))
}

function byName(services: BrokerServices, name: string): TopicAnswer {
  const topic = services.image.topics.get(name)
  if (topic) return describe(services, topic)
  const error = topicNameFault(name) ? 'INVALID_TOPIC_EXCEPTION' : 'UNKNOWN_TOPIC_OR_PARTITION'
  return failed(name, ZERO_UUID, errorCode(error))
}

const failed = (name: string | null, topicId: string, code: number): TopicAnswer => ({
  errorCode: code,
  name,
  topicId,
  isInternal: name !== null && isInternalTopic(name),
  partitions: [],
})

function describe({ partitions }: BrokerServices, topic: TopicImage): TopicAnswer {
  return {
    errorCode: 0,
    name: topic.name,
    topicId: topic.id,
    isInternal: isInternalTopic(topic.name),
    partitions: topic.partitions.map((partition) => ({
      errorCode: 0,
      partitionIndex: partition.partition,
      leaderId: partition.leader,
      leaderEpoch: partition.leaderEpoch,
      replicaNodes: partition.replicas,
      isrNodes: partition.isr,
      offlineReplicas: [],
      ...(partitions.isOffline(topic.name, partition.partition) ? leaderless(partition) : {}),
    })),
  }
}

/** A partition whose log directory has failed, as clients see it. */
export const leaderless = ({ replicas }: PartitionImage) => ({
  errorCode: errorCode('LEADER_NOT_AVAILABLE'),
  leaderId: -1,
  isrNodes: [],
  offlineReplicas: replicas,
})
