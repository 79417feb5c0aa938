/** Who may commit and read the offsets of a streams group. */
import type { ErrorName } from '@ottla/protocol'
import type { StreamsGroup } from './streams-group.ts'
import { taskId } from './tasks.ts'
import { readerOf } from './topology.ts'

/** OffsetCommit tells member epochs from generations from this version on. */
const FIRST_COMMIT_VERSION = 9

export interface StreamsCommit {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly memberEpoch: number
  readonly apiVersion: number
  readonly isTransactional: boolean
  readonly partitions: Iterable<{ readonly topic: string; readonly partition: number }>
}

/**
 * A member that is an epoch behind may still commit for the tasks it was given by then and has not
 * lost since.
 */
export function streamsCommitFault(
  group: StreamsGroup,
  commit: StreamsCommit,
): ErrorName | undefined {
  const { memberId, memberEpoch, isTransactional } = commit
  if (memberEpoch < 0 && group.isEmpty) return undefined
  const isUnnamed = memberId === '' && commit.groupInstanceId === null && memberEpoch === -1
  if (isTransactional && isUnnamed) return undefined
  const member = group.members.get(memberId)
  if (!member) return 'UNKNOWN_MEMBER_ID'
  if (!isTransactional && commit.apiVersion < FIRST_COMMIT_VERSION) return 'UNSUPPORTED_VERSION'
  const { current } = member
  if (memberEpoch === current.memberEpoch) return undefined
  if (memberEpoch > current.memberEpoch || !group.topology) return 'STALE_MEMBER_EPOCH'
  for (const { topic, partition } of commit.partitions) {
    const subtopology = readerOf(group.topology, topic)
    if (subtopology === undefined) return 'STALE_MEMBER_EPOCH'
    const task = taskId(subtopology, partition)
    const epoch = current.assigned.active.get(task) ?? current.revoking.active.get(task)
    if (epoch === undefined || memberEpoch < epoch) return 'STALE_MEMBER_EPOCH'
  }
  return undefined
}

/** Tools name no member and may always read. */
export function streamsFetchFault(
  group: StreamsGroup,
  memberId: string | null,
  memberEpoch: number,
): ErrorName | undefined {
  if (memberId === null && memberEpoch < 0) return undefined
  const member = group.members.get(memberId ?? '')
  if (!member) return 'UNKNOWN_MEMBER_ID'
  return member.current.memberEpoch === memberEpoch ? undefined : 'STALE_MEMBER_EPOCH'
}

/** Whether the topology of a group with members reads a topic. */
export const readsTopic = (group: StreamsGroup, topic: string): boolean =>
  !group.isEmpty && group.topology !== undefined && readerOf(group.topology, topic) !== undefined
