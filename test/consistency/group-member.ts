/**
 * A member of a classic consumer group: joins, assigns when it is the leader, reads from what was
 * committed, commits, and leaves without a word now and then. Sometimes it commits in the name of
 * a generation that is over, as a member does that was away for too long.
 */
import {
  apis,
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
  decodePrefixed,
  encodePrefixed,
  errorName,
} from '@ottla/protocol'
import { fetchKeys } from './answers.ts'
import { Client } from './client.ts'
import type { Connection } from './connection.ts'
import type { Membership } from './history.ts'
import { TOPIC } from './topic.ts'
import type { World } from './world.ts'

const SESSION_MS = 200
const PROTOCOL = 'odd-and-even'

interface Joined {
  readonly generationId: number
  readonly leader: string
  readonly members: readonly { readonly memberId: string }[]
}

export class GroupMember extends Client {
  private readonly group: string
  private memberId = ''
  private membership: Membership | undefined
  private former: { membership: Membership; positions: Map<number, number> } | undefined
  private positions = new Map<number, number>()

  constructor(world: World, name: string, group: string) {
    super(world, name)
    this.group = group
  }

  protected override async step(): Promise<void> {
    const connection = await this.connection()
    const { membership } = this
    if (!membership) {
      await this.join(connection)
      return
    }
    const { generation } = membership
    const dice = this.random.float()
    if (dice < 0.02) {
      this.crash()
      this.memberId = ''
      this.leaveBehind(membership)
    } else if (dice < 0.2) await this.commit(connection, membership, this.positions)
    else if (dice < 0.25 && this.former && this.former.membership.generation < generation) {
      await this.commit(connection, this.former.membership, this.former.positions)
    } else if (dice < 0.5) await this.heartbeat(connection, membership)
    else await this.poll(connection)
  }

  private leaveBehind(membership: Membership): void {
    this.former = { membership, positions: new Map(this.positions) }
    this.membership = undefined
    this.positions.clear()
  }

  private async join(connection: Connection): Promise<void> {
    await connection.ask(apis.findCoordinator, 4, { keyType: 0, coordinatorKeys: [this.group] })
    const subscription = { topics: [TOPIC], userData: null, ownedPartitions: [] }
    const metadata = encodePrefixed(ConsumerProtocolSubscription, 1, 1, subscription)
    const answer = await connection.ask(apis.joinGroup, 9, {
      groupId: this.group,
      sessionTimeoutMs: SESSION_MS,
      rebalanceTimeoutMs: SESSION_MS,
      memberId: this.memberId,
      protocolType: 'consumer',
      protocols: [{ name: PROTOCOL, metadata }],
    })
    const error = errorName(answer.errorCode)
    if (error === 'MEMBER_ID_REQUIRED') this.memberId = answer.memberId
    else if (error === 'UNKNOWN_MEMBER_ID') this.memberId = ''
    if (error !== 'NONE') return
    this.memberId = answer.memberId
    await this.sync(connection, answer)
  }

  private async sync(connection: Connection, joined: Joined): Promise<void> {
    const { group, memberId } = this
    const membership = { group, member: memberId, generation: joined.generationId }
    const { history } = this.world
    const operation = history.begin(this.name, 'subscribe', { membership })
    const isLeader = joined.leader === memberId
    const answer = await connection.ask(apis.syncGroup, 5, {
      groupId: group,
      generationId: joined.generationId,
      memberId,
      protocolType: 'consumer',
      protocolName: PROTOCOL,
      assignments: isLeader ? this.shares(joined.members) : [],
    })
    const error = errorName(answer.errorCode)
    if (error !== 'NONE') {
      history.end(operation, 'fail', error)
      return
    }
    const keys = keysIn(answer.assignment)
    operation.keys.push(...keys)
    history.end(operation, 'ok')
    if (await this.findPositions(connection, keys)) this.membership = membership
  }

