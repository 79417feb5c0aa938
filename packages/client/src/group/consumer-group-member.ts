/**
 * One member of a group under the consumer protocol (KIP-848), in which the coordinator assigns and
 * members only say what they hold.
 *
 *   out --heartbeat, epoch 0--> in --heartbeat, own epoch--> in ...
 *    ^                          |
 *    +---fenced, unknown, left--+
 *
 * The heartbeat brings the partitions that the coordinator wants the member to have (`target`).
 * What is held (`owned`) follows in `ensureJoined`, which the consumer calls between two batches:
 * first what is too much is given up and its offsets are committed, then what is missing is taken
 * over, and at once a heartbeat says so. Others get what was given up only after that.
 *
 * Must always hold:
 * - one heartbeat at a time, and everything the coordinator has to know again is said after one
 * that
 *   may not have arrived;
 * - what was held by a member that the coordinator does not know any more is lost, not given up:
 * its
 *   offsets must not be committed;
 * - a loop that does not come back within `maxPollIntervalMs` makes the member leave.
 */
import { delay, messageOf, randomUuid, type Timer } from '@ottla/base'
import { apis, type ErrorName, type ResponseOf } from '@ottla/protocol'
import type { Cluster } from '../cluster/cluster.ts'
import { abortable, backoffMs } from '../cluster/retry.ts'
import type { ResolvedConsumerOptions } from '../consumer/consumer-options.ts'
import { FencedError, isRetriableError, KafkaError } from '../errors.ts'
import type { TopicPartition } from './assignor.ts'
import type { CommitIdentity, GroupCoordination } from './group-coordination.ts'
import { keyOf, type Membership, type MembershipEvents } from './membership.ts'

const LEAVES = -1
/** A static member leaves for a while: its partitions are kept until the session ends. */
const PAUSES = -2

type HeartbeatResponse = ResponseOf<typeof apis.consumerGroupHeartbeat>

interface AssignedTopic {
  readonly topicId: string
  readonly partitions: readonly number[]
}

