/**
 * The running consumers of one `Kafka` object, by group. kafkajs's `sendOffsets` names a group and
 * no consumer; where one consumer of the object is that group's member, its membership goes along,
 * and the coordinator refuses offsets of a member that has been replaced (KIP-447).
 */
import type { GroupMetadata } from '@ottla/client'
import type { TopicOffsets } from './types/cluster.ts'

export interface SharedConsumer {
  readonly groupMetadata: GroupMetadata
  /** Offsets were committed by somebody else: an automatic commit need not repeat them. */
  markCommitted(topics: readonly TopicOffsets[]): void
}

export class SharedConsumers {
  private readonly byGroup = new Map<string, Set<SharedConsumer>>()

  add(group: string, consumer: SharedConsumer): () => void {
    const consumers = this.byGroup.get(group) ?? new Set()
    this.byGroup.set(group, consumers.add(consumer))
    return () => consumers.delete(consumer)
  }

  /** Who commits for the group: its only consumer here, else nobody in particular. */
  memberOf(group: string): { readonly groupMetadata: GroupMetadata } {
    const [only, ...others] = this.byGroup.get(group) ?? []
    if (only && others.length === 0) return only
    const nobody = { group, generationId: -1, memberId: '', groupInstanceId: null }
    return { groupMetadata: nobody }
  }

  markCommitted(group: string, topics: readonly TopicOffsets[]): void {
    for (const consumer of this.byGroup.get(group) ?? []) consumer.markCommitted(topics)
  }
}
