/** Sets of partitions by topic id, as targets and as what members hold. */
import type { Uuid } from '@ottla/base'

/** Partitions by topic id. */
export type Assignment = ReadonlyMap<Uuid, ReadonlySet<number>>

/** Partitions by topic id, each with the epoch in which its member was given it (KIP-1251). */
export type EpochAssignment = ReadonlyMap<Uuid, ReadonlyMap<number, number>>

export const NO_PARTITIONS: Assignment = new Map()
export const NOTHING_HELD: EpochAssignment = new Map()

export interface TopicPartitions {
  readonly topicId: Uuid
  readonly partitions: readonly number[]
}

export function assignmentOf(topics: readonly TopicPartitions[]): Assignment {
  const assignment = new Map<Uuid, Set<number>>()
  for (const { topicId, partitions } of topics) {
    const known = assignment.get(topicId)
    if (!known) assignment.set(topicId, new Set(partitions))
    else for (const partition of partitions) known.add(partition)
  }
  return assignment
}

/** In a stable order, so that equal assignments give equal bytes. */
export function topicPartitionsOf(assignment: Assignment | EpochAssignment): TopicPartitions[] {
  return [...assignment]
    .filter(([, partitions]) => partitions.size > 0)
    .map(([topicId, partitions]) => ({
      topicId,
      partitions: [...partitions.keys()].sort((a, b) => a - b),
    }))
    .sort((a, b) => (a.topicId < b.topicId ? -1 : 1))
}

export function* partitionsOf(
  assignment: Assignment | EpochAssignment,
): Iterable<readonly [Uuid, number]> {
  for (const [topicId, partitions] of assignment) {
    for (const partition of partitions.keys()) yield [topicId, partition]
  }
}

export function countOf(assignment: Assignment | EpochAssignment): number {
  let count = 0
  for (const partitions of assignment.values()) count += partitions.size
  return count
}

/** True when both name the same partitions; epochs are not looked at. */
export function samePartitions(
  a: Assignment | EpochAssignment,
  b: Assignment | EpochAssignment,
): boolean {
  return countOf(a) === countOf(b) && isPartOf(a, b)
}

export function isPartOf(
  part: Assignment | EpochAssignment,
  whole: Assignment | EpochAssignment,
): boolean {
  for (const [topicId, partition] of partitionsOf(part)) {
    if (!whole.get(topicId)?.has(partition)) return false
  }
  return true
}

/** Collects partitions with the epochs in which they were given. */
export class EpochAssignmentBuilder {
  readonly result = new Map<Uuid, Map<number, number>>()

  add(topicId: Uuid, partition: number, epoch: number): void {
    const partitions = this.result.get(topicId)
    if (partitions) partitions.set(partition, epoch)
    else this.result.set(topicId, new Map([[partition, epoch]]))
  }

  get isEmpty(): boolean {
    return this.result.size === 0
  }
}
