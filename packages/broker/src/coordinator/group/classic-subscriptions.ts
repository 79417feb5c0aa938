/** What the members of a classic group read, as far as their metadata tells. */
import { ConsumerProtocolSubscription, decodeMessage, MalformedMessageError } from '@ottla/protocol'
import type { ClassicGroup } from './classic-group.ts'

/** Topics the members of a consumer group read; undefined when that cannot be known. */
export function subscribedTopicsOf(group: ClassicGroup): ReadonlySet<string> | undefined {
  if (group.protocolType !== 'consumer' || group.protocolName === null) return undefined
  const topics = new Set<string>()
  for (const member of group.members.values()) {
    const metadata = group.metadataOf(member)
    if (metadata.length < 2) return undefined
    try {
      const version = Math.min(metadata.readInt16BE(0), ConsumerProtocolSubscription.highest)
      const body = metadata.subarray(2)
      for (const topic of decodeMessage(ConsumerProtocolSubscription, version, body).topics) {
        topics.add(topic)
      }
    } catch (error) {
      // Members may put anything here; what we cannot read protects all topics.
      if (!(error instanceof MalformedMessageError)) throw error
      return undefined
    }
  }
  return topics
}
