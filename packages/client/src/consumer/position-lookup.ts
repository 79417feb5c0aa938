/**
 * Finds positions for partitions that have none: the committed offset of the group, or else what
 * `from` says; and checks positions after a change of leader (KIP-320).
 *
 * After a leader change the new leader's log may be shorter than what was read from the old one
 * (unclean election). The new leader is asked where the epoch of the last record read ended in its
 * log; a position beyond that end was read from a log that no longer exists.
 */
import type { Cluster } from '../cluster/cluster.ts'
import type { ConnectionPool } from '../cluster/connection-pool.ts'
import { isRetriableError, KafkaError, LogTruncationError, NoOffsetError } from '../errors.ts'
import { type ResolvedConsumerOptions, type StartFrom, startOf } from './consumer-options.ts'
import { type EpochAnswer, endOfEpochs, listOffsetsOnce, OFFSET_SPEC } from './list-offsets.ts'
import { type PartitionState, partitionKey } from './partition-state.ts'

export interface CommittedOffset {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly leaderEpoch: number
  readonly metadata: string
}

export interface LookupParts {
  readonly states: ReadonlyMap<string, PartitionState>
  readonly onError: (error: Error) => void
  readonly onProgress: () => void
  /** Reads committed offsets; undefined without a group. */
  readonly fetchCommitted:
    | ((partitions: readonly { topic: string; partition: number }[]) => Promise<CommittedOffset[]>)
    | undefined
}

/** A position as it was when a new leader was asked about it. */
interface PositionCheck {
  readonly state: PartitionState
  readonly version: number
  readonly position: number
  readonly positionEpoch: number
  /** Epoch of the leader that was asked. */
  readonly leaderEpoch: number
}

const RETRY_MS = 100

export class PositionLookup {
  private readonly cluster: Cluster
  private readonly pool: ConnectionPool
  private readonly options: ResolvedConsumerOptions
  private readonly parts: LookupParts
  private running: Promise<void> | undefined

  constructor(
    cluster: Cluster,
    pool: ConnectionPool,
    options: ResolvedConsumerOptions,
    parts: LookupParts,
  ) {
    this.cluster = cluster
    this.pool = pool
    this.options = options
    this.parts = parts
  }

  /** Starts whatever is to be looked up; does nothing while that is under way. */
  wake(): void {
    if (this.running) return
    const nowMs = this.cluster.context.clock.monotonicMs()
    const due = [...this.parts.states.values()].filter((state) => state.notBeforeMs <= nowMs)
    const missing = due.filter((state) => state.position === undefined)
    const unchecked = due.filter((state) => this.mustValidate(state))
    if (missing.length === 0 && unchecked.length === 0) return
    this.running = this.run(missing, unchecked).finally(() => {
      this.running = undefined
      this.parts.onProgress()
    })
  }

  private async run(missing: PartitionState[], unchecked: PartitionState[]): Promise<void> {
    try {
      if (missing.length > 0) await this.locate(missing)
      if (unchecked.length > 0) await this.validate(unchecked)
    } catch (error) {
      const notBeforeMs = this.cluster.context.clock.monotonicMs() + RETRY_MS
      for (const state of [...missing, ...unchecked]) state.notBeforeMs = notBeforeMs
      if (isRetriableError(error)) {
        this.cluster.context.logger.debug('position lookup is retried', { error })
        for (const state of [...missing, ...unchecked]) this.cluster.markStale(state.name)
      } else this.parts.onError(error as Error)
    }
  }

  private async locate(states: readonly PartitionState[]): Promise<void> {
    const versions = new Map(states.map((state) => [state, state.version]))
    const isCurrent = (state: PartitionState) => state.version === versions.get(state)
    const fresh = states.filter((state) => state.startFrom === undefined)
    if (fresh.length > 0 && this.parts.fetchCommitted) {
      const asked = fresh.map(({ name, partition }) => ({ topic: name, partition }))
      for (const found of await this.parts.fetchCommitted(asked)) {
        const state = this.parts.states.get(partitionKey(found.topic, found.partition))
        if (!state || !isCurrent(state) || found.offset < 0) continue
        state.seek(found.offset, found.leaderEpoch)
        state.committed = found.offset
      }
    }
    const rest = states.filter((state) => state.position === undefined && isCurrent(state))
    if (rest.length > 0) await this.startFrom(rest)
  }

