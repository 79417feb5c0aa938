/**
 * The producer as its users see it: records in, one promise per call.
 *
 * Must always hold: calls for one topic append in the order in which they were made, also when one
 * of them has to wait for metadata or room. Such a call closes the topic's gate; whatever comes
 * behind it queues there. And a call appends all of its records or none: they are turned into bytes
 * before the first is appended.
 */
import { AbortError, ClosedError } from '@ottla/base'
import type { Cluster } from '../cluster/cluster.ts'
import type { TopicMetadata } from '../cluster/cluster-metadata.ts'
import { abortable } from '../cluster/retry.ts'
import type { Consumer, IterationOptions } from '../consumer/consumer.ts'
import type { ConsumerBatch } from '../consumer/consumer-batch.ts'
import type { Subscribable } from '../consumer/subscribed-topics.ts'
import type { ConsumedRecord } from '../consumer/subscription.ts'
import {
  BufferExhaustedError,
  RecordTooLargeError,
  SerializationError,
  TimeoutError,
  TransactionAbortedError,
} from '../errors.ts'
import type { Encoded } from '../serde/serde.ts'
import { type AnyTopic, topicOf } from '../serde/topic.ts'
import { Accumulator, type EncodedRecord, newQueue } from './accumulator.ts'
import { IdentitySource } from './identity-source.ts'
import type { PartitionQueue } from './partition-queue.ts'
import { keyedPartition, StickyPartition } from './partitioner.ts'
import type { BatchListener, ProducerBatch } from './producer-batch.ts'
import { ProducerCodecs } from './producer-codec.ts'
import { intercepted } from './producer-events.ts'
import {
  type CompressionName,
  type ProducerOptions,
  type ResolvedProducerOptions,
  resolveProducerOptions,
  type SendOptions,
} from './producer-options.ts'
import type { ProducerRecord, RecordFor } from './producer-record.ts'
import { encodeHeaders } from './record-headers.ts'
import { estimateRecordSize } from './record-writer.ts'
import { type RecordMetadata, SendOperation, type SentRecords } from './send-operation.ts'
import { Sender } from './sender.ts'
import { traceSends } from './traced-sends.ts'
import { Transaction } from './transaction.ts'
import { TransactionManager } from './transaction-manager.ts'
import { transformBatches } from './transform.ts'

interface TopicState {
  readonly name: string
  readonly queues: PartitionQueue[]
  readonly sticky: StickyPartition
  /** The last call that had to wait; undefined when none does. */
  gate: Promise<void> | undefined
}

interface PartitionedRecord extends EncodedRecord {
  /** That of the record, then that of the partitioner; undefined leaves it to the default. */
  partition: number | undefined
}

export class Producer {
  private readonly cluster: Cluster
  private readonly options: ResolvedProducerOptions
  private readonly accumulator: Accumulator
  private readonly sender: Sender
  private readonly topics = new Map<string, TopicState>()
  private readonly enqueued: BatchListener
  private readonly codecs: ProducerCodecs
  /** Bytes of records that wait at a gate. */
  private gatedBytes = 0
  private enqueueFailure: Error | undefined
  private closing: Promise<void> | undefined
  private readonly onClosed: () => void
  private readonly transactions: TransactionManager | undefined

  constructor(cluster: Cluster, options: ProducerOptions = {}, onClosed = () => {}) {
    this.cluster = cluster
    this.onClosed = onClosed
    this.options = resolveProducerOptions(options)
    const { compression, compressionLevel: level } = this.options
    this.codecs = new ProducerCodecs(compression, level === -1 ? undefined : level)
    this.accumulator = new Accumulator(this.options, cluster.context.clock)
    const { accumulator } = this
    const { transactionalId, transactionTimeoutMs, idempotence } = this.options
    if (transactionalId !== undefined) {
      this.transactions = new TransactionManager(cluster, cluster.pool, {
        transactionalId,
        transactionTimeoutMs,
        wake: () => this.sender.wake(),
        onFailure: (error) =>
          this.sender.failWaiting(new TransactionAbortedError(transactionalId, error)),
      })
      accumulator.onFailure = (error) => this.transactions?.fail(error)
    }
    const identities =
      this.transactions ??
      new IdentitySource(cluster, idempotence, (error) => this.sender.failWaiting(error))
    this.sender = new Sender(cluster, this.options, { accumulator, identities })
    this.enqueued = {
      batchSettled: (error) => {
        if (error) this.reportEnqueueFailure(error)
      },
      batchSplit: () => {},
    }
  }

