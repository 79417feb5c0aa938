/**
 * ShareGroupDescribe (key 77), version 1.
 *
 * Behaviour: share groups with their members and what those are assigned. Groups of another kind
 * are GROUP_ID_NOT_FOUND.
 */
import {
  apis,
  type ErrorName,
  errorCode,
  type InferInput,
  type ShareGroupDescribeResponse,
} from '@ottla/protocol'
import { GROUP_OPERATIONS } from '../authorized-operations.ts'
import type { BrokerServices } from '../broker-services.ts'
import { topicPartitionsOf } from '../coordinator/consumer-group/assignment.ts'
import { kindOf } from '../coordinator/group/group-kinds.ts'
import type { ShareMember } from '../coordinator/share-group/share-group.ts'
import { handler } from '../handler.ts'
import { servesShareGroups } from './share-group-heartbeat.ts'

type Described = InferInput<typeof ShareGroupDescribeResponse>['groups'][number]

export const shareGroupDescribe = handler(
  apis.shareGroupDescribe,
  { lowest: 1, highest: 1 },
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
  if (!servesShareGroups(services)) return refused(groupId, 'UNSUPPORTED_VERSION', null)
  if (groupId === '') return refused(groupId, 'INVALID_GROUP_ID', null)
  const fault = await groups.load(groupId)
  if (fault === 'NOT_COORDINATOR') {
    return refused(groupId, fault, 'This is not the correct coordinator.')
  }
  if (fault) return refused(groupId, fault, null)
  const group = groups.coordinator.shareGroups.get(groupId)
  if (!group) {
    const isOther = kindOf(groups.coordinator, groupId) !== undefined
    const reason = isOther ? 'is not a share group' : 'not found'
    return refused(groupId, 'GROUP_ID_NOT_FOUND', `Group ${groupId} ${reason}.`)
  }
  return {
    errorCode: 0,
    groupId,
    groupState: group.state,
    groupEpoch: group.groupEpoch,
    assignmentEpoch: group.assignmentEpoch,
    assignorName: 'simple',
    members: [...group.members.values()].map((member) => describeMember(services, member)),
    ...(includeOperations ? { authorizedOperations: GROUP_OPERATIONS } : {}),
  }
}

/** Topics that are gone have no name and are left out. */
function describeMember({ image }: BrokerServices, { memberId, metadata, current }: ShareMember) {
  const topicPartitions = topicPartitionsOf(current.assigned).flatMap(({ topicId, partitions }) => {
    const topic = image.topicsById.get(topicId)
    return topic ? [{ topicId, topicName: topic.name, partitions }] : []
  })
  return {
    memberId,
    ...metadata,
    memberEpoch: current.memberEpoch,
    assignment: { topicPartitions },
  }
}