  private async startFrom(states: readonly PartitionState[]): Promise<void> {
    const byKey = new Map(states.map((state) => [partitionKey(state.name, state.partition), state]))
    const versions = new Map(states.map((state) => [state, state.version]))
    const questions = []
    for (const state of states) {
      const from = state.startFrom ?? startOf(this.options, state.name)
      if (from === 'none') {
        const reason = 'the group has committed no offset'
        this.parts.onError(new NoOffsetError(state.name, state.partition, reason))
        state.notBeforeMs = Number.POSITIVE_INFINITY
      } else {
        const { name: topic, partition } = state
        questions.push({ topic, partition, timestamp: timestampOf(from) })
      }
    }
    const isolationLevel = this.options.isolationLevel === 'read_committed' ? 1 : 0
    const options = { pool: this.pool, isolationLevel }
    const answers = await listOffsetsOnce(this.cluster, questions, options)
    // No record is as young as asked for: begin at the end, where younger ones will come.
    const atEnd = answers
      .filter((answer) => answer.errorCode === 0 && answer.offset < 0)
      .map(({ topic, partition }) => ({ topic, partition, timestamp: OFFSET_SPEC.latest }))
    if (atEnd.length > 0) answers.push(...(await listOffsetsOnce(this.cluster, atEnd, options)))
    for (const answer of answers) {
      const state = byKey.get(partitionKey(answer.topic, answer.partition))
      if (!state || state.version !== versions.get(state)) continue
      if (answer.errorCode !== 0) this.handleError(state, answer.errorCode)
      else if (answer.offset >= 0) state.seek(answer.offset, answer.leaderEpoch)
    }
  }

  private handleError(state: PartitionState, code: number): void {
    const error = new KafkaError(code, `Position of ${state.name}-${state.partition}`)
    state.notBeforeMs = this.cluster.context.clock.monotonicMs() + RETRY_MS
    if (error.needsRefresh) this.cluster.markStale(state.name)
    if (!error.isRetriable) this.parts.onError(error)
  }

  // ---- leader changes ---------------------------------------------------------------------------

  /**
   * A partition that is checked is not fetched meanwhile only if it has not been checked at all.
   */
  private mustValidate(state: PartitionState): boolean {
    if (state.position === undefined || state.positionEpoch < 0) return false
    const current = this.cluster.metadata.partition(state.name, state.partition)?.leaderEpoch ?? -1
    if (current <= state.positionEpoch) return false
    return current > state.validatedEpoch
  }

  private async validate(states: readonly PartitionState[]): Promise<void> {
    const asked = new Map(
      states.map((state) => [partitionKey(state.name, state.partition), this.checkOf(state)]),
    )
    const questions = [...asked.values()].map(({ state, positionEpoch }) => ({
      topic: state.name,
      partition: state.partition,
      leaderEpoch: positionEpoch,
    }))
    for (const answer of await endOfEpochs(this.cluster, questions, { pool: this.pool })) {
      const check = asked.get(partitionKey(answer.topic, answer.partition))
      if (!check || check.state.version !== check.version) continue
      const { state } = check
      if (answer.errorCode !== 0) this.handleError(state, answer.errorCode)
      else {
        state.validatedEpoch = check.leaderEpoch
        // The loop reads on meanwhile: of records of later epochs the answer says nothing.
        const isSameEpoch = state.positionEpoch === check.positionEpoch
        const position = (isSameEpoch ? state.position : undefined) ?? check.position
        const isTruncated = answer.endOffset >= 0 && answer.endOffset < position
        if (isTruncated) this.handleTruncation(state, position, answer)
      }
    }
  }

  private checkOf(state: PartitionState): PositionCheck {
    const { name, partition, version, position = 0, positionEpoch } = state
    const leaderEpoch = this.cluster.metadata.partition(name, partition)?.leaderEpoch ?? -1
    return { state, version, position, positionEpoch, leaderEpoch }
  }

  private handleTruncation(
    state: PartitionState,
    position: number,
    { endOffset, leaderEpoch }: EpochAnswer,
  ): void {
    const { name, partition } = state
    const error = new LogTruncationError(name, partition, position, endOffset)
    if (startOf(this.options, state.name) === 'none') {
      this.parts.onError(error)
      return
    }
    this.cluster.context.logger.warn('log was truncated, going back', { error })
    state.seek(endOffset, leaderEpoch)
  }
}

function timestampOf(from: StartFrom): number {
  if (from === 'earliest') return OFFSET_SPEC.earliest
  if (from === 'latest') return OFFSET_SPEC.latest
  return Number(from)
}
