/**
 * What a share consumer does with one broker: fetches, acknowledgements, and the session both count
 * in.
 *
 *   turn:  acknowledge what has been said   (alone, when somebody waits or locks are renewed)
 *       or fetch, and acknowledge along
 *
 * Must always hold:
 * - one request at a time; whoever comes meanwhile has the next turn;
 * - a session that is lost (by an error, or with its connection) takes with it what was held: the
 *   broker gives it to others, so what is said of it afterwards is an error and is not sent;
 * - operations do not reject: what becomes of acknowledgements is told partition by partition, and
 *   what nobody can mend goes to `onError`.
 */
import { messageOf } from '@ottla/base'
import { type ClientConnection, UnsupportedVersionError } from '@ottla/network'
import {
  apis,
  contiguousRecords,
  errorCode,
  isRetriable,
  loadCodec,
  type ResponseOf,
} from '@ottla/protocol'
import type { Node } from '../cluster/client-context.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { BrokerConnection, ConnectionPool } from '../cluster/connection-pool.ts'
import { codecsToLoad } from '../consumer/fetched-partition.ts'
import { CorruptRecordError, isRetriableError, KafkaError } from '../errors.ts'
import type { TopicPartition } from '../group/assignor.ts'
import type { AnyTopic } from '../serde/topic.ts'
import { HeldRecords } from './held-records.ts'
import { readAcquired, ShareBatch } from './share-batch.ts'
import type { ResolvedShareOptions } from './share-options.ts'
import type { ShareRecord } from './share-record.ts'
import {
  acknowledgedTopics,
  fetchTopics,
  forgottenTopics,
  type TakenAcknowledgements,
} from './share-requests.ts'
import {
  FINAL_EPOCH,
  type SharePartition,
  ShareSession,
  sharePartitionKey,
} from './share-session.ts'

const RETRY_MS = 100
/** Record limits and renewals came with this version of both requests. */
const NEWER_VERSION = 2
const RECORD_LIMIT = 1
const OFFSET_MAX = Number.MAX_SAFE_INTEGER

type FetchResponse = ResponseOf<typeof apis.shareFetch>
type FetchedPartition = FetchResponse['responses'][number]['partitions'][number]

/** What became of the acknowledgements of a partition. */
export interface ShareCommitResult extends TopicPartition {
  /** None when the broker has taken them in. */
  readonly error: KafkaError | undefined
}

export interface ShareBrokerEvents {
  readonly onBatch: (batch: ShareBatch) => void
  readonly onResult: (result: ShareCommitResult) => void
  /** There is something to look at. */
  readonly onProgress: () => void
  /** For the caller of the consumer. */
  readonly onError: (error: Error) => void
  /** How to read a topic. */
  readonly topicOf: (name: string) => AnyTopic
}

export class ShareBroker {
  node: Node
  /** What to fetch from this broker. */
  wanted: readonly SharePartition[] = []
  /** Monotonic time before which the broker is left alone. */
  notBeforeMs = 0
  /** How long what was acquired is kept for this member; undefined until the broker says. */
  lockTimeoutMs: number | undefined
  private readonly cluster: Cluster
  private readonly pool: ConnectionPool
  private readonly options: ResolvedShareOptions
  private readonly memberId: string
  private readonly events: ShareBrokerEvents
  private readonly session = new ShareSession()
  private connection: ClientConnection | undefined
  private readonly held = new Map<HeldRecords, SharePartition>()
  private turn: Promise<void> = Promise.resolve()
  private turns = 0
  private isClosed = false

  constructor(
    cluster: Cluster,
    pool: ConnectionPool,
    options: ResolvedShareOptions,
    parts: {
      readonly node: Node
      readonly memberId: string
      readonly events: ShareBrokerEvents
    },
  ) {
    this.cluster = cluster
    this.pool = pool
    this.options = options
    this.node = parts.node
    this.memberId = parts.memberId
    this.events = parts.events
  }

  get isBusy(): boolean {
    return this.turns > 0
  }

  /** Something was said that the broker has not been told. */
  get hasMarks(): boolean {
    for (const held of this.held.keys()) if (held.hasMarks) return true
    return false
  }

