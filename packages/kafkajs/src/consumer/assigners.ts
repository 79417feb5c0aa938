/**
 * kafkajs's assigner, under its name and in its bytes, so that members of both share a group; and
 * any assigner of an application as one of the engine's.
 */
import type { CustomAssignor } from '@ottla/client'
import type { KafkaCluster } from '../cluster/kafka-cluster.ts'
import type { Assigner, Assignment, PartitionAssigner } from '../types/cluster.ts'
import { AssignerProtocol } from './assigner-protocol.ts'

/** Deals all partitions of all topics out in turn, to members in the order of their ids. */
const roundRobin: PartitionAssigner = ({ cluster }) => ({
  name: 'RoundRobinAssigner',
  version: 0,
  async assign({ members, topics }) {
    const ids = members.map(({ memberId }) => memberId).sort()
    const assignments = new Map<string, Assignment>()
    let turn = 0
    for (const topic of topics) {
      for (const { partitionId } of cluster.findTopicPartitionMetadata(topic)) {
        const memberId = ids[turn++ % ids.length] as string
        const assignment: Assignment = assignments.get(memberId) ?? Object.create(null)
        assignment[topic] = [...(assignment[topic] ?? []), partitionId]
        assignments.set(memberId, assignment)
      }
    }
    const { version } = this
    const { encode } = AssignerProtocol.MemberAssignment
    return [...assignments].map(([memberId, assignment]) => ({
      memberId,
      memberAssignment: encode({ version, assignment, userData: Buffer.alloc(0) }),
    }))
  },
  protocol({ topics }) {
    const { name, version } = this
    const { encode } = AssignerProtocol.MemberMetadata
    return { name, metadata: encode({ version, topics, userData: Buffer.alloc(0) }) }
  },
})

export const PartitionAssigners = { roundRobin }

export function engineAssignor(assigner: Assigner, cluster: KafkaCluster): CustomAssignor {
  return {
    name: assigner.name,
    subscription: (topics) => assigner.protocol({ topics: [...topics] }).metadata,
    assign: async (members, topics) => {
      for (const topic of topics) cluster.targetTopics.add(topic)
      await cluster.refreshMetadata()
      const assigned = await assigner.assign({
        members: members.map(({ memberId, metadata }) => ({ memberId, memberMetadata: metadata })),
        topics: [...topics],
      })
      return assigned.map(({ memberId, memberAssignment }) => ({
        memberId,
        assignment: memberAssignment,
      }))
    },
  }
}
