/**
 * Who reads which partitions of a consumer group: the assignors `uniform` and `range` that the
 * broker offers. Pure and deterministic; members come in any order.
 */
import type { Uuid } from '@ottla/base'
import type { Assignment } from './assignment.ts'
import { assignUniform } from './uniform-assignor.ts'

export interface AssignorMember {
  readonly memberId: string
  readonly instanceId: string | null
  /** Topics that exist and that the member reads. */
  readonly topics: ReadonlySet<Uuid>
  /** What it was meant to read so far. */
  readonly current: Assignment
}

export type MutableAssignment = Map<Uuid, Set<number>>
export type GroupAssignment = ReadonlyMap<string, Assignment>
export type PartitionCount = (topicId: Uuid) => number

export type Assignor = (
  members: readonly AssignorMember[],
  partitionCount: PartitionCount,
) => GroupAssignment

export const assignors: Readonly<Record<string, Assignor>> = {
  uniform: assignUniform,
  range: assignRange,
}

export function give(assignment: MutableAssignment, topicId: Uuid, partition: number): void {
  const partitions = assignment.get(topicId)
  if (partitions) partitions.add(partition)
  else assignment.set(topicId, new Set([partition]))
}

/** Per topic, consecutive partitions for each member in the order of their ids. */
export function assignRange(
  members: readonly AssignorMember[],
  partitionCount: PartitionCount,
): GroupAssignment {
  const sorted = [...members].sort(byInstanceThenMember)
  const result = new Map<string, MutableAssignment>()
  const readers = new Map<Uuid, AssignorMember[]>()
  for (const member of sorted) {
    result.set(member.memberId, new Map())
    for (const topicId of member.topics) {
      const list = readers.get(topicId)
      if (list) list.push(member)
      else readers.set(topicId, [member])
    }
  }
  for (const [topicId, list] of readers) {
    const count = partitionCount(topicId)
    const share = Math.floor(count / list.length)
    const larger = count % list.length
    let partition = 0
    list.forEach(({ memberId }, i) => {
      const end = partition + share + (i < larger ? 1 : 0)
      const assignment = result.get(memberId) as MutableAssignment
      for (; partition < end; partition++) give(assignment, topicId, partition)
    })
  }
  return result
}

/** Static members come first, so that a dynamic one that comes and goes moves none of theirs. */
function byInstanceThenMember(a: AssignorMember, b: AssignorMember): number {
  if (a.instanceId !== null && b.instanceId !== null) return a.instanceId < b.instanceId ? -1 : 1
  if (a.instanceId !== null) return -1
  if (b.instanceId !== null) return 1
  return a.memberId < b.memberId ? -1 : 1
}
