/**
 * Subscriptions by regular expression: which topics each stands for, as recorded. Internal topics
 * are among them, as in Apache Kafka.
 *
 * Apache Kafka matches a pattern that is new to a group on another thread, so a member that brings
 * one is first given the topics it named, and what the pattern stands for with a later heartbeat.
 * Clients rely on these two steps. Here the heartbeat that follows does the matching. A member that
 * named no topics would wait for nothing: its pattern is matched at once.
 */
import type { ConsumerGroup } from './consumer-group.ts'
import type { MemberMetadata } from './consumer-group-records.ts'
import type { Changes } from './consumer-groups.ts'
import { compilePattern } from './topic-pattern.ts'

function matching(changes: Changes, pattern: string): string[] {
  const matches = compilePattern(pattern)
  const names: string[] = []
  for (const name of changes.groups.options.topics.names()) {
    if (matches(name)) names.push(name)
  }
  return names.sort()
}

function record(changes: Changes, group: ConsumerGroup, pattern: string, topics: string[]): void {
  const version = changes.groups.options.topics.version()
  const value = { topics, version, timestamp: changes.now.wallMs }
  changes.add({ kind: 'consumer-pattern', group: group.groupId, pattern, value })
}

/** Resolves a pattern that is new to the group. */
function resolve(changes: Changes, group: ConsumerGroup, pattern: string): boolean {
  if (group.patterns.has(pattern)) return false
  record(changes, group, pattern, matching(changes, pattern))
  return true
}

/** Resolves what earlier heartbeats have brought; true when that was something. */
export function resolvePending(changes: Changes, group: ConsumerGroup | undefined): boolean {
  let isAny = false
  for (const { metadata } of group?.members.values() ?? []) {
    const { subscribedTopicRegex: pattern } = metadata
    if (group && pattern !== null && resolve(changes, group, pattern)) isAny = true
  }
  return isAny
}

/** Resolves what this heartbeat brings, unless the member has topics to begin with. */
export function resolveFirst(
  changes: Changes,
  group: ConsumerGroup,
  { subscribedTopicRegex: pattern, subscribedTopicNames: names }: MemberMetadata,
): void {
  if (pattern !== null && names.length === 0) resolve(changes, group, pattern)
}

/** Resolves all patterns again, after topics came or went. */
export function refreshPatterns(changes: Changes, group: ConsumerGroup): void {
  for (const [pattern, { topics }] of [...group.patterns]) {
    const now = matching(changes, pattern)
    const isSame = now.length === topics.length && now.every((name, i) => name === topics[i])
    if (!isSame) record(changes, group, pattern, now)
  }
}
