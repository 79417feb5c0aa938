/**
 * Balanced first, then as few moves as possible; and a partition that moves is given to nobody in
 * the round in which its owner gives it up (KIP-429), so that no two members ever hold it at once.
 *
 * When all members want the same topics, members keep what they own up to their share and the rest
 * is dealt out to those below it, in order. Otherwise partitions go to whoever has least among
 * those that want them, and are then moved from fuller to emptier members while that helps.
 */
import {
  type Assignor,
  compareText,
  emptyAssignment,
  type GroupAssignment,
  type GroupMemberSubscription,
  type TopicPartition,
} from './assignor.ts'

type Counts = ReadonlyMap<string, number>

export const cooperativeStickyAssignor: Assignor = {
  name: 'cooperative-sticky',
  isCooperative: true,
  assign(members, partitionCounts) {
    const owned = validOwnership(members, partitionCounts)
    const assignment = haveSameTopics(members)
      ? assignEvenly(members, partitionCounts, owned)
      : assignByLoad(members, partitionCounts, owned)
    return withholdMoving(assignment, owned)
  },
}

const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}:${partition}`

function haveSameTopics(members: readonly GroupMemberSubscription[]): boolean {
  const texts = members.map((member) => JSON.stringify([...new Set(member.topics)].sort()))
  return texts.every((text) => text === texts[0])
}

function allPartitions(members: readonly GroupMemberSubscription[], counts: Counts) {
  const wanted = new Set(members.flatMap((member) => member.topics))
  const partitions: TopicPartition[] = []
  for (const topic of [...wanted].sort()) {
    const count = counts.get(topic) ?? 0
    for (let partition = 0; partition < count; partition++) partitions.push({ topic, partition })
  }
  return partitions
}

/**
 * Who really owns what. Partitions that are gone or not wanted any more do not count; of two claims
 * the one of the later generation holds; two claims of the same generation cancel each other, since
 * one of them must be wrong and nobody can tell which.
 */
function validOwnership(
  members: readonly GroupMemberSubscription[],
  counts: Counts,
): GroupAssignment {
  const claims = new Map<string, { generationId: number; memberIds: string[] }>()
  const generations = members.map((m) => (m.ownedPartitions.length > 0 ? m.generationId : -1))
  const newest = Math.max(-1, ...generations)
  for (const member of members) {
    for (const partition of member.ownedPartitions) {
      const exists = partition.partition < (counts.get(partition.topic) ?? 0)
      if (!exists || !member.topics.includes(partition.topic)) continue
      const key = keyOf(partition)
      const claim = claims.get(key)
      if (!claim || claim.generationId < member.generationId) {
        claims.set(key, { generationId: member.generationId, memberIds: [member.memberId] })
      } else if (claim.generationId === member.generationId) claim.memberIds.push(member.memberId)
    }
  }
  const owned = emptyAssignment(members)
  for (const member of members) {
    // A member that missed generations may hold partitions that went to others meanwhile.
    if (member.generationId < newest) continue
    for (const partition of member.ownedPartitions) {
      const claim = claims.get(keyOf(partition))
      const isSoleOwner = claim?.memberIds.length === 1 && claim.memberIds[0] === member.memberId
      if (isSoleOwner) owned.get(member.memberId)?.push(partition)
    }
  }
  return owned
}

function assignEvenly(
  members: readonly GroupMemberSubscription[],
  counts: Counts,
  owned: GroupAssignment,
): GroupAssignment {
  const assignment = emptyAssignment(members)
  const all = allPartitions(members, counts)
  const least = Math.floor(all.length / members.length)
  const most = Math.ceil(all.length / members.length)
  const aboveLeast = all.length % members.length
  let above = 0
  const below: string[] = []
  let atLeast: string[] = []
  for (const memberId of [...owned.keys()].sort(compareText)) {
    const mine = owned.get(memberId) ?? []
    const mayHaveMost = mine.length >= most && above < aboveLeast
    const keep = mine.length < least ? mine : mine.slice(0, mayHaveMost ? most : least)
    assignment.get(memberId)?.push(...keep)
    if (mine.length < least) below.push(memberId)
    else if (mayHaveMost) above++
    else atLeast.push(memberId)
  }
  const taken = new Set([...assignment.values()].flat().map(keyOf))
  let round: string[] = []
  for (const partition of all.filter((p) => !taken.has(keyOf(p)))) {
    if (round.length === 0) {
      round = below.length > 0 ? [...below] : above < aboveLeast ? [...atLeast] : []
    }
    const memberId = round.shift() as string
    const mine = assignment.get(memberId) as TopicPartition[]
    mine.push(partition)
    if (mine.length === least) {
      if (below.includes(memberId)) below.splice(below.indexOf(memberId), 1)
      atLeast.push(memberId)
    } else if (mine.length > least) {
      above++
      atLeast = atLeast.filter((other) => other !== memberId)
    }
  }
  return assignment
}

function assignByLoad(
  members: readonly GroupMemberSubscription[],
  counts: Counts,
  owned: GroupAssignment,
): GroupAssignment {
  const assignment: GroupAssignment = new Map([...owned].map(([id, mine]) => [id, [...mine]]))
  const wants = new Map(members.map((member) => [member.memberId, new Set(member.topics)]))
  const ids = [...assignment.keys()].sort(compareText)
  const load = (id: string) => assignment.get(id)?.length ?? 0
  const takers = (topic: string) => ids.filter((id) => wants.get(id)?.has(topic))
  const lightest = (topic: string) =>
    takers(topic).reduce((best, id) => (load(id) < load(best) ? id : best))
  const taken = new Set([...assignment.values()].flat().map(keyOf))
  const free = allPartitions(members, counts).filter((p) => !taken.has(keyOf(p)))
  // Those with the smallest choice of takers first, or their takers would be full already.
  free.sort((a, b) => takers(a.topic).length - takers(b.topic).length)
  for (const partition of free) assignment.get(lightest(partition.topic))?.push(partition)
  // Each move lowers the sum of squared loads, so this ends.
  for (let hasMoved = true; hasMoved; ) {
    hasMoved = false
    for (const id of ids) {
      const mine = assignment.get(id) as TopicPartition[]
      for (const partition of [...mine]) {
        const to = lightest(partition.topic)
        if (load(id) - load(to) < 2) continue
        mine.splice(mine.indexOf(partition), 1)
        assignment.get(to)?.push(partition)
        hasMoved = true
      }
    }
  }
  return assignment
}

/** Takes out what another member still owns; it is assigned in the round after that one lets go. */
function withholdMoving(assignment: GroupAssignment, owned: GroupAssignment): GroupAssignment {
  const ownerOf = new Map<string, string>()
  for (const [memberId, mine] of owned) for (const p of mine) ownerOf.set(keyOf(p), memberId)
  const settled: GroupAssignment = new Map()
  for (const [memberId, partitions] of assignment) {
    settled.set(
      memberId,
      partitions.filter((p) => (ownerOf.get(keyOf(p)) ?? memberId) === memberId),
    )
  }
  return settled
}
