/**
 * ConsumerGroupDescribe (key 69), versions 0-1.
 *
 * Behaviour: consumer groups with their members, what those hold and what they are meant to hold.
 * Groups of another kind are GROUP_ID_NOT_FOUND.
 * Version notes: the protocol each member speaks from 1.
 */
import {
  apis,
  type ConsumerGroupDescribeResponse,
  type ErrorName,
  errorCode,
  type InferInput,
} from '@ottla/protocol'
import { GROUP_OPERATIONS } from '../authorized-operations.ts'
import type { BrokerServices } from '../broker-services.ts'
import {
  type Assignment,
  partitionsOf,
  topicPartitionsOf,
} from '../coordinator/consumer-group/assignment.ts'
import type { ConsumerGroup, ConsumerMember } from '../coordinator/consumer-group/consumer-group.ts'
import { kindOf } from '../coordinator/group/group-kinds.ts'
import { handler } from '../handler.ts'
import { servesConsumerGroups } from './consumer-group-heartbeat.ts'

type Described = InferInput<typeof ConsumerGroupDescribeResponse>['groups'][number]

/** KIP-1099: 0 for members of the classic protocol, 1 for those of consumer groups. */
const MEMBER_TYPE = { CLASSIC: 0, CONSUMER: 1 } as const

export const consumerGroupDescribe = handler(
  apis.consumerGroupDescribe,
  { lowest: 0, highest: 1 },
  async (services, _context, request) => {
    const answers = request.groupIds.map((groupId) =>
      describe(services, groupId, request.includeAuthorizedOperations),
    )
    return { throttleTimeMs: 0, groups: await Promise.all(answers) }
  },
)

const refused = (groupId: string, error: ErrorName, errorMessage: string | null): Described => ({
  errorCode: errorCode(error),
  errorMessage,
  groupId,
  groupState: '',
  groupEpoch: 0,
  assignmentEpoch: 0,
  assignorName: '',
  members: [],
})

async function describe(
  services: BrokerServices,
  groupId: string,
  includeOperations: boolean,
): Promise<Described> {
  const { groups } = services
  if (!servesConsumerGroups(services)) return refused(groupId, 'UNSUPPORTED_VERSION', null)
  if (groupId === '') return refused(groupId, 'INVALID_GROUP_ID', null)
  const fault = await groups.load(groupId)
  if (fault) return refused(groupId, fault, null)
  const { consumerGroups } = groups.coordinator
  const group = consumerGroups.get(groupId)
  if (!group) {
    const isOther = kindOf(groups.coordinator, groupId) !== undefined
    const reason = isOther ? 'is not a consumer group' : 'not found'
    return refused(groupId, 'GROUP_ID_NOT_FOUND', `Group ${groupId} ${reason}.`)
  }
  return {
    errorCode: 0,
    groupId,
    groupState: group.state,
    groupEpoch: group.groupEpoch,
    assignmentEpoch: group.assignmentEpoch,
    assignorName: consumerGroups.preferredAssignor(group),
    members: [...group.members.values()].map((member) => describeMember(services, group, member)),
    ...(includeOperations ? { authorizedOperations: GROUP_OPERATIONS } : {}),
  }
}

function describeMember(services: BrokerServices, group: ConsumerGroup, member: ConsumerMember) {
  const { memberId, metadata, current } = member
  const isClassic = metadata.classicMemberMetadata !== null
  return {
    memberId,
    instanceId: metadata.instanceId,
    rackId: metadata.rackId,
    memberEpoch: current.memberEpoch,
    clientId: metadata.clientId,
    clientHost: metadata.clientHost,
    subscribedTopicNames: metadata.subscribedTopicNames,
    subscribedTopicRegex: metadata.subscribedTopicRegex ?? '',
    assignment: named(services, heldBy(member)),
    targetAssignment: named(services, group.target(memberId)),
    memberType: isClassic ? MEMBER_TYPE.CLASSIC : MEMBER_TYPE.CONSUMER,
  }
}

/** What it has and what it still has to give up. */
function heldBy({ current }: ConsumerMember): Assignment {
  const held = new Map<string, Set<number>>()
  for (const [topicId, partition] of [
    ...partitionsOf(current.assigned),
    ...partitionsOf(current.revoking),
  ]) {
    held.set(topicId, (held.get(topicId) ?? new Set()).add(partition))
  }
  return held
}

/** Topics that are gone have no name and are left out. */
function named({ image }: BrokerServices, assignment: Assignment) {
  const topicPartitions = topicPartitionsOf(assignment).flatMap(({ topicId, partitions }) => {
    const topic = image.topicsById.get(topicId)
    return topic ? [{ topicId, topicName: topic.name, partitions }] : []
  })
  return { topicPartitions }
}
