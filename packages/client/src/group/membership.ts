/** Membership in a consumer group as the consumer sees it, whichever protocol the group speaks. */
import type { ErrorName } from '@ottla/protocol'
import type { TopicPartition } from './assignor.ts'
import type { CommitIdentity } from './group-coordination.ts'

export interface MembershipEvents {
  /** Called with what is about to be given up; awaited, so that offsets can be committed. */
  readonly onRevoked: (partitions: readonly TopicPartition[]) => Promise<void>
  /** Called with what was taken away already. */
  readonly onLost: (partitions: readonly TopicPartition[]) => void
  readonly onAssigned: (partitions: readonly TopicPartition[]) => void
  /** Something changed that `ensureJoined` should look at. */
  readonly onChange: () => void
  /** Topics this member wants; patterns are resolved by the caller. */
  readonly topics: () => readonly string[]
}

export interface Membership {
  /** Who commits. */
  readonly identity: CommitIdentity
  readonly isMember: boolean
  /**
   * Joins, rejoins, gives up and takes over when there is reason to; called between two batches.
   */
  ensureJoined(signal?: AbortSignal): Promise<void>
  /** Tells what a failed commit says about the membership. */
  noteCommitError(name: ErrorName): void
  /** Gives everything up in good order: commit first, then leave. Static members stay members. */
  close(): Promise<void>
}

export const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}:${partition}`
