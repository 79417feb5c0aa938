/**
 * What the sticky assignor has given to one process of a streams application, and to each of its
 * members. The load of a process is its tasks per member, since every member is a thread.
 */
import { assert } from '@ottla/base'
import { LoadHeap } from './load-heap.ts'
import type { TaskId } from './tasks.ts'

export type Role = 'active' | 'standby'

interface Counted {
  readonly memberId: string
  count: number
}

export class ProcessLoad {
  readonly counts = new Map<string, number>()
  private readonly tasks = new Set<TaskId>()
  private byLoad: LoadHeap<Counted> | undefined
  private readonly given = new Map<string, Record<Role, Set<TaskId>>>()
  private taskCount = 0

  addMember(memberId: string): void {
    this.counts.set(memberId, 0)
    this.given.set(memberId, { active: new Set(), standby: new Set() })
  }

  get load(): number {
    return this.taskCount / this.counts.size
  }

  has(task: TaskId): boolean {
    return this.tasks.has(task)
  }

  tasksOf(memberId: string): Readonly<Record<Role, ReadonlySet<TaskId>>> {
    return this.given.get(memberId) as Record<Role, Set<TaskId>>
  }

  /** Gives a task to a member; the number of tasks it has then. */
  give(memberId: string, task: TaskId, role: Role): number {
    this.byLoad = undefined
    return this.add(memberId, task, role)
  }

  /** Gives a task to whoever has the fewest; the number of tasks it has then. */
  giveToLeastLoaded(task: TaskId, role: Role): number {
    this.byLoad ??= new LoadHeap(
      [...this.counts].map(([memberId, count]) => ({ memberId, count })),
      ({ count }) => count,
    )
    const member = this.byLoad.pop()
    assert(member, 'a process has at least one member')
    member.count = this.add(member.memberId, task, role)
    this.byLoad.push(member)
    return member.count
  }

  private add(memberId: string, task: TaskId, role: Role): number {
    this.taskCount++
    this.tasks.add(task)
    this.given.get(memberId)?.[role].add(task)
    const count = (this.counts.get(memberId) as number) + 1
    this.counts.set(memberId, count)
    return count
  }
}
