/**
 * How many partitions the internal topics of a topology get.
 *
 *   repartition topics  as many as the topology says; else as many as the widest input of the
 *                       subtopology that writes them, and what is joined must have equally many
 *   changelog topics    as many as the subtopology has tasks: its widest input
 *
 * A topic that is there already counts with the partitions it has.
 */
import { inputsOf, type Subtopology, TopologyError } from './topology.ts'

export const TopicFault = {
  MISSING_SOURCE_TOPICS: 1,
  INCORRECTLY_PARTITIONED_TOPICS: 2,
  MISSING_INTERNAL_TOPICS: 3,
} as const

/** Topics are not as the topology needs them; members are told and wait. */
export class TopicError extends Error {
  readonly status: (typeof TopicFault)[keyof typeof TopicFault]

  constructor(status: TopicError['status'], message: string) {
    super(message)
    this.name = 'TopicError'
    this.status = status
  }
}

const wrong = (message: string) =>
  new TopicError(TopicFault.INCORRECTLY_PARTITIONED_TOPICS, message)
const invalid = (message: string) => new TopologyError('STREAMS_INVALID_TOPOLOGY', message)

type Existing = (topic: string) => number | undefined

export class PartitionCounts {
  private readonly decided = new Map<string, number>()
  private readonly existing: Existing

  constructor(existing: Existing) {
    this.existing = existing
  }

  /** Works out all of them; every source topic must be there. */
  decide(subtopologies: readonly Subtopology[]): void {
    const counts = repartitionCounts(subtopologies, this.existing)
    for (const [topic, count] of counts) this.decided.set(topic, count)
    for (const subtopology of subtopologies) {
      for (const topics of copartitioned(subtopology)) this.align(topics, subtopologies)
    }
    for (const subtopology of subtopologies) {
      if (inputsOf(subtopology).length === 0) {
        throw invalid(`Subtopology ${subtopology.subtopologyId} reads no topic.`)
      }
      const count = this.tasksOf(subtopology)
      for (const { name } of subtopology.stateChangelogTopics) this.decided.set(name, count)
    }
  }

  /** Undefined when nothing is known of the topic. */
  decidedFor(topic: string): number | undefined {
    return this.decided.get(topic)
  }

  tasksOf(subtopology: Subtopology): number {
    return Math.max(...inputsOf(subtopology).map((topic) => this.of(topic)))
  }

  private of(topic: string): number {
    const count = this.existing(topic) ?? this.decided.get(topic)
    if (count !== undefined) return count
    throw new TopologyError(
      'UNKNOWN_SERVER_ERROR',
      `Nothing says how many partitions ${topic} has.`,
    )
  }

  /** What is joined has equally many partitions; repartition topics follow the other topics. */
  private align(topics: ReadonlySet<string>, subtopologies: readonly Subtopology[]): void {
    const repartition = new Map(
      subtopologies.flatMap(({ repartitionSourceTopics }) =>
        repartitionSourceTopics.map(({ name, partitions }) => [name, partitions] as const),
      ),
    )
    const isFixed = (topic: string) => (repartition.get(topic) ?? 0) !== 0
    const inner = [...topics].filter((topic) => repartition.has(topic))
    const outer = [...topics].filter((topic) => !repartition.has(topic))
    const fixed = [...repartition.keys()].filter(isFixed)
    let count: number
    if (outer.length > 0) count = this.same(outer, outer)
    else if (fixed.length > 0) count = this.same(fixed, inner)
    else count = Math.max(0, ...inner.map((topic) => this.of(topic)))
    if (inner.length > 0 && count === 0) throw invalid('No topic of a join has partitions.')
    for (const topic of inner) {
      const own = this.of(topic)
      if (isFixed(topic) && own !== count) {
        throw wrong(`Repartition topic ${topic} has ${own} partitions where ${count} are needed.`)
      }
    }
    for (const topic of inner) this.decided.set(topic, count)
  }

  private same(topics: readonly string[], told: readonly string[]): number {
    const counts = new Set(topics.map((topic) => this.of(topic)))
    if (counts.size === 1) return [...counts][0] as number
    const list = [...told].sort().map((topic) => `${topic}=${this.of(topic)}`)
    throw wrong(`These topics need equally many partitions: ${list.join(', ')}.`)
  }
}

function copartitioned(subtopology: Subtopology): ReadonlySet<string>[] {
  return subtopology.copartitionGroups
    .map(({ sourceTopics, repartitionSourceTopics }) => {
      const names = [
        ...sourceTopics.map((i) => subtopology.sourceTopics[i]),
        ...repartitionSourceTopics.map((i) => subtopology.repartitionSourceTopics[i]?.name),
      ]
      if (!names.includes(undefined)) return new Set(names as string[])
      const message = 'A copartition group names a topic that its subtopology does not read.'
      throw new TopologyError('UNKNOWN_SERVER_ERROR', message)
    })
    .filter((topics) => topics.size > 0)
}

function repartitionCounts(
  subtopologies: readonly Subtopology[],
  existing: Existing,
): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const { repartitionSourceTopics } of subtopologies) {
    for (const { name, partitions } of repartitionSourceTopics) {
      if (partitions !== 0) counts.set(name, partitions)
    }
  }
  // A repartition topic may be the input of what writes the next one: repeat while that helps.
  for (let isOpen = true, isMoving = true; isOpen; ) {
    if (!isMoving) throw invalid('The repartition topics depend on each other in a circle.')
    isOpen = false
    isMoving = false
    for (const subtopology of subtopologies) {
      for (const sink of subtopology.repartitionSinkTopics) {
        if (counts.has(sink)) continue
        const count = widest(subtopology, counts, existing)
        if (count === undefined) isOpen = true
        else {
          counts.set(sink, count)
          isMoving = true
        }
      }
    }
  }
  for (const { repartitionSourceTopics } of subtopologies) {
    const orphan = repartitionSourceTopics.find(({ name }) => !counts.has(name))
    if (orphan) throw invalid(`Nothing writes to repartition topic ${orphan.name}.`)
  }
  return counts
}

function widest(
  { repartitionSourceTopics, sourceTopics }: Subtopology,
  counts: ReadonlyMap<string, number>,
  existing: Existing,
): number | undefined {
  const known = [
    ...repartitionSourceTopics.map(({ name }) => counts.get(name)),
    ...sourceTopics.map(existing),
  ].filter((count) => count !== undefined)
  return known.length === 0 ? undefined : Math.max(...known)
}
