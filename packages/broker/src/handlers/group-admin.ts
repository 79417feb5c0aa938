/**
 * ListGroups (key 16) 0-5, DescribeGroups (15) 0-6, DeleteGroups (42) 0-3, OffsetDelete (47) 0.
 *
 * Behaviour: groups of the classic protocol, consumer groups, and groups that only ever committed
 * offsets. DescribeGroups does not know consumer groups; ConsumerGroupDescribe does.
 * Version notes: ListGroups filters by state from 4 and by type from 5; an unknown group is "Dead"
 * without an error up to DescribeGroups 5, GROUP_ID_NOT_FOUND from 6.
 */
import {
  apis,
  type DescribeGroupsResponse,
  type ErrorName,
  errorCode,
  type InferInput,
} from '@ottla/protocol'
import { GROUP_OPERATIONS } from '../authorized-operations.ts'
import type { BrokerServices } from '../broker-services.ts'
import { kindOf } from '../coordinator/group/group-kinds.ts'
import {
  type DescribedGroup,
  deleteGroup,
  isSubscribed,
  listGroups as list,
  offsetDeleteFault,
} from '../coordinator/group/group-offsets.ts'
import type { GroupRecord } from '../coordinator/group/group-records.ts'
import { handler } from '../handler.ts'
import { deleteShareGroup } from '../share/share-offsets.ts'

export const listGroups = handler(
  apis.listGroups,
  { lowest: 0, highest: 5 },
  async ({ groups }, _context, request) => {
    const fault = await groups.loadAll()
    if (fault) return { throttleTimeMs: 0, errorCode: errorCode(fault), groups: [] }
    const states = request.statesFilter.map((state) => state.toLowerCase())
    const types = request.typesFilter.map((type) => type.toLowerCase())
    const isWanted = ({ state, type }: DescribedGroup) =>
      (states.length === 0 || states.includes(filterName(state))) &&
      (types.length === 0 || types.includes(type))
    return {
      throttleTimeMs: 0,
      errorCode: 0,
      groups: list(groups.coordinator)
        .filter(isWanted)
        .map(({ groupId, state, protocolType, type }) => ({
          groupId,
          protocolType,
          groupState: state,
          groupType: type,
        })),
    }
  },
)

/** Apache Kafka compares filters with this name, so that "NotReady" finds nothing there either. */
const filterName = (state: string): string =>
  state === 'NotReady' ? 'not_ready' : state.toLowerCase()

type Described = InferInput<typeof DescribeGroupsResponse>['groups'][number]

export const describeGroups = handler(
  apis.describeGroups,
  { lowest: 0, highest: 6 },
  async (services, { apiVersion }, request) => {
    const answers = request.groups.map((groupId) =>
      describe(services, apiVersion, groupId, request.includeAuthorizedOperations),
    )
    return { throttleTimeMs: 0, groups: await Promise.all(answers) }
  },
)

async function describe(
  services: BrokerServices,
  apiVersion: number,
  groupId: string,
  includeOperations: boolean,
): Promise<Described> {
  const { groups } = services
  const blank = {
    groupId,
    groupState: '',
    protocolType: '',
    protocolData: '',
    members: [],
  }
  const fault = await groups.load(groupId)
  if (fault) return { ...blank, errorCode: errorCode(fault) }
  const found = {
    ...blank,
    ...(includeOperations ? { authorizedOperations: GROUP_OPERATIONS } : {}),
  }
  const { coordinator } = groups
  const group = coordinator.groups.get(groupId)
  if (!group) {
    const kind = kindOf(coordinator, groupId)
    if (kind === 'classic') {
      return { ...found, errorCode: 0, groupState: 'Empty' }
    }
    if (apiVersion < 6) return { ...found, errorCode: 0, groupState: 'Dead' }
    const errorMessage = kind
      ? `Group ${groupId} is not a classic group.`
      : `Group ${groupId} not found.`
    return {
      ...blank,
      errorCode: errorCode('GROUP_ID_NOT_FOUND'),
      errorMessage,
      groupState: 'Dead',
    }
  }
  const isStable = group.state === 'Stable'
  return {
    ...found,
    errorCode: 0,
    groupState: group.state,
    protocolType: group.protocolType ?? '',
    protocolData: isStable ? (group.protocolName ?? '') : '',
    members: [...group.members.values()].map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      memberMetadata: isStable ? group.metadataOf(member) : NO_BYTES,
      memberAssignment: member.assignment,
    })),
  }
}

const NO_BYTES = Buffer.alloc(0)

export const deleteGroups = handler(
  apis.deleteGroups,
  { lowest: 0, highest: 3 },
  async (services, _context, request) => {
    const { groups } = services
    const results = []
    for (const groupId of new Set(request.groupsNames)) {
      const fault = await groups.load(groupId)
      if (!fault && groups.coordinator.shareGroups.get(groupId)) {
        const deleted = await deleteShareGroup(services, groupId)
        results.push({ groupId, errorCode: errorCode(deleted) })
        continue
      }
      const decision = fault ?? deleteGroup(groups.coordinator, groupId, groups.now())
      if (typeof decision !== 'string') await groups.append(decision)
      const error: ErrorName = typeof decision === 'string' ? decision : 'NONE'
      results.push({ groupId, errorCode: errorCode(error) })
    }
    return { throttleTimeMs: 0, results }
  },
)

export const offsetDelete = handler(
  apis.offsetDelete,
  { lowest: 0, highest: 0 },
  async ({ groups, image }, _context, request) => {
    const { groupId } = request
    const { coordinator } = groups
    const fault = (await groups.load(groupId)) ?? offsetDeleteFault(coordinator, groupId)
    if (fault) return { throttleTimeMs: 0, errorCode: errorCode(fault), topics: [] }
    const records: GroupRecord[] = []
    const topics = request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => {
        const known = image.topics.get(name)?.partitions[partitionIndex]
        const error: ErrorName = !known
          ? 'UNKNOWN_TOPIC_OR_PARTITION'
          : isSubscribed(coordinator, groupId, name)
            ? 'GROUP_SUBSCRIBED_TO_TOPIC'
            : 'NONE'
        if (error === 'NONE' && coordinator.offsets.get(groupId, name, partitionIndex)) {
          records.push({
            kind: 'offset',
            group: groupId,
            topic: name,
            partition: partitionIndex,
            value: null,
          })
        }
        return { partitionIndex, errorCode: errorCode(error) }
      }),
    }))
    if (records.length > 0) await groups.append(records)
    return { throttleTimeMs: 0, errorCode: 0, topics }
  },
)
