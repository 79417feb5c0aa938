/**
 * A member of a consumer group (KIP-848): the broker says what it holds, and it gives up what it is
 * no longer given before somebody else gets that. Sometimes it goes away without a word, and its
 * commits come when its keys have another owner.
 */
import { apis, errorName } from '@ottla/protocol'
import type { Connection } from './connection.ts'
import { GroupReader } from './group-reader.ts'
import type { Membership } from './history.ts'
import { TOPIC } from './topic.ts'

const REBALANCE_MS = 500

export class ConsumerMember extends GroupReader {
  private lives = 0
  private membership: Membership | undefined
  /** Keys it may have, those included whose positions it does not know yet. */
  private given = new Set<number>()
  private topicId = ''

  protected override async step(): Promise<void> {
    const connection = await this.connection()
    const { membership } = this
    const dice = this.random.float()
    if (!membership) await this.join(connection)
    else if (dice < 0.02) {
      this.crash()
      this.forget(membership)
    } else if (dice < 0.2) await this.commit(connection, membership, this.positions)
    else if (dice < 0.25 && this.former) {
      await this.commit(connection, this.former.membership, this.former.positions)
    } else if (dice < 0.6) await this.heartbeat(connection, membership)
    else await this.poll(connection)
  }

  private forget(membership: Membership): void {
    this.leaveBehind(membership)
    this.membership = undefined
    this.given = new Set()
  }

  /** Every life has an id of its own, as the clients make it. */
  private async join(connection: Connection): Promise<void> {
    await this.findCoordinator(connection)
    const { topics } = await connection.ask(apis.metadata, 12, { topics: [{ name: TOPIC }] })
    this.topicId = topics[0]?.topicId ?? ''
    this.lives++
    await this.beat(connection, {
      group: this.group,
      member: `${this.name}-life-${this.lives}`,
      generation: 0,
      protocol: 'consumer',
    })
  }

  private async heartbeat(connection: Connection, membership: Membership): Promise<void> {
    const unknown = [...this.given].filter((key) => !this.positions.has(key))
    if (unknown.length > 0) await this.findPositions(connection, unknown)
    await this.beat(connection, membership)
  }

  private async beat(connection: Connection, membership: Membership): Promise<void> {
    const { group, member, generation } = membership
    const { history } = this.world
    const operation = history.begin(this.name, 'heartbeat')
    const partitions = [...this.given]
    const answer = await connection.ask(apis.consumerGroupHeartbeat, 1, {
      groupId: group,
      memberId: member,
      memberEpoch: generation,
      rebalanceTimeoutMs: REBALANCE_MS,
      subscribedTopicNames: [TOPIC],
      topicPartitions: partitions.length > 0 ? [{ topicId: this.topicId, partitions }] : [],
    })
    const error = errorName(answer.errorCode)
    if (error !== 'NONE') {
      history.end(operation, 'fail', error)
      if (FENCED.has(error)) this.forget(membership)
      return
    }
    history.end(operation, 'ok')
    this.membership = { ...membership, generation: answer.memberEpoch }
    if (!answer.assignment) return
    this.take(answer.assignment.topicPartitions)
    const { startedAt } = operation
    const known = { startedAt, keys: [...this.given], membership: this.membership }
    history.end(history.begin(this.name, 'subscribe', known), 'ok')
  }

  private take(parts: readonly { readonly partitions: readonly number[] }[]): void {
    this.given = new Set(parts.flatMap(({ partitions }) => partitions))
    for (const key of this.positions.keys()) if (!this.given.has(key)) this.positions.delete(key)
  }
}

const FENCED = new Set(['UNKNOWN_MEMBER_ID', 'FENCED_MEMBER_EPOCH', 'UNRELEASED_INSTANCE_ID'])
