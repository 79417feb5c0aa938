/**
 * The assignor `sticky` of streams groups (KIP-1071). Pure and deterministic.
 *
 * Active tasks go, while nobody gets more than a fair share,
 *   1. to the member that has them,
 *   2. to a member that has a copy, the less loaded one if there are several,
 *   3. to the process with the least load, and there to the member with the fewest tasks.
 * Then standby tasks, to processes that have the task in no other role: to who processed it before,
 * to who has a copy, to the least loaded. Copies that are too many for the processes there are
 * left out. The share of those who have less left is worked out anew whenever somebody is full.
 */
import { LoadHeap } from './load-heap.ts'
import { ProcessLoad, type Role } from './process-load.ts'
import { type TargetTasks, type TaskId, type Tasks, taskId } from './tasks.ts'

export interface StickyMember {
  readonly memberId: string
  readonly processId: string
  readonly active: Iterable<TaskId>
  readonly standby: Tasks
  /** How far the state is that the member has of tasks, whatever its role, as it told. */
  readonly offsets: ReadonlyMap<TaskId, number>
}

export interface StickySubtopology {
  readonly subtopologyId: string
  readonly taskCount: number
  readonly isStateful: boolean
}

interface Task {
  readonly id: TaskId
  readonly subtopologyId: string
  readonly partition: number
}

interface Candidate {
  readonly member: StickyMember
  readonly isStandby: boolean
  readonly offset: number
}

/** Tasks a member may have before it is full; smaller once there are fewer left to give. */
class Share {
  private tasks: number
  private members: number
  each: number

  constructor(tasks: number, members: number) {
    this.tasks = tasks
    this.members = members
    this.each = shareOf(tasks, members)
  }

  /** A member has got one more. */
  count(has: number): void {
    if (has !== this.each) return
    this.members--
    this.tasks -= has
    this.each = shareOf(this.tasks, this.members)
  }
}

const shareOf = (tasks: number, members: number): number =>
  members === 0 ? 0 : Math.ceil(tasks / members)

export function assignSticky(
  members: readonly StickyMember[],
  subtopologies: readonly StickySubtopology[],
  standbyReplicas: number,
): ReadonlyMap<string, TargetTasks> {
  const assignment = new Assignment(members, subtopologies, standbyReplicas)
  assignment.assignActive()
  if (standbyReplicas > 0) assignment.assignStandby()
  return assignment.result()
}

class Assignment {
  private readonly members: readonly StickyMember[]
  private readonly subtopologies: readonly StickySubtopology[]
  private readonly standbyReplicas: number
  private readonly processes = new Map<string, ProcessLoad>()
  private readonly previousActive = new Map<TaskId, StickyMember>()
  /** Who has a copy, best first. */
  private readonly copies = new Map<TaskId, Candidate[]>()
  private readonly activeShare: Share
  private readonly totalShare: Share

  constructor(
    members: readonly StickyMember[],
    subtopologies: readonly StickySubtopology[],
    standbyReplicas: number,
  ) {
    this.members = [...members].sort((a, b) => (a.memberId < b.memberId ? -1 : 1))
    this.subtopologies = subtopologies
    this.standbyReplicas = standbyReplicas
    let active = 0
    let standby = 0
    for (const { taskCount, isStateful } of subtopologies) {
      active += taskCount
      if (isStateful) standby += taskCount * standbyReplicas
    }
    this.activeShare = new Share(active, members.length)
    this.totalShare = new Share(active + standby, members.length)
    for (const processId of this.members.map((member) => member.processId).sort()) {
      if (!this.processes.has(processId)) this.processes.set(processId, new ProcessLoad())
    }
    for (const member of this.members) this.know(member)
    for (const candidates of this.copies.values()) {
      candidates.sort((a, b) => Number(b.isStandby) - Number(a.isStandby) || b.offset - a.offset)
    }
  }

  private know(member: StickyMember): void {
    this.processOf(member).addMember(member.memberId)
    for (const task of member.active) this.previousActive.set(task, member)
    const add = (task: TaskId, isStandby: boolean, offset: number) => {
      const candidate = { member, isStandby, offset }
      const list = this.copies.get(task)
      if (list) list.push(candidate)
      else this.copies.set(task, [candidate])
    }
    for (const task of member.standby) add(task, true, member.offsets.get(task) ?? 0)
    for (const [task, offset] of member.offsets) {
      if (!member.standby.has(task)) add(task, false, offset)
    }
  }

  private processOf({ processId }: StickyMember): ProcessLoad {
    return this.processes.get(processId) as ProcessLoad
  }

