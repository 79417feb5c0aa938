/**
 * What members of consumer groups (KIP-848) and of share groups (KIP-932) have in common: one
 * heartbeat request that joins, stays and leaves, and that carries the member's epoch.
 *
 *   out --heartbeat, epoch 0--> in --heartbeat, own epoch--> in ...
 *    ^                          |
 *    +---fenced, unknown, left--+
 *
 * The answer brings the partitions that the coordinator wants the member to have (`target`). They
 * are taken over in `ensureJoined`, which the consumer calls between two batches.
 *
 * Must always hold:
 * - one heartbeat at a time, and everything the coordinator has to know again is said after one
 *   that may not have arrived;
 * - a loop that does not come back within `maxPollIntervalMs` makes the member leave.
 */
import { delay, messageOf, randomUuid, type Timer } from '@ottla/base'
import type { ErrorName } from '@ottla/protocol'
import type { Cluster } from '../cluster/cluster.ts'
import { abortable, backoffMs, withTimeout } from '../cluster/retry.ts'
import { isRetriableError, KafkaError, TimeoutError } from '../errors.ts'
import type { TopicPartition } from './assignor.ts'
import { type GroupCoordination, LEAVE_MS_MAX } from './group-coordination.ts'

export interface AssignedTopic {
  readonly topicId: string
  readonly partitions: readonly number[]
}

/** What a heartbeat says; fields that have not changed are left out. */
export interface HeartbeatContent {
  /** The coordinator has to be told everything. */
  readonly isFirst: boolean
  readonly saysTopics: boolean
  /** What is held has changed. */
  readonly saysOwned: boolean
}

export interface HeartbeatAnswer {
  readonly memberEpoch: number
  readonly heartbeatIntervalMs: number
  readonly assignment: { readonly topicPartitions: readonly AssignedTopic[] } | null
}

export interface EpochMemberEvents {
  /** Something changed that `ensureJoined` should look at. */
  readonly onChange: () => void
  /** Topics this member wants; patterns are resolved by the caller. */
  readonly topics: () => readonly string[]
}

export abstract class EpochMember {
  protected readonly cluster: Cluster
  protected readonly coordination: GroupCoordination
  protected readonly memberId: string
  /** 0 while it is no member. */
  protected epoch = 0
  protected target: readonly AssignedTopic[] | undefined
  /** The coordinator waits for what the next heartbeat says: it goes out at once. */
  protected mustTellOwned = false
  protected failure: Error | undefined
  protected isClosed = false
  private readonly events: EpochMemberEvents
  private readonly maxPollIntervalMs: number
  private intervalMs = 0
  /** Topics as the coordinator knows them; undefined when it has to be told everything. */
  private toldTopics: string | undefined
  private beating: Promise<void> | undefined
  private heartbeat: Timer | undefined
  private lastPollMs = 0

  constructor(
    cluster: Cluster,
    coordination: GroupCoordination,
    parts: { readonly events: EpochMemberEvents; readonly maxPollIntervalMs: number },
  ) {
    this.cluster = cluster
    this.coordination = coordination
    this.events = parts.events
    this.maxPollIntervalMs = parts.maxPollIntervalMs
    this.memberId = randomUuid(cluster.context.random)
  }

  /** One heartbeat, once; throws what the coordinator refuses it for. */
  protected abstract send(content: HeartbeatContent): Promise<HeartbeatAnswer>
  /** Tells the coordinator that the member is gone. */
  protected abstract sayGoodbye(): Promise<void>
  /** Makes what is held what the coordinator wants it to be. */
  protected abstract reconcile(): Promise<void>
  /** Gives everything up in good order, before the member leaves. */
  protected abstract giveUpAll(): Promise<void>
  /** The membership is gone, and what was held with it. */
  protected abstract loseAll(): void
  /** True when the next heartbeat mends it. */
  protected abstract handleGroupError(name: ErrorName): boolean

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

  /** Topics by name; undefined while the name of one is not known. */
  protected async resolve(
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

  protected lose(): void {
    this.epoch = 0
    this.target = undefined
    this.toldTopics = undefined
    this.mustTellOwned = false
    this.stopHeartbeat()
    this.loseAll()
  }

  // ---- heartbeat --------------------------------------------------------------------------------

  private topicsNow(): string {
    return [...this.events.topics()].sort().join()
  }

  protected beatInBackground(): void {
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
    const { maxPollIntervalMs } = this
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
      const saysTopics = isFirst || topics !== this.toldTopics
      const saysOwned = isFirst || this.mustTellOwned
      this.mustTellOwned = false
      const answer = await this.send({ isFirst, saysTopics, saysOwned })
      this.toldTopics = topics
      this.take(answer)
    } catch (error) {
      // Nobody knows what has arrived: everything is said again.
      this.toldTopics = undefined
      if (!this.isClosed) this.handle(error)
    }
  }

  private take({ memberEpoch, heartbeatIntervalMs, assignment }: HeartbeatAnswer): void {
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

  // ---- leaving ----------------------------------------------------------------------------------

  async close(): Promise<void> {
    this.isClosed = true
    this.stopHeartbeat()
    await this.giveUpAll()
    await this.within('the last heartbeat', async () => this.beating)
    await this.leave()
  }

  /** For so long and no longer: whatever it was, the session timeout will do the same, later. */
  private async within(what: string, work: () => Promise<void>): Promise<void> {
    const { context } = this.cluster
    try {
      const late = () => new TimeoutError(what, LEAVE_MS_MAX)
      await withTimeout(context, work(), LEAVE_MS_MAX, late)
    } catch (error) {
      context.logger.debug('leaving the group failed', { reason: messageOf(error) })
    }
  }

  private async leave(): Promise<void> {
    const { isMember } = this
    this.lose()
    if (isMember) await this.within('leaving', () => this.sayGoodbye())
  }
}
