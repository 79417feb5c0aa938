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
import type { Connection } from './connection.ts'
import { GroupReader } from './group-reader.ts'
import type { Membership } from './history.ts'
import { KEYS, TOPIC } from './topic.ts'

const SESSION_MS = 200
const PROTOCOL = 'odd-and-even'

interface Joined {
  readonly generationId: number
  readonly leader: string
  readonly members: readonly { readonly memberId: string }[]
}

export class GroupMember extends GroupReader {
  private memberId = ''
  private membership: Membership | undefined

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

  protected override leaveBehind(membership: Membership): void {
    super.leaveBehind(membership)
    this.membership = undefined
  }

  private async join(connection: Connection): Promise<void> {
    await this.findCoordinator(connection)
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
    const membership: Membership = {
      group,
      member: memberId,
      generation: joined.generationId,
      protocol: 'classic',
    }
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
    this.positions.clear()
    if (await this.findPositions(connection, keys)) this.membership = membership
  }

  private shares(members: Joined['members']) {
    return members.map(({ memberId }, place) => {
      const partitions: number[] = []
      for (let key = place; key < KEYS; key += members.length) partitions.push(key)
      const assignedPartitions = [{ topic: TOPIC, partitions }]
      const assignment = encodePrefixed(ConsumerProtocolAssignment, 1, 1, { assignedPartitions })
      return { memberId, assignment }
    })
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
}

function keysIn(assignment: Buffer): number[] {
  if (assignment.length === 0) return []
  const { assignedPartitions } = decodePrefixed(ConsumerProtocolAssignment, 1, assignment)
  return assignedPartitions.flatMap(({ partitions }) => partitions)
}
