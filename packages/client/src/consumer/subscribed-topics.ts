import type { Cluster } from '../cluster/cluster.ts'
import { type AnyTopic, topicOf } from '../serde/topic.ts'

/** A topic by name or definition, or a pattern over names. */
export type Subscribable = string | AnyTopic | RegExp

/** The topics a subscription stands for at the moment, and how to read each. */
export class SubscribedTopics {
  private readonly cluster: Cluster
  private readonly topics = new Map<string, AnyTopic>()
  private readonly patterns: readonly RegExp[]
  private matched: readonly string[] = []
  private refreshedMs = Number.NEGATIVE_INFINITY

  constructor(cluster: Cluster, subscribed: readonly Subscribable[]) {
    this.cluster = cluster
    this.patterns = subscribed.filter((item) => item instanceof RegExp)
    for (const item of subscribed) {
      if (item instanceof RegExp) continue
      const topic = topicOf(item)
      this.topics.set(topic.name, topic)
    }
  }

  /** Looks for topics that match the patterns, as often as metadata is refreshed. */
  async refreshPatterns(): Promise<void> {
    if (this.patterns.length === 0) return
    const { clock, metadataMaxAgeMs } = this.cluster.context
    if (clock.monotonicMs() - this.refreshedMs < metadataMaxAgeMs) return
    this.refreshedMs = clock.monotonicMs()
    await this.cluster.refreshAll()
    this.matched = this.cluster.metadata.topicNames().filter((name) => {
      const isInternal = this.cluster.metadata.topic(name)?.isInternal ?? false
      return !isInternal && this.patterns.some((pattern) => matches(pattern, name))
    })
  }

  names(): readonly string[] {
    return [...new Set([...this.topics.keys(), ...this.matched])]
  }

  /** How to read a topic: as defined, or as bytes when a pattern brought it in. */
  topic(name: string): AnyTopic {
    return this.topics.get(name) ?? topicOf(name)
  }
}

/** A pattern with the flags g or y remembers where it stopped; that must not leak into the next. */
function matches(pattern: RegExp, name: string): boolean {
  pattern.lastIndex = 0
  return pattern.test(name)
}
