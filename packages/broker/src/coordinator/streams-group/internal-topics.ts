/**
 * A topology together with the topics there are: how many tasks each subtopology has, which
 * internal topics are still to be made and how, and what keeps the group from beginning.
 */
import type { TopicsView } from '../consumer-group/consumer-groups.ts'
import { PartitionCounts, TopicError, TopicFault } from './partition-counts.ts'
import type { StreamsTopology } from './streams-group-records.ts'
import {
  requiredTopics,
  type Subtopology,
  sortedSubtopologies,
  type TopicInfo,
  TopologyError,
} from './topology.ts'

export interface ConfiguredSubtopology {
  readonly subtopologyId: string
  readonly taskCount: number
  readonly sourceTopics: readonly string[]
  readonly repartitionSinkTopics: readonly string[]
  /** With their numbers of partitions. */
  readonly repartitionSourceTopics: readonly TopicInfo[]
  readonly stateChangelogTopics: readonly TopicInfo[]
}

export interface ConfiguredTopology {
  readonly epoch: number
  /** By id, in the order of the ids; undefined when the topics are too wrong to tell. */
  readonly subtopologies: ReadonlyMap<string, ConfiguredSubtopology> | undefined
  readonly toCreate: readonly TopicInfo[]
  /** What members wait for; undefined when tasks can be assigned. */
  readonly fault: { readonly status: number; readonly detail: string } | undefined
}

export function configureTopology(
  topology: StreamsTopology,
  topics: TopicsView,
): ConfiguredTopology {
  const { epoch } = topology
  try {
    const subtopologies = configured(topology, topics)
    const toCreate = missingInternal(topology, subtopologies, topics)
    if (toCreate.length === 0) return { epoch, subtopologies, toCreate, fault: undefined }
    const names = toCreate.map(({ name }) => name)
    const detail = `Internal topics are missing: ${summary(names)}`
    const fault = { status: TopicFault.MISSING_INTERNAL_TOPICS, detail }
    return { epoch, subtopologies, toCreate, fault }
  } catch (error) {
    if (!(error instanceof TopicError)) throw error
    const fault = { status: error.status, detail: error.message }
    return { epoch, subtopologies: undefined, toCreate: [], fault }
  }
}

function configured(
  { subtopologies }: StreamsTopology,
  topics: TopicsView,
): ReadonlyMap<string, ConfiguredSubtopology> {
  const missing = subtopologies.flatMap(({ sourceTopics }) =>
    sourceTopics.filter((name) => !topics.byName(name)),
  )
  if (missing.length > 0) {
    const message = `Source topics are missing: ${summary([...new Set(missing)].sort())}.`
    throw new TopicError(TopicFault.MISSING_SOURCE_TOPICS, message)
  }
  const counts = new PartitionCounts((name) => topics.byName(name)?.partitionCount)
  counts.decide(subtopologies)
  return new Map(
    sortedSubtopologies(subtopologies).map((subtopology) => [
      subtopology.subtopologyId,
      configuredSubtopology(subtopology, counts),
    ]),
  )
}

function configuredSubtopology(
  subtopology: Subtopology,
  counts: PartitionCounts,
): ConfiguredSubtopology {
  const counted = (topic: TopicInfo): TopicInfo => {
    const partitions = topic.partitions === 0 ? counts.decidedFor(topic.name) : topic.partitions
    if (partitions !== undefined && partitions > 0) return { ...topic, partitions }
    throw new TopologyError('UNKNOWN_SERVER_ERROR', `Topic ${topic.name} has no partitions.`)
  }
  return {
    subtopologyId: subtopology.subtopologyId,
    taskCount: counts.tasksOf(subtopology),
    sourceTopics: [...subtopology.sourceTopics].sort(),
    repartitionSinkTopics: [...subtopology.repartitionSinkTopics].sort(),
    repartitionSourceTopics: subtopology.repartitionSourceTopics.map(counted).sort(byName),
    stateChangelogTopics: subtopology.stateChangelogTopics.map(counted).sort(byName),
  }
}

function missingInternal(
  topology: StreamsTopology,
  subtopologies: ReadonlyMap<string, ConfiguredSubtopology>,
  topics: TopicsView,
): TopicInfo[] {
  const wanted = new Map<string, TopicInfo>()
  for (const { repartitionSourceTopics, stateChangelogTopics } of subtopologies.values()) {
    for (const topic of [...repartitionSourceTopics, ...stateChangelogTopics]) {
      wanted.set(topic.name, topic)
    }
  }
  for (const name of requiredTopics(topology)) {
    const found = topics.byName(name)
    const expected = wanted.get(name)
    if (!found || !expected) continue
    wanted.delete(name)
    if (found.partitionCount === expected.partitions) continue
    throw new TopicError(
      TopicFault.INCORRECTLY_PARTITIONED_TOPICS,
      `Topic ${name} has ${found.partitionCount} partitions where ${expected.partitions} are needed.`,
    )
  }
  return [...wanted.values()].sort(byName)
}

const byName = (a: TopicInfo, b: TopicInfo): number => (a.name < b.name ? -1 : 1)

const TOLD = 3

const summary = (names: readonly string[]): string =>
  names.length <= TOLD
    ? names.join(', ')
    : `${names.slice(0, TOLD).join(', ')} and ${names.length - TOLD} more`
