/**
 * The `uniform` assignor: members hold as nearly equally many partitions as their subscriptions
 * allow, and keep what they had as far as that lets them.
 *
 * Must always hold: every partition of a topic that somebody reads belongs to exactly one reader;
 * with equal subscriptions two members differ by one partition at most; with unequal ones no
 * single partition could move to a member that has two fewer.
 */
import type { Uuid } from '@ottla/base'
import type {
  AssignorMember,
  GroupAssignment,
  MutableAssignment,
  PartitionCount,
} from './assignors.ts'

interface Reader {
  readonly member: AssignorMember
  readonly held: MutableAssignment
  count: number
}

export function assignUniform(
  members: readonly AssignorMember[],
  partitionCount: PartitionCount,
): GroupAssignment {
  const readers = [...members]
    .sort((a, b) => (a.memberId < b.memberId ? -1 : 1))
    .map((member): Reader => ({ member, held: new Map(), count: 0 }))
  const taken = keepCurrent(readers, partitionCount)
  if (readers.length > 0) {
    if (haveSameTopics(readers)) shareEqually(readers, taken, partitionCount)
    else shareUnequally(readers, taken, partitionCount)
  }
  return new Map(readers.map(({ member, held }) => [member.memberId, held]))
}

type Taken = Map<Uuid, Set<number>>

function take(reader: Reader, topicId: Uuid, partition: number): void {
  const partitions = reader.held.get(topicId)
  if (partitions) partitions.add(partition)
  else reader.held.set(topicId, new Set([partition]))
  reader.count++
}

function drop(reader: Reader, topicId: Uuid, partition: number): void {
  const partitions = reader.held.get(topicId)
  partitions?.delete(partition)
  if (partitions?.size === 0) reader.held.delete(topicId)
  reader.count--
}

/** Lets everybody have what it had, where that still exists and is still read. */
function keepCurrent(readers: readonly Reader[], partitionCount: PartitionCount): Taken {
  const taken: Taken = new Map()
  for (const reader of readers) {
    for (const [topicId, partitions] of reader.member.current) {
      if (!reader.member.topics.has(topicId)) continue
      const count = partitionCount(topicId)
      let others = taken.get(topicId)
      if (!others) {
        others = new Set()
        taken.set(topicId, others)
      }
      for (const partition of partitions) {
        if (partition >= count || others.has(partition)) continue
        others.add(partition)
        take(reader, topicId, partition)
      }
    }
  }
  return taken
}

function haveSameTopics(readers: readonly Reader[]): boolean {
  const [first, ...others] = readers
  const topics = first?.member.topics ?? new Set()
  return others.every(
    ({ member }) =>
      member.topics.size === topics.size && [...member.topics].every((topic) => topics.has(topic)),
  )
}

function* freePartitions(
  topics: Iterable<Uuid>,
  taken: Taken,
  partitionCount: PartitionCount,
): Iterable<readonly [Uuid, number]> {
  for (const topicId of topics) {
    const others = taken.get(topicId)
    for (let partition = 0; partition < partitionCount(topicId); partition++) {
      if (!others?.has(partition)) yield [topicId, partition]
    }
  }
}

/** Linear in partitions: who has too many gives up the surplus, who has too few takes the free. */
function shareEqually(
  readers: readonly Reader[],
  taken: Taken,
  partitionCount: PartitionCount,
): void {
  const topics = [...(readers[0] as Reader).member.topics].sort()
  const total = topics.reduce((sum, topicId) => sum + partitionCount(topicId), 0)
  const share = Math.floor(total / readers.length)
  let larger = total % readers.length
  const quotas = new Map<Reader, number>()
  for (const reader of readers) {
    const isLarger = reader.count > share && larger > 0
    if (isLarger) larger--
    quotas.set(reader, isLarger ? share + 1 : share)
    giveUpSurplus(reader, quotas.get(reader) as number, taken)
  }
  for (const reader of readers) {
    if (larger === 0) break
    if (quotas.get(reader) === share) {
      quotas.set(reader, share + 1)
      larger--
    }
  }
  let waiting = readers.filter((reader) => reader.count < (quotas.get(reader) as number))
  let turn = 0
  for (const [topicId, partition] of freePartitions(topics, taken, partitionCount)) {
    if (turn >= waiting.length) turn = 0
    const reader = waiting[turn] as Reader
    take(reader, topicId, partition)
    if (reader.count === quotas.get(reader)) waiting = waiting.filter((other) => other !== reader)
    else turn++
  }
}

function giveUpSurplus(reader: Reader, quota: number, taken: Taken): void {
  if (reader.count <= quota) return
  const held = [...reader.held].sort(([a], [b]) => (a < b ? -1 : 1))
  for (const [topicId, partitions] of held.reverse()) {
    for (const partition of [...partitions].sort((a, b) => b - a)) {
      if (reader.count <= quota) return
      drop(reader, topicId, partition)
      taken.get(topicId)?.delete(partition)
    }
  }
}

/** Free partitions go to the reader with least; then single partitions move while that helps. */
function shareUnequally(
  readers: readonly Reader[],
  taken: Taken,
  partitionCount: PartitionCount,
): void {
  const readersOf = new Map<Uuid, Reader[]>()
  for (const reader of readers) {
    for (const topicId of reader.member.topics) {
      const list = readersOf.get(topicId)
      if (list) list.push(reader)
      else readersOf.set(topicId, [reader])
    }
  }
  // Topics with few readers leave the least choice, so they come first.
  const topics = [...readersOf].sort(([a, x], [b, y]) => x.length - y.length || (a < b ? -1 : 1))
  const order = topics.map(([topicId]) => topicId)
  for (const [topicId, partition] of freePartitions(order, taken, partitionCount)) {
    take(leastOf(readersOf.get(topicId) as Reader[]), topicId, partition)
  }
  let hasMoved = true
  while (hasMoved) {
    hasMoved = false
    for (const [topicId, list] of topics) if (level(topicId, list)) hasMoved = true
  }
}

function leastOf(readers: readonly Reader[]): Reader {
  return readers.reduce((least, reader) => (reader.count < least.count ? reader : least))
}

/** Each move makes the sum of squares smaller, so this ends. */
function level(topicId: Uuid, readers: readonly Reader[]): boolean {
  let hasMoved = false
  for (;;) {
    let most: Reader | undefined
    for (const reader of readers) {
      if (reader.held.has(topicId) && (!most || reader.count > most.count)) most = reader
    }
    const least = leastOf(readers)
    if (!most || most.count - least.count < 2) return hasMoved
    const partition = Math.max(...(most.held.get(topicId) as Set<number>))
    drop(most, topicId, partition)
    take(least, topicId, partition)
    hasMoved = true
  }
}
