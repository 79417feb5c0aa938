/**
 * Makes the internal topics of streams groups. What could not be made is not tried again for a
 * while, since every member of the group asks for it with each of its heartbeats.
 */
import type { Clock } from '@ottla/base'
import type { TopicInfo } from './coordinator/streams-group/topology.ts'
import type { TopicAdmin } from './topic-admin.ts'

interface Failure {
  readonly message: string
  readonly untilMs: number
}

const TOLD = 3

export class StreamsTopics {
  private readonly topics: TopicAdmin
  private readonly clock: Clock
  private readonly failures = new Map<string, Failure>()
  private readonly creating = new Set<string>()

  constructor(topics: TopicAdmin, clock: Clock) {
    this.topics = topics
    this.clock = clock
  }

  /** Gives what went wrong, now or a short while ago, or undefined when all are there. */
  async create(wanted: readonly TopicInfo[], failureMs: number): Promise<string | undefined> {
    const nowMs = this.clock.monotonicMs()
    for (const [name, { untilMs }] of this.failures) {
      if (untilMs <= nowMs) this.failures.delete(name)
    }
    const asked = wanted.filter(({ name }) => !this.failures.has(name) && !this.creating.has(name))
    for (const { name } of asked) this.creating.add(name)
    try {
      const created = asked.length > 0 ? await this.topics.create(asked.map(newTopic)) : []
      for (const { name, errorCode, errorMessage } of created) {
        if (errorCode === 0) continue
        const message = errorMessage ?? `error ${errorCode}`
        this.failures.set(name, { message, untilMs: nowMs + failureMs })
      }
    } finally {
      for (const { name } of asked) this.creating.delete(name)
    }
    const failed = wanted.flatMap(({ name }) => {
      const failure = this.failures.get(name)
      return failure ? [`${name} (${failure.message})`] : []
    })
    if (failed.length === 0) return undefined
    const more = failed.length > TOLD ? ` and ${failed.length - TOLD} more` : ''
    return failed.slice(0, TOLD).join(', ') + more
  }
}

/** A replication factor of 0 leaves it to the broker. */
const newTopic = ({ name, partitions, replicationFactor, topicConfigs }: TopicInfo) => ({
  name,
  numPartitions: partitions,
  replicationFactor: replicationFactor === 0 ? -1 : replicationFactor,
  assignments: [],
  configs: topicConfigs.map(({ key, value }) => ({ name: key, value })),
})
