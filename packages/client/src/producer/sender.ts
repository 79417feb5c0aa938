/**
 * Sends what the partition queues hold: to each leader up to `maxInFlight` requests at a time, in
 * each request at most one batch per partition.
 *
 * A batch is sent when it is full, when it has waited for `linger`, or when somebody waits for it
 * (flush, no memory left). While all requests of a broker are on their way, its batches keep
 * growing beyond `batchSize`, up to what a request may hold: under load batches get larger by
 * themselves, and no record waits longer for it.
 *
 *   appended --wake--> drain --> request --> response --> settle or retry --wake--> ...
 *
 * One timer stands for the next thing that happens without being asked: a linger that ends, a
 * retry that may go, a delivery that times out.
 */
import { ClosedError, type Timer } from '@ottla/base'
import { apis, decodeResponse, type ErrorName, errorCode, errorName } from '@ottla/protocol'
import type { Node } from '../cluster/client-context.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { type BrokerConnection, ConnectionPool } from '../cluster/connection-pool.ts'
import { backoffAfter } from '../cluster/retry.ts'
import { DeliveryTimeoutError, isRetriableError, KafkaError } from '../errors.ts'
import type { ClientMetrics } from '../metrics/client-metrics.ts'
import type { Accumulator } from './accumulator.ts'
import type { Identities } from './identity-source.ts'
import { judgeProduceError, type PartitionQueue } from './partition-queue.ts'
import {
  type PartitionProduceResponse,
  pickProduceVersion,
  produceRequest,
  responsesOf,
  type SentBatch,
} from './produce-requests.ts'
import type { ProducerBatch } from './producer-batch.ts'
import { publishFailed, publishStored } from './producer-events.ts'
import type { ResolvedProducerOptions } from './producer-options.ts'
import { splitBatch } from './split-batch.ts'

/** Room in a request for everything but the batches. */
const REQUEST_OVERHEAD = 512
/** Learnt limits never fall below this. */
const BATCH_BYTES_LEAST = 1024

export class Sender {
  private readonly cluster: Cluster
  private readonly options: ResolvedProducerOptions
  private readonly accumulator: Accumulator
  private readonly identities: Identities
  private readonly pool: ConnectionPool
  private readonly metrics: ClientMetrics
  private readonly inFlightByNode = new Map<number, number>()
  private readonly idleWaiters: (() => void)[] = []
  private readonly connecting = new Set<number>()
  private readonly stopListening: () => void
  private isWakeScheduled = false
  private timer: Timer | undefined
  private timerDueMs = Number.POSITIVE_INFINITY
  private isClosed = false

  constructor(
    cluster: Cluster,
    options: ResolvedProducerOptions,
    parts: { readonly accumulator: Accumulator; readonly identities: Identities },
  ) {
    this.cluster = cluster
    this.options = options
    this.accumulator = parts.accumulator
    this.identities = parts.identities
    this.metrics = cluster.context.metrics
    this.pool = new ConnectionPool(cluster.context, 'producer')
    this.stopListening = cluster.onUpdate(() => this.wake())
  }

  /** Looks for work once the code that runs now has finished, however often it is called. */
  wake(): void {
    if (this.isWakeScheduled || this.isClosed) return
    this.isWakeScheduled = true
    queueMicrotask(() => {
      this.isWakeScheduled = false
      if (!this.isClosed) this.drain()
    })
  }

  private drain(): void {
    const nowMs = this.cluster.context.clock.monotonicMs()
    let nextMs = Number.POSITIVE_INFINITY
    const ready = new Map<Node, PartitionQueue[]>()
    for (const queue of this.accumulator.active) {
      if (queue.nextDueMs() <= nowMs) this.expire(queue, nowMs)
      if (queue.isEmpty) {
        this.accumulator.active.delete(queue)
        continue
      }
      nextMs = Math.min(nextMs, queue.nextDueMs())
      const readyMs = this.readyAtMs(queue)
      if (readyMs > nowMs) {
        nextMs = Math.min(nextMs, readyMs)
        continue
      }
      const leader = this.leaderOf(queue)
      if (!leader) continue
      const queues = ready.get(leader)
      if (queues) queues.push(queue)
      else ready.set(leader, [queue])
    }
    for (const [node, queues] of ready) this.sendTo(node, queues)
    this.armTimer(nowMs, nextMs)
    this.accumulator.checkWaiters()
  }

