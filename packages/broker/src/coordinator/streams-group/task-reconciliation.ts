/**
 * One step of a member of a streams group from what it has towards its target (KIP-1071). Pure.
 *
 *             target takes tasks away                   it has given them up
 *   STABLE ------------------------> UNREVOKED -----------------------------+
 *     ^  |                                                                  |
 *     |  | target gives tasks that are not free yet                        v
 *     |  +------------------------> UNRELEASED <------------- something is not free yet
 *     |                                 |                                   |
 *     +---------------------------------+-----------------------------------+
 *                      everything of the target is there
 *
 * Must always hold: a task is processed by one member at most, and a process (which may have
 * several members, its threads) has a task once at most, since its directory of state is one. A
 * member that changes its role for a task keeps it meanwhile: what it has processed becomes its
 * standby task at once, and a standby task stays until the task can be processed.
 */
import {
  type EpochTasks,
  type HeldTasks,
  isEmptyHeld,
  NOTHING_HELD,
  overlap,
  sameHeld,
  type TargetTasks,
  type TaskId,
  type Tasks,
} from './tasks.ts'

/** Numbers of Apache Kafka's records. A state we do not know is treated as UNKNOWN. */
export const TaskState = { STABLE: 1, UNREVOKED: 2, UNRELEASED: 3, UNKNOWN: 127 } as const

export interface CurrentTasks {
  readonly memberEpoch: number
  readonly previousMemberEpoch: number
  readonly state: number
  readonly assigned: HeldTasks
  readonly revoking: HeldTasks
}

export const NOT_ASSIGNED: CurrentTasks = {
  memberEpoch: 0,
  previousMemberEpoch: 0,
  state: TaskState.STABLE,
  assigned: NOTHING_HELD,
  revoking: NOTHING_HELD,
}

/** Processes that have tasks now, those of the member itself included. */
export interface TaskOwners {
  readonly active: ReadonlyMap<TaskId, string>
  readonly standby: ReadonlyMap<TaskId, ReadonlySet<string>>
  readonly warmup: ReadonlyMap<TaskId, ReadonlySet<string>>
}

export interface TaskStep {
  readonly current: CurrentTasks
  readonly processId: string
  readonly target: TargetTasks
  readonly targetEpoch: number
  /** What the member says it has; undefined when it said nothing. */
  readonly owned: TargetTasks | undefined
  readonly owners: TaskOwners
}

export const isReconciled = ({ state, memberEpoch }: CurrentTasks, epoch: number): boolean =>
  state === TaskState.STABLE && memberEpoch === epoch

/** A state nobody knows can be left only by a member that has nothing. */
export function isStuck({ state }: CurrentTasks, owned: TargetTasks | undefined): boolean {
  const isKnown = state >= TaskState.STABLE && state <= TaskState.UNRELEASED
  const ownsNothing = owned && owned.active.size + owned.standby.size + owned.warmup.size === 0
  return !isKnown && !ownsNothing
}

/** The next state of the member; the very same object when it can stay where it is. */
export function reconcileTasks(step: TaskStep): CurrentTasks {
  const { current, targetEpoch } = step
  if (isReconciled(current, targetEpoch)) return current
  switch (current.state) {
    case TaskState.STABLE:
    case TaskState.UNRELEASED:
      return next(step, current.memberEpoch)
    case TaskState.UNREVOKED:
      if (isHeldBack(step, current.revoking)) return current
      return next(step, current.memberEpoch + 1)
    default:
      return next(step, targetEpoch)
  }
}

const isHeldBack = ({ owned }: TaskStep, revoking: HeldTasks): boolean =>
  !owned || overlap(owned, revoking)

/** The tasks of one role: what stays, what goes, and what can come now. */
interface Difference {
  readonly kept: Set<TaskId>
  readonly revoked: Set<TaskId>
  readonly granted: Set<TaskId>
  readonly hasUnreleased: boolean
}

function differenceOf(
  held: Tasks | EpochTasks,
  target: Tasks,
  isUnreleased: (task: TaskId) => boolean,
): Difference {
  const kept = new Set<TaskId>()
  const revoked = new Set<TaskId>()
  for (const task of held.keys()) (target.has(task) ? kept : revoked).add(task)
  const granted = new Set<TaskId>()
  let hasUnreleased = false
  for (const task of target) {
    if (kept.has(task)) continue
    if (isUnreleased(task)) hasUnreleased = true
    else granted.add(task)
  }
  return { kept, revoked, granted, hasUnreleased }
}

