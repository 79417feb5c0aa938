/** Who may commit and read the offsets of a consumer group. */
import type { ErrorName } from '@ottla/protocol'
import type { ConsumerGroup, ConsumerMember } from './consumer-group.ts'

/** OffsetCommit tells member epochs from generations from this version on. */
const FIRST_COMMIT_VERSION = 9

export interface ConsumerCommit {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly memberEpoch: number
  readonly apiVersion: number
  readonly isTransactional: boolean
  readonly partitions: Iterable<{ readonly topicId: string; readonly partition: number }>
}

/**
 * A member that is an epoch behind may still commit what it was given by then and has not lost
 * since (KIP-1251).
 */
export function consumerCommitFault(
  group: ConsumerGroup,
  commit: ConsumerCommit,
): ErrorName | undefined {
  const { memberId, memberEpoch, isTransactional } = commit
  if (memberEpoch < 0 && group.isEmpty) return undefined
  const isUnnamed = memberId === '' && commit.groupInstanceId === null && memberEpoch === -1
  if (isTransactional && isUnnamed) return undefined
  const member = group.members.get(memberId)
  if (!member) return 'UNKNOWN_MEMBER_ID'
  const isClassic = member.metadata.classicMemberMetadata !== null
  const isOld = !isClassic && !isTransactional && commit.apiVersion < FIRST_COMMIT_VERSION
  if (isOld) return 'UNSUPPORTED_VERSION'
  const { current } = member
  const stale = staleError(member)
  if (memberEpoch === current.memberEpoch) return undefined
  if (memberEpoch > current.memberEpoch) return stale
  for (const { topicId, partition } of commit.partitions) {
    const epoch =
      current.assigned.get(topicId)?.get(partition) ?? current.revoking.get(topicId)?.get(partition)
    if (epoch === undefined || memberEpoch < epoch) return stale
  }
  return undefined
}

/** A member of the classic protocol knows its epoch as a generation. */
const staleError = ({ metadata }: ConsumerMember): ErrorName =>
  metadata.classicMemberMetadata === null ? 'STALE_MEMBER_EPOCH' : 'ILLEGAL_GENERATION'

/** Tools name no member and may always read. */
export function consumerFetchFault(
  group: ConsumerGroup,
  memberId: string | null,
  memberEpoch: number,
): ErrorName | undefined {
  if (memberId === null && memberEpoch < 0) return undefined
  const member = group.members.get(memberId ?? '')
  if (!member) return 'UNKNOWN_MEMBER_ID'
  return member.current.memberEpoch === memberEpoch ? undefined : staleError(member)
}