  /** Sends one record; resolves when it is stored, with where. */
  send<T extends string | AnyTopic>(
    topic: T,
    record: RecordFor<T>,
    options?: SendOptions,
  ): Promise<RecordMetadata>
  /** Sends records in order; resolves when all are stored. Rejects when one of them is not. */
  send<T extends string | AnyTopic>(
    topic: T,
    records: readonly RecordFor<T>[],
    options?: SendOptions,
  ): Promise<SentRecords>
  send(
    topic: string | AnyTopic,
    input: ProducerRecord<unknown, unknown> | readonly ProducerRecord<unknown, unknown>[],
    options: SendOptions = {},
  ): Promise<RecordMetadata | SentRecords> {
    this.mustNotBeTransactional()
    return this.sendNow(topic, input, options)
  }

  private sendNow(
    topic: string | AnyTopic,
    input: ProducerRecord<unknown, unknown> | readonly ProducerRecord<unknown, unknown>[],
    options: SendOptions = {},
  ): Promise<RecordMetadata | SentRecords> {
    const { tracing } = this.cluster.context
    if (!tracing) return this.sendUntraced(topic, input, options)
    const isMany = Array.isArray(input)
    const traced = traceSends(tracing, topicOf(topic).name, isMany ? input : [input as never])
    const records = isMany ? traced.records : (traced.records[0] as never)
    const sent = this.sendUntraced(topic, records, options)
    traced.follow(sent)
    return sent
  }

  private sendUntraced(
    topic: string | AnyTopic,
    input: ProducerRecord<unknown, unknown> | readonly ProducerRecord<unknown, unknown>[],
    options: SendOptions,
  ): Promise<RecordMetadata | SentRecords> {
    const { signal } = options
    const sent = new Promise<RecordMetadata | SentRecords>((resolve, reject) => {
      if (signal?.aborted) throw new AbortError(signal.reason)
      const isMany = Array.isArray(input)
      const known = topicOf(topic)
      const operation = new SendOperation(known.name, (error) => {
        if (error) reject(error)
        else resolve(isMany ? operation.result() : operation.result().at(0))
      })
      const records = this.encode(known, isMany ? input : [input as never], options.compression)
      this.append(known.name, records, operation, signal)?.catch(reject)
    })
    return abortable(sent, signal)
  }

  /**
   * Sends a record without a promise of its own. False means that the producer holds as much as it
   * should: await `ready` before going on. Failures reject the next `flush` (or `close`), and go to
   * `onDeliveryError`.
   */
  enqueue<T extends string | AnyTopic>(topic: T, record: RecordFor<T>): boolean {
    this.mustNotBeTransactional()
    return this.enqueueNow(topic, record as ProducerRecord<unknown, unknown>)
  }

  private enqueueNow(topic: string | AnyTopic, record: ProducerRecord<unknown, unknown>): boolean {
    if (this.accumulator.exceeds(this.gatedBytes)) {
      throw new BufferExhaustedError(this.options.bufferMemory)
    }
    const known = topicOf(topic)
    const { tracing } = this.cluster.context
    const traced = tracing && traceSends(tracing, known.name, [record])
    const records = this.encode(known, traced?.records ?? [record])
    traced?.leave()
    const waiting = this.append(known.name, records, undefined, undefined)
    waiting?.catch((error: Error) => this.reportEnqueueFailure(error))
    return waiting === undefined && !this.accumulator.isFull
  }

  /** Resolves when the producer has room again. */
  get ready(): Promise<void> {
    return this.whenReady()
  }

