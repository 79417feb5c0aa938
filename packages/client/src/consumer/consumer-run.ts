/**
 * Records to a handler, several at a time and in order where order is asked for: the loop behind
 * `Consumer.run`.
 *
 *   poll -> one batch of each partition at work -> handlers -> consumed up to the first undone
 *             ^                                       |
 *             +--- the batch is done, the next one ---+
 *
 * Must always hold:
 * - a record counts as processed when its handler has returned, it was skipped, or it lies in the
 *   dead-letter topic; no offset behind one that is not is ever committed;
 * - partitions are given up when the handlers that work on them have ended, and nothing of them is
 *   begun meanwhile;
 * - the run ends when no handler is at work any more, whatever ends it.
 */
import { delay, messageOf } from '@ottla/base'
import type { ClientContext } from '../cluster/client-context.ts'
import { abortable, backoffMs } from '../cluster/retry.ts'
import { SerializationError } from '../errors.ts'
import type { TopicPartition } from '../group/assignor.ts'
import type { ConsumerBatch } from './consumer-batch.ts'
import type { BatchAtWork, ConsumerEngine } from './consumer-engine.ts'
import type { ConsumerRecord } from './consumer-record.ts'
import { deadLetterOf } from './dead-letter.ts'
import { OrderedWork } from './ordered-work.ts'
import { partitionKey } from './partition-state.ts'
import type { AnyRecord, ResolvedRunOptions, RunHandler } from './run-options.ts'

/** The handlers at work on one batch. */
interface Work {
  readonly batch: BatchAtWork
  readonly records: OrderedWork<ConsumerRecord>
  /** `PartitionState.version`: after a seek the rest of the batch is not wanted any more. */
  readonly version: number
  readonly stop: AbortController
  atWork: number
}

export class ConsumerRun {
  private readonly context: ClientContext
  private readonly engine: ConsumerEngine
  private readonly handler: RunHandler<AnyRecord>
  private readonly options: ResolvedRunOptions
  private readonly works = new Map<string, Work>()
  private readonly atWork = new Set<Promise<void>>()
  /** Partitions that are being given up. */
  private readonly leaving = new Set<string>()
  /** Ends the polling, because of the caller's signal or of a failure. */
  private readonly stop = new AbortController()
  private readonly whenIdle: (() => void)[] = []
  private failure: { readonly error: unknown } | undefined

  constructor(
    context: ClientContext,
    engine: ConsumerEngine,
    handler: RunHandler<AnyRecord>,
    options: ResolvedRunOptions,
  ) {
    this.context = context
    this.engine = engine
    this.handler = handler
    this.options = options
    engine.beforeGivingUp = (partitions) => this.finish(partitions)
    engine.onTurn = () => this.startHandlers()
    engine.onGone = () => this.dropGone()
    engine.hasHandlers = true
  }

