import {
  type Assignor,
  compareMembers,
  emptyAssignment,
  type GroupMemberSubscription,
} from './assignor.ts'

/**
 * All partitions of all topics in order, dealt out to the members in turn; a member that does not
 * want a topic is passed over.
 */
export const roundRobinAssignor: Assignor = {
  name: 'roundrobin',
  isCooperative: false,
  assign(members, partitionCounts) {
    const assignment = emptyAssignment(members)
    const sorted = [...members].sort(compareMembers)
    let turn = 0
    for (const topic of [...partitionCounts.keys()].sort()) {
      if (!sorted.some((member) => member.topics.includes(topic))) continue
      for (let partition = 0; partition < (partitionCounts.get(topic) ?? 0); partition++) {
        while (!memberAt(sorted, turn).topics.includes(topic)) turn++
        assignment.get(memberAt(sorted, turn).memberId)?.push({ topic, partition })
        turn++
      }
    }
    return assignment
  },
}

const memberAt = (members: readonly GroupMemberSubscription[], turn: number) =>
  members[turn % members.length] as GroupMemberSubscription
