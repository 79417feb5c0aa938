/**
 * One run of a consumer: takes batches from the engine and gives them to the application.
 *
 *   pump: wait for a free worker -> next batch of the engine -> worker
 *   worker: handler -> resolve -> commit -> give the partition back to the engine
 *
 * A partition whose batch a worker has is paused in the engine, so its batches come one by one and
 * in order, while those of others are worked on beside it (`partitionsConsumedConcurrently`).
 *
 * Must always hold:
 * - only what a handler is done with is resolved, only what is resolved is committed;
 * - after a batch the engine goes on where the application is: behind the resolved offset, which is
 *   not the end of the batch when a handler failed, paused, or resolved by itself;
 * - a seek or a rebalance makes what is in hand stale: it is neither resolved nor committed.
 */
import { delay, realClock } from '@ottla/base'
import type { ConsumerBatch as EngineBatch, TopicPartition } from '@ottla/client'
import { protocolError, toKafkaJSError } from '../engine-errors.ts'
import {
  isKafkaJSError,
  isRebalancing,
  KafkaJSError,
  KafkaJSNonRetriableError,
  KafkaJSNumberOfRetriesExceeded,
} from '../errors.ts'
import type { InstrumentationEmitter } from '../observe/emitter.ts'
import { CONSUMER_EVENTS } from '../observe/events.ts'
import { mayRetry, pauseOf, type ResolvedRetry } from '../retry.ts'
import type { OffsetsByTopicPartition, TopicOffsets } from '../types/cluster.ts'
import type { ConsumerRunConfig } from '../types/consumer.ts'
import type { Logger } from '../types/logging.ts'
import { ConsumerBatch } from './consumer-batch.ts'
import type { GroupSession } from './group-session.ts'
import { processBatch } from './process-batch.ts'

const REBALANCE_IN_PROGRESS = 27

export interface RunnerParts {
  readonly session: GroupSession
  readonly config: ConsumerRunConfig
  readonly retry: ResolvedRetry
  readonly logger: Logger
  readonly emitter: InstrumentationEmitter
  readonly onCrash: (error: Error) => Promise<void>
}

export class Runner {
  readonly session: GroupSession
  readonly config: ConsumerRunConfig
  readonly logger: Logger
  readonly emitter: InstrumentationEmitter
  private readonly parts: RunnerParts
  private readonly concurrency: number
  private readonly working = new Set<Promise<void>>()
  private readonly stopping = new AbortController()
  private pumping: Promise<void> = Promise.resolve()
  private failures = 0
  private lastCommitMs = realClock.now()
  private committing: Promise<void> = Promise.resolve()

  constructor(parts: RunnerParts) {
    this.parts = parts
    this.session = parts.session
    this.config = parts.config
    this.emitter = parts.emitter
    this.logger = parts.logger.namespace('Runner')
    this.concurrency = Math.max(1, parts.config.partitionsConsumedConcurrently ?? 1)
  }

  get isRunning(): boolean {
    return !this.stopping.signal.aborted
  }

  /** Resolves once the consumer is a member of its group, or has crashed. */
  async start(): Promise<void> {
    const { session } = this
    const joined = session.start({
      onRevoking: () => this.finishWork(),
      onFetch: () => this.passFiltered(),
    })
    this.pumping = this.pump()
    await Promise.race([joined, this.pumping])
  }

  private async pump(): Promise<void> {
    try {
      for (;;) {
        while (this.working.size >= this.concurrency) await Promise.race(this.working)
        if (!this.isRunning) return
        const batch = await this.session.nextBatch()
        if (!batch || !this.isRunning) return
        this.startWork(batch)
      }
    } catch (error) {
      await this.crash(toKafkaJSError(error))
    }
  }

  private startWork(batch: EngineBatch): void {
    const target = { topic: batch.topic, partition: batch.partition }
    this.session.setBusy(target, true)
    const work = this.work(batch).finally(() => {
      this.working.delete(work)
      this.session.setBusy(target, false)
    })
    this.working.add(work)
  }

  private async work(engineBatch: EngineBatch): Promise<void> {
    const { session } = this
    const batch = new ConsumerBatch(engineBatch)
    const stamp = session.stampOf(batch)
    session.offsets.begin(batch.topic, batch.partition, BigInt(batch.fetchedOffset))
    try {
      await processBatch(this, batch, () => session.stampOf(batch) !== stamp)
      this.failures = 0
      if (session.stampOf(batch) === stamp) session.goOnBehind(batch)
    } catch (thrown) {
      await this.handleFailure(toKafkaJSError(thrown), () => {
        if (session.stampOf(batch) === stamp) session.goOnBehind(batch)
      })
    }
  }

