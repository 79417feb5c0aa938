/**
 * Random histories of a group with members of both protocols, under every migration policy: members
 * join, sync, fall silent, leave and come back, as static members too; the topic grows; the
 * coordinator restarts. Nobody reads what another member reads, records tell all there is, and when
 * nothing happens any more everything is read by somebody.
 */
import { SeededRandom } from '@ottla/base'
import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
  decodePrefixed,
  encodePrefixed,
  errorName,
  type JoinGroupResponse,
  type SyncGroupResponse,
} from '@ottla/protocol'
import { describe, expect, test } from 'vitest'
import type { Token } from '../group/classic-group.ts'
import { heartbeat, join, leave, sync } from '../group/membership.ts'
import type { Outcome } from '../group/outcome.ts'
import type { MigrationPolicy } from './consumer-groups.ts'
import { ConsumerGroupHarness, durableState, SESSION_MS } from './group-harness.ts'

const TOPIC = 't'
const GROUP = 'g'
const REBALANCE_MS = 20_000
const CLIENTS_MAX = 5
const SETTLE_ROUNDS = 40
/** The version that tells the generation of what a member owns. */
const SUBSCRIPTION = 2

interface Client {
  readonly protocol: 'classic' | 'consumer'
  readonly instanceId: string | null
  /** Keeps what it has while it joins, and says so. */
  readonly isCooperative: boolean
  memberId: string
  /** Generation or member epoch; 0 of who is no member. */
  epoch: number
  owned: readonly number[]
  /** Of the consumer protocol: what it comes to own with its next heartbeat. */
  told: readonly number[]
  due: 'join' | 'sync' | 'nothing'
  /** The request it waits with. */
  waiting: Token | undefined
  /** What the leader gives to all. */
  assignments: { memberId: string; assignment: Buffer }[]
}

class History {
  readonly harness: ConsumerGroupHarness
  readonly random: SeededRandom
  clients: Client[] = []
  private partitionCount = 3
  private ids = 0
  private tokens = 0
  private readonly answers = new Map<Token, (response: unknown) => void>()

  constructor(seed: number, migration: MigrationPolicy) {
    this.random = new SeededRandom(seed)
    this.harness = new ConsumerGroupHarness({ migration })
    this.harness.topics.set(TOPIC, this.partitionCount)
  }

  step(): void {
    const { random } = this
    const kind = random.integer(100)
    if (kind < 8) this.enter()
    else if (kind < 13) this.goAway()
    else if (kind < 15) this.fallSilent()
    else if (kind < 17) this.grow()
    else if (kind < 19) this.restart()
    else if (kind < 23) this.pass(random.integer(REBALANCE_MS))
    else if (this.clients.length > 0) this.act(random.pick(this.clients))
    this.check()
  }

  private enter(): void {
    if (this.clients.length >= CLIENTS_MAX) return
    const protocol = this.random.pick(['classic', 'consumer'] as const)
    const client: Client = {
      protocol,
      instanceId: this.random.chance(0.25) ? `i${this.random.integer(3)}` : null,
      isCooperative: this.random.chance(0.5),
      memberId: protocol === 'consumer' ? `m${++this.ids}` : '',
      epoch: 0,
      owned: [],
      told: [],
      due: 'join',
      waiting: undefined,
      assignments: [],
    }
    // Whoever has the same instance id is the same machine, which has been started anew.
    this.clients = this.clients.filter(
      ({ instanceId }) => instanceId === null || instanceId !== client.instanceId,
    )
    this.clients.push(client)
    this.act(client)
  }

  private fallSilent(): void {
    this.clients.splice(this.random.integer(Math.max(1, this.clients.length)), 1)
  }

  private goAway(): void {
    const [client] = this.clients.splice(this.random.integer(Math.max(1, this.clients.length)), 1)
    if (!client || client.epoch === 0) return
    const { memberId, instanceId } = client
    if (client.protocol === 'consumer') {
      const memberEpoch = instanceId !== null && this.random.chance(0.5) ? -2 : -1
      this.take(() => this.harness.heartbeat({ memberId, instanceId, memberEpoch }))
      return
    }
    const members = [{ memberId, groupInstanceId: instanceId, reason: null }]
    const request = { groupId: GROUP, memberId: '', members }
    this.carryOut(leave(this.harness.coordinator, request, 5, this.harness.now).outcome)
  }

  private grow(): void {
    this.partitionCount = Math.min(8, this.partitionCount + 1)
    this.harness.topics.set(TOPIC, this.partitionCount)
  }

  /** Requests that waited are lost with the connections. */
  private restart(): void {
    this.harness.restart()
    this.answers.clear()
    for (const client of this.clients) {
      if (client.waiting !== undefined) Object.assign(client, { waiting: undefined, due: 'join' })
    }
  }

