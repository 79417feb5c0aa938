/**
 * Random histories of a consumer group: members join, fall silent, lose answers, leave and come
 * back; topics come, grow and go; the coordinator restarts. The members behave as a client does:
 * they give up what they are no longer told to have, and only then say so.
 */
import { SeededRandom } from '@ottla/base'
import { describe, expect, test } from 'vitest'
import { assignmentOf, partitionsOf, type TopicPartitions } from './assignment.ts'
import { ConsumerGroupHarness, durableState, SESSION_MS } from './group-harness.ts'

interface Client {
  memberId: string
  readonly instanceId: string | null
  epoch: number
  owned: readonly TopicPartitions[]
  /** What it was told last; it comes to own that with its next heartbeat. */
  told: readonly TopicPartitions[]
  topics: string[]
  pattern: string | null
}

const TOPICS = ['a', 'b', 'c', 'orders.eu', 'orders.us']
const PATTERNS = ['orders\\..*', '[ab]|c', '.*']

class History {
  readonly harness = new ConsumerGroupHarness()
  readonly clients: Client[] = []
  private readonly random: SeededRandom
  private ids = 0

  constructor(seed: number) {
    this.random = new SeededRandom(seed)
    this.harness.topics.set('a', 3)
  }

  step(): void {
    const { random } = this
    const kind = random.integer(100)
    if (kind < 12) this.join()
    else if (kind < 16) this.leave()
    else if (kind < 19) this.clients.splice(random.integer(Math.max(1, this.clients.length)), 1)
    else if (kind < 24) this.harness.topics.set(this.pick(TOPICS), random.integer(7))
    else if (kind < 28) this.resubscribe()
    else if (kind < 30) this.harness.restart()
    else if (kind < 34) this.harness.pass(random.integer(SESSION_MS))
    else if (this.clients.length > 0) this.beat(this.pick(this.clients), random.chance(0.9))
    this.check()
  }

  private pick<T>(list: readonly T[]): T {
    return list[this.random.integer(list.length)] as T
  }

  private subscription() {
    const topics = TOPICS.filter(() => this.random.chance(0.6))
    return { topics, pattern: this.random.chance(0.2) ? this.pick(PATTERNS) : null }
  }

  private join(): void {
    if (this.clients.length >= 6) return
    const instanceId = this.random.chance(0.3) ? `i${this.random.integer(4)}` : null
    const memberId = `m${++this.ids}`
    const none: readonly TopicPartitions[] = []
    const nothing = { epoch: 0, owned: none, told: none }
    const client = { memberId, instanceId, ...nothing, ...this.subscription() }
    if (this.beat(client, true)) this.clients.push(client)
  }

  private leave(): void {
    if (this.clients.length === 0) return
    const [client] = this.clients.splice(this.random.integer(this.clients.length), 1)
    const { memberId, instanceId } = client as Client
    const memberEpoch = instanceId !== null && this.random.chance(0.6) ? -2 : -1
    this.harness.heartbeat({ memberId, instanceId, memberEpoch })
  }

  private resubscribe(): void {
    if (this.clients.length > 0) Object.assign(this.pick(this.clients), this.subscription())
  }

  /** False when the member was refused. A lost answer leaves the member as it was. */
  beat(client: Client, isAnswered: boolean): boolean {
    const isJoining = client.epoch === 0
    client.owned = isJoining ? [] : client.told
    const answer = this.harness.heartbeat({
      memberId: client.memberId,
      instanceId: client.instanceId,
      memberEpoch: client.epoch,
      rebalanceTimeoutMs: 10_000,
      subscribedTopicNames: client.topics,
      subscribedTopicRegex: client.pattern ?? '',
      topicPartitions: client.owned.map(({ topicId, partitions }) => ({
        topicId,
        partitions: [...partitions],
      })),
    })
    if (answer.errorCode !== 0) {
      client.owned = []
      client.told = []
      if (isJoining) return false
      client.epoch = 0
      return this.beat(client, true)
    }
    if (!isAnswered) return true
    client.epoch = answer.memberEpoch
    if (answer.assignment) client.told = answer.assignment.topicPartitions as TopicPartitions[]
    return true
  }

  /** No partition is read by two clients, and records tell all there is. */
  check(): void {
    const { coordinator } = this.harness
    const group = coordinator.consumerGroups.get('g')
    const owners = new Map<string, string>()
    for (const { memberId, epoch, owned } of this.clients) {
      // Who was taken out does not know yet; it is only the group's members that count.
      const member = group?.members.get(memberId)
      if (!member || epoch === 0) continue
      for (const [topicId, partition] of partitionsOf(assignmentOf(owned))) {
        const name = `${topicId}-${partition}`
        expect(owners.get(name), `two read ${name}`).toBeUndefined()
        owners.set(name, memberId)
      }
    }
    if (!this.random.chance(0.1)) return
    expect(durableState(this.harness.replayed())).toEqual(durableState(coordinator))
  }

  /** Members heartbeat until nothing moves; then everything is assigned, and evenly. */
  settle(): void {
    this.harness.pass(SESSION_MS + 1)
    for (let round = 0; round < 8; round++)
      for (const client of this.clients) this.beat(client, true)
    if (this.clients.length === 0) return
    const { group } = this.harness
    // Static members that paused are still counted until their session ends.
    if (group.members.size !== this.clients.length) return
    expect(group.state).toBe('Stable')
    this.checkShares()
  }

  private checkShares(): void {
    const { group, topics } = this.harness
    const wanted = new Set<string>()
    for (const { metadata } of group.members.values()) {
      for (const name of group.topicsOf(metadata)) {
        const topic = topics.byName(name)
        for (let p = 0; p < (topic?.partitionCount ?? 0); p++) wanted.add(`${topic?.id}-${p}`)
      }
    }
    const held = this.clients.flatMap(({ told }) =>
      [...partitionsOf(assignmentOf(told))].map(([topicId, p]) => `${topicId}-${p}`),
    )
    expect(held.sort()).toEqual([...wanted].sort())
    const subscriptions = new Set(
      [...group.members.values()].map(({ metadata }) =>
        [...group.topicsOf(metadata)]
          .filter((name) => topics.byName(name))
          .sort()
          .join(),
      ),
    )
    if (subscriptions.size !== 1) return
    const counts = this.clients.map(({ told }) => [...partitionsOf(assignmentOf(told))].length)
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
  }
}

describe('a consumer group through random histories', () => {
  test.each(Array.from({ length: 100 }, (_, seed) => seed + 1))('seed %i', (seed) => {
    const history = new History(seed)
    for (let part = 0; part < 3; part++) {
      for (let i = 0; i < 40; i++) history.step()
      history.settle()
    }
  })
})
