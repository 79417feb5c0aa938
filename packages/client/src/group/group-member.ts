/**
 * One member of a consumer group under the classic protocol.
 *
 *   unjoined --join--> joining --sync--> stable --"rebalance in progress"--> unjoined (same id)
 *       ^                                  |
 *       |                                  +--unknown member, old generation--> unjoined (lost)
 *       +------------------leave-----------+
 *
 * A heartbeat on a timer of its own keeps the membership while the user works. What it learns is
 * only noted (`needsRejoin`); joining happens in `ensureJoined`, which the consumer calls between
 * two batches, so partitions are never taken away in the middle of one.
 *
 * Must always hold:
 * - under an eager assignor everything is given up before joining; under a cooperative one only
 *   what the new assignment lacks, and giving up is followed by another join (KIP-429);
 * - partitions that the coordinator has taken away (unknown member, old generation) are `lost`:
 *   their offsets must not be committed, others may be past them;
 * - a loop that does not come back within `maxPollIntervalMs` makes the member leave, so that
 *   others can take over.
 */
import { ClosedError, delay, messageOf, type Timer } from '@ottla/base'
import { apis, type ErrorName, errorName, type ResponseOf } from '@ottla/protocol'
import type { Cluster } from '../cluster/cluster.ts'
import { abortable, backoffMs, withTimeout } from '../cluster/retry.ts'
import type { ResolvedConsumerOptions } from '../consumer/consumer-options.ts'
import { FencedError, isRetriableError, KafkaError, TimeoutError } from '../errors.ts'
import type { Assignor, AssignorName, TopicPartition } from './assignor.ts'
import { assignorsOf } from './assignors.ts'
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from './consumer-protocol.ts'
import type { CustomAssignor } from './custom-assignor.ts'
import { type CommitIdentity, GroupCoordination, LEAVE_MS_MAX } from './group-coordination.ts'
import { keyOf, type Membership, type MembershipEvents } from './membership.ts'

const PROTOCOL_TYPE = 'consumer'
/** Joining may take as long as the slowest member is allowed to; then some for the network. */
const JOIN_GRACE_MS = 5_000

type JoinResponse = ResponseOf<typeof apis.joinGroup>

export class GroupMember implements Membership {
  private readonly cluster: Cluster
  private readonly options: ResolvedConsumerOptions
  private readonly coordination: GroupCoordination
  private readonly events: MembershipEvents
  private readonly assignors: readonly (Assignor | CustomAssignor)[]
  private readonly isCooperative: boolean
  private memberId = ''
  private generationId = -1
  private owned: readonly TopicPartition[] = []
  private heartbeat: Timer | undefined
  private isJoined = false
  private lastPollMs = 0
  private isClosed = false
  /** The join on its way; it may take as long as the slowest member of the group. */
  private joining: Promise<void> | undefined
  private failure: Error | undefined
  /** Partition counts the leader assigned by; a change means another rebalance. */
  private assignedCounts: ReadonlyMap<string, number> | undefined
  private assignedTopics = ''
  needsRejoin = true

  constructor(
    cluster: Cluster,
    options: ResolvedConsumerOptions,
    coordination: GroupCoordination,
    events: MembershipEvents,
  ) {
    this.cluster = cluster
    this.options = options
    this.coordination = coordination
    this.events = events
    const own = (one: AssignorName | CustomAssignor) =>
      typeof one === 'string' ? assignorsOf([one]) : [one]
    this.assignors = options.assignors.flatMap<Assignor | CustomAssignor>(own)
    this.isCooperative = this.assignors.every(
      (assignor) => 'isCooperative' in assignor && assignor.isCooperative,
    )
  }

  get identity(): CommitIdentity {
    const { groupInstanceId } = this.options
    return { generationId: this.generationId, memberId: this.memberId, groupInstanceId }
  }

  get isMember(): boolean {
    return this.isJoined
  }

