/** What a streams application consists of, as members tell it: subtopologies and their topics. */
import type { StreamsGroupHeartbeatRequest } from '@ottla/protocol'
import type { StreamsTopology } from './streams-group-records.ts'

export type Subtopology = StreamsTopology['subtopologies'][number]
export type TopicInfo = Subtopology['stateChangelogTopics'][number]

/** A topology that cannot be worked with, whatever topics there are. */
export class TopologyError extends Error {
  readonly error: 'STREAMS_INVALID_TOPOLOGY' | 'UNKNOWN_SERVER_ERROR'

  constructor(error: TopologyError['error'], message: string) {
    super(message)
    this.name = 'TopologyError'
    this.error = error
  }
}

type ToldTopology = NonNullable<StreamsGroupHeartbeatRequest['topology']>

/** The record of a topology; fails when it contradicts itself. */
export function topologyOf({ epoch, subtopologies }: ToldTopology): StreamsTopology {
  if (epoch < 0) throw new TopologyError('UNKNOWN_SERVER_ERROR', 'The topology epoch is negative.')
  const ids = new Set(subtopologies.map(({ subtopologyId }) => subtopologyId))
  if (ids.size < subtopologies.length) {
    throw new TopologyError('UNKNOWN_SERVER_ERROR', 'Two subtopologies have the same id.')
  }
  return { epoch, subtopologies }
}

export const sameTopology = (a: StreamsTopology, b: StreamsTopology): boolean =>
  a.epoch === b.epoch && canonical(a) === canonical(b)

/** Subtopologies come in any order; what is in them does not. */
const canonical = ({ subtopologies }: StreamsTopology): string =>
  JSON.stringify(sortedSubtopologies(subtopologies).map(describe))

/** Fields in one order, whoever made the object. */
const describe = (subtopology: Subtopology) => [
  subtopology.subtopologyId,
  subtopology.sourceTopics,
  subtopology.sourceTopicRegex,
  subtopology.stateChangelogTopics.map(describeTopic),
  subtopology.repartitionSinkTopics,
  subtopology.repartitionSourceTopics.map(describeTopic),
  subtopology.copartitionGroups.map((group) => [
    group.sourceTopics,
    group.sourceTopicRegex,
    group.repartitionSourceTopics,
  ]),
]

const describeTopic = (topic: TopicInfo) => [
  topic.name,
  topic.partitions,
  topic.replicationFactor,
  topic.topicConfigs.map(({ key, value }) => [key, value]),
]

export const sortedSubtopologies = (subtopologies: readonly Subtopology[]): Subtopology[] =>
  [...subtopologies].sort((a, b) => (a.subtopologyId < b.subtopologyId ? -1 : 1))

const namesOf = (topics: readonly TopicInfo[]): string[] => topics.map(({ name }) => name)

/** Topics that a subtopology reads from. */
export const inputsOf = (subtopology: Subtopology): string[] => [
  ...subtopology.sourceTopics,
  ...namesOf(subtopology.repartitionSourceTopics),
]

/** Every topic that must be there for the topology to work. */
export function requiredTopics({ subtopologies }: StreamsTopology): ReadonlySet<string> {
  const topics = new Set<string>()
  for (const subtopology of subtopologies) {
    for (const name of inputsOf(subtopology)) topics.add(name)
    for (const name of namesOf(subtopology.stateChangelogTopics)) topics.add(name)
  }
  return topics
}

/** Id of the subtopology that reads a topic. */
export const readerOf = ({ subtopologies }: StreamsTopology, topic: string): string | undefined =>
  subtopologies.findLast((subtopology) => inputsOf(subtopology).includes(topic))?.subtopologyId