  /** When the queue's first batch may be sent; infinite when something else has to happen first. */
  private readyAtMs(queue: PartitionQueue): number {
    const head = queue.head
    if (!head) return Number.POSITIVE_INFINITY
    if (this.identities.current === undefined) {
      this.identities.load(() => this.wake())
      return Number.POSITIVE_INFINITY
    }
    if (queue.isBlocked(this.identities.current)) {
      if (queue.wantsNewIdentity(this.identities.current)) this.identities.renew(() => this.wake())
      return Number.POSITIVE_INFINITY
    }
    if (!this.identities.admits(queue.topic, queue.partition)) return Number.POSITIVE_INFINITY
    if (head.isClosed) return queue.notBeforeMs
    const isDue =
      head.size >= this.options.batchSize || queue.isHeadComplete || this.accumulator.isUrgent
    return Math.max(queue.notBeforeMs, isDue ? 0 : head.createdMs + this.options.linger)
  }

  private leaderOf(queue: PartitionQueue): Node | undefined {
    const { metadata } = this.cluster
    const partition = metadata.partition(queue.topic, queue.partition)
    const leader = partition && metadata.node(partition.leaderId)
    if (!leader) this.cluster.markStale(queue.topic)
    return leader
  }

  private sendTo(node: Node, queues: PartitionQueue[]): void {
    const broker = this.pool.peek(node)
    if (!broker) {
      this.connect(node, queues)
      return
    }
    // A different queue comes first each time, so that none starves when requests are full.
    const { random } = this.cluster.context
    let start = queues.length > 1 ? random.integer(queues.length) : 0
    while ((this.inFlightByNode.get(node.id) ?? 0) < this.options.maxInFlight) {
      const sent = this.collect(queues, start++)
      if (sent.length === 0) return
      this.send(broker, sent)
    }
  }

  /** Takes one batch of each queue that is ready, as far as they fit into one request. */
  private collect(queues: readonly PartitionQueue[], start: number): SentBatch[] {
    const identity = this.identities.current
    const sent: SentBatch[] = []
    if (!identity) return sent
    const nowMs = this.cluster.context.clock.monotonicMs()
    let bytes = REQUEST_OVERHEAD
    for (let i = 0; i < queues.length; i++) {
      const queue = queues[(start + i) % queues.length] as PartitionQueue
      const head = queue.head
      if (!head || this.readyAtMs(queue) > nowMs) continue
      if (sent.length > 0 && bytes + head.size > this.options.maxRequestSize) continue
      head.close()
      this.metrics.record('queueTime', nowMs - head.createdMs)
      const batch = queue.take(identity)
      bytes += batch.size
      sent.push({ queue, batch })
    }
    return sent
  }

  private connect(node: Node, queues: readonly PartitionQueue[]): void {
    if (this.connecting.has(node.id)) return
    this.connecting.add(node.id)
    this.pool.get(node).then(
      () => {
        this.connecting.delete(node.id)
        this.wake()
      },
      (error: Error) => {
        this.connecting.delete(node.id)
        for (const queue of queues) {
          if (queue.head) queue.head.lastError = error
          this.cluster.markStale(queue.topic)
        }
        this.wake()
      },
    )
  }

  private send(broker: BrokerConnection, sent: readonly SentBatch[]): void {
    const { node, connection, versions } = broker
    const { metadata } = this.cluster
    this.inFlightByNode.set(node.id, (this.inFlightByNode.get(node.id) ?? 0) + 1)
    const { acks, requestTimeoutMs } = this.options
    const { transactionalId, produceVersionMax } = this.identities
    this.identities.sending()
    const version = pickProduceVersion(versions, sent, metadata, produceVersionMax)
    const options = { acks, timeoutMs: requestTimeoutMs, transactionalId }
    const body = produceRequest(sent, metadata, options)
    const isResponseExpected = acks !== 0
    connection
      .exchange(apis.produce, version, body, { timeoutMs: requestTimeoutMs, isResponseExpected })
      .then(
        (frame) => this.handleResponse(sent, version, frame),
        (error: Error) => this.failAll(sent, error),
      )
      .finally(() => {
        this.inFlightByNode.set(node.id, (this.inFlightByNode.get(node.id) ?? 1) - 1)
        this.wake()
        if (this.idleWaiters.length > 0 && this.isIdle) {
          for (const resolve of this.idleWaiters.splice(0)) resolve()
        }
      })
  }

