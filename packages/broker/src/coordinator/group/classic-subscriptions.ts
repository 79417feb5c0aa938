/** What the members of a classic group read, as far as their metadata tells. */
import { subscriptionIn } from '../consumer-group/embedded-protocol.ts'
import type { ClassicGroup } from './classic-group.ts'

/** Topics the members of a consumer group read; undefined when that cannot be known. */
export function subscribedTopicsOf(group: ClassicGroup): ReadonlySet<string> | undefined {
  if (group.protocolType !== 'consumer' || group.protocolName === null) return undefined
  const topics = new Set<string>()
  for (const member of group.members.values()) {
    // Members may put anything here; what we cannot read protects all topics.
    const subscription = subscriptionIn(group.metadataOf(member))
    if (!subscription) return undefined
    for (const topic of subscription.topics) topics.add(topic)
  }
  return topics
}
