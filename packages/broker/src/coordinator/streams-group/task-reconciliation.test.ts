import { describe, expect, it } from 'vitest'
import {
  type CurrentTasks,
  reconcileTasks,
  type TaskOwners,
  TaskState,
} from './task-reconciliation.ts'
import { NO_TASKS, NOTHING_HELD, type TargetTasks } from './tasks.ts'

const target = (tasks: {
  active?: string[]
  standby?: string[]
  warmup?: string[]
}): TargetTasks => ({
  active: new Set(tasks.active),
  standby: new Set(tasks.standby),
  warmup: new Set(tasks.warmup),
})

const at = (epoch: number, tasks: Parameters<typeof target>[0]): CurrentTasks => {
  const { active, standby, warmup } = target(tasks)
  const epochs = new Map([...active].map((task) => [task, epoch]))
  return {
    memberEpoch: epoch,
    previousMemberEpoch: epoch - 1,
    state: TaskState.STABLE,
    assigned: { active: epochs, standby, warmup },
    revoking: NOTHING_HELD,
  }
}

const owners = (
  active: Record<string, string>,
  standby: Record<string, string[]> = {},
): TaskOwners => ({
  active: new Map(Object.entries(active)),
  standby: new Map(Object.entries(standby).map(([task, list]) => [task, new Set(list)])),
  warmup: new Map(),
})

const told = ({ memberEpoch, state, assigned, revoking }: CurrentTasks) => ({
  memberEpoch,
  state,
  active: [...assigned.active],
  standby: [...assigned.standby],
  warmup: [...assigned.warmup],
  revoking: [...revoking.active.keys(), ...revoking.standby, ...revoking.warmup],
})

describe('a step of a member towards its tasks', () => {
  it('makes a standby task of what it processed, before it has given it up', () => {
    const step = { processId: 'p', targetEpoch: 5, owners: owners({ '0_1': 'p' }) }
    const current = at(4, { active: ['0_1'] })
    const wanted = target({ standby: ['0_1'] })
    const closing = reconcileTasks({ ...step, current, target: wanted, owned: undefined })
    expect(told(closing)).toMatchObject({ memberEpoch: 4, state: 2, standby: ['0_1'] })
    expect(told(closing).revoking).toEqual(['0_1'])
    const owned = target({ standby: ['0_1'] })
    const closed = reconcileTasks({ ...step, current: closing, target: wanted, owned })
    expect(told(closed)).toMatchObject({ memberEpoch: 5, state: 1, active: [], standby: ['0_1'] })
  })

  it('keeps a copy until the task can be processed', () => {
    const current = at(4, { standby: ['0_1'] })
    const step = { processId: 'p', targetEpoch: 5, target: target({ active: ['0_1'] }) }
    const held = { '0_1': ['p'] }
    const waiting = { ...step, current, owned: undefined, owners: owners({ '0_1': 'q' }, held) }
    expect(told(reconcileTasks(waiting))).toMatchObject({ state: 3, active: [], standby: ['0_1'] })
    const free = { ...waiting, owners: owners({}, held) }
    const moved = told(reconcileTasks(free))
    expect(moved).toMatchObject({ state: 1, active: [['0_1', 5]], standby: [], revoking: [] })
  })

  it('changes a standby task to a warm-up task and back at once', () => {
    const step = { processId: 'p', targetEpoch: 5, owned: undefined }
    const current = at(4, { standby: ['0_1'] })
    const standby = owners({ '0_1': 'q' }, { '0_1': ['p'] })
    const warming = reconcileTasks({
      ...step,
      current,
      target: target({ warmup: ['0_1'] }),
      owners: standby,
    })
    expect(told(warming)).toMatchObject({ state: 1, standby: [], warmup: ['0_1'], revoking: [] })
  })

  it('gives a process no second copy of a task that another of its threads has', () => {
    const step = { processId: 'p', targetEpoch: 5, owned: undefined, current: at(4, {}) }
    const wanted = { ...step, target: target({ standby: ['0_1'] }) }
    expect(reconcileTasks({ ...wanted, owners: owners({ '0_1': 'p' }) }).state).toBe(3)
    expect(reconcileTasks({ ...wanted, owners: owners({}, { '0_1': ['p'] }) }).state).toBe(3)
    expect(reconcileTasks({ ...wanted, owners: owners({ '0_1': 'q' }) }).state).toBe(1)
  })

  it('stays where it is when nothing is to be done', () => {
    const current = at(5, { active: ['0_1'] })
    const step = { processId: 'p', targetEpoch: 5, target: NO_TASKS, owned: undefined }
    expect(reconcileTasks({ ...step, current, owners: owners({}) })).toBe(current)
  })
})