  private async whenReady(): Promise<void> {
    await this.gates()
    if (!this.accumulator.isFull) return
    const room = this.accumulator.waitForRoom()
    this.sender.wake()
    await room
  }

  private async gates(): Promise<void> {
    for (const { gate } of this.topics.values()) await gate
  }

  /** Sends everything now; resolves when all of it is stored or has failed. */
  async flush(options: SendOptions = {}): Promise<void> {
    await abortable(this.settleAll(), options.signal)
    this.throwEnqueueFailure()
  }

  private async settleAll(): Promise<void> {
    await this.gates()
    const flushed = this.accumulator.flushed()
    this.sender.wake()
    await flushed
  }

  private throwEnqueueFailure(): void {
    const failure = this.enqueueFailure
    this.enqueueFailure = undefined
    if (failure) throw failure
  }

  private reportEnqueueFailure(error: Error): void {
    this.enqueueFailure ??= error
    this.cluster.context.logger.warn('records were not delivered', { error })
    this.options.onDeliveryError?.(error)
  }

  // ---- transactions -----------------------------------------------------------------------------

  private mustNotBeTransactional(): void {
    const { transactionalId } = this.options
    if (transactionalId === undefined) return
    throw new TypeError(
      `records of ${transactionalId} belong in a transaction: ` +
        'producer.transaction(async (tx) => tx.send(...))',
    )
  }

  /**
   * Runs `work` in a transaction: commits it when `work` is done, aborts it when `work` fails, and
   * rejects with the same error then. What `work` has sent is waited for, and a record that cannot
   * be stored aborts the transaction too. One at a time; for more at once, use more producers.
   *
   * Needs the option `transactionalId`. Rejects with a FencedError, now and for ever, once another
   * producer has taken the id over. After a TimeoutError of the commit itself it is not known
   * whether the transaction was committed.
   */
  async transaction<R>(work: (tx: Transaction) => Promise<R> | R): Promise<R> {
    const { transactions } = this
    if (!transactions) throw new TypeError('transaction needs a producer with a transactionalId')
    if (this.closing) throw new ClosedError('The producer')
    await transactions.begin()
    const tx = new Transaction(
      {
        send: (topic, input, sendOptions) => this.sendNow(topic, input, sendOptions),
        enqueue: (topic, record) => this.enqueueNow(topic, record),
        whenReady: () => this.whenReady(),
      },
      transactions,
    )
    let result: R
    try {
      result = await work(tx)
      tx.finish()
      await this.settleAll()
      if (transactions.fault) throw transactions.fault
    } catch (error) {
      tx.finish()
      await this.abort(transactions, error as Error)
      throw transactions.fault ?? error
    }
    await transactions.commit()
    return result
  }

  /**
   * Consume, transform, produce: gives each batch to `work` in a transaction of its own that also
   * commits the batch's offsets, so that what a record leads to is stored exactly once, whatever
   * fails in between. The consumer needs a group, `autoCommit: false` and, where others may write
   * in transactions, `isolationLevel: 'read_committed'`.
   *
   * An error of `work` aborts the transaction and ends the loop with that error. When partitions go
   * to another member meanwhile, the batch is given up, since that member reads it again. When
   * brokers abort a transaction, the batch is given to `work` again.
   */
  transform<const S extends Subscribable>(
    consumer: Consumer,
    topics: S | readonly S[],
    work: (batch: ConsumerBatch<ConsumedRecord<S>>, tx: Transaction) => Promise<void> | void,
    options: IterationOptions = {},
  ): Promise<void> {
    return transformBatches(this, { consumer, topics, work, options }, this.cluster.context)
  }

  private async abort(transactions: TransactionManager, reason: Error): Promise<void> {
    transactions.fail(reason)
    await this.settleAll()
    await this.sender.idle()
    this.enqueueFailure = undefined
    try {
      await transactions.abort()
    } catch (error) {
      // The caller is told why it was aborted; the next one begins by making sure that it is over.
      this.cluster.context.logger.warn('a transaction could not be aborted', { error })
    }
  }