  /** Resolves when the signal fires or the consumer is closed, and no handler is at work. */
  async run(): Promise<void> {
    const { signal } = this.options
    const onAbort = () => this.end()
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      if (signal.aborted) return
      for (;;) {
        const batch = await this.engine.poll(this.stop.signal)
        if (!batch) break
        this.take(batch)
        this.startHandlers()
      }
    } catch (error) {
      this.failure ??= { error }
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.end()
      await Promise.all(this.atWork)
    }
    if (this.failure) throw this.failure.error
  }

  private end(): void {
    this.stop.abort()
    for (const { stop } of this.works.values()) stop.abort()
  }

  private take(batch: ConsumerBatch): void {
    const atWork = this.engine.handOver()
    if (!atWork) return
    const { order } = this.options
    // Records without a key belong to nobody's line.
    const lineOf = (record: ConsumerRecord) =>
      order === 'partition' ? '' : record.keyBytes?.toString('latin1')
    this.works.set(partitionKey(batch.topic, batch.partition), {
      batch: atWork,
      records: new OrderedWork([...batch], lineOf),
      version: atWork.state.version,
      stop: new AbortController(),
      atWork: 0,
    })
  }

  private startHandlers(): void {
    for (const [key, work] of this.works) {
      if (this.isGone(work)) {
        if (work.atWork === 0) this.drop(key, work)
        continue
      }
      if (work.batch.state.isPaused || this.leaving.has(key)) continue
      while (this.atWork.size < this.options.concurrency && !this.stop.signal.aborted) {
        const next = work.records.take()
        if (!next) break
        this.start(key, work, next)
      }
    }
  }

  private start(
    key: string,
    work: Work,
    { record, index }: { record: ConsumerRecord; index: number },
  ): void {
    work.atWork++
    const job = this.process(work, record)
      .then((isDone) => {
        if (isDone) this.note(key, work, index)
      })
      .catch((error: unknown) => {
        this.failure ??= { error }
        this.end()
      })
      .finally(() => {
        work.atWork--
        this.atWork.delete(job)
        if (work.atWork === 0) for (const tell of this.whenIdle.splice(0)) tell()
        this.startInTurn(key, work)
      })
    this.atWork.add(job)
  }

  /** The partition whose handler has ended goes to the end of the line. */
  private startInTurn(key: string, work: Work): void {
    if (this.works.get(key) === work) {
      this.works.delete(key)
      this.works.set(key, work)
    }
    this.startHandlers()
  }

  private note(key: string, work: Work, index: number): void {
    const { records, batch } = work
    records.finish(index)
    const first = records.firstNotDone
    const offset = first ? Number(first.offset) : batch.nextOffset
    if (work.version === batch.state.version) {
      this.engine.markConsumed(batch.state, offset, batch.nextEpoch)
    }
    if (records.isComplete) this.drop(key, work)
  }

  private drop(key: string, work: Work): void {
    if (this.works.get(key) !== work) return
    this.works.delete(key)
    work.batch.state.isAtWork = false
    this.engine.wake()
  }

  /** The partition is another member's, or the position was moved. */
  private isGone({ batch, version }: Work): boolean {
    return !this.engine.isHeld(batch.state) || batch.state.version !== version
  }

  private dropGone(): void {
    for (const [key, work] of this.works) {
      if (!this.isGone(work)) continue
      work.stop.abort()
      if (work.atWork === 0) this.drop(key, work)
    }
  }

  /** Lets the handlers of these partitions end and starts no others. */
  private async finish(partitions: readonly TopicPartition[]): Promise<void> {
    const keys = partitions.map(({ topic, partition }) => partitionKey(topic, partition))
    for (const key of keys) this.leaving.add(key)
    const isBusy = () => keys.some((key) => (this.works.get(key)?.atWork ?? 0) > 0)
    while (isBusy()) await new Promise<void>((resolve) => this.whenIdle.push(resolve))
    for (const key of keys) {
      this.leaving.delete(key)
      this.works.delete(key)
    }
  }

  // ---- one record -------------------------------------------------------------------------------

  /** True when the record is processed, or nobody wants it to be. */
  private process(work: Work, record: ConsumerRecord): Promise<boolean> {
    const attempts = () => this.attempt(work, record)
    const { tracing } = this.context
    return tracing ? tracing.process(this.options.group, record, attempts) : attempts()
  }

  private async attempt(work: Work, record: ConsumerRecord): Promise<boolean> {
    const { signal } = work.stop
    const { retries, retryBackoff } = this.options
    for (let attempt = 1; ; attempt++) {
      try {
        await this.handler(record, { signal, attempt })
        return true
      } catch (error) {
        // Whoever is told to end and throws has not processed the record.
        if (signal.aborted) return false
        // Bytes that cannot be read now cannot be read the next time.
        if (attempt > retries || error instanceof SerializationError) {
          return this.giveUp(record, error, attempt)
        }
        const pauseMs = backoffMs(retryBackoff, attempt - 1, this.context.random)
        this.context.logger.warn('a record is tried again', { ...at(record), attempt, error })
        if (!(await this.pause(pauseMs, signal))) return false
      }
    }
  }

  /** False when the signal fired meanwhile. */
  private async pause(pauseMs: number, signal: AbortSignal): Promise<boolean> {
    try {
      await abortable(delay(this.context.clock, pauseMs), signal)
    } catch (error) {
      if (!signal.aborted) throw error
    }
    return !signal.aborted
  }

  private async giveUp(record: ConsumerRecord, error: unknown, attempts: number): Promise<boolean> {
    const { onFailure, deadLetters, group } = this.options
    if (deadLetters) {
      const { topic, producer } = deadLetters
      const target = typeof topic === 'string' ? topic : topic(record)
      await producer.send(target, deadLetterOf(record, { group, attempts, error }))
    } else if (onFailure === 'stop') throw error
    this.options.onGivenUp?.(record, error)
    const reason = messageOf(error)
    this.context.logger.warn('a record was given up', { ...at(record), attempts, reason })
    return true
  }
}

const at = ({ topic, partition, offset }: ConsumerRecord) => ({
  topic,
  partition,
  offset: String(offset),
})
