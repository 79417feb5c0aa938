/**
 * Commits of a consumer: when automatic ones are due, one after the other, and what they say about
 * the membership.
 *
 * Must always hold: what is committed by itself is never behind what was committed by hand, and
 * never ahead of what has been processed.
 */
import { messageOf } from '@ottla/base'
import type { ClientContext } from '../cluster/client-context.ts'
import { retry } from '../cluster/retry.ts'
import { CommitFailedError, isRetriableError, KafkaError } from '../errors.ts'
import {
  type GroupCoordination,
  type GroupMetadata,
  NO_MEMBER,
  type OffsetToCommit,
} from '../group/group-coordination.ts'
import type { Membership } from '../group/membership.ts'
import type { ConsumerEvents } from './consumer-events.ts'
import type { ResolvedConsumerOptions } from './consumer-options.ts'
import { type PartitionState, partitionKey } from './partition-state.ts'

/** A commit on the way out of a rebalance or of the loop must not hold them up for ever. */
const LAST_COMMIT_MS = 10_000
/** The offsets are another member's to commit. */
const LOST: ReadonlySet<string> = new Set([
  ...['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'FENCED_MEMBER_EPOCH', 'STALE_MEMBER_EPOCH'],
])

interface Parts {
  readonly states: ReadonlyMap<string, PartitionState>
  readonly coordination: GroupCoordination | undefined
  readonly member: Membership | undefined
  readonly events: ConsumerEvents
}

export class OffsetCommits {
  private readonly context: ClientContext
  private readonly options: ResolvedConsumerOptions
  private readonly parts: Parts
  private committing: Promise<void> = Promise.resolve()
  private lastAutoCommitMs: number

  constructor(context: ClientContext, options: ResolvedConsumerOptions, parts: Parts) {
    this.context = context
    this.options = options
    this.parts = parts
    this.lastAutoCommitMs = context.clock.monotonicMs()
  }

  /** Who this consumer is in its group now; throws when it is nobody. */
  groupMetadata(): GroupMetadata {
    const { coordination, member } = this.parts
    if (!coordination) throw new CommitFailedError('the consumer has no group')
    if (member && !member.isMember) {
      throw new CommitFailedError('the consumer is not a member of the group at the moment')
    }
    return { ...(member?.identity ?? NO_MEMBER), group: coordination.group }
  }

  /** Begins an automatic commit when it is time for one. */
  commitIfDue(): void {
    if (!this.parts.coordination || !this.options.autoCommit) return
    const nowMs = this.context.clock.monotonicMs()
    if (nowMs - this.lastAutoCommitMs < this.options.autoCommitIntervalMs) return
    this.lastAutoCommitMs = nowMs
    this.commit().catch((error: unknown) => {
      // Tried again at the next interval; a rebalance in between commits first as well.
      const reason = messageOf(error)
      this.context.logger.warn('automatic commit failed', { reason })
    })
  }

  /** Commits the given offsets, or all that have been processed. Commits happen one by one. */
  commit(offsets: readonly OffsetToCommit[] = this.consumedOffsets()): Promise<void> {
    const done = this.committing.then(() => this.commitNow(offsets))
    this.committing = done.catch(() => {
      // The caller has the error; the next commit starts afresh.
    })
    return done
  }

  async commitOnTheWayOut(): Promise<void> {
    const { clock, logger } = this.context
    let giveUp = () => {}
    const timeout = new Promise<void>((resolve) => {
      giveUp = resolve
    })
    const timer = clock.setTimer(LAST_COMMIT_MS, giveUp)
    try {
      await Promise.race([this.commit(), timeout])
    } catch (error) {
      const reason = messageOf(error)
      logger.warn('offsets were not committed before giving partitions up', { reason })
    }
    timer.cancel()
  }

  private consumedOffsets(): OffsetToCommit[] {
    const offsets: OffsetToCommit[] = []
    for (const state of this.parts.states.values()) {
      if (state.consumed === undefined || state.consumed === state.committed) continue
      const { name: topic, partition, consumed: offset, consumedEpoch: leaderEpoch } = state
      offsets.push({ topic, partition, offset, leaderEpoch })
    }
    return offsets
  }

  private async commitNow(offsets: readonly OffsetToCommit[]): Promise<void> {
    const { coordination, member, events } = this.parts
    if (!coordination) throw new CommitFailedError('the consumer has no group')
    if (offsets.length === 0) return
    const { clock, metrics, apiTimeoutMs: timeoutMs } = this.context
    const startMs = clock.monotonicMs()
    try {
      await retry(this.context, { what: 'OffsetCommit', timeoutMs, isRetriable }, async () =>
        coordination.commit(offsets, this.groupMetadata()),
      )
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error
      member?.noteCommitError(error.code)
      throw LOST.has(error.code) ? new CommitFailedError(error.message) : error
    }
    metrics.record('commitLatency', clock.monotonicMs() - startMs)
    events.committed(offsets)
    for (const offset of offsets) this.noteCommitted(offset)
  }

  private noteCommitted({ topic, partition, offset, leaderEpoch }: OffsetToCommit): void {
    const state = this.parts.states.get(partitionKey(topic, partition))
    if (!state) return
    state.committed = offset
    // What was committed by hand counts as processed: an automatic commit must not take it back.
    if ((state.consumed ?? -1) >= offset) return
    state.consumed = offset
    state.consumedEpoch = leaderEpoch
  }
}

/** A stale epoch has grown meanwhile, or will with the next heartbeat (KIP-848). */
const isRetriable = (error: unknown): boolean =>
  isRetriableError(error) || (error instanceof KafkaError && error.code === 'STALE_MEMBER_EPOCH')