  /** kafkajs's judgement: again after a pause, or the end of the run. */
  private async handleFailure(error: Error, rewind: () => void): Promise<void> {
    const isMembership = isRebalancing(error) || typeOf(error) === 'UNKNOWN_MEMBER_ID'
    if (isMembership || !this.isRunning) {
      rewind()
      return
    }
    const { cause } = error
    if (!mayRetry(error)) {
      void this.crash(new KafkaJSNonRetriableError(error, { cause: cause ?? error }))
      return
    }
    const { retry } = this.parts
    const retryCount = this.failures++
    const retryTime = pauseOf(retry, retryCount)
    if (retryCount >= retry.retries) {
      void this.crash(new KafkaJSNumberOfRetriesExceeded(error, { retryCount, retryTime }))
      return
    }
    this.logger.debug('Error while processing, trying again...', {
      ...{ groupId: this.session.groupId, error: error.message, stack: error.stack },
      ...{ retryCount, retryTime },
    })
    await delay(realClock, retryTime, this.stopping.signal).catch(() => {
      // Stopped meanwhile: whoever reads the partition next begins at what was committed.
    })
    rewind()
  }

  // ---- for handlers -----------------------------------------------------------------------------

  /** The engine keeps the membership by itself; this only tells what it has learnt. */
  async heartbeat(): Promise<void> {
    if (!this.session.isRebalancing) return
    await this.autoCommit()
    throw protocolError(REBALANCE_IN_PROGRESS)
  }

  autoCommit(): Promise<void> {
    if (this.config.autoCommit === false) return Promise.resolve()
    return this.commit(this.session.offsets.uncommitted())
  }

  autoCommitIfNecessary(): Promise<void> | undefined {
    return this.config.autoCommit === false ? undefined : this.commitIfNecessary()
  }

  commitIfNecessary(): Promise<void> | undefined {
    const { autoCommitInterval, autoCommitThreshold } = this.config
    const { offsets } = this.session
    const isDue =
      autoCommitInterval != null && realClock.now() >= this.lastCommitMs + autoCommitInterval
    const isMuch =
      autoCommitThreshold != null && offsets.resolvedSinceCommit >= BigInt(autoCommitThreshold)
    return isDue || isMuch ? this.commit(offsets.uncommitted()) : undefined
  }

  /** One after the other. */
  commit(offsets: OffsetsByTopicPartition): Promise<void> {
    const done = this.committing.then(() => this.commitNow(offsets.topics))
    this.committing = done.catch(() => {
      // The caller has the error.
    })
    return done
  }

  private async commitNow(topics: readonly TopicOffsets[]): Promise<void> {
    this.lastCommitMs = realClock.now()
    if (topics.length > 0) await this.session.commit(topics)
  }

  // ---- rebalances and the end -------------------------------------------------------------------

  /** Before partitions go: what is being worked on is finished, and committed. */
  private async finishWork(): Promise<void> {
    await Promise.allSettled([...this.working])
    if (!this.isRunning) return
    try {
      await this.autoCommit()
    } catch (error) {
      this.logger.warn(`Offsets were not committed before a rebalance: ${messageIn(error)}`)
    }
  }

  /** Markers and aborted records never come as a batch; offsets pass them all the same. */
  private passFiltered(): void {
    if (!this.isRunning || !this.session.passFiltered()) return
    this.autoCommit().catch((error: unknown) => {
      this.logger.debug(`Offsets of filtered records were not committed: ${messageIn(error)}`)
    })
  }

  private async crash(error: Error): Promise<void> {
    if (!this.isRunning) return
    this.stopping.abort()
    await Promise.allSettled([...this.working])
    await this.parts.onCrash(error)
  }

  async stop(): Promise<void> {
    this.stopping.abort()
    await Promise.allSettled([...this.working])
    await this.session.close()
    await this.pumping
  }

  logHandlerError(what: string, where: TopicPartition & { offset: string | null }, error: unknown) {
    if (isKafkaJSError(error)) return
    const { stack } = error as Error
    this.logger.error(`Error when calling ${what}`, { ...where, stack, error })
  }

  emitBatch(name: 'START_BATCH_PROCESS' | 'END_BATCH_PROCESS', payload: object): void {
    this.emitter.emit(CONSUMER_EVENTS[name], payload)
  }
}

const typeOf = (error: Error): string | undefined => (error as { type?: string }).type
const messageIn = (error: unknown): string =>
  error instanceof Error ? error.message : new KafkaJSError(String(error)).message