  private pass(ms: number): void {
    this.harness.nowMs += ms
    this.carryOut(this.harness.coordinator.onTime(this.harness.now))
  }

  private carryOut({ records, replies }: Outcome): void {
    this.harness.records.push(...records)
    for (const { token, response } of replies) {
      const answer = this.answers.get(token)
      this.answers.delete(token)
      answer?.(response)
    }
  }

  /** A heartbeat may send classic members away that waited. */
  private take<T>(ask: () => T): T {
    const answer = ask()
    const replies = this.harness.sentAway.splice(0)
    this.carryOut({ records: [], replies })
    return answer
  }

  private act(client: Client): void {
    if (client.waiting !== undefined) return
    if (client.protocol === 'consumer') this.beat(client)
    else if (client.due === 'join') this.join(client)
    else if (client.due === 'sync') this.sync(client)
    else this.classicBeat(client)
  }

  // ---------------------------------------------------------------- the consumer protocol

  private beat(client: Client): void {
    const { memberId, instanceId, epoch } = client
    client.owned = epoch === 0 ? [] : client.told
    const topicId = this.harness.topics.byName(TOPIC)?.id as string
    const answer = this.take(() =>
      this.harness.heartbeat({
        memberId,
        instanceId,
        memberEpoch: epoch,
        rebalanceTimeoutMs: REBALANCE_MS,
        subscribedTopicNames: [TOPIC],
        topicPartitions:
          client.owned.length > 0 ? [{ topicId, partitions: [...client.owned] }] : [],
      }),
    )
    if (answer.errorCode !== 0) {
      Object.assign(client, { epoch: 0, owned: [], told: [] })
      return
    }
    client.epoch = answer.memberEpoch
    if (answer.assignment) {
      client.told = answer.assignment.topicPartitions.flatMap(({ partitions }) => [...partitions])
    }
  }

  // ---------------------------------------------------------------- the classic protocol

  private ask(client: Client, request: (token: Token) => Outcome, then: (answer: never) => void) {
    const token = ++this.tokens
    client.waiting = token
    this.answers.set(token, (response) => {
      client.waiting = undefined
      then(response as never)
    })
    this.carryOut(request(token))
  }