  async ensureJoined(signal?: AbortSignal): Promise<void> {
    this.lastPollMs = this.cluster.context.clock.monotonicMs()
    if (this.failure) throw this.failure
    this.checkSubscription()
    for (let attempt = 0; this.needsRejoin && !signal?.aborted; attempt++) {
      try {
        this.joining = this.rejoin()
        await abortable(this.joining, signal)
        this.joining = undefined
        attempt = 0
      } catch (error) {
        if (this.isClosed || signal?.aborted) return
        this.joining = undefined
        if (!this.handleJoinError(error)) throw error
        const { clock, random, retryBackoff } = this.cluster.context
        await delay(clock, backoffMs(retryBackoff, attempt, random))
      }
    }
    this.lastPollMs = this.cluster.context.clock.monotonicMs()
  }

  /** New topics, or (for the leader) new partitions, call for another assignment. */
  private checkSubscription(): void {
    if (!this.isJoined) return
    if ([...this.events.topics()].sort().join() !== this.assignedTopics) this.needsRejoin = true
    for (const [topic, count] of this.assignedCounts ?? []) {
      const current = this.cluster.metadata.topic(topic)?.partitions.length ?? 0
      if (current !== count) this.needsRejoin = true
    }
  }

  private async rejoin(): Promise<void> {
    if (!this.isCooperative && this.owned.length > 0) {
      await this.events.onRevoked(this.owned)
      this.owned = []
    }
    this.stopHeartbeat()
    // Cleared first: what changes while the join is on its way calls for the next one.
    this.needsRejoin = false
    try {
      const { clock } = this.cluster.context
      const beganMs = clock.monotonicMs()
      const topics = [...this.events.topics()]
      const joined = await this.join(topics)
      const assignment = await this.sync(joined, topics)
      if (this.isClosed) throw new ClosedError('The consumer')
      this.assignedTopics = [...topics].sort().join()
      this.isJoined = true
      this.scheduleHeartbeat()
      await this.takeOver(assignment)
      this.options.onGroupEvent?.({
        ...{ type: 'joined', memberId: this.memberId, generationId: this.generationId },
        ...{ leaderId: joined.leader, protocol: joined.protocolName ?? '', partitions: assignment },
        durationMs: clock.monotonicMs() - beganMs,
      })
    } catch (error) {
      this.needsRejoin = true
      throw error
    }
  }

  private async join(topics: readonly string[]): Promise<JoinResponse> {
    const { options } = this
    const body = {
      groupId: this.coordination.group,
      sessionTimeoutMs: options.sessionTimeoutMs,
      rebalanceTimeoutMs: options.rebalanceTimeoutMs,
      memberId: this.memberId,
      groupInstanceId: options.groupInstanceId,
      protocolType: PROTOCOL_TYPE,
      protocols: this.assignors.map((assignor) => ({
        name: assignor.name,
        metadata: this.subscriptionFor(assignor, topics),
      })),
    }
    const timeoutMs = options.rebalanceTimeoutMs + JOIN_GRACE_MS
    const response = await this.coordination.request(apis.joinGroup, body, { timeoutMs })
    if (errorName(response.errorCode) === 'MEMBER_ID_REQUIRED') {
      this.memberId = response.memberId
      return this.join(topics)
    }
    this.coordination.check(response.errorCode, 'JoinGroup')
    this.memberId = response.memberId
    this.generationId = response.generationId
    return response
  }

  private subscriptionFor(assignor: Assignor | CustomAssignor, topics: readonly string[]): Buffer {
    if ('subscription' in assignor) return assignor.subscription(topics)
    return encodeSubscription({
      topics,
      ownedPartitions: this.owned,
      generationId: this.generationId,
      rack: this.options.rack,
      isSticky: assignor.isCooperative,
    })
  }

