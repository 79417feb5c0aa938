/**
 * What a heartbeat means for its group, worked out before anything changes: the topology with the
 * topics there are now, and whether that calls for a new assignment.
 */
import type { StreamsGroupHeartbeatRequest, StreamsGroupMetadataValue } from '@ottla/protocol'
import { hashOf } from '../consumer-group/metadata-hash.ts'
import { type Fault, isJoin, offsetsByTask, ownedTasks, tasksFault } from './heartbeat-checks.ts'
import { type ConfiguredTopology, configureTopology } from './internal-topics.ts'
import type { StreamsGroup, TaskOffsets } from './streams-group.ts'
import type { StreamsTopology } from './streams-group-records.ts'
import { RACK_AWARE_TAGS, STANDBY_REPLICAS, type StreamsGroups } from './streams-groups.ts'
import { isStuck } from './task-reconciliation.ts'
import { requiredTopics, sameTopology, TopologyError, topologyOf } from './topology.ts'

export interface Plan {
  readonly configured: ConfiguredTopology
  /** The group had none before. */
  readonly newTopology: StreamsTopology | undefined
  readonly topicsVersion: number
  /** Topics or settings are others than those of the last epoch. */
  readonly isChanged: boolean
  /** What the record of a new epoch tells. */
  readonly epochFields: Pick<
    StreamsGroupMetadataValue,
    'metadataHash' | 'validatedTopologyEpoch' | 'lastAssignmentConfigs'
  >
  readonly told: Partial<TaskOffsets>
}

type Request = StreamsGroupHeartbeatRequest

export function planOf(
  groups: StreamsGroups,
  group: StreamsGroup | undefined,
  request: Request,
): Plan | Fault {
  const owned = ownedTasks(request)
  const member = group?.members.get(request.memberId)
  if (member && !isJoin(request) && isStuck(member.current, owned)) {
    const message = 'The state of the member is not known; it must join again without tasks.'
    return { error: 'FENCED_MEMBER_EPOCH', message }
  }
  try {
    const topology = topologyFor(group, request)
    if ('error' in topology) return topology
    const topics = configuredFor(groups, group, topology)
    const told = toldBy(request)
    const fault = tasksFault(request, topics.configured)
    if (fault) return fault
    if ('error' in told) return told
    const newTopology = group?.topology ? undefined : topology
    const validatedTopologyEpoch = topics.configured.fault ? -1 : topology.epoch
    const lastAssignmentConfigs = assignmentConfigs(groups, request.groupId)
    const before = group?.metadata
    const isChanged =
      topics.metadataHash !== (before?.metadataHash ?? 0) ||
      validatedTopologyEpoch !== (before?.validatedTopologyEpoch ?? -1) ||
      textOf(lastAssignmentConfigs) !== textOf(before?.lastAssignmentConfigs ?? [])
    const { configured, topicsVersion, metadataHash } = topics
    const epochFields = { metadataHash, validatedTopologyEpoch, lastAssignmentConfigs }
    return { configured, newTopology, topicsVersion, isChanged, epochFields, told }
  } catch (error) {
    if (!(error instanceof TopologyError)) throw error
    return { error: error.error, message: error.message }
  }
}

/** The group's topology, or the first one it gets. An application with an older one may go on. */
function topologyFor(
  group: StreamsGroup | undefined,
  { topology }: Request,
): StreamsTopology | Fault {
  const known = group?.topology
  const told = topology ? topologyOf(topology) : undefined
  if (!known) {
    return told ?? { error: 'UNKNOWN_SERVER_ERROR', message: 'The group has no topology.' }
  }
  if (!told || known.epoch > told.epoch || sameTopology(known, told)) return known
  const message = "The topology differs from the group's; it cannot be changed while the group is."
  return { error: 'INVALID_REQUEST', message }
}

function configuredFor(
  { options: { topics } }: StreamsGroups,
  group: StreamsGroup | undefined,
  topology: StreamsTopology,
): { configured: ConfiguredTopology; topicsVersion: number; metadataHash: number } {
  const topicsVersion = topics.version()
  const known = group?.topology ? group.configured : undefined
  if (group && known && group.topicsVersion === topicsVersion) {
    return { configured: known, topicsVersion, metadataHash: group.metadata.metadataHash }
  }
  const metadataHash = hashOf(requiredTopics(topology), topics)
  const isSame = known && group?.metadata.metadataHash === metadataHash
  const configured = isSame ? known : configureTopology(topology, topics)
  return { configured, topicsVersion, metadataHash }
}

function toldBy({ taskOffsets, taskEndOffsets }: Request): Partial<TaskOffsets> | Fault {
  const offsets = taskOffsets ? offsetsByTask(taskOffsets) : undefined
  const endOffsets = taskEndOffsets ? offsetsByTask(taskEndOffsets) : undefined
  if (offsets && 'error' in offsets) return offsets
  if (endOffsets && 'error' in endOffsets) return endOffsets
  return { ...(offsets ? { offsets } : {}), ...(endOffsets ? { endOffsets } : {}) }
}

interface Config {
  readonly key: string
  readonly value: string
}

/** Settings that the assignment depends on, as they are recorded with it. */
function assignmentConfigs({ options }: StreamsGroups, groupId: string): Config[] {
  const tags = options.rackAwareTags(groupId).join(',')
  const replicas = { key: STANDBY_REPLICAS, value: String(options.standbyReplicas(groupId)) }
  return tags === '' ? [replicas] : [replicas, { key: RACK_AWARE_TAGS, value: tags }]
}

const textOf = (configs: readonly Config[]): string =>
  JSON.stringify(configs.map(({ key, value }) => [key, value]).sort())
