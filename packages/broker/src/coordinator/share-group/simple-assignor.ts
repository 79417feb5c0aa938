/**
 * The assignor `simple` of share groups: every partition has a member, every member a partition,
 * and the load is even. Members keep what they have as far as that allows.
 *
 *   members <= partitions   each partition goes to one member
 *   members >  partitions   each member has one partition, shared with as many others as needed
 */
import type { Uuid } from '@ottla/base'
import { type Assignment, assignmentOf } from '../consumer-group/assignment.ts'

export interface SharingMember {
  readonly memberId: string
  readonly topics: ReadonlySet<Uuid>
  readonly current: Assignment
}

interface Slot {
  readonly topicId: Uuid
  readonly partition: number
}

type Partitions = (topicId: Uuid) => readonly number[]

export function simpleAssignor(
  members: readonly SharingMember[],
  partitionsOf: Partitions,
): Map<string, Assignment> {
  const held = new Map<string, Slot[]>(members.map(({ memberId }) => [memberId, []]))
  for (const { topics, readers } of readersOf(members)) {
    const slots = [...topics].flatMap((topicId) =>
      partitionsOf(topicId).map((partition) => ({ topicId, partition })),
    )
    share(slots, readers, held)
  }
  return new Map([...held].map(([memberId, slots]) => [memberId, assignmentFrom(slots)]))
}

/** Topics with the same readers are shared together; most often that is all of them. */
function readersOf(members: readonly SharingMember[]) {
  const byReaders = new Map<string, { topics: Set<Uuid>; readers: SharingMember[] }>()
  const readersByTopic = new Map<Uuid, SharingMember[]>()
  for (const member of [...members].sort((a, b) => (a.memberId < b.memberId ? -1 : 1))) {
    for (const topic of member.topics) {
      const readers = readersByTopic.get(topic)
      if (readers) readers.push(member)
      else readersByTopic.set(topic, [member])
    }
  }
  for (const topic of [...readersByTopic.keys()].sort()) {
    const readers = readersByTopic.get(topic) as SharingMember[]
    const key = readers.map(({ memberId }) => memberId).join('\n')
    const known = byReaders.get(key)
    if (known) known.topics.add(topic)
    else byReaders.set(key, { topics: new Set([topic]), readers })
  }
  return byReaders.values()
}

function share(
  slots: readonly Slot[],
  readers: readonly SharingMember[],
  held: ReadonlyMap<string, Slot[]>,
): void {
  if (slots.length === 0 || readers.length === 0) return
  const total = Math.max(slots.length, readers.length)
  const perMember = new Quota(total, readers.length)
  const perSlot = new Quota(total, slots.length)
  const taken = new Map<string, Slot[]>()
  for (const { memberId, current } of readers) {
    const kept: Slot[] = []
    taken.set(memberId, kept)
    for (const slot of slots) {
      if (!current.get(slot.topicId)?.has(slot.partition)) continue
      if (!perMember.has(memberId) || !perSlot.has(keyOf(slot))) continue
      perMember.take(memberId)
      perSlot.take(keyOf(slot))
      kept.push(slot)
    }
  }
  for (const { memberId } of readers) {
    const mine = taken.get(memberId) as Slot[]
    for (const slot of slots) {
      while (perMember.has(memberId) && perSlot.has(keyOf(slot)) && !mine.includes(slot)) {
        perMember.take(memberId)
        perSlot.take(keyOf(slot))
        mine.push(slot)
      }
    }
    held.get(memberId)?.push(...mine)
  }
}

const keyOf = ({ topicId, partition }: Slot): string => `${topicId}:${partition}`

/** An even share of a total for each of `count` takers; as many as needed may have one more. */
class Quota {
  private readonly floor: number
  private more: number
  private readonly taken = new Map<string, number>()

  constructor(total: number, count: number) {
    this.floor = Math.floor(total / count)
    this.more = total % count
  }

  has(taker: string): boolean {
    const taken = this.taken.get(taker) ?? 0
    return taken < this.floor || (taken === this.floor && this.more > 0)
  }

  take(taker: string): void {
    const taken = this.taken.get(taker) ?? 0
    if (taken === this.floor) this.more--
    this.taken.set(taker, taken + 1)
  }
}

function assignmentFrom(slots: readonly Slot[]): Assignment {
  return assignmentOf(slots.map(({ topicId, partition }) => ({ topicId, partitions: [partition] })))
}