  private shares(members: Joined['members']) {
    return members.map(({ memberId }, place) => {
      const partitions: number[] = []
      for (let key = place; key < this.world.keyCount; key += members.length) partitions.push(key)
      const assignedPartitions = [{ topic: TOPIC, partitions }]
      const assignment = encodePrefixed(ConsumerProtocolAssignment, 1, 1, { assignedPartitions })
      return { memberId, assignment }
    })
  }

  private async findPositions(connection: Connection, keys: readonly number[]): Promise<boolean> {
    this.positions.clear()
    const { history } = this.world
    const operation = history.begin(this.name, 'fetch-offsets')
    const topics = [{ name: TOPIC, partitionIndexes: [...keys] }]
    const body = { groupId: this.group, groups: [], topics, requireStable: true }
    const answer = await connection.ask(apis.offsetFetch, 7, body)
    const parts = answer.topics[0]?.partitions ?? []
    const isWhole = answer.errorCode === 0 && parts.every(({ errorCode }) => errorCode === 0)
    if (!isWhole) {
      history.end(operation, 'fail')
      return false
    }
    const { group } = this
    operation.commits = parts.map(({ partitionIndex: key, committedOffset: offset }) => ({
      group,
      key,
      offset,
    }))
    history.end(operation, 'ok')
    for (const { key, offset } of operation.commits) this.positions.set(key, Math.max(0, offset))
    return true
  }

  private async heartbeat(connection: Connection, membership: Membership): Promise<void> {
    const answer = await connection.ask(apis.heartbeat, 4, {
      groupId: this.group,
      generationId: membership.generation,
      memberId: membership.member,
    })
    const error = errorName(answer.errorCode)
    if (error === 'NONE') return
    if (error === 'UNKNOWN_MEMBER_ID') this.memberId = ''
    this.leaveBehind(membership)
  }

  private async commit(
    connection: Connection,
    membership: Membership,
    positions: ReadonlyMap<number, number>,
  ): Promise<void> {
    if (positions.size === 0) return
    const { group } = this
    const commits = [...positions].map(([key, offset]) => ({ group, key, offset }))
    const { history } = this.world
    const operation = history.begin(this.name, 'commit', { membership, commits })
    const partitions = commits.map(({ key, offset }) => ({
      partitionIndex: key,
      committedOffset: offset,
      committedMetadata: null,
    }))
    const answer = await connection.ask(apis.offsetCommit, 9, {
      groupId: group,
      generationIdOrMemberEpoch: membership.generation,
      memberId: membership.member,
      topics: [{ name: TOPIC, partitions }],
    })
    const errors = (answer.topics[0]?.partitions ?? []).map(({ errorCode }) => errorName(errorCode))
    const error = errors.find((one) => one !== 'NONE')
    // A commit that could not be written may still come to the disk.
    const isRefused = error !== undefined && error !== 'COORDINATOR_NOT_AVAILABLE'
    history.end(operation, error === undefined ? 'ok' : isRefused ? 'fail' : 'info', error)
  }

  private async poll(connection: Connection): Promise<void> {
    if (this.positions.size === 0) return
    const { history } = this.world
    const operation = history.begin(this.name, 'poll')
    const polls = await fetchKeys(connection, this.positions, { isCommittedOnly: true })
    operation.polls = polls.filter(({ highWatermark }) => highWatermark >= 0)
    history.end(operation, 'ok')
    for (const { key, next, error, logStartOffset } of polls) {
      if (error === 'NONE') this.positions.set(key, next)
      else if (error === 'OFFSET_OUT_OF_RANGE') this.positions.set(key, logStartOffset)
    }
  }

  /** What is committed at the very end. */
  async fetchAll(): Promise<void> {
    const connection = await this.world.connect()
    await connection.ask(apis.findCoordinator, 4, { keyType: 0, coordinatorKeys: [this.group] })
    const keys = Array.from({ length: this.world.keyCount }, (_, key) => key)
    await this.findPositions(connection, keys)
    connection.close()
  }
}

function keysIn(assignment: Buffer): number[] {
  if (assignment.length === 0) return []
  const { assignedPartitions } = decodePrefixed(ConsumerProtocolAssignment, 1, assignment)
  return assignedPartitions.flatMap(({ partitions }) => partitions)
}