  private async sync(joined: JoinResponse, topics: readonly string[]): Promise<TopicPartition[]> {
    const isLeader = joined.leader === joined.memberId
    const mustAssign = isLeader && !joined.skipAssignment
    const assignments = mustAssign ? await this.assign(joined, topics) : []
    if (!isLeader) this.assignedCounts = undefined
    const body = {
      groupId: this.coordination.group,
      generationId: this.generationId,
      memberId: this.memberId,
      groupInstanceId: this.options.groupInstanceId,
      protocolType: PROTOCOL_TYPE,
      protocolName: joined.protocolName,
      assignments,
    }
    const timeoutMs = this.options.rebalanceTimeoutMs + JOIN_GRACE_MS
    const response = await this.coordination.request(apis.syncGroup, body, { timeoutMs })
    this.coordination.check(response.errorCode, 'SyncGroup')
    return decodeAssignment(response.assignment)
  }

  private async assign(joined: JoinResponse, wanted: readonly string[]) {
    const assignor = this.assignors.find(({ name }) => name === joined.protocolName)
    if (!assignor) throw new TypeError(`the group chose ${joined.protocolName}, which is unknown`)
    if ('subscription' in assignor) return this.assignCustom(assignor, joined, wanted)
    const members = joined.members.map((member) => decodeSubscription(member, member.metadata))
    const topics = [...new Set(members.flatMap((member) => member.topics))]
    await this.cluster.refreshTopics(topics)
    const counts = new Map<string, number>()
    for (const topic of topics) {
      const known = this.cluster.metadata.topic(topic)
      if (known) counts.set(topic, known.partitions.length)
      else this.cluster.context.logger.warn('subscribed topic does not exist', { topic })
    }
    this.assignedCounts = new Map(topics.map((topic) => [topic, counts.get(topic) ?? 0]))
    return [...assignor.assign(members, counts)].map(([memberId, partitions]) => ({
      memberId,
      assignment: encodeAssignment(partitions),
    }))
  }

  private async assignCustom(
    assignor: CustomAssignor,
    joined: JoinResponse,
    topics: readonly string[],
  ): Promise<{ memberId: string; assignment: Buffer }[]> {
    await this.cluster.refreshTopics(topics)
    const countOf = (topic: string) => this.cluster.metadata.topic(topic)?.partitions.length ?? 0
    this.assignedCounts = new Map(topics.map((topic) => [topic, countOf(topic)]))
    return [...(await assignor.assign(joined.members, topics))]
  }

  private async takeOver(assignment: readonly TopicPartition[]): Promise<void> {
    const before = new Set(this.owned.map(keyOf))
    const after = new Set(assignment.map(keyOf))
    const revoked = this.owned.filter((partition) => !after.has(keyOf(partition)))
    const added = assignment.filter((partition) => !before.has(keyOf(partition)))
    if (revoked.length > 0) {
      await this.events.onRevoked(revoked)
      // Others wait for these: joining again lets the leader give them away.
      this.needsRejoin = true
    }
    this.owned = assignment
    const { generationId, coordination } = this
    this.cluster.context.logger.info('joined group', {
      group: coordination.group,
      generationId,
      partitions: assignment.length,
    })
    this.events.onAssigned(added)
  }

  /** Makes the member ready for another attempt; false when there is none. */
  private handleJoinError(error: unknown): boolean {
    if (error instanceof KafkaError) return this.handleGroupError(error.code)
    return isRetriableError(error)
  }

  /** True when joining (again) mends it. */
  private handleGroupError(name: ErrorName): boolean {
    const isMended = this.takeGroupError(name)
    if (this.needsRejoin && isMended) {
      const { memberId, generationId } = this
      this.options.onGroupEvent?.({ type: 'rebalancing', memberId, generationId })
    }
    return isMended
  }

  private takeGroupError(name: ErrorName): boolean {
    switch (name) {
      case 'UNKNOWN_MEMBER_ID':
        this.memberId = ''
        this.lose()
        return true
      case 'ILLEGAL_GENERATION':
        this.lose()
        return true
      case 'REBALANCE_IN_PROGRESS':
      case 'COORDINATOR_LOAD_IN_PROGRESS':
      case 'COORDINATOR_NOT_AVAILABLE':
      case 'NOT_COORDINATOR':
        this.needsRejoin = true
        return true
      case 'FENCED_INSTANCE_ID':
        this.failure = new FencedError(`Member ${this.options.groupInstanceId}`)
        this.lose()
        this.events.onChange()
        throw this.failure
      default:
        return false
    }
  }