  /** Nothing is held, wanted or on its way. */
  get isIdle(): boolean {
    return !this.isBusy && this.held.size === 0 && this.wanted.length === 0
  }

  private get hasRenewals(): boolean {
    for (const held of this.held.keys()) if (held.hasRenewals) return true
    return false
  }

  /** A request for records, unless one is on its way. */
  async fetch(): Promise<void> {
    if (!this.isBusy) await this.inTurn(() => this.fetchNow())
  }

  /** Tells the broker what has been said, after what is on its way. */
  acknowledge(): Promise<void> {
    return this.inTurn(() => this.acknowledgeNow())
  }

  /** Tells what has been said, gives back the rest, and ends the session. */
  async close(): Promise<void> {
    this.isClosed = true
    await this.inTurn(async () => {
      for (const held of this.held.keys()) held.dropRenewals()
      // A connection that is gone has taken the session with it.
      const isOpen = this.session.isOpen && this.connection?.isClosed === false
      if (isOpen) await this.acknowledgeWith(FINAL_EPOCH)
      this.loseSession(new KafkaError(errorCode('SHARE_SESSION_NOT_FOUND'), 'The session'))
    })
  }

  private async inTurn(work: () => Promise<void>): Promise<void> {
    this.turns++
    const done = this.turn.then(work).catch((error: unknown) => this.handleFailure(error))
    this.turn = done
    await done
    this.turns--
    this.events.onProgress()
  }

  private handleFailure(error: unknown): void {
    const code = errorCode('SHARE_SESSION_NOT_FOUND')
    this.loseSession(new KafkaError(code, 'The session was lost', messageOf(error)))
    this.pause()
    const isKafka = error instanceof KafkaError
    if (!isKafka || error.needsRefresh) this.markStale(this.wanted)
    if (this.isClosed || isRetriableError(error)) {
      this.cluster.context.logger.debug('share request is retried', { reason: messageOf(error) })
    } else this.events.onError(error as Error)
  }

  private pause(): void {
    this.notBeforeMs = this.cluster.context.clock.monotonicMs() + RETRY_MS
  }

  private markStale(partitions: readonly SharePartition[]): void {
    for (const { topic } of partitions) this.cluster.markStale(topic)
  }

  // ---- session ----------------------------------------------------------------------------------

  private async connect(): Promise<BrokerConnection> {
    const broker = await this.pool.get(this.node)
    if (broker.connection !== this.connection) {
      const error = 'The session ended with its connection'
      this.loseSession(new KafkaError(errorCode('SHARE_SESSION_NOT_FOUND'), error))
      this.connection = broker.connection
    }
    return broker
  }

  private loseSession(error: KafkaError): void {
    this.session.reset()
    for (const held of this.held.keys()) held.lose(0, OFFSET_MAX, error)
    this.held.clear()
  }

  /** The error of a whole response: nothing in it was carried out. */
  private checkResponse(
    response: { readonly errorCode: number; readonly errorMessage: string | null },
    what: string,
    taken: readonly TakenAcknowledgements[],
  ): void {
    if (response.errorCode === 0) {
      this.session.handleSuccess()
      return
    }
    const group = `${what} of share group ${this.options.group}`
    const error = new KafkaError(response.errorCode, group, response.errorMessage)
    for (const { at } of taken) this.report(at, error)
    throw error
  }

  private report({ topic, partition }: SharePartition, error: KafkaError | undefined): void {
    this.events.onResult({ topic, partition, error })
  }

  // ---- acknowledgements -------------------------------------------------------------------------

  private take(): TakenAcknowledgements[] {
    const taken: TakenAcknowledgements[] = []
    for (const [held, at] of this.held) {
      const batches = held.takeBatches()
      if (batches.length > 0) taken.push({ at, held, batches })
    }
    return taken
  }

  private async acknowledgeNow(): Promise<void> {
    if (this.hasMarks) await this.acknowledgeWith(undefined)
  }

