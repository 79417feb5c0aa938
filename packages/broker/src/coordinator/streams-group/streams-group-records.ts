/**
 * Records of streams groups (KIP-1071) in `__consumer_offsets`, in Apache Kafka's formats:
 *
 *   17 group      epoch, hash of topics read     21 target of a member
 *   19 member     what it said of itself         22 what a member holds
 *   20 target epoch                              23 topology
 *
 * A null value removes. All are written in version 0, the only one there is.
 */
import {
  decodePrefixed,
  encodePrefixed,
  StreamsGroupCurrentMemberAssignmentKey,
  StreamsGroupCurrentMemberAssignmentValue,
  StreamsGroupMemberMetadataKey,
  StreamsGroupMemberMetadataValue,
  StreamsGroupMetadataKey,
  StreamsGroupMetadataValue,
  StreamsGroupTargetAssignmentMemberKey,
  StreamsGroupTargetAssignmentMemberValue,
  StreamsGroupTargetAssignmentMetadataKey,
  StreamsGroupTargetAssignmentMetadataValue,
  StreamsGroupTopologyKey,
  StreamsGroupTopologyValue,
} from '@ottla/protocol'
import type { CurrentTasks } from './task-reconciliation.ts'
import {
  type EpochTasks,
  type HeldTasks,
  type TargetTasks,
  type TaskIds,
  type Tasks,
  taskId,
  taskIdsOf,
  tasksOf,
} from './tasks.ts'

export type StreamsMemberMetadata = StreamsGroupMemberMetadataValue
export type StreamsTopology = StreamsGroupTopologyValue

interface Base<K extends string, V> {
  readonly kind: K
  readonly group: string
  readonly value: V | null
}

interface OfMember<K extends string, V> extends Base<K, V> {
  readonly member: string
}

export type StreamsGroupRecord =
  | Base<'streams-group', StreamsGroupMetadataValue>
  | OfMember<'streams-member', StreamsMemberMetadata>
  | Base<'streams-target-epoch', StreamsGroupTargetAssignmentMetadataValue>
  | OfMember<'streams-target', TargetTasks>
  | OfMember<'streams-current', CurrentTasks>
  | Base<'streams-topology', StreamsTopology>

const Type = {
  GROUP: 17,
  MEMBER: 19,
  TARGET_EPOCH: 20,
  TARGET: 21,
  CURRENT: 22,
  TOPOLOGY: 23,
} as const

interface Encoded {
  readonly key: Buffer
  readonly value: Buffer | null
}

export const isStreamsGroupRecord = (record: {
  readonly kind: string
}): record is StreamsGroupRecord => record.kind.startsWith('streams-')

export function encodeStreamsGroupRecord(record: StreamsGroupRecord): Encoded {
  const ofGroup = { groupId: record.group }
  switch (record.kind) {
    case 'streams-group': {
      const key = encodePrefixed(StreamsGroupMetadataKey, Type.GROUP, 0, ofGroup)
      const { value } = record
      return { key, value: value && encodePrefixed(StreamsGroupMetadataValue, 0, 0, value) }
    }
    case 'streams-target-epoch': {
      const table = StreamsGroupTargetAssignmentMetadataKey
      const key = encodePrefixed(table, Type.TARGET_EPOCH, 0, ofGroup)
      const { value } = record
      const encoded =
        value && encodePrefixed(StreamsGroupTargetAssignmentMetadataValue, 0, 0, value)
      return { key, value: encoded }
    }
    case 'streams-topology': {
      const key = encodePrefixed(StreamsGroupTopologyKey, Type.TOPOLOGY, 0, ofGroup)
      const { value } = record
      return { key, value: value && encodePrefixed(StreamsGroupTopologyValue, 0, 0, value) }
    }
    default:
      return encodeMemberRecord(record)
  }
}

type MemberRecord = Extract<StreamsGroupRecord, { readonly member: string }>

function encodeMemberRecord(record: MemberRecord): Encoded {
  const fields = { groupId: record.group, memberId: record.member }
  switch (record.kind) {
    case 'streams-member': {
      const key = encodePrefixed(StreamsGroupMemberMetadataKey, Type.MEMBER, 0, fields)
      const { value } = record
      return { key, value: value && encodePrefixed(StreamsGroupMemberMetadataValue, 0, 0, value) }
    }
    case 'streams-target': {
      const key = encodePrefixed(StreamsGroupTargetAssignmentMemberKey, Type.TARGET, 0, fields)
      const { value } = record
      if (value === null) return { key, value }
      const encoded = encodePrefixed(StreamsGroupTargetAssignmentMemberValue, 0, 0, {
        activeTasks: taskIdsOf(value.active),
        standbyTasks: taskIdsOf(value.standby),
        warmupTasks: taskIdsOf(value.warmup),
      })
      return { key, value: encoded }
    }
    case 'streams-current': {
      const key = encodePrefixed(StreamsGroupCurrentMemberAssignmentKey, Type.CURRENT, 0, fields)
      return { key, value: record.value && encodeCurrent(record.value) }
    }
  }
}