function next(step: TaskStep, memberEpoch: number): CurrentTasks {
  const { current, target, targetEpoch } = step
  const held = current.assigned
  const active = differenceOf(held.active, target.active, (task) => isActiveTaken(step, task))
  const standby = differenceOf(held.standby, target.standby, (task) => isStandbyTaken(step, task))
  const warmup = differenceOf(held.warmup, target.warmup, (task) => isWarmupTaken(step, task))
  for (const task of held.active.keys()) moveIfGranted(standby, task)
  convert(held.standby, standby, warmup)
  convert(held.warmup, warmup, standby)
  for (const task of target.active) {
    // It is about to process these, and keeps its copy until it may.
    standby.revoked.delete(task)
    warmup.revoked.delete(task)
  }
  const epochs = (tasks: Iterable<TaskId>): Map<TaskId, number> =>
    new Map([...tasks].map((task) => [task, held.active.get(task) ?? targetEpoch]))
  const revoking: HeldTasks = {
    active: epochs(active.revoked),
    standby: standby.revoked,
    warmup: warmup.revoked,
  }
  const mustRevoke = !isEmptyHeld(revoking) && isHeldBack(step, revoking)
  const isPromoted = (task: TaskId) => !mustRevoke && active.granted.has(task)
  const keepUntilPromoted = (copies: Tasks, { kept }: Difference) => {
    for (const task of copies) if (target.active.has(task) && !isPromoted(task)) kept.add(task)
  }
  keepUntilPromoted(held.standby, standby)
  keepUntilPromoted(held.warmup, warmup)
  if (mustRevoke) {
    const assigned = { active: epochs(active.kept), standby: standby.kept, warmup: warmup.kept }
    return moved(current, { memberEpoch, state: TaskState.UNREVOKED, assigned, revoking })
  }
  const hasUnreleased = active.hasUnreleased || standby.hasUnreleased || warmup.hasUnreleased
  return moved(current, {
    memberEpoch: targetEpoch,
    state: hasUnreleased ? TaskState.UNRELEASED : TaskState.STABLE,
    assigned: {
      active: epochs([...active.kept, ...active.granted]),
      standby: new Set([...standby.kept, ...standby.granted]),
      warmup: new Set([...warmup.kept, ...warmup.granted]),
    },
    revoking: NOTHING_HELD,
  })
}

function moved(
  before: CurrentTasks,
  after: Omit<CurrentTasks, 'previousMemberEpoch'>,
): CurrentTasks {
  const isSame =
    after.state === before.state &&
    after.memberEpoch === before.memberEpoch &&
    before.previousMemberEpoch === before.memberEpoch &&
    sameHeld(after.assigned, before.assigned) &&
    sameHeld(after.revoking, before.revoking)
  return isSame ? before : { ...after, previousMemberEpoch: before.memberEpoch }
}

function moveIfGranted({ granted, kept }: Difference, task: TaskId): boolean {
  if (!granted.delete(task)) return false
  kept.add(task)
  return true
}

/** A copy that only changes its role is not given up in between. */
function convert(copies: Tasks, from: Difference, to: Difference): void {
  for (const task of copies) if (moveIfGranted(to, task)) from.revoked.delete(task)
}

/** Another member of the same process has a copy of the task. */
const isCopyTaken = (
  { processId }: TaskStep,
  owners: ReadonlyMap<TaskId, ReadonlySet<string>>,
  own: Tasks,
  task: TaskId,
): boolean => (owners.get(task)?.has(processId) ?? false) && !own.has(task)

function isActiveTaken(step: TaskStep, task: TaskId): boolean {
  const { owners, current } = step
  return (
    owners.active.has(task) ||
    isCopyTaken(step, owners.standby, current.assigned.standby, task) ||
    isCopyTaken(step, owners.warmup, current.assigned.warmup, task)
  )
}

function isStandbyTaken(step: TaskStep, task: TaskId): boolean {
  const { owners, processId, current } = step
  const { assigned } = current
  return (
    (owners.active.get(task) === processId && !assigned.active.has(task)) ||
    (owners.standby.get(task)?.has(processId) ?? false) ||
    isCopyTaken(step, owners.warmup, assigned.warmup, task)
  )
}

function isWarmupTaken(step: TaskStep, task: TaskId): boolean {
  const { owners, processId, current } = step
  return (
    owners.active.get(task) === processId ||
    isCopyTaken(step, owners.standby, current.assigned.standby, task) ||
    (owners.warmup.get(task)?.has(processId) ?? false)
  )
}