  private get isIdle(): boolean {
    return [...this.inFlightByNode.values()].every((count) => count === 0)
  }

  /** Resolves when no request is on its way any more, those of expired batches included. */
  idle(): Promise<void> {
    if (this.isIdle) return Promise.resolve()
    return new Promise((resolve) => this.idleWaiters.push(resolve))
  }

  private handleResponse(
    sent: readonly SentBatch[],
    version: number,
    frame: Buffer | undefined,
  ): void {
    if (!frame) {
      this.acknowledgeUnseen(sent)
      return
    }
    let answers: (PartitionProduceResponse | undefined)[]
    try {
      const response = decodeResponse(apis.produce, version, frame)
      if (response.throttleTimeMs > 0) {
        this.metrics.record('produceThrottle', response.throttleTimeMs)
      }
      answers = responsesOf(response, sent, this.cluster.metadata)
    } catch (error) {
      this.failAll(sent, error as Error)
      return
    }
    for (const [i, item] of sent.entries()) this.handleAnswer(item, answers[i])
  }

  private failAll(sent: readonly SentBatch[], error: Error): void {
    for (const item of sent) this.handleFailure(item, 'NETWORK_EXCEPTION', error)
  }

  /** acks=0: written is all one ever learns. */
  private acknowledgeUnseen(sent: readonly SentBatch[]): void {
    for (const { queue, batch } of sent) {
      queue.remove(batch)
      this.noteStored(queue, batch, -1)
      batch.succeed({ baseOffset: -1, logAppendTimeMs: -1 })
    }
  }

  private handleAnswer(item: SentBatch, answer: PartitionProduceResponse | undefined): void {
    const { queue, batch } = item
    if (!answer) {
      const error = new KafkaError(errorCode('UNKNOWN_SERVER_ERROR'), 'Produce', 'no answer')
      this.handleFailure(item, 'UNKNOWN_SERVER_ERROR', error)
      return
    }
    if (answer.errorCode === 0) {
      queue.remove(batch)
      this.noteStored(queue, batch, answer.baseOffset)
      batch.succeed(answer)
      return
    }
    const { currentLeader } = answer
    if (currentLeader.leaderId >= 0) {
      const { leaderId, leaderEpoch } = currentLeader
      this.cluster.metadata.updateLeader(queue.topic, queue.partition, leaderId, leaderEpoch)
    }
    const what = `Produce to ${queue.topic}-${queue.partition}`
    const recordError = answer.recordErrors[0]
    const detail = recordError
      ? `record ${recordError.batchIndex}: ${recordError.batchIndexErrorMessage ?? ''}`
      : answer.errorMessage
    const error = new KafkaError(answer.errorCode, what, detail)
    this.handleFailure(item, errorName(answer.errorCode), error)
  }

  private noteStored(queue: PartitionQueue, batch: ProducerBatch, baseOffset: number): void {
    const { count, size: bytes } = batch
    this.metrics.record('recordsSent', count)
    this.metrics.record('bytesSent', bytes)
    const { topic, partition } = queue
    publishStored(() => ({ topic, partition, count, bytes, baseOffset }))
  }

  private fail(queue: PartitionQueue, batch: ProducerBatch, error: Error): void {
    const { topic, partition } = queue
    const { count } = batch
    this.metrics.record('recordErrors', count)
    publishFailed(() => ({ topic, partition, count, error }))
    batch.fail(error)
  }

