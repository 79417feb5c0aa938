/**
 * What administrators do with the offsets of share groups. The records of a group and the states of
 * its share partitions change one after the other: states are made first and deleted last, so that
 * a crash in between leaves only what the next attempt completes.
 */
import type { Uuid } from '@ottla/base'
import type { ErrorName } from '@ottla/protocol'
import { kindOf } from '../coordinator/group/group-kinds.ts'
import type { GroupService } from '../coordinator/group-service.ts'
import { ShareGroup } from '../coordinator/share-group/share-group.ts'
import {
  forgetStates,
  noteStates,
  removeGroup,
  ShareChanges,
} from '../coordinator/share-group/share-groups.ts'
import type { ShareService } from './share-service.ts'
import type { SharePartitionKey } from './share-state-records.ts'

/** Where both sides of a share group are. */
export interface ShareGroupServices {
  readonly groups: GroupService
  readonly share: ShareService
}

/** A topic as the metadata names it. */
interface TopicEntry {
  readonly id: Uuid
  readonly name: string
}

export interface StartOffset {
  readonly topicId: Uuid
  readonly partition: number
  readonly startOffset: number
}

/** Why offsets of a group cannot be changed; a group that does not exist can be made. */
export function changeFault(
  { groups }: ShareGroupServices,
  groupId: string,
  { mayMake }: { readonly mayMake: boolean },
): ErrorName | undefined {
  if (groupId === '') return 'INVALID_GROUP_ID'
  const kind = kindOf(groups.coordinator, groupId)
  if (kind === undefined && mayMake) return undefined
  if (kind !== 'share') return 'GROUP_ID_NOT_FOUND'
  return groups.coordinator.shareGroups.get(groupId)?.isEmpty ? undefined : 'NON_EMPTY_GROUP'
}

/**
 * Moves a group to other offsets; whoever still works from the old ones is let go of. A group that
 * is not there yet is made, if only one of the topics exists.
 */
export async function moveTo(
  { groups, share }: ShareGroupServices,
  groupId: string,
  { offsets, topics }: { offsets: readonly StartOffset[]; topics: readonly TopicEntry[] },
): Promise<ErrorName[]> {
  const { shareGroups } = groups.coordinator
  const stateEpoch = (shareGroups.get(groupId) ?? new ShareGroup(groupId)).groupEpoch
  const errors = await Promise.all(
    offsets.map(({ topicId, partition, startOffset }) => {
      const key = { groupId, topicId, partition }
      share.forget(key)
      return share.states.perform(key, (states, nowMs) =>
        states.initialize(key, { stateEpoch, startOffset }, nowMs),
      )
    }),
  )
  for (const { topicId, partition } of offsets) share.forget({ groupId, topicId, partition })
  const moved = offsets.filter((_, i) => errors[i] === 'NONE')
  const changes = new ShareChanges(shareGroups, groups.now())
  const partitions = new Map(
    topics.map(({ id, name }) => [id, { topicName: name, partitions: new Set<number>() }]),
  )
  for (const { topicId, partition } of moved) partitions.get(topicId)?.partitions.add(partition)
  const group = shareGroups.get(groupId) ?? new ShareGroup(groupId)
  if (partitions.size > 0) noteStates(changes, group, partitions, 'initialized')
  await groups.decided({ records: changes.records, response: undefined })
  return errors
}

/** Forgets what groups know of topics. */
export async function forgetTopics(
  { groups, share }: ShareGroupServices,
  group: ShareGroup,
  topicIds: ReadonlySet<Uuid>,
): Promise<void> {
  const keys = keysOf(group).filter(({ topicId }) => topicIds.has(topicId))
  if (keys.length === 0) return
  const changes = new ShareChanges(groups.coordinator.shareGroups, groups.now())
  forgetStates(changes, group, topicIds)
  await groups.decided({ records: changes.records, response: undefined })
  await deleteStates(share, keys)
}

/** Topics are gone, and with them what share groups know of them. */
export async function forgetDeletedTopics(
  services: ShareGroupServices,
  topicIds: ReadonlySet<Uuid>,
): Promise<void> {
  const { shareGroups } = services.groups.coordinator
  for (const group of [...shareGroups.groups.values()]) {
    await forgetTopics(services, group, topicIds)
  }
}

/** Removes an empty group with all states. */
export async function deleteShareGroup(
  { groups, share }: ShareGroupServices,
  groupId: string,
): Promise<ErrorName> {
  const { shareGroups } = groups.coordinator
  const group = shareGroups.get(groupId)
  if (!group) return 'GROUP_ID_NOT_FOUND'
  if (!group.isEmpty) return 'NON_EMPTY_GROUP'
  const keys = keysOf(group)
  const changes = new ShareChanges(shareGroups, groups.now())
  removeGroup(changes, group)
  await groups.decided({ records: changes.records, response: undefined })
  await deleteStates(share, keys)
  return 'NONE'
}

async function deleteStates(
  share: ShareService,
  keys: readonly SharePartitionKey[],
): Promise<void> {
  await Promise.all(
    keys.map((key) => {
      share.forget(key)
      return share.states.perform(key, (states) => states.delete(key))
    }),
  )
}

/** Every share partition of a group that has a state, or may have one. */
export function keysOf(group: ShareGroup): SharePartitionKey[] {
  const keys = new Map<string, SharePartitionKey>()
  for (const states of [group.initialized, group.initializing]) {
    for (const [topicId, { partitions }] of states) {
      for (const partition of partitions) {
        const { groupId } = group
        keys.set(`${topicId}:${partition}`, { groupId, topicId, partition })
      }
    }
  }
  return [...keys.values()]
}
