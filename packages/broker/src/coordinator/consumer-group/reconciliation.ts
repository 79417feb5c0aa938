/**
 * One step of a member from what it holds towards its target (KIP-848). Pure.
 *
 *             target takes partitions away              it has given them up
 *   STABLE ----------------------------> UNREVOKED ---------------------------+
 *     ^  |                                                                    |
 *     |  | target gives partitions that another member still holds           v
 *     |  +----------------------------> UNRELEASED <------------- something is not free yet
 *     |                                     |                                 |
 *     +-------------------------------------+---------------------------------+
 *                         everything of the target is held
 *
 * Must always hold: a member gives up partitions before it is given any, it stays in its epoch
 * until then, and a partition goes to a member only when nobody holds it.
 */
import type { Uuid } from '@ottla/base'
import {
  type Assignment,
  type EpochAssignment,
  EpochAssignmentBuilder,
  NOTHING_HELD,
  partitionsOf,
  samePartitions,
} from './assignment.ts'

/** Numbers of Apache Kafka's records. A state we do not know is treated as UNKNOWN. */
export const MemberState = { STABLE: 0, UNREVOKED: 1, UNRELEASED: 2, UNKNOWN: 127 } as const

export interface CurrentAssignment {
  readonly memberEpoch: number
  readonly previousMemberEpoch: number
  readonly state: number
  readonly assigned: EpochAssignment
  readonly revoking: EpochAssignment
}

export const NOT_ASSIGNED: CurrentAssignment = {
  memberEpoch: 0,
  previousMemberEpoch: 0,
  state: MemberState.STABLE,
  assigned: NOTHING_HELD,
  revoking: NOTHING_HELD,
}

export interface Reconciliation {
  readonly current: CurrentAssignment
  readonly target: Assignment
  readonly targetEpoch: number
  /** What the member says it holds; undefined when it said nothing. */
  readonly owned: Assignment | undefined
  /** Topics the member reads now. Others it gives up, whatever its target says. */
  readonly subscribed: ReadonlySet<Uuid>
  /** Those are others than before; the target may not know it yet. */
  readonly isResubscribed: boolean
  readonly isFree: (topicId: Uuid, partition: number) => boolean
}

/** The next state of the member; the very same object when it can stay where it is. */
export function reconcile(step: Reconciliation): CurrentAssignment {
  const { current, targetEpoch, owned, isResubscribed } = step
  switch (current.state) {
    case MemberState.STABLE:
      if (current.memberEpoch !== targetEpoch) return next(step)
      return isResubscribed ? dropUnread(step) : current
    case MemberState.UNREVOKED:
      if (!stillOwns(owned, current.revoking)) return next(step)
      return isResubscribed ? dropUnread(step) : current
    default:
      return next(step)
  }
}

function stillOwns(owned: Assignment | undefined, revoked: EpochAssignment): boolean {
  if (!owned) return true
  for (const [topicId, partition] of partitionsOf(owned)) {
    if (revoked.get(topicId)?.has(partition)) return true
  }
  return false
}

/** Takes away at once what the member does not read any more; the rest waits for the target. */
function dropUnread({ current, owned, subscribed }: Reconciliation): CurrentAssignment {
  if ([...current.assigned.keys()].every((topicId) => subscribed.has(topicId))) return current
  const kept = new EpochAssignmentBuilder()
  const revoking = new EpochAssignmentBuilder()
  for (const [topicId, partitions] of current.revoking) {
    for (const [partition, epoch] of partitions) revoking.add(topicId, partition, epoch)
  }
  for (const [topicId, partitions] of current.assigned) {
    const list = subscribed.has(topicId) ? kept : revoking
    for (const [partition, epoch] of partitions) list.add(topicId, partition, epoch)
  }
  const moved = {
    ...current,
    previousMemberEpoch: current.memberEpoch,
    assigned: kept.result,
  }
  if (!stillOwns(owned, revoking.result)) return moved
  return { ...moved, state: MemberState.UNREVOKED, revoking: revoking.result }
}

function next(step: Reconciliation): CurrentAssignment {
  const { current, target, targetEpoch, owned, subscribed, isFree } = step
  const kept = new EpochAssignmentBuilder()
  const revoking = new EpochAssignmentBuilder()
  for (const [topicId, partitions] of current.assigned) {
    for (const [partition, epoch] of partitions) {
      const isWanted = subscribed.has(topicId) && target.get(topicId)?.has(partition)
      ;(isWanted ? kept : revoking).add(topicId, partition, epoch)
    }
  }
  if (!revoking.isEmpty && stillOwns(owned, revoking.result)) {
    return {
      memberEpoch: current.memberEpoch,
      previousMemberEpoch: current.memberEpoch,
      state: MemberState.UNREVOKED,
      assigned: kept.result,
      revoking: revoking.result,
    }
  }
  let hasUnreleased = false
  for (const [topicId, partition] of partitionsOf(target)) {
    if (!subscribed.has(topicId) || current.assigned.get(topicId)?.has(partition)) continue
    // What it has just given up is as good as free.
    const isOwn = current.revoking.get(topicId)?.has(partition)
    if (isOwn || isFree(topicId, partition)) kept.add(topicId, partition, targetEpoch)
    else hasUnreleased = true
  }
  const state = hasUnreleased ? MemberState.UNRELEASED : MemberState.STABLE
  const isSame =
    state === current.state &&
    targetEpoch === current.memberEpoch &&
    current.previousMemberEpoch === current.memberEpoch &&
    current.revoking.size === 0 &&
    samePartitions(kept.result, current.assigned)
  if (isSame) return current
  return {
    memberEpoch: targetEpoch,
    previousMemberEpoch: current.memberEpoch,
    state,
    assigned: kept.result,
    revoking: NOTHING_HELD,
  }
}