  private handleFailure(item: SentBatch, name: ErrorName, error: Error): void {
    const { queue, batch } = item
    const isRetriable = isRetriableError(error)
    const verdict = judgeProduceError(
      name,
      {
        isOldestUnacknowledged: !queue.mustBeginAnew && queue.isOldestUnacknowledged(batch),
        // A transaction is not carried on in another epoch: it is aborted.
        isIdempotent: batch.identity.producerId >= 0 && !batch.identity.isTransactional,
        count: batch.count,
      },
      isRetriable,
    )
    batch.lastError = error
    if (isRetriable && !(error instanceof KafkaError && !error.needsRefresh)) {
      this.cluster.markStale(queue.topic)
    }
    if (verdict === 'stored') {
      queue.remove(batch)
      batch.succeed({ baseOffset: -1, logAppendTimeMs: -1 })
    } else if (batch.isSettled) {
      // It expired meanwhile, and whether it was stored will never be known.
      queue.remove(batch)
      if (batch.hasSequence) queue.restart()
    } else if (verdict === 'split') this.split(item)
    else if (verdict === 'retry' || verdict === 'retry-in-new-epoch') {
      if (verdict === 'retry-in-new-epoch') queue.restart()
      // Refused only because of the batch in front: that one decides when to go on.
      const isBystander = name === 'OUT_OF_ORDER_SEQUENCE_NUMBER'
      this.returnForRetry(queue, batch, isBystander ? 0 : this.backoffOf(batch))
    } else {
      queue.remove(batch)
      // The sequence of a refused batch was never used: what follows it would leave a gap.
      if (batch.hasSequence) queue.restart()
      this.fail(queue, batch, error)
    }
  }

  private backoffOf(batch: ProducerBatch): number {
    const attempt = Math.max(0, batch.attempts - 1)
    return backoffAfter(this.cluster.context, batch.lastError, attempt)
  }

  private returnForRetry(queue: PartitionQueue, batch: ProducerBatch, delayMs: number): void {
    this.metrics.record('recordRetries', batch.count)
    queue.returnForRetry(batch)
    const notBeforeMs = this.cluster.context.clock.monotonicMs() + delayMs
    queue.notBeforeMs = Math.max(queue.notBeforeMs, notBeforeMs)
    this.cluster.context.logger.debug('produce is retried', {
      topic: queue.topic,
      partition: queue.partition,
      attempts: batch.attempts,
      reason: batch.lastError?.message,
    })
  }

  private split({ queue, batch }: SentBatch): void {
    queue.batchBytesMax = Math.max(BATCH_BYTES_LEAST, Math.floor(batch.size / 2))
    const parts = splitBatch(batch, this.accumulator.slabs)
    for (const part of parts) part.close()
    queue.replaceBySplit(batch, parts)
    batch.transferListeners(parts)
    batch.dissolve()
  }

  private expire(queue: PartitionQueue, nowMs: number): void {
    const { deliveryTimeoutMs } = this.options
    const fail = (batch: ProducerBatch) => {
      const cause = batch.lastError ?? this.identities.lastError
      const { topic, partition } = queue
      const error = new DeliveryTimeoutError(topic, partition, deliveryTimeoutMs, cause)
      this.fail(queue, batch, error)
    }
    for (const batch of queue.expireWaiting(nowMs)) {
      if (batch.hasSequence) queue.restart()
      fail(batch)
    }
    for (const batch of queue.expiredInFlight(nowMs)) fail(batch)
  }

  private armTimer(nowMs: number, dueMs: number): void {
    if (this.timer && this.timerDueMs <= dueMs) return
    this.timer?.cancel()
    this.timer = undefined
    this.timerDueMs = Number.POSITIVE_INFINITY
    if (dueMs === Number.POSITIVE_INFINITY) return
    this.timerDueMs = dueMs
    this.timer = this.cluster.context.clock.setTimer(Math.max(0, dueMs - nowMs), () => {
      this.timer = undefined
      this.timerDueMs = Number.POSITIVE_INFINITY
      this.wake()
    })
  }

  /** Fails everything that has not been sent. */
  failWaiting(error: Error): void {
    for (const queue of this.accumulator.active) {
      for (const batch of queue.drainAll()) {
        if (batch.hasSequence) queue.restart()
        this.fail(queue, batch, error)
      }
    }
  }

  /** Fails whatever is left and closes the connections. */
  close(): void {
    this.isClosed = true
    this.timer?.cancel()
    this.stopListening()
    this.failWaiting(new ClosedError('The producer'))
    this.pool.close()
  }
}
