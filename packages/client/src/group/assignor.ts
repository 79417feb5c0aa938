/** What all assignors share: members and partitions in, partitions per member out. Pure. */
export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

export interface GroupMemberSubscription {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly topics: readonly string[]
  /** What the member held in `generationId`. */
  readonly ownedPartitions: readonly TopicPartition[]
  readonly generationId: number
}

export type GroupAssignment = Map<string, TopicPartition[]>

export type AssignorName = 'range' | 'roundrobin' | 'cooperative-sticky'

export interface Assignor {
  /** The name members agree on; that of Kafka's Java assignors, so that both share groups. */
  readonly name: AssignorName
  /** Cooperative: partitions move in two steps, members keep what does not move. */
  readonly isCooperative: boolean
  assign(
    members: readonly GroupMemberSubscription[],
    partitionCounts: ReadonlyMap<string, number>,
  ): GroupAssignment
}

/** Static members by their instance id come first, then the others by member id. */
export function compareMembers(a: GroupMemberSubscription, b: GroupMemberSubscription): number {
  if (a.groupInstanceId !== null && b.groupInstanceId !== null) {
    return compareText(a.groupInstanceId, b.groupInstanceId)
  }
  if (a.groupInstanceId !== null) return -1
  if (b.groupInstanceId !== null) return 1
  return compareText(a.memberId, b.memberId)
}

export const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

export function emptyAssignment(members: readonly GroupMemberSubscription[]): GroupAssignment {
  return new Map(members.map(({ memberId }) => [memberId, []]))
}
