/**
 * Subscriptions by regular expression: which topics each stands for, as recorded. Internal topics
 * are among them, as in Apache Kafka.
 */
import type { ConsumerGroup } from './consumer-group.ts'
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
export function resolvePattern(
  changes: Changes,
  group: ConsumerGroup,
  pattern: string | null,
): void {
  if (pattern === null || group.patterns.has(pattern)) return
  record(changes, group, pattern, matching(changes, pattern))
}

/** Resolves all patterns again, after topics came or went. */
export function refreshPatterns(changes: Changes, group: ConsumerGroup): void {
  for (const [pattern, { topics }] of [...group.patterns]) {
    const now = matching(changes, pattern)
    const isSame = now.length === topics.length && now.every((name, i) => name === topics[i])
    if (!isSame) record(changes, group, pattern, now)
  }
}
