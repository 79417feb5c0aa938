/** A group id belongs to one kind of group at a time. */
import type { GroupCoordinator } from './group-coordinator.ts'

export type GroupKind = 'classic' | 'consumer' | 'share' | 'streams'

/** undefined: no group of this id is known. A group that only committed offsets is classic. */
export function kindOf(coordinator: GroupCoordinator, groupId: string): GroupKind | undefined {
  if (coordinator.shareGroups.get(groupId)) return 'share'
  if (coordinator.streamsGroups.get(groupId)) return 'streams'
  if (coordinator.consumerGroups.get(groupId)) return 'consumer'
  const isClassic = coordinator.groups.has(groupId) || coordinator.offsets.has(groupId)
  return isClassic ? 'classic' : undefined
}
