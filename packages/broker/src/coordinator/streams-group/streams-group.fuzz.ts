/**
 * Random lives of a streams group: members (some of them threads of one process) join, fall silent,
 * lose answers, leave and come back; topics come and grow; the coordinator restarts. Members behave
 * as Kafka Streams does: they close tasks they are no longer told to have, and only then say so.
 */
import { SeededRandom } from '@ottla/base'
import { describe, expect, test } from 'vitest'
import {
  durableState,
  SESSION_MS,
  StreamsHarness,
  subtopology,
  topicInfo,
} from './streams-harness.ts'
import { type TaskIds, tasksOf } from './tasks.ts'

interface Tasks {
  readonly active: readonly TaskIds[]
  readonly standby: readonly TaskIds[]
  readonly warmup: readonly TaskIds[]
}

interface Thread {
  readonly memberId: string
  readonly processId: string
  readonly instanceId: string | null
  epoch: number
  owned: Tasks
  /** What it was told last; it comes to own that with its next heartbeat. */
  told: Tasks
}

const NOTHING: Tasks = { active: [], standby: [], warmup: [] }
const SHAPE = [
  subtopology('0', ['a', 'b'], { repartitionSinkTopics: ['re'] }),
  subtopology('1', [], {
    repartitionSourceTopics: [topicInfo('re')],
    stateChangelogTopics: [topicInfo('log')],
  }),
]

class History {
  readonly harness = new StreamsHarness()
  readonly threads: Thread[] = []
  private readonly random: SeededRandom
  private ids = 0

  constructor(seed: number) {
    this.random = new SeededRandom(seed)
    this.harness.standbyReplicas = this.random.integer(3)
    if (this.random.chance(0.3)) this.harness.initialDelayMs = 3_000
    if (this.random.chance(0.3)) this.harness.assignmentIntervalMs = 1_000
    this.harness.topics.set('a', 3)
  }

  step(): void {
    const { random } = this
    const kind = random.integer(100)
    if (kind < 12) this.join()
    else if (kind < 16) this.leave()
    else if (kind < 19) this.threads.splice(random.integer(Math.max(1, this.threads.length)), 1)
    else if (kind < 21) this.harness.topics.set('b', 2)
    else if (kind < 23) this.harness.standbyReplicas = random.integer(3)
    else if (kind < 25) this.harness.restart()
    else if (kind < 30) this.harness.pass(random.integer(SESSION_MS))
    else if (this.threads.length > 0) this.beat(this.pick(this.threads), random.chance(0.9))
    this.check()
  }

  private pick<T>(list: readonly T[]): T {
    return list[this.random.integer(list.length)] as T
  }

  private join(): void {
    if (this.threads.length >= 7) return
    const memberId = `m${++this.ids}`
    const instanceId = this.random.chance(0.3) ? `i${this.random.integer(4)}` : null
    const processId = instanceId === null ? `p${this.random.integer(4)}` : `of ${instanceId}`
    const thread = { memberId, processId, instanceId, epoch: 0, owned: NOTHING, told: NOTHING }
    if (this.beat(thread, true)) this.threads.push(thread)
  }

  private leave(): void {
    if (this.threads.length === 0) return
    const [thread] = this.threads.splice(this.random.integer(this.threads.length), 1)
    const { memberId, instanceId } = thread as Thread
    const memberEpoch = instanceId !== null && this.random.chance(0.6) ? -2 : -1
    this.harness.heartbeat({ memberId, instanceId, memberEpoch })
  }

  /** False when the member was refused. A lost answer leaves it as it was. */
  beat(thread: Thread, isAnswered: boolean): boolean {
    const isJoining = thread.epoch === 0
    const { memberId, instanceId, processId } = thread
    thread.owned = isJoining ? NOTHING : thread.told
    const { active, standby, warmup } = thread.owned
    const mutable = (list: readonly TaskIds[]) =>
      list.map(({ subtopologyId, partitions }) => ({ subtopologyId, partitions: [...partitions] }))
    const said = {
      memberId,
      instanceId,
      processId,
      activeTasks: mutable(active),
      standbyTasks: mutable(standby),
      warmupTasks: mutable(warmup),
    }
    const answer = isJoining
      ? this.harness.join(memberId, SHAPE, { ...said, rebalanceTimeoutMs: 10_000 })
      : this.harness.heartbeat({ ...said, memberEpoch: thread.epoch })
    if (answer.errorCode !== 0) {
      thread.owned = NOTHING
      thread.told = NOTHING
      if (isJoining) return false
      thread.epoch = 0
      return this.beat(thread, true)
    }
    if (!isAnswered) return true
    thread.epoch = answer.memberEpoch
    const { activeTasks, standbyTasks, warmupTasks } = answer
    if (activeTasks && standbyTasks && warmupTasks) {
      thread.told = { active: activeTasks, standby: standbyTasks, warmup: warmupTasks }
    }
    return true
  }

  /** No task is processed twice, no process has a task twice, and records tell all there is. */
  check(): void {
    const { coordinator } = this.harness
    const group = coordinator.streamsGroups.get('g')
    const owners = new Map<string, string>()
    for (const { memberId, epoch, owned } of this.threads) {
      // Who was taken out does not know yet; it is only the group's members that count.
      if (!group?.members.has(memberId) || epoch === 0) continue
      for (const task of tasksOf(owned.active)) {
        expect(owners.get(task), `two process ${task}`).toBeUndefined()
        owners.set(task, memberId)
      }
    }
    const held = new Set<string>()
    for (const { metadata, current } of group?.members.values() ?? []) {
      const { active, standby, warmup } = current.assigned
      for (const task of [...active.keys(), ...standby, ...warmup]) {
        const name = `${metadata.processId} has ${task}`
        expect(held.has(name), name).toBe(false)
        held.add(name)
      }
    }
    if (!this.random.chance(0.1)) return
    expect(durableState(this.harness.replayed())).toEqual(durableState(coordinator))
  }

  /** Members heartbeat until nothing moves; then every task is processed, and evenly. */
  settle(): void {
    this.harness.pass(SESSION_MS + 1)
    this.harness.topics.set('a', 3)
    this.harness.topics.set('b', 2)
    for (let round = 0; round < 12; round++) {
      this.harness.pass(1_500)
      for (const thread of this.threads) this.beat(thread, true)
    }
    if (this.threads.length === 0) return
    const { group } = this.harness
    // Static members that paused are still counted until their session ends.
    if (group.members.size !== this.threads.length) return
    expect(group.state).toBe('Stable')
    const active = this.threads.map(({ told }) => [...tasksOf(told.active)])
    const wanted = ['0', '1'].flatMap((id) => [0, 1, 2].map((partition) => `${id}_${partition}`))
    expect(active.flat().sort()).toEqual(wanted)
    this.checkCopies()
  }

  private checkCopies(): void {
    const processes = new Set(this.threads.map(({ processId }) => processId))
    const replicas = Math.min(this.harness.standbyReplicas, processes.size - 1)
    const copies = this.threads.flatMap(({ told }) => [...tasksOf(told.standby)])
    expect(copies.every((task) => task.startsWith('1_'))).toBe(true)
    expect(copies.length).toBe(3 * replicas)
  }
}

describe('a streams group through random lives', () => {
  test.each(Array.from({ length: 100 }, (_, seed) => seed + 1))('seed %i', (seed) => {
    const history = new History(seed)
    for (let part = 0; part < 3; part++) {
      for (let i = 0; i < 40; i++) history.step()
      history.settle()
    }
  })
})
