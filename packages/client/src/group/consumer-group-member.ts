/**
 * One member of a group under the consumer protocol (KIP-848), in which the coordinator assigns and
 * members only say what they hold. The heartbeat is that of `epoch-member.ts`.
 *
 * What is held (`owned`) follows what the coordinator wants in `reconcile`: first what is too much
 * is given up and its offsets are committed, then what is missing is taken over, and at once a
 * heartbeat says so. Others get what was given up only after that.
 *
 * Must always hold: what was held by a member that the coordinator does not know any more is lost,
 * not given up; its offsets must not be committed.
 */
import { apis, type ErrorName } from '@ottla/protocol'
import type { Cluster } from '../cluster/cluster.ts'
import type { ResolvedConsumerOptions } from '../consumer/consumer-options.ts'
import { FencedError } from '../errors.ts'
import type { TopicPartition } from './assignor.ts'
import {
  type AssignedTopic,
  EpochMember,
  type HeartbeatAnswer,
  type HeartbeatContent,
} from './epoch-member.ts'
import type { CommitIdentity, GroupCoordination } from './group-coordination.ts'
import { keyOf, type Membership, type MembershipEvents } from './membership.ts'

const LEAVES = -1
/** A static member leaves for a while: its partitions are kept until the session ends. */
const PAUSES = -2

export class ConsumerGroupMember extends EpochMember implements Membership {
  private readonly options: ResolvedConsumerOptions
  private readonly membershipEvents: MembershipEvents
  private owned: readonly TopicPartition[] = []

  constructor(
    cluster: Cluster,
    options: ResolvedConsumerOptions,
    coordination: GroupCoordination,
    events: MembershipEvents,
  ) {
    super(cluster, coordination, { events, maxPollIntervalMs: options.maxPollIntervalMs })
    this.options = options
    this.membershipEvents = events
  }

  get identity(): CommitIdentity {
    const { memberId, epoch } = this
    return { generationId: epoch, memberId, groupInstanceId: this.options.groupInstanceId }
  }

  // ---- what is held -----------------------------------------------------------------------------

  protected override async reconcile(): Promise<void> {
    const { target } = this
    if (!target || !this.isMember || this.isClosed) return
    const wanted = await this.resolve(target)
    if (!wanted || this.target !== target) return
    const before = new Set(this.owned.map(keyOf))
    const after = new Set(wanted.map(keyOf))
    const revoked = this.owned.filter((partition) => !after.has(keyOf(partition)))
    const added = wanted.filter((partition) => !before.has(keyOf(partition)))
    if (revoked.length > 0) await this.membershipEvents.onRevoked(revoked)
    // Committing has taken its time, and the membership may be gone.
    if (this.target !== target || !this.isMember) return
    this.owned = wanted
    this.target = undefined
    const { coordination, epoch, cluster } = this
    cluster.context.logger.info('assignment taken over', {
      group: coordination.group,
      epoch,
      partitions: wanted.length,
    })
    this.membershipEvents.onAssigned(added)
    this.mustTellOwned = true
    this.beatInBackground()
  }

  private ownedByTopic(): AssignedTopic[] {
    const byTopic = new Map<string, number[]>()
    for (const { topic, partition } of this.owned) {
      const list = byTopic.get(topic)
      if (list) list.push(partition)
      else byTopic.set(topic, [partition])
    }
    return [...byTopic].flatMap(([name, partitions]) => {
      const topicId = this.cluster.metadata.topic(name)?.id
      return topicId === undefined ? [] : [{ topicId, partitions }]
    })
  }

  protected override loseAll(): void {
    const lost = this.owned
    this.owned = []
    if (lost.length > 0) this.membershipEvents.onLost(lost)
  }

  protected override async giveUpAll(): Promise<void> {
    if (this.isMember && this.owned.length > 0) await this.membershipEvents.onRevoked(this.owned)
    this.owned = []
  }

  // ---- requests ---------------------------------------------------------------------------------

  protected override async send(content: HeartbeatContent): Promise<HeartbeatAnswer> {
    const { options, coordination } = this
    const { isFirst, saysTopics, saysOwned } = content
    const response = await coordination.request(apis.consumerGroupHeartbeat, {
      groupId: coordination.group,
      memberId: this.memberId,
      memberEpoch: this.epoch,
      instanceId: options.groupInstanceId,
      rackId: isFirst && options.rack !== '' ? options.rack : null,
      rebalanceTimeoutMs: isFirst ? options.maxPollIntervalMs : -1,
      subscribedTopicNames: saysTopics ? [...this.membershipEvents.topics()] : null,
      serverAssignor: isFirst ? (options.serverAssignor ?? null) : null,
      topicPartitions: saysOwned ? this.ownedByTopic() : null,
    })
    coordination.check(response.errorCode, 'ConsumerGroupHeartbeat', response.errorMessage)
    return response
  }

  protected override async sayGoodbye(): Promise<void> {
    const { coordination, options } = this
    const response = await coordination.request(apis.consumerGroupHeartbeat, {
      groupId: coordination.group,
      memberId: this.memberId,
      memberEpoch: options.groupInstanceId === null ? LEAVES : PAUSES,
      instanceId: options.groupInstanceId,
    })
    coordination.check(response.errorCode, 'Leaving')
  }

  protected override handleGroupError(name: ErrorName): boolean {
    switch (name) {
      case 'UNKNOWN_MEMBER_ID':
      case 'FENCED_MEMBER_EPOCH':
        this.lose()
        return true
      case 'UNRELEASED_INSTANCE_ID':
        // The member before has not been given up yet.
        return true
      case 'FENCED_INSTANCE_ID':
        this.lose()
        this.failure = new FencedError(`Member ${this.options.groupInstanceId}`)
        return true
      default:
        return false
    }
  }

  noteCommitError(name: ErrorName): void {
    if (this.handleGroupError(name)) this.membershipEvents.onChange()
  }
}