  private tasks(isStatefulOnly: boolean): Task[] {
    return this.subtopologies
      .filter(({ isStateful }) => isStateful || !isStatefulOnly)
      .flatMap(({ subtopologyId, taskCount }) =>
        Array.from({ length: taskCount }, (_, partition) => ({
          id: taskId(subtopologyId, partition),
          subtopologyId,
          partition,
        })),
      )
  }

  private byLoad(): LoadHeap<ProcessLoad> {
    return new LoadHeap(this.processes.values(), ({ load }) => load)
  }

  private give(member: StickyMember, { id }: Task, role: Role): void {
    this.count(this.processOf(member).give(member.memberId, id, role), role)
  }

  private count(has: number, role: Role): void {
    if (role === 'active') this.activeShare.count(has)
    this.totalShare.count(has)
  }

  private hasRoom(member: StickyMember, share: Share): boolean {
    return (this.processOf(member).counts.get(member.memberId) as number) < share.each
  }

  assignActive(): void {
    const tasks = this.tasks(false).sort(byPartition)
    const isLeft = (previous: (task: Task) => StickyMember | undefined) => (task: Task) => {
      const member = previous(task)
      if (!member || !this.hasRoom(member, this.activeShare)) return true
      this.give(member, task, 'active')
      return false
    }
    const moved = tasks.filter(isLeft(({ id }) => this.previousActive.get(id)))
    const homeless = moved.filter(isLeft(({ id }) => this.leastLoadedCopy(id, false)))
    const byLoad = this.byLoad()
    for (const { id } of homeless.sort(bySubtopology)) {
      const process = byLoad.pop() as ProcessLoad
      this.count(process.giveToLeastLoaded(id, 'active'), 'active')
      byLoad.push(process)
    }
  }

  private leastLoadedCopy(task: TaskId, isForStandby: boolean): StickyMember | undefined {
    let best: StickyMember | undefined
    let bestLoads: readonly [number, number] = [0, 0]
    for (const { member } of this.copies.get(task) ?? []) {
      const process = this.processOf(member)
      if (isForStandby && process.has(task)) continue
      const loads = [process.load, process.counts.get(member.memberId) as number] as const
      if (best && !(loads[0] < bestLoads[0] && loads[1] < bestLoads[1])) continue
      best = member
      bestLoads = loads
    }
    return best
  }

  assignStandby(): void {
    const tasks = this.tasks(true).sort((a, b) => byPartition(b, a))
    const left = tasks.map((task) => {
      let replicas = this.standbyReplicas
      while (replicas > 0 && this.giveToPrevious(task)) replicas--
      return { task, replicas }
    })
    const byLoad = this.byLoad()
    left.sort((a, b) => bySubtopology(b.task, a.task))
    for (const { task, replicas } of left) {
      for (let i = 0; i < replicas; i++) if (!this.giveToLeastLoaded(byLoad, task)) break
    }
  }

  private giveToPrevious(task: Task): boolean {
    const active = this.previousActive.get(task.id)
    const mayBeStandby =
      active && !this.processOf(active).has(task.id) && this.hasRoom(active, this.totalShare)
    const member = mayBeStandby ? active : this.leastLoadedCopy(task.id, true)
    if (!member || !this.hasRoom(member, this.totalShare)) return false
    this.give(member, task, 'standby')
    return true
  }

  private giveToLeastLoaded(byLoad: LoadHeap<ProcessLoad>, task: Task): boolean {
    const process = byLoad.pop()
    if (!process) return false
    let isGiven = false
    if (!process.has(task.id)) {
      this.count(process.giveToLeastLoaded(task.id, 'standby'), 'standby')
      isGiven = true
    } else if (byLoad.size > 0) isGiven = this.giveToLeastLoaded(byLoad, task)
    byLoad.push(process)
    return isGiven
  }

  result(): ReadonlyMap<string, TargetTasks> {
    return new Map(
      this.members.map((member) => {
        const tasks = this.processOf(member).tasksOf(member.memberId)
        return [member.memberId, { ...tasks, warmup: new Set<TaskId>() }]
      }),
    )
  }
}

const compare = <T extends number | string>(a: T, b: T): number => (a < b ? -1 : a > b ? 1 : 0)

const byPartition = (a: Task, b: Task): number =>
  compare(a.partition, b.partition) || compare(a.subtopologyId, b.subtopologyId)

const bySubtopology = (a: Task, b: Task): number =>
  compare(a.subtopologyId, b.subtopologyId) || compare(a.partition, b.partition)
