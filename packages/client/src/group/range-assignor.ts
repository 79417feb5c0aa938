import { type Assignor, compareMembers, emptyAssignment } from './assignor.ts'

/**
 * Topic by topic: the members that want it, in order, each get a run of neighbouring partitions;
 * the first ones get one more when it does not divide evenly. Topics with equal numbers of
 * partitions are cut at the same places, so their partitions of one number meet at one member.
 */
export const rangeAssignor: Assignor = {
  name: 'range',
  isCooperative: false,
  assign(members, partitionCounts) {
    const assignment = emptyAssignment(members)
    const sorted = [...members].sort(compareMembers)
    for (const topic of [...partitionCounts.keys()].sort()) {
      const interested = sorted.filter((member) => member.topics.includes(topic))
      if (interested.length === 0) continue
      const count = partitionCounts.get(topic) ?? 0
      const least = Math.floor(count / interested.length)
      const withOneMore = count % interested.length
      let next = 0
      for (const [i, member] of interested.entries()) {
        const share = least + (i < withOneMore ? 1 : 0)
        for (let n = 0; n < share; n++) {
          assignment.get(member.memberId)?.push({ topic, partition: next++ })
        }
      }
    }
    return assignment
  },
}
