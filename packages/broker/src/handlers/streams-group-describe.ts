/**
 * StreamsGroupDescribe (key 89), versions 0-1.
 *
 * Behaviour: streams groups with their topology, their members, what those have and shall have, and
 * how far the states of their tasks are. Groups of another kind are GROUP_ID_NOT_FOUND.
 * Version notes: the assignor, and whether there is a description of the topology, from 1. There is
 * none: keeping one is the work of a plug-in in Java.
 */
import {
  apis,
  type ErrorName,
  errorCode,
  type InferInput,
  type StreamsGroupDescribeResponse,
} from '@ottla/protocol'
import { GROUP_OPERATIONS } from '../authorized-operations.ts'
import type { BrokerServices } from '../broker-services.ts'
import { kindOf } from '../coordinator/group/group-kinds.ts'
import type { StreamsGroup, StreamsMember } from '../coordinator/streams-group/streams-group.ts'
import {
  type HeldTasks,
  partsOf,
  type TargetTasks,
  type TaskId,
  taskIdsOf,
} from '../coordinator/streams-group/tasks.ts'
import { sortedSubtopologies } from '../coordinator/streams-group/topology.ts'
import { handler } from '../handler.ts'
import { servesStreamsGroups } from './streams-group-heartbeat.ts'

type Described = InferInput<typeof StreamsGroupDescribeResponse>['groups'][number]
type DescribedTopology = NonNullable<Described['topology']>

/** Whether a description of the topology comes along: it was not asked for, or nobody keeps one. */
const DESCRIPTION = { NOT_REQUESTED: 0, NOT_STORED: 1 } as const

interface Included {
  readonly operations: boolean
  readonly description: boolean
}

export const streamsGroupDescribe = handler(
  apis.streamsGroupDescribe,
  { lowest: 0, highest: 1 },
  async (services, _context, request) => {
    const included = {
      operations: request.includeAuthorizedOperations,
      description: request.includeTopologyDescription,
    }
    const answers = request.groupIds.map((groupId) => describe(services, groupId, included))
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
  topology: null,
  members: [],
})

async function describe(
  services: BrokerServices,
  groupId: string,
  included: Included,
): Promise<Described> {
  const { groups } = services
  if (!servesStreamsGroups(services)) return refused(groupId, 'UNSUPPORTED_VERSION', null)
  if (groupId === '') return refused(groupId, 'INVALID_GROUP_ID', null)
  const fault = await groups.load(groupId)
  if (fault) return refused(groupId, fault, null)
  const group = groups.coordinator.streamsGroups.get(groupId)
  if (!group) {
    const isOther = kindOf(groups.coordinator, groupId) !== undefined
    const reason = isOther ? 'is not a streams group' : 'not found'
    return refused(groupId, 'GROUP_ID_NOT_FOUND', `Group ${groupId} ${reason}.`)
  }
  return {
    errorCode: 0,
    groupId,
    groupState: group.state,
    groupEpoch: group.groupEpoch,
    assignmentEpoch: group.assignmentEpoch,
    topology: topologyOf(group),
    members: [...group.members.values()].map((member) => describeMember(group, member)),
    topologyDescriptionStatus: included.description
      ? DESCRIPTION.NOT_STORED
      : DESCRIPTION.NOT_REQUESTED,
    assignorName: 'sticky',
    ...(included.operations ? { authorizedOperations: GROUP_OPERATIONS } : {}),
  }
}

/** With the numbers of partitions once all topics are right, as the members told it before. */
function topologyOf({ topology, configured }: StreamsGroup): DescribedTopology | null {
  if (configured?.subtopologies && !configured.fault) {
    return { epoch: configured.epoch, subtopologies: [...configured.subtopologies.values()] }
  }
  if (!topology) return null
  const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1)
  const subtopologies = sortedSubtopologies(topology.subtopologies).map((subtopology) => ({
    subtopologyId: subtopology.subtopologyId,
    sourceTopics: [...subtopology.sourceTopics].sort(),
    repartitionSinkTopics: [...subtopology.repartitionSinkTopics].sort(),
    stateChangelogTopics: [...subtopology.stateChangelogTopics].sort(byName),
    repartitionSourceTopics: [...subtopology.repartitionSourceTopics].sort(byName),
  }))
  return { epoch: topology.epoch, subtopologies }
}

function describeMember(group: StreamsGroup, { memberId, metadata, current, told }: StreamsMember) {
  const { instanceId, rackId, clientId, clientHost, topologyEpoch, processId } = metadata
  return {
    memberId,
    memberEpoch: current.memberEpoch,
    instanceId,
    rackId,
    clientId,
    clientHost,
    topologyEpoch,
    processId,
    userEndpoint: metadata.userEndpoint,
    clientTags: metadata.clientTags,
    taskOffsets: listed(told.offsets),
    taskEndOffsets: listed(told.endOffsets),
    assignment: tasksBy(current.assigned),
    targetAssignment: tasksBy(group.target(memberId)),
    isClassic: false,
  }
}

const tasksBy = ({ active, standby, warmup }: HeldTasks | TargetTasks) => ({
  activeTasks: taskIdsOf(active),
  standbyTasks: taskIdsOf(standby),
  warmupTasks: taskIdsOf(warmup),
})

const listed = (offsets: ReadonlyMap<TaskId, number>) =>
  [...offsets]
    .map(([task, offset]) => ({ ...partsOf(task), offset }))
    .sort((a, b) =>
      a.subtopologyId === b.subtopologyId
        ? a.partition - b.partition
        : a.subtopologyId < b.subtopologyId
          ? -1
          : 1,
    )