  private join(client: Client): void {
    if (!client.isCooperative) client.owned = []
    const { owned, memberId, instanceId: groupInstanceId } = client
    const ownedPartitions = owned.length > 0 ? [{ topic: TOPIC, partitions: [...owned] }] : []
    const value = { topics: [TOPIC], userData: null, ownedPartitions, generationId: client.epoch }
    const metadata = encodePrefixed(ConsumerProtocolSubscription, SUBSCRIPTION, SUBSCRIPTION, value)
    const request = {
      groupId: GROUP,
      sessionTimeoutMs: SESSION_MS,
      rebalanceTimeoutMs: REBALANCE_MS,
      memberId,
      groupInstanceId,
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata }],
      reason: null,
    }
    const { coordinator, now } = this.harness
    const who = { now, clientId: 'client', clientHost: '/127.0.0.1' }
    const context = { ...who, requiresKnownMemberId: true, supportsSkippingAssignment: true }
    this.ask(
      client,
      (token) => join(coordinator, request, { ...context, token }),
      (answer: JoinGroupResponse) => this.joined(client, answer),
    )
  }

  private joined(client: Client, answer: JoinGroupResponse): void {
    switch (errorName(answer.errorCode)) {
      case 'NONE':
        client.memberId = answer.memberId
        client.epoch = answer.generationId
        client.due = 'sync'
        client.assignments = this.assignmentsOf(answer)
        return
      case 'MEMBER_ID_REQUIRED':
        client.memberId = answer.memberId
        return
      case 'REBALANCE_IN_PROGRESS':
        return
      default:
        this.startAnew(client)
    }
  }

  private startAnew(client: Client): void {
    Object.assign(client, { memberId: '', epoch: 0, owned: [], due: 'join' })
  }

  /**
   * As the leader: everybody keeps what it still has, by what the newest generation says, and the
   * rest goes to who has least.
   */
  private assignmentsOf({ members }: JoinGroupResponse): Client['assignments'] {
    const claims = members
      .map(({ memberId, metadata }) => ({
        memberId,
        ...decodePrefixed(ConsumerProtocolSubscription, SUBSCRIPTION, metadata),
      }))
      .sort((a, b) => b.generationId - a.generationId)
    const claimed = new Set<number>()
    const shares = claims.map(({ memberId, ownedPartitions }) => {
      const owned = ownedPartitions.flatMap(({ partitions }) => [...partitions])
      const partitions = owned.filter((partition) => !claimed.has(partition))
      for (const partition of partitions) claimed.add(partition)
      return { memberId, partitions }
    })
    for (let partition = 0; partition < this.partitionCount; partition++) {
      const isOwned = shares.some(({ partitions }) => partitions.includes(partition))
      const [least] = shares.toSorted((a, b) => a.partitions.length - b.partitions.length)
      if (!isOwned) least?.partitions.push(partition)
    }
    return shares.map(({ memberId, partitions }) => {
      const value = { assignedPartitions: [{ topic: TOPIC, partitions }], userData: null }
      return { memberId, assignment: encodePrefixed(ConsumerProtocolAssignment, 1, 1, value) }
    })
  }

  private speaker = ({ memberId, epoch, instanceId }: Client) => ({
    groupId: GROUP,
    memberId,
    generationId: epoch,
    groupInstanceId: instanceId,
  })

  private sync(client: Client): void {
    const { coordinator, now } = this.harness
    const request = {
      ...this.speaker(client),
      protocolType: 'consumer',
      protocolName: 'range',
      assignments: client.assignments,
    }
    this.ask(
      client,
      (token) => sync(coordinator, request, token, now),
      (answer: SyncGroupResponse) => {
        const error = errorName(answer.errorCode)
        if (error === 'NONE') {
          client.due = 'nothing'
          client.owned = partitionsIn(answer.assignment)
        } else this.refused(client, error)
      },
    )
  }

  private classicBeat(client: Client): void {
    const { coordinator, now } = this.harness
    const error = heartbeat(coordinator, this.speaker(client), now)
    if (error !== 'NONE') this.refused(client, error)
  }

  private refused(client: Client, error: string): void {
    if (error === 'REBALANCE_IN_PROGRESS') client.due = 'join'
    else if (error === 'ILLEGAL_GENERATION') Object.assign(client, { owned: [], due: 'join' })
    else this.startAnew(client)
  }

  // ---------------------------------------------------------------- what must hold

  private isMember({ memberId }: Client): boolean {
    const { groups, consumerGroups } = this.harness.coordinator
    const group = groups.get(GROUP) ?? consumerGroups.get(GROUP)
    return memberId !== '' && (group?.members.has(memberId) ?? false)
  }

  check(): void {
    const { coordinator } = this.harness
    const classic = coordinator.groups.get(GROUP)
    const modern = coordinator.consumerGroups.get(GROUP)
    expect(classic && modern, 'the group is of two kinds').toBeUndefined()
    this.checkOwners(classic?.generationId)
    if (this.random.chance(0.1)) this.checkRecords()
  }

  /** Who was taken out, or is in an older generation, does not know yet. */
  private checkOwners(generation: number | undefined): void {
    const owners = new Map<number, string>()
    for (const client of this.clients) {
      if (!this.isMember(client) || client.epoch === 0) continue
      const isOutdated = generation !== undefined && client.epoch !== generation
      // Whoever was taken out and came back hears with its sync what became of what it had.
      if (isOutdated || client.due === 'sync') continue
      for (const partition of client.owned) {
        expect(owners.get(partition), `two read ${partition}`).toBeUndefined()
        owners.set(partition, client.memberId)
      }
    }
  }

  private checkRecords(): void {
    const { coordinator } = this.harness
    const replayed = this.harness.replayed()
    expect(durableState(replayed)).toEqual(durableState(coordinator))
    expect(replayed.groups.has(GROUP) && replayed.consumerGroups.get(GROUP)).toBeFalsy()
  }

  /** Nothing happens but what members do, until nothing moves. */
  settle(): void {
    // Those that are gone are found to be gone, one after the other.
    for (let i = 0; i < 3; i++) {
      this.pass(SESSION_MS + 1)
      this.round()
    }
    for (let round = 0; round < SETTLE_ROUNDS; round++) {
      this.round()
      this.check()
      this.pass(500)
    }
    const held = this.clients.filter((client) => this.isMember(client))
    if (held.length === 0) return
    const all = Array.from({ length: this.partitionCount }, (_, partition) => partition)
    expect(held.flatMap(({ owned }) => [...owned]).sort((a, b) => a - b)).toEqual(all)
  }

  private round(): void {
    for (const client of this.clients) this.act(client)
  }
}

function partitionsIn(assignment: Buffer): number[] {
  if (assignment.length < 2) return []
  const { assignedPartitions } = decodePrefixed(ConsumerProtocolAssignment, 1, assignment)
  return assignedPartitions.flatMap(({ partitions }) => [...partitions])
}

const SEEDS = Array.from({ length: 12 }, (_, seed) => seed + 1)

describe.each<MigrationPolicy>(['bidirectional', 'upgrade', 'downgrade', 'disabled'])(
  'a group of both protocols through random histories, migration %s',
  (migration) => {
    test.each(SEEDS)('seed %i', (seed) => {
      const history = new History(seed, migration)
      for (let part = 0; part < 3; part++) {
        for (let i = 0; i < 60; i++) history.step()
        history.settle()
      }
    })
  },
)
