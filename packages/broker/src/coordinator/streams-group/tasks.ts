/**
 * Tasks of a streams application. A task is one partition number of one subtopology, named as
 * Kafka Streams names it, `SUBTOPOLOGY_PARTITION`. Members have tasks in three roles: they process
 * active ones, keep a copy of standby ones, and are about to have one of warm-up ones.
 */

export type TaskId = string
export type Tasks = ReadonlySet<TaskId>
/** Tasks with the epoch in which their member was given them. */
export type EpochTasks = ReadonlyMap<TaskId, number>

/** What a member shall have. */
export interface TargetTasks {
  readonly active: Tasks
  readonly standby: Tasks
  readonly warmup: Tasks
}

/** What a member has, or still has to give up. */
export interface HeldTasks {
  readonly active: EpochTasks
  readonly standby: Tasks
  readonly warmup: Tasks
}

/** The form of messages and records. */
export interface TaskIds {
  readonly subtopologyId: string
  readonly partitions: readonly number[]
}

const NONE: Tasks = new Set()
export const NO_TASKS: TargetTasks = { active: NONE, standby: NONE, warmup: NONE }
export const NOTHING_HELD: HeldTasks = { active: new Map(), standby: NONE, warmup: NONE }

export const taskId = (subtopologyId: string, partition: number): TaskId =>
  `${subtopologyId}_${partition}`

export function partsOf(task: TaskId): { subtopologyId: string; partition: number } {
  const cut = task.lastIndexOf('_')
  return { subtopologyId: task.slice(0, cut), partition: Number(task.slice(cut + 1)) }
}

export function tasksOf(list: readonly TaskIds[] | null | undefined): Set<TaskId> {
  const tasks = new Set<TaskId>()
  for (const { subtopologyId, partitions } of list ?? []) {
    for (const partition of partitions) tasks.add(taskId(subtopologyId, partition))
  }
  return tasks
}

/** In a stable order, so that equal tasks give equal bytes. */
export function taskIdsOf(tasks: Tasks | EpochTasks): TaskIds[] {
  const bySubtopology = new Map<string, number[]>()
  for (const task of tasks.keys()) {
    const { subtopologyId, partition } = partsOf(task)
    const list = bySubtopology.get(subtopologyId)
    if (list) list.push(partition)
    else bySubtopology.set(subtopologyId, [partition])
  }
  return [...bySubtopology]
    .map(([subtopologyId, partitions]) => ({
      subtopologyId,
      partitions: partitions.sort((a, b) => a - b),
    }))
    .sort((a, b) => (a.subtopologyId < b.subtopologyId ? -1 : 1))
}

export const sameTasks = (a: Tasks, b: Tasks): boolean =>
  a.size === b.size && [...a].every((task) => b.has(task))

export const sameTargets = (a: TargetTasks, b: TargetTasks): boolean =>
  sameTasks(a.active, b.active) && sameTasks(a.standby, b.standby) && sameTasks(a.warmup, b.warmup)

/** Epochs count too. */
export const sameHeld = (a: HeldTasks, b: HeldTasks): boolean =>
  a.active.size === b.active.size &&
  [...a.active].every(([task, epoch]) => b.active.get(task) === epoch) &&
  sameTasks(a.standby, b.standby) &&
  sameTasks(a.warmup, b.warmup)

export const isEmptyHeld = ({ active, standby, warmup }: HeldTasks): boolean =>
  active.size + standby.size + warmup.size === 0

/** Whether two have a task in the same role. */
export function overlap(a: TargetTasks, b: HeldTasks): boolean {
  return (
    [...b.active.keys()].some((task) => a.active.has(task)) ||
    [...b.standby].some((task) => a.standby.has(task)) ||
    [...b.warmup].some((task) => a.warmup.has(task))
  )
}

/** Whether everything of one is in the other, in the same role. */
export const isPartOfHeld = (part: TargetTasks, whole: HeldTasks): boolean =>
  [...part.active].every((task) => whole.active.has(task)) &&
  [...part.standby].every((task) => whole.standby.has(task)) &&
  [...part.warmup].every((task) => whole.warmup.has(task))
