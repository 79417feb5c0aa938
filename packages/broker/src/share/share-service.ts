/**
 * The share partitions in use, made at the first fetch from what is kept of them, and the sessions
 * of the members. Handlers find everything about reading in share groups here.
 */
import { type Clock, type Logger, messageOf, type Uuid } from '@ottla/base'
import type { ErrorName } from '@ottla/protocol'
import { type PartitionLog, StorageError } from '@ottla/storage'
import type { MetadataImage } from '../metadata/metadata-image.ts'
import type { Partitions } from '../partitions.ts'
import type { DeadLetters } from './dead-letters.ts'
import { HeldPartition } from './held-partition.ts'
import { SharePartition } from './share-partition.ts'
import { type ShareSession, ShareSessions } from './share-sessions.ts'
import { type SharePartitionKey, textOf } from './share-state-records.ts'
import type { ShareStateService } from './share-state-service.ts'
import { type ShareState, UNKNOWN_OFFSET } from './share-states.ts'

/** Settings of a group that count while it reads. */
export interface ShareGroupSettings {
  readonly lockDurationMs: number
  readonly deliveryCountMax: number
  readonly recordLocksMax: number
  readonly isCommittedOnly: boolean
  readonly mayRenew: boolean
  /** `earliest`, `latest` or `by_duration:PT1H`. */
  readonly offsetReset: string
}

export interface ShareServiceOptions {
  readonly states: ShareStateService
  readonly partitions: Partitions
  readonly image: MetadataImage
  readonly clock: Clock
  readonly logger: Logger
  readonly deadLetters: DeadLetters
  readonly sessionsMax: number
  readonly settingsOf: (groupId: string) => ShareGroupSettings
}

export class ShareService {
  readonly states: ShareStateService
  readonly sessions: ShareSessions
  private readonly options: ShareServiceOptions
  private readonly held = new Map<string, HeldPartition>()
  private readonly opening = new Map<string, Promise<HeldPartition | ErrorName>>()

  constructor(options: ShareServiceOptions) {
    this.options = options
    this.states = options.states
    this.sessions = new ShareSessions(options.sessionsMax, (session) => this.onEnd(session))
  }

  settingsOf(groupId: string): ShareGroupSettings {
    return this.options.settingsOf(groupId)
  }

  /** Deadline of a lock that begins now, in monotonic milliseconds. */
  lockDeadlineMs(groupId: string): number {
    return this.options.clock.monotonicMs() + this.settingsOf(groupId).lockDurationMs
  }

  /** The log of a partition, or why there is none. */
  logOf(topicId: Uuid, partition: number): PartitionLog | ErrorName {
    const topic = this.options.image.topicsById.get(topicId)
    if (!topic) return 'UNKNOWN_TOPIC_ID'
    return this.options.partitions.get(topic.name, partition) ?? 'UNKNOWN_TOPIC_OR_PARTITION'
  }

  /** A share partition that is in use already. */
  find(key: SharePartitionKey): HeldPartition | undefined {
    return this.held.get(textOf(key))
  }

  open(key: SharePartitionKey): Promise<HeldPartition | ErrorName> {
    const text = textOf(key)
    const known = this.held.get(text)
    if (known) return Promise.resolve(known)
    let opening = this.opening.get(text)
    if (!opening) {
      opening = this.openNow(key).finally(() => this.opening.delete(text))
      this.opening.set(text, opening)
    }
    return opening
  }

  private async openNow(key: SharePartitionKey): Promise<HeldPartition | ErrorName> {
    const log = this.logOf(key.topicId, key.partition)
    if (typeof log === 'string') return log
    try {
      await log.ready()
      const fault = await this.states.load(key)
      if (fault) return fault
      const state = this.states.states.get(key)
      // As Apache Kafka: a state that nobody has initialized is an error without a name.
      if (!state) return 'UNKNOWN_SERVER_ERROR'
      const held = this.hold(key, log, state, await this.startOffsetOf(key, log, state))
      this.held.set(textOf(key), held)
      return held
    } catch (error) {
      if (error instanceof StorageError) return error.errorName
      throw error
    }
  }

  private hold(
    key: SharePartitionKey,
    log: PartitionLog,
    state: ShareState,
    startOffset: number,
  ): HeldPartition {
    const { states, clock, logger, image, deadLetters } = this.options
    const { batches, stateEpoch } = state
    const topic = image.topicsById.get(key.topicId)
    const leaderEpoch = topic?.partitions[key.partition]?.leaderEpoch ?? 0
    const held: HeldPartition = new HeldPartition({
      key,
      log,
      partition: new SharePartition({ startOffset, batches }),
      stateEpoch,
      leaderEpoch: Math.max(leaderEpoch, state.leaderEpochMax),
      states,
      clock,
      logger,
      deadLetters,
      deliveryCountMax: () => this.settingsOf(key.groupId).deliveryCountMax,
      onFenced: () => this.forget(key),
    })
    return held
  }

  private async startOffsetOf(
    { groupId }: SharePartitionKey,
    log: PartitionLog,
    { startOffset }: ShareState,
  ): Promise<number> {
    if (startOffset !== UNKNOWN_OFFSET) return Math.max(startOffset, log.logStartOffset)
    const { offsetReset } = this.settingsOf(groupId)
    if (offsetReset === 'earliest') return log.logStartOffset
    const durationMs = durationOf(offsetReset)
    if (durationMs === undefined) return log.highWatermark
    const found = await log.offsetForTimestamp(this.options.clock.now() - durationMs)
    return found?.offset ?? log.highWatermark
  }

  /** Lets go of a share partition, to begin anew with what is kept of it. */
  forget(key: SharePartitionKey): void {
    const text = textOf(key)
    this.held.get(text)?.close()
    this.held.delete(text)
  }

  /** Lets go of all share partitions of a group, or of topics that are gone. */
  forgetWhere(isGone: (key: SharePartitionKey) => boolean): void {
    for (const { key } of [...this.held.values()]) if (isGone(key)) this.forget(key)
  }

  private onEnd({ groupId, memberId }: ShareSession): void {
    this.releaseLater(groupId, memberId)
  }

  private releaseLater(groupId: string, memberId: string): void {
    this.release(groupId, memberId).catch((error: unknown) => {
      const reason = messageOf(error)
      this.options.logger.error('records of a member cannot be released', { groupId, reason })
    })
  }

  /** Gives back everything a member has acquired. */
  async release(groupId: string, memberId: string): Promise<void> {
    const mine = [...this.held.values()].filter(({ key }) => key.groupId === groupId)
    await Promise.all(mine.map((held) => held.release(memberId)))
  }

  close(): void {
    for (const held of this.held.values()) held.close()
    this.states.close()
  }
}

const UNITS = [86_400_000, 3_600_000, 60_000, 1_000]

/** Milliseconds of `by_duration:P1DT2H3M4.5S`; undefined when it is none. */
export function durationOf(offsetReset: string): number | undefined {
  const pattern = /^by_duration:P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/i
  const parts = pattern.exec(offsetReset)?.slice(1)
  if (!parts?.some((part) => part !== undefined)) return undefined
  return parts.reduce((sum, part, i) => sum + Number(part ?? 0) * (UNITS[i] as number), 0)
}
