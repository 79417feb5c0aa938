/**
 * Assignors of a user's own: what members tell each other is theirs, as bytes.
 *
 * A group agrees on an assignor by its name, and members may be programs in other languages or of
 * other libraries, so both the subscription and the assignment lie on the wire as the assignor
 * writes them. Bytes that are not those of Kafka's consumer protocol make a group that only members
 * with the same assignor can read.
 */
export interface MemberSubscription {
  readonly memberId: string
  /** What the member's `subscription` wrote. */
  readonly metadata: Buffer
}

export interface MemberAssignment {
  readonly memberId: string
  /** The consumer protocol's assignment: int16 version, topics with partitions, user data. */
  readonly assignment: Buffer
}

export interface CustomAssignor {
  /** The name members agree on. */
  readonly name: string
  /** What this member tells the leader; the consumer protocol's subscription, or anything else. */
  subscription(topics: readonly string[]): Buffer
  /**
   * Called on the leader: shares partitions out. The topics are those this member wants. May ask
   * the cluster first.
   */
  assign(
    members: readonly MemberSubscription[],
    topics: readonly string[],
  ): Promise<readonly MemberAssignment[]>
}