export class ConsumerGroupMember implements Membership {
  private readonly cluster: Cluster
  private readonly options: ResolvedConsumerOptions
  private readonly coordination: GroupCoordination
  private readonly events: MembershipEvents
  private readonly memberId: string
  /** 0 while it is no member. */
  private epoch = 0
  private intervalMs = 0
  private owned: readonly TopicPartition[] = []
  private target: readonly AssignedTopic[] | undefined
  /** Topics as the coordinator knows them; undefined when it has to be told everything. */
  private toldTopics: string | undefined
  private mustTellOwned = false
  private beating: Promise<void> | undefined
  private heartbeat: Timer | undefined
  private lastPollMs = 0
  private failure: Error | undefined
  private isClosed = false

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
    this.memberId = randomUuid(cluster.context.random)
  }

  get identity(): CommitIdentity {
    const { memberId, epoch } = this
    return { generationId: epoch, memberId, groupInstanceId: this.options.groupInstanceId }
  }

  get isMember(): boolean {
    return this.epoch > 0
  }

  async ensureJoined(signal?: AbortSignal): Promise<void> {
    const { clock, random, retryBackoff } = this.cluster.context
    this.lastPollMs = clock.monotonicMs()
    for (let attempt = 0; !this.isMember && !this.isClosed && !signal?.aborted; attempt++) {
      if (this.failure) throw this.failure
      await abortable(this.beat(), signal).catch((error: unknown) => {
        if (!signal?.aborted) throw error
      })
      if (this.isMember || this.isClosed || signal?.aborted) break
      await delay(clock, backoffMs(retryBackoff, attempt, random))
    }
    if (this.failure) throw this.failure
    await this.reconcile()
    if (this.isMember && this.topicsNow() !== this.toldTopics) this.beatInBackground()
    this.lastPollMs = clock.monotonicMs()
  }

  // ---- what is held -----------------------------------------------------------------------------

  /** Makes what is held what the coordinator wants it to be. */
  private async reconcile(): Promise<void> {
    const { target } = this
    if (!target || !this.isMember || this.isClosed) return
    const wanted = await this.resolve(target)
    if (!wanted || this.target !== target) return
    const before = new Set(this.owned.map(keyOf))
    const after = new Set(wanted.map(keyOf))
    const revoked = this.owned.filter((partition) => !after.has(keyOf(partition)))
    const added = wanted.filter((partition) => !before.has(keyOf(partition)))
    if (revoked.length > 0) await this.events.onRevoked(revoked)
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
    this.events.onAssigned(added)
    this.mustTellOwned = true
    this.beatInBackground()
  }

  /** Topics by name; undefined while the name of one is not known. */
  private async resolve(
    target: readonly AssignedTopic[],
  ): Promise<readonly TopicPartition[] | undefined> {
    const { metadata } = this.cluster
    const isKnown = () => target.every(({ topicId }) => metadata.nameOf(topicId) !== undefined)
    if (!isKnown()) await this.cluster.refreshTopics(this.events.topics())
    if (!isKnown()) return undefined
    return target.flatMap(({ topicId, partitions }) =>
      partitions.map((partition) => ({ topic: metadata.nameOf(topicId) as string, partition })),
    )
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

  private lose(): void {
    this.epoch = 0
    this.target = undefined
    this.toldTopics = undefined
    this.mustTellOwned = false
    this.stopHeartbeat()
    const lost = this.owned
    this.owned = []
    if (lost.length > 0) this.events.onLost(lost)
  }

  // ---- heartbeat --------------------------------------------------------------------------------

  private topicsNow(): string {
    return [...this.events.topics()].sort().join()
  }

  private beatInBackground(): void {
    this.stopHeartbeat()
    this.beat().catch((error: unknown) => {
      this.failure = error as Error
      this.events.onChange()
    })
  }

  private schedule(delayMs: number): void {
    this.stopHeartbeat()
    if (this.isClosed) return
    this.heartbeat = this.cluster.context.clock.setTimer(delayMs, () => {
      this.heartbeat = undefined
      this.beatInBackground()
    })
  }

  private stopHeartbeat(): void {
    this.heartbeat?.cancel()
    this.heartbeat = undefined
  }

  /** Sends a heartbeat unless one is on its way, and deals with its answer. */
  private beat(): Promise<void> {
    this.beating ??= this.beatNow().finally(() => {
      this.beating = undefined
      if (this.isMember && this.heartbeat === undefined) {
        this.schedule(this.mustTellOwned ? 0 : this.intervalMs)
      }
    })
    return this.beating
  }

  private async beatNow(): Promise<void> {
    const { clock, logger } = this.cluster.context
    const { maxPollIntervalMs } = this.options
    const { group } = this.coordination
    if (this.isMember && clock.monotonicMs() - this.lastPollMs > maxPollIntervalMs) {
      const what = 'the loop took longer than maxPollIntervalMs, leaving the group'
      logger.warn(what, { group, maxPollIntervalMs })
      await this.leave()
      return
    }
    const topics = this.topicsNow()
    try {
      const isFirst = this.toldTopics === undefined
      const body = this.request(isFirst, isFirst || topics !== this.toldTopics)
      this.mustTellOwned = false
      const response = await this.coordination.request(apis.consumerGroupHeartbeat, body)
      this.coordination.check(response.errorCode, 'ConsumerGroupHeartbeat', response.errorMessage)
      this.toldTopics = topics
      this.take(response)
    } catch (error) {
      // Nobody knows what has arrived: everything is said again.
      this.toldTopics = undefined
      if (!this.isClosed) this.handle(error)
    }
  }

  /** Fields that have not changed are left out. */
  private request(isFirst: boolean, saysTopics: boolean) {
    const { options } = this
    return {
      groupId: this.coordination.group,
      memberId: this.memberId,
      memberEpoch: this.epoch,
      instanceId: options.groupInstanceId,
      rackId: isFirst && options.rack !== '' ? options.rack : null,
      rebalanceTimeoutMs: isFirst ? options.maxPollIntervalMs : -1,
      subscribedTopicNames: saysTopics ? [...this.events.topics()] : null,
      serverAssignor: isFirst ? (options.serverAssignor ?? null) : null,
      topicPartitions: isFirst || this.mustTellOwned ? this.ownedByTopic() : null,
    }
  }

  private take({ memberEpoch, heartbeatIntervalMs, assignment }: HeartbeatResponse): void {
    this.epoch = memberEpoch
    this.intervalMs = heartbeatIntervalMs
    if (!assignment) return
    this.target = assignment.topicPartitions
    this.events.onChange()
  }

  private handle(error: unknown): void {
    const { logger } = this.cluster.context
    if (!(error instanceof KafkaError)) {
      if (!isRetriableError(error)) throw error
      logger.debug('heartbeat is retried', { reason: messageOf(error) })
    } else if (!this.handleGroupError(error.code) && !error.isRetriable) throw error
    // Soon again: the session goes on, whatever happened to this one.
    if (this.isMember) this.schedule(this.cluster.context.retryBackoff.minMs)
    this.events.onChange()
  }

  /** True when the next heartbeat mends it. */
  private handleGroupError(name: ErrorName): boolean {
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
    if (this.handleGroupError(name)) this.events.onChange()
  }

  // ---- leaving ----------------------------------------------------------------------------------

  async close(): Promise<void> {
    this.isClosed = true
    this.stopHeartbeat()
    if (this.isMember && this.owned.length > 0) await this.events.onRevoked(this.owned)
    await this.beating?.catch(() => undefined)
    this.owned = []
    await this.leave()
  }

  private async leave(): Promise<void> {
    const { isMember } = this
    this.lose()
    if (!isMember) return
    const body = {
      groupId: this.coordination.group,
      memberId: this.memberId,
      memberEpoch: this.options.groupInstanceId === null ? LEAVES : PAUSES,
      instanceId: this.options.groupInstanceId,
    }
    try {
      const response = await this.coordination.request(apis.consumerGroupHeartbeat, body)
      this.coordination.check(response.errorCode, 'Leaving')
    } catch (error) {
      // The session timeout will do the same, later.
      this.cluster.context.logger.debug('leaving the group failed', { reason: messageOf(error) })
    }
  }
}