  private async acknowledgeWith(finalEpoch: typeof FINAL_EPOCH | undefined): Promise<void> {
    const { connection, versions } = await this.connect()
    if (!this.session.isOpen) return
    const version = versions.pick(apis.shareAcknowledge)
    const isRenewAck = this.hasRenewals
    if (isRenewAck && version < NEWER_VERSION) {
      for (const held of this.held.keys()) held.dropRenewals()
      const detail = 'it cannot renew locks, which Kafka can from 4.2 on'
      const error = new UnsupportedVersionError('ShareAcknowledge', connection.broker, detail)
      this.events.onError(error)
    }
    const taken = this.take()
    if (taken.length === 0 && finalEpoch === undefined) return
    const response = await this.sent(taken, () =>
      connection.request(
        apis.shareAcknowledge,
        version,
        {
          groupId: this.options.group,
          memberId: this.memberId,
          shareSessionEpoch: finalEpoch ?? this.session.nextAcknowledgement(),
          isRenewAck: isRenewAck && version >= NEWER_VERSION,
          topics: acknowledgedTopics(taken),
        },
        { timeoutMs: this.options.requestTimeoutMs },
      ),
    )
    this.checkResponse(response, 'ShareAcknowledge', taken)
    if (response.acquisitionLockTimeoutMs > 0)
      this.lockTimeoutMs = response.acquisitionLockTimeoutMs
    const errors = new Map<string, number>()
    for (const { topicId, partitions } of response.responses) {
      for (const { partitionIndex: partition, errorCode: code, currentLeader } of partitions) {
        errors.set(sharePartitionKey({ topicId, partition }), code)
        this.noteLeader({ topicId, partition }, currentLeader)
      }
    }
    this.settle(taken, errors)
  }

  /** A request that gets no answer leaves open what became of what it told. */
  private async sent<T>(
    taken: readonly TakenAcknowledgements[],
    send: () => Promise<T>,
  ): Promise<T> {
    try {
      return await send()
    } catch (error) {
      const detail = messageOf(error)
      const code = errorCode('SHARE_SESSION_NOT_FOUND')
      for (const { at } of taken) this.report(at, new KafkaError(code, 'No answer', detail))
      throw error
    }
  }

  private settle(
    taken: readonly TakenAcknowledgements[],
    errors: ReadonlyMap<string, number>,
  ): void {
    for (const { at, held, batches } of taken) {
      const code = errors.get(sharePartitionKey(at)) ?? 0
      const what = `Acknowledgements of ${at.topic}-${at.partition}`
      const error = code === 0 ? undefined : new KafkaError(code, what)
      if (error && isRetriable(code) && !error.needsRefresh) {
        // The broker could not write it down: the lock still holds.
        held.putBack(batches)
        this.pause()
        continue
      }
      if (error?.needsRefresh) this.cluster.markStale(at.topic)
      this.report(at, error)
      if (held.isDone) this.held.delete(held)
    }
  }

  // ---- fetching ---------------------------------------------------------------------------------

  private async fetchNow(): Promise<void> {
    const broker = await this.connect()
    const wantedKeys = new Set(this.wanted.map(sharePartitionKey))
    const isElsewhere = [...this.held].some(
      ([held, at]) => held.hasMarks && !wantedKeys.has(sharePartitionKey(at)),
    )
    // A fetch that renews brings no records, and one that names a partition asks for its records.
    if (this.hasRenewals || isElsewhere) await this.acknowledgeNow()
    if (this.wanted.length === 0 || this.isClosed) return
    const { connection, versions } = broker
    const version = versions.pick(apis.shareFetch)
    const { options } = this
    const isLimited = options.acquireMode === 'record-limit'
    if (isLimited && version < NEWER_VERSION) {
      const detail = 'it has no acquireMode record-limit, which Kafka has from 4.2 on'
      throw new UnsupportedVersionError('ShareFetch', connection.broker, detail)
    }
    const taken = this.session.isOpen ? this.take() : []
    const request = this.session.nextFetch(this.wanted)
    const body = {
      groupId: options.group,
      memberId: this.memberId,
      shareSessionEpoch: request.epoch,
      maxWaitMs: options.fetchMaxWaitMs,
      minBytes: options.fetchMinBytes,
      maxBytes: options.fetchMaxBytes,
      maxRecords: options.maxRecords,
      batchSize: options.maxRecords,
      shareAcquireMode: isLimited ? RECORD_LIMIT : 0,
      topics: fetchTopics(request.toAdd, taken),
      forgottenTopicsData: forgottenTopics(request.toForget),
    }
    const timeoutMs = options.requestTimeoutMs + options.fetchMaxWaitMs
    const response = await this.sent(taken, () =>
      connection.request(apis.shareFetch, version, body, { timeoutMs }),
    )
    this.checkResponse(response, 'ShareFetch', taken)
    this.lockTimeoutMs = response.acquisitionLockTimeoutMs
    await this.takeOver(response, taken)
  }