  // ---- appending --------------------------------------------------------------------------------

  private encode(
    topic: AnyTopic,
    records: readonly ProducerRecord<unknown, unknown>[],
    compression?: CompressionName,
  ): PartitionedRecord[] {
    if (this.closing) throw new ClosedError('The producer')
    const codec = compression === undefined ? this.codecs.usual : this.codecs.get(compression)
    const nowMs = this.cluster.context.clock.now()
    const wanted = intercepted(topic.name, records)
    const encoded = new Array<PartitionedRecord>(wanted.length)
    for (let i = 0; i < wanted.length; i++) {
      const record = wanted[i] as ProducerRecord<unknown, unknown>
      const { headers, timestamp, partition } = record
      const next = {
        key: encodePart(topic, 'key', record.key),
        value: encodePart(topic, 'value', record.value),
        headers: headers === undefined ? null : encodeHeaders(headers),
        timestamp: timestamp === undefined ? nowMs : Number(timestamp),
        partition,
        codec,
      }
      const size = estimateRecordSize(next.key, next.value, next.headers)
      if (size > this.options.maxRequestSize - 512) {
        throw new RecordTooLargeError(topic.name, size, this.options.maxRequestSize)
      }
      encoded[i] = next
    }
    return encoded
  }

  /** Appends at once when it can, and returns undefined; else a promise for when it has. */
  private append(
    name: string,
    records: readonly PartitionedRecord[],
    operation: SendOperation | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void> | undefined {
    const state = this.stateOf(name)
    const metadata = this.cluster.metadata.topic(name)
    // What is enqueued is not made to wait when memory is full: the caller has been told.
    const hasRoom = operation === undefined || !this.accumulator.isFull
    const codec = records[0]?.codec ?? this.codecs.usual
    if (metadata && !state.gate && hasRoom && codec.isReady) {
      this.appendNow(state, metadata, records, operation)
      return undefined
    }
    const bytes = sizeOf(records)
    this.gatedBytes += bytes
    const turn = (state.gate ?? Promise.resolve())
      .then(() => codec.loaded)
      .then(() => this.waitUntilAppendable(name, signal))
      .then((topic) => this.appendNow(state, topic, records, operation))
    // The gate opens whether or not the call in front succeeded; its own caller is told.
    const gate = turn
      .catch(() => {})
      .finally(() => {
        this.gatedBytes -= bytes
        if (state.gate === gate) state.gate = undefined
      })
    state.gate = gate
    return turn
  }

  private stateOf(name: string): TopicState {
    let state = this.topics.get(name)
    if (!state) {
      const queues: PartitionQueue[] = []
      const sticky = this.stickyPartition(queues)
      state = { name, queues, sticky, gate: undefined }
      this.topics.set(name, state)
      this.cluster.watch(name)
    }
    return state
  }

  private stickyPartition(queues: readonly PartitionQueue[]): StickyPartition {
    const { adaptivePartitioning, availabilityTimeoutMs, batchSize, linger, rack } = this.options
    const { clock, random } = this.cluster.context
    const dueMs = (partition: number) =>
      (queues[partition]?.head?.createdMs ?? Number.POSITIVE_INFINITY) + linger
    const isAvailable = (partition: number) =>
      clock.monotonicMs() - dueMs(partition) < availabilityTimeoutMs
    return new StickyPartition(random, batchSize, {
      waitingOf: adaptivePartitioning
        ? (partition) => queues[partition]?.waitingCount ?? 0
        : undefined,
      isAvailable: availabilityTimeoutMs > 0 ? isAvailable : undefined,
      isNear: rack ? (id) => this.cluster.metadata.node(id)?.rack === rack : undefined,
    })
  }

  private async waitUntilAppendable(
    name: string,
    signal: AbortSignal | undefined,
  ): Promise<TopicMetadata> {
    const timeoutMs = this.options.maxBlockMs
    const topic = await this.cluster.topic(name, { timeoutMs, signal })
    while (this.accumulator.isFull) {
      const room = this.accumulator.waitForRoom()
      this.sender.wake()
      await abortable(this.withTimeout(room, timeoutMs), signal)
    }
    if (signal?.aborted) throw new AbortError(signal.reason)
    return topic
  }

  private withTimeout(promise: Promise<void>, timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.cluster.context.clock.setTimer(timeoutMs, () =>
        reject(new TimeoutError('Waiting for room in the producer', timeoutMs)),
      )
      promise.then(() => {
        timer.cancel()
        resolve()
      }, reject)
    })
  }

  private appendNow(
    state: TopicState,
    topic: TopicMetadata,
    records: readonly PartitionedRecord[],
    operation: SendOperation | undefined,
  ): void {
    const { accumulator } = this
    this.checkPartitions(topic, records)
    for (let i = 0; i < records.length; i++) {
      const record = records[i] as PartitionedRecord
      const partition = this.partitionOf(state, topic, record)
      const batch = accumulator.append(this.queueOf(state, partition), record)
      if (operation) operation.recordAppended(batch, partition)
      else this.listenOnce(batch)
    }
    operation?.complete()
    this.sender.wake()
  }

  private listenOnce(batch: ProducerBatch): void {
    batch.addListener(this.enqueued)
  }

  /** Every partition that was chosen exists; throws before the first record is appended. */
  private checkPartitions(topic: TopicMetadata, records: readonly PartitionedRecord[]): void {
    const { partitioner } = this.options
    const partitionCount = topic.partitions.length
    for (let i = 0; i < records.length; i++) {
      const record = records[i] as PartitionedRecord
      if (record.partition === undefined) {
        if (!partitioner) continue
        const { key, value } = record
        const chosen = partitioner({ topic: topic.name, key, value, partitionCount })
        if (chosen === -1) continue
        record.partition = chosen
      }
      const { partition } = record
      if (Number.isInteger(partition) && partition >= 0 && partition < partitionCount) continue
      // Some may have been added since.
      this.cluster.markStale(topic.name)
      const last = partitionCount - 1
      throw new RangeError(`${topic.name} has partitions 0 to ${last}, not ${partition}`)
    }
  }

  private partitionOf(state: TopicState, topic: TopicMetadata, record: PartitionedRecord): number {
    const { partition, key, value } = record
    if (partition !== undefined) return partition
    if (key !== null && !this.options.ignoreKeys) {
      return keyedPartition(key, topic.partitions.length)
    }
    const sticky = state.sticky.choose(topic)
    state.sticky.add(value === null ? 1 : value.length)
    return sticky
  }

  private queueOf(state: TopicState, partition: number): PartitionQueue {
    let queue = state.queues[partition]
    if (!queue) {
      queue = newQueue(state.name, partition, this.options)
      state.queues[partition] = queue
    }
    return queue
  }

  // ---- end --------------------------------------------------------------------------------------

  /** Delivers what is left, then closes. Calls after the first wait for the same end. */
  close(): Promise<void> {
    this.closing ??= this.finish()
    return this.closing
  }

  private async finish(): Promise<void> {
    if (this.transactions?.isOpen) {
      await this.abort(this.transactions, new ClosedError('The producer'))
    }
    await this.settleAll()
    this.sender.close()
    for (const name of this.topics.keys()) this.cluster.unwatch(name)
    this.onClosed()
    this.throwEnqueueFailure()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function encodePart(topic: AnyTopic, part: 'key' | 'value', value: unknown): Encoded {
  let encoded: unknown
  try {
    encoded = topic[part].serialize(value)
  } catch (error) {
    throw new SerializationError(topic.name, `The ${part} of a record`, error)
  }
  if (encoded === null || typeof encoded === 'string' || encoded instanceof Uint8Array) {
    return encoded
  }
  const message = `expected bytes, text or null, got ${typeof encoded}`
  throw new SerializationError(topic.name, `The ${part} of a record`, new TypeError(message))
}

function sizeOf(records: readonly PartitionedRecord[]): number {
  let size = 0
  for (const { key, value, headers } of records) size += estimateRecordSize(key, value, headers)
  return size
}