function encodeCurrent({ assigned, revoking, ...current }: CurrentTasks): Buffer {
  return encodePrefixed(StreamsGroupCurrentMemberAssignmentValue, 0, 0, {
    memberEpoch: current.memberEpoch,
    previousMemberEpoch: current.previousMemberEpoch,
    state: current.state,
    activeTasks: withEpochs(assigned.active),
    standbyTasks: withoutEpochs(assigned.standby),
    warmupTasks: withoutEpochs(assigned.warmup),
    activeTasksPendingRevocation: withEpochs(revoking.active),
    standbyTasksPendingRevocation: withoutEpochs(revoking.standby),
    warmupTasksPendingRevocation: withoutEpochs(revoking.warmup),
  })
}

const withEpochs = (tasks: EpochTasks) =>
  taskIdsOf(tasks).map(({ subtopologyId, partitions }) => ({
    subtopologyId,
    partitions,
    assignmentEpochs: partitions.map(
      (partition) => tasks.get(taskId(subtopologyId, partition)) as number,
    ),
  }))

const withoutEpochs = (tasks: Tasks) =>
  taskIdsOf(tasks).map((ids) => ({ ...ids, assignmentEpochs: [] }))

/** undefined: not a record of streams groups. */
export function decodeStreamsGroupRecord(
  type: number,
  key: Buffer,
  value: Buffer | null,
): StreamsGroupRecord | undefined {
  switch (type) {
    case Type.GROUP: {
      const { groupId: group } = decodePrefixed(StreamsGroupMetadataKey, 0, key)
      return { kind: 'streams-group', group, value: value && decodeGroup(value) }
    }
    case Type.TARGET_EPOCH: {
      const { groupId: group } = decodePrefixed(StreamsGroupTargetAssignmentMetadataKey, 0, key)
      const decoded = value && decodePrefixed(StreamsGroupTargetAssignmentMetadataValue, 0, value)
      return { kind: 'streams-target-epoch', group, value: decoded }
    }
    case Type.TOPOLOGY: {
      const { groupId: group } = decodePrefixed(StreamsGroupTopologyKey, 0, key)
      const decoded = value && decodePrefixed(StreamsGroupTopologyValue, 0, value)
      return { kind: 'streams-topology', group, value: decoded }
    }
    case Type.MEMBER: {
      const { groupId: group, memberId } = decodePrefixed(StreamsGroupMemberMetadataKey, 0, key)
      const decoded = value && decodePrefixed(StreamsGroupMemberMetadataValue, 0, value)
      return { kind: 'streams-member', group, member: memberId, value: decoded }
    }
    case Type.TARGET: {
      const table = StreamsGroupTargetAssignmentMemberKey
      const { groupId: group, memberId: member } = decodePrefixed(table, 0, key)
      return { kind: 'streams-target', group, member, value: value && decodeTarget(value) }
    }
    case Type.CURRENT: {
      const table = StreamsGroupCurrentMemberAssignmentKey
      const { groupId: group, memberId: member } = decodePrefixed(table, 0, key)
      return { kind: 'streams-current', group, member, value: value && decodeCurrent(value) }
    }
    default:
      return undefined
  }
}

/** Where the hash stands: behind version and epoch. */
const HASH_POSITION = 2 + 4

/** Apache Kafka's hashes use all 64 bits; too large a one becomes -1, which equals none of ours. */
function decodeGroup(value: Buffer): StreamsGroupMetadataValue {
  let bytes = value
  if (!Number.isSafeInteger(Number(value.readBigInt64BE(HASH_POSITION)))) {
    bytes = Buffer.from(value)
    bytes.writeBigInt64BE(-1n, HASH_POSITION)
  }
  return decodePrefixed(StreamsGroupMetadataValue, 0, bytes)
}

function decodeTarget(value: Buffer): TargetTasks {
  const decoded = decodePrefixed(StreamsGroupTargetAssignmentMemberValue, 0, value)
  return {
    active: tasksOf(decoded.activeTasks),
    standby: tasksOf(decoded.standbyTasks),
    warmup: tasksOf(decoded.warmupTasks),
  }
}

interface EpochTaskIds extends TaskIds {
  readonly assignmentEpochs: readonly number[] | null
}

function decodeCurrent(value: Buffer): CurrentTasks {
  const decoded = decodePrefixed(StreamsGroupCurrentMemberAssignmentValue, 0, value)
  const { memberEpoch, previousMemberEpoch, state } = decoded
  const epochTasks = (list: readonly EpochTaskIds[]): EpochTasks => {
    const tasks = new Map<string, number>()
    for (const { subtopologyId, partitions, assignmentEpochs: epochs } of list) {
      const isTold = epochs?.length === partitions.length
      partitions.forEach((partition, i) => {
        const epoch = isTold ? (epochs[i] as number) : memberEpoch
        tasks.set(taskId(subtopologyId, partition), epoch)
      })
    }
    return tasks
  }
  const assigned: HeldTasks = {
    active: epochTasks(decoded.activeTasks),
    standby: tasksOf(decoded.standbyTasks),
    warmup: tasksOf(decoded.warmupTasks),
  }
  const revoking: HeldTasks = {
    active: epochTasks(decoded.activeTasksPendingRevocation),
    standby: tasksOf(decoded.standbyTasksPendingRevocation),
    warmup: tasksOf(decoded.warmupTasksPendingRevocation),
  }
  return { memberEpoch, previousMemberEpoch, state, assigned, revoking }
}