  private async takeOver(
    response: FetchResponse,
    taken: readonly TakenAcknowledgements[],
  ): Promise<void> {
    const errors = new Map<string, number>()
    const wanted = new Map(this.wanted.map((at) => [sharePartitionKey(at), at]))
    const partitions = response.responses.flatMap((topic) =>
      topic.partitions.map((answer) => ({ topicId: topic.topicId, answer })),
    )
    for (const { topicId, answer } of partitions) {
      const key = sharePartitionKey({ topicId, partition: answer.partitionIndex })
      errors.set(key, answer.acknowledgeErrorCode)
    }
    this.settle(taken, errors)
    for (const { topicId, answer } of partitions) {
      const at = wanted.get(sharePartitionKey({ topicId, partition: answer.partitionIndex }))
      if (at) await this.takePartition(at, answer)
    }
  }

  private async takePartition(at: SharePartition, answer: FetchedPartition): Promise<void> {
    const { topic, partition } = at
    if (answer.errorCode !== 0) {
      this.handlePartitionError(at, answer)
      return
    }
    if (answer.acquiredRecords.length === 0) return
    const bytes = contiguousRecords(answer.records)
    for (const codec of codecsToLoad(bytes)) await loadCodec(codec)
    const held = new HeldRecords(answer.acquiredRecords, (error) => this.report(at, error))
    const records = this.read(at, held, bytes)
    if (!records) return
    this.forgetEarlier(at, answer)
    this.held.set(held, at)
    if (records.length > 0) this.events.onBatch(new ShareBatch({ topic, partition }, held, records))
  }

  /** What cannot be read is held until the session ends, and then given out again. */
  private read(
    { topic, partition }: SharePartition,
    held: HeldRecords,
    bytes: Buffer,
  ): ShareRecord[] | undefined {
    try {
      const at = { topic: this.events.topicOf(topic), partition }
      return readAcquired(at, held, bytes, this.options)
    } catch (error) {
      if (!(error instanceof CorruptRecordError)) throw error
      this.events.onError(error)
      return undefined
    }
  }

  /** Records that come again have outlived their locks: what was held of them is not ours. */
  private forgetEarlier(at: SharePartition, { acquiredRecords }: FetchedPartition): void {
    const what = `The lock on records of ${at.topic}-${at.partition} ran out`
    const error = new KafkaError(errorCode('INVALID_RECORD_STATE'), what)
    for (const [earlier, where] of this.held) {
      if (sharePartitionKey(where) !== sharePartitionKey(at)) continue
      for (const { firstOffset, lastOffset } of acquiredRecords) {
        earlier.lose(firstOffset, lastOffset, error)
      }
      if (earlier.isDone) this.held.delete(earlier)
    }
  }

  private handlePartitionError(at: SharePartition, answer: FetchedPartition): void {
    this.noteLeader(at, answer.currentLeader)
    const what = `ShareFetch of ${at.topic}-${at.partition}`
    const error = new KafkaError(answer.errorCode, what, answer.errorMessage)
    if (error.needsRefresh) this.cluster.markStale(at.topic)
    this.pause()
    if (error.isRetriable) {
      this.cluster.context.logger.debug('share fetch is retried', { reason: error.message })
    } else this.events.onError(error)
  }

  private noteLeader(
    { topicId, partition }: Pick<SharePartition, 'topicId' | 'partition'>,
    leader: { readonly leaderId: number; readonly leaderEpoch: number },
  ): void {
    const name = this.cluster.metadata.nameOf(topicId)
    // Answers without an error leave the leader at 0 and 0, which is no newer than any we know.
    if (name === undefined || leader.leaderEpoch <= 0) return
    this.cluster.metadata.updateLeader(name, partition, leader.leaderId, leader.leaderEpoch)
  }
}