  private lose(): void {
    this.generationId = -1
    this.isJoined = false
    this.needsRejoin = true
    this.stopHeartbeat()
    const lost = this.owned
    this.owned = []
    if (lost.length > 0) this.events.onLost(lost)
  }

  // ---- heartbeat --------------------------------------------------------------------------------

  private scheduleHeartbeat(): void {
    this.stopHeartbeat()
    const { heartbeatIntervalMs } = this.options
    this.heartbeat = this.cluster.context.clock.setTimer(heartbeatIntervalMs, () => {
      this.heartbeat = undefined
      this.beat().catch((error: unknown) => {
        this.failure = error as Error
        this.events.onChange()
      })
    })
  }

  private stopHeartbeat(): void {
    this.heartbeat?.cancel()
    this.heartbeat = undefined
  }

  private async beat(): Promise<void> {
    const { clock, logger } = this.cluster.context
    if (clock.monotonicMs() - this.lastPollMs > this.options.maxPollIntervalMs) {
      logger.warn('the loop took longer than maxPollIntervalMs, leaving the group', {
        group: this.coordination.group,
        maxPollIntervalMs: this.options.maxPollIntervalMs,
      })
      await this.leave('the loop took longer than max.poll.interval.ms')
      return
    }
    const { generationId } = this
    try {
      const { group } = this.coordination
      const response = await this.coordination.request(
        apis.heartbeat,
        { groupId: group, ...this.identity },
        { timeoutMs: this.options.sessionTimeoutMs },
      )
      this.coordination.check(response.errorCode, 'Heartbeat')
      this.options.onGroupEvent?.({ type: 'heartbeat', memberId: this.memberId, generationId })
    } catch (error) {
      if (generationId !== this.generationId) return
      if (error instanceof KafkaError) {
        if (!this.handleGroupError(error.code) && !error.isRetriable) throw error
        this.events.onChange()
      } else if (!isRetriableError(error)) throw error
      else logger.debug('heartbeat is retried', { reason: messageOf(error) })
    }
    if (this.isJoined && generationId === this.generationId) this.scheduleHeartbeat()
  }

  noteCommitError(name: ErrorName): void {
    if (this.handleGroupError(name)) this.events.onChange()
  }

  // ---- leaving ----------------------------------------------------------------------------------

  async close(): Promise<void> {
    this.isClosed = true
    if (this.isJoined && this.owned.length > 0) await this.events.onRevoked(this.owned)
    this.owned = []
    await this.leave('the consumer is being closed')
  }

  private async leave(reason: string): Promise<void> {
    const { memberId, joining } = this
    const { groupInstanceId } = this.options
    this.lose()
    if (memberId === '' || groupInstanceId !== null) return
    this.memberId = ''
    const body = {
      groupId: this.coordination.group,
      memberId,
      members: [{ memberId, groupInstanceId, reason }],
    }
    // A broker answers one request of a connection after the other: behind a join that waits for
    // other members the farewell would wait as well, so it takes another connection.
    const { group } = this.coordination
    const coordination = joining
      ? new GroupCoordination(this.cluster, this.cluster.pool, group)
      : this.coordination
    try {
      const { context } = this.cluster
      const left = coordination.request(apis.leaveGroup, body)
      const late = () => new TimeoutError('LeaveGroup', LEAVE_MS_MAX)
      const response = await withTimeout(context, left, LEAVE_MS_MAX, late)
      coordination.check(response.errorCode, 'LeaveGroup')
    } catch (error) {
      // The session timeout will do the same, later.
      this.cluster.context.logger.debug('leaving the group failed', { reason: messageOf(error) })
    }
  }
}
