/**
 * Produce (key 0), versions 3-13 (advertised from 0: librdkafka gives up compression otherwise,
 * KAFKA-18659).
 *
 * Behaviour: each partition takes exactly one record batch, which is appended before this function
 * returns to the event loop, so requests keep the order in which they arrived. The answer waits for
 * the commit round that makes the batch durable; with acks=0 there is none, and an error closes the
 * connection.
 * Version notes: zstd needs 7; record errors from 8; leader and endpoints of KIP-951 never apply,
 * since this node leads every partition; topic ids from 13.
 * Differences: acks=1 waits for the disk like acks=all.
 *
 * HOT: guarded by bench/macro/broker.ts
 */
import {
  apis,
  baseSequenceOf,
  compressionOf,
  contiguousRecords,
  type ErrorName,
  errorCode,
  type InferInput,
  isCodecReady,
  isTransactional,
  loadCodec,
  type ProduceRequest,
  type ProduceResponse,
  producerEpochOf,
  producerIdOf,
  type RecordBytes,
} from '@ottla/protocol'
import { type AppendResult, type PartitionLog, StorageError } from '@ottla/storage'
import type { BrokerServices } from '../broker-services.ts'
import type { Admission, Joined } from '../coordinator/transaction-service.ts'
import { handler } from '../handler.ts'
import type { TopicImage } from '../metadata/metadata-image.ts'
import { isInternalTopic } from '../metadata/topic-names.ts'

type TopicAnswer = InferInput<typeof ProduceResponse>['responses'][number]
type PartitionAnswer = TopicAnswer['partitionResponses'][number]

const ZSTD = 4
/** Client id with which Apache Kafka's tools may write to internal topics. */
const ADMIN_CLIENT_ID = '__admin_client'
const MINIMUM_BATCH_BYTES = 61
/** Where a batch says how many bytes follow, the fewest it can say, and where its magic is. */
const SIZE_POSITION = 8
const SIZE_MIN = 14
const MAGIC_POSITION = 16
const MAGIC = 2
/** From this version on a transactional producer leaves adding partitions to the broker. */
const V2_VERSION = 12

export const produce = handler(
  apis.produce,
  { lowest: 3, highest: 13, advertisedLowest: 0, borrowsFrame: true },
  (services, { apiVersion, clientId }, request) => {
    const { acks } = request
    const pending: Promise<void>[] = []
    const responses: TopicAnswer[] = []
    const append = new Append(services, { apiVersion, clientId }, request, pending)
    for (const { name, topicId, partitionData } of request.topicData) {
      const topic = findTopic(services, apiVersion, name, topicId)
      const partitionResponses: PartitionAnswer[] = []
      for (let i = 0; i < partitionData.length; i++) {
        const { index, records } = partitionData[i] as PartitionData
        append.partition(topic, index, records, partitionResponses, i)
      }
      responses.push({ name, topicId, partitionResponses })
    }
    if (acks === 0) return answerNothing(append, responses)
    const response = { responses, throttleTimeMs: 0 }
    if (pending.length === 0) return response
    return (pending.length === 1 ? (pending[0] as Promise<void>) : Promise.all(pending)).then(
      () => response,
    )
  },
)

type PartitionData = ProduceRequest['topicData'][number]['partitionData'][number]

/** With acks=0 only a failure is told, by closing; a partition still opening is waited for. */
function answerNothing(
  append: Append,
  responses: readonly TopicAnswer[],
): null | 'close' | Promise<null | 'close'> {
  const verdict = () =>
    responses.some((topic) => topic.partitionResponses.some((p) => p.errorCode !== 0))
      ? 'close'
      : null
  return append.opening.length > 0 ? Promise.all(append.opening).then(verdict) : verdict()
}

function findTopic(
  services: BrokerServices,
  apiVersion: number,
  name: string,
  topicId: string,
): TopicImage | ErrorName {
  if (apiVersion >= 13) {
    return services.image.topicsById.get(topicId) ?? 'UNKNOWN_TOPIC_ID'
  }
  return services.image.topics.get(name) ?? 'UNKNOWN_TOPIC_OR_PARTITION'
}

/** The append of a batch that had to wait; `durable` is there when it was appended. */
interface Turn {
  readonly durable?: Promise<void> | undefined
}

/** The last batch that waits for each log: what comes after it must not overtake it. */
const turns = new WeakMap<PartitionLog, Promise<Turn>>()

const isReady = (log: PartitionLog, batch: Buffer): boolean =>
  log.isOpen && isCodecReady(compressionOf(batch)) && !turns.has(log)

/** Where a batch goes, and where its answer. */
interface Destination {
  readonly log: PartitionLog
  readonly leaderEpoch: number
  readonly index: number
  readonly answers: PartitionAnswer[]
  readonly at: number
}

const producerOf = (batch: Buffer) => ({
  producerId: producerIdOf(batch),
  producerEpoch: producerEpochOf(batch),
})

const epochOf = (topic: TopicImage, index: number): number =>
  topic.partitions[index]?.leaderEpoch ?? 0

/** Refusals that say nothing about the log, as in Apache Kafka. */
const WITHOUT_START: ReadonlySet<ErrorName> = new Set([
  'CORRUPT_MESSAGE',
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'NOT_LEADER_OR_FOLLOWER',
  'KAFKA_STORAGE_ERROR',
])

interface Refused {
  readonly error: ErrorName
  readonly message: string | null
}

interface Client {
  readonly apiVersion: number
  readonly clientId: string
}

class Append {
  readonly opening: Promise<void>[] = []
  private readonly services: BrokerServices
  private readonly client: Client
  private readonly request: ProduceRequest
  private readonly pending: Promise<void>[]
  private readonly requestFault: ErrorName | undefined

  constructor(
    services: BrokerServices,
    client: Client,
    request: ProduceRequest,
    pending: Promise<void>[],
  ) {
    this.services = services
    this.client = client
    this.request = request
    this.pending = pending
    this.requestFault = requestFault(request)
  }

  /**
   * Appends one batch; the answer is put at `answers[at]`, at the latest when `pending` is done.
   */
  partition(
    topic: TopicImage | ErrorName,
    index: number,
    records: RecordBytes | null,
    answers: PartitionAnswer[],
    at: number,
  ): void {
    const fault = this.refuse(topic, index, records)
    if (fault) {
      answers[at] = failed(index, fault.error, fault.message)
      return
    }
    const log = this.services.partitions.get((topic as TopicImage).name, index)
    if (!log) {
      answers[at] = failed(index, 'UNKNOWN_TOPIC_OR_PARTITION', null)
      return
    }
    const batch = contiguousRecords(records)
    const leaderEpoch = epochOf(topic as TopicImage, index)
    const to: Destination = { log, leaderEpoch, index, answers, at }
    const admitted = isTransactional(batch) ? this.admit(batch, to) : 'NONE'
    const refusal = this.lateRefusal(topic as TopicImage)
    if (refusal) {
      this.refuseAdmitted(refusal, to, admitted)
      return
    }
    if (admitted === 'NONE' && isReady(log, batch)) {
      void this.append(batch, to)
      return
    }
    // The frame's memory is used again by then.
    this.appendLater(Buffer.from(batch), to, admitted)
  }

  private attempt(log: PartitionLog, batch: Buffer): void {
    const attempted = { ...producerOf(batch), firstSequence: baseSequenceOf(batch) }
    const isV2 = this.client.apiVersion >= V2_VERSION
    log.producers().attempt(attempted, { isV2, nowMs: this.services.clock.now() })
  }

  /** Whether the producer's transaction takes this partition; a V2 producer's is added to it. */
  private admit(batch: Buffer, { log, index }: Destination): Admission | Promise<Admission> {
    const { apiVersion } = this.client
    if (log.isOpen) {
      // As in Apache Kafka, the log is asked before the transaction.
      if (log.producers().isFenced(producerOf(batch))) return 'INVALID_PRODUCER_EPOCH'
      this.attempt(log, batch)
    }
    const reach = apiVersion >= V2_VERSION ? 'adds' : apiVersion === 11 ? 'can-abort' : 'none'
    const { transactions } = this.services
    return transactions.admit(
      this.request.transactionalId as string,
      producerOf(batch),
      log.topic,
      index,
      reach,
    )
  }

  /** Appends once everything is ready, behind those batches of the partition that wait already. */
  private appendLater(
    batch: Buffer,
    to: Destination,
    admitted: Admission | Promise<Admission>,
  ): void {
    const { log, index, answers, at } = to
    answers[at] = failed(index, 'KAFKA_STORAGE_ERROR', null)
    const before = turns.get(log)
    const codec = compressionOf(batch)
    const turn = Promise.all([admitted, log.ready(), loadCodec(codec), before]).then(
      ([admission]): Turn => {
        if (isTransactional(batch)) this.attempt(log, batch)
        const error = typeof admission === 'string' ? admission : 'NONE'
        const late = error === 'NONE' ? this.lateFault(batch, to) : error
        let durable: Promise<void> | undefined
        if (late === 'NONE') durable = this.append(batch, this.settled(to))
        else answers[at] = failed(index, late, null)
        if (typeof admission === 'string') return { durable }
        return { durable: this.whenJoined(admission, durable, to) }
      },
      (error: unknown): Turn => {
        answers[at] = storageFailure(index, error)
        return {}
      },
    )
    turns.set(log, turn)
    const opened = turn.then(({ durable }) => {
      if (turns.get(log) === turn) turns.delete(log)
      return durable
    })
    this.opening.push(turn.then(() => undefined))
    this.pending.push(opened)
  }

  /** A batch is not acknowledged before its partition is known to belong to the transaction. */
  private async whenJoined(
    joined: Joined,
    durable: Promise<void> | undefined,
    { index, answers, at }: Destination,
  ): Promise<void> {
    const error = await joined.durable
    await durable
    if (error !== 'NONE') answers[at] = failed(index, error, null)
  }

  /** Whether its transaction has ended while the batch waited. */
  private lateFault(batch: Buffer, { log, index }: Destination): ErrorName {
    if (!isTransactional(batch)) return 'NONE'
    const { transactions } = this.services
    const id = this.request.transactionalId as string
    const isIn = transactions.isStillIn(id, producerOf(batch), log.topic, index)
    return isIn ? 'NONE' : 'INVALID_TXN_STATE'
  }

  /** The epoch may have grown while the batch waited, and markers have been written with it. */
  private settled(to: Destination): Destination {
    const topic = this.services.image.topics.get(to.log.topic)
    return { ...to, leaderEpoch: topic ? epochOf(topic, to.index) : to.leaderEpoch }
  }

  private refuse(
    topic: TopicImage | ErrorName,
    index: number,
    records: RecordBytes | null,
  ): Refused | undefined {
    if (this.requestFault) return { error: this.requestFault, message: null }
    if (typeof topic === 'string') return { error: topic, message: null }
    if (!topic.partitions[index]) return { error: 'UNKNOWN_TOPIC_OR_PARTITION', message: null }
    return batchFault(contiguousRecords(records), this.client.apiVersion)
  }

  /** What Apache Kafka looks at when the batch's transaction has taken the partition in. */
  private lateRefusal({ name }: TopicImage): Refused | undefined {
    const { acks } = this.request
    if (acks < -1 || acks > 1) return { error: 'INVALID_REQUIRED_ACKS', message: null }
    if (!isInternalTopic(name) || this.client.clientId === ADMIN_CLIENT_ID) return undefined
    const message = `Cannot append to internal topic ${name}`
    return { error: 'INVALID_TOPIC_EXCEPTION', message }
  }

  private refuseAdmitted(
    { error, message }: Refused,
    { index, answers, at }: Destination,
    admitted: Admission | Promise<Admission>,
  ): void {
    const refuse = (admission: ErrorName) => {
      answers[at] =
        admission === 'NONE' ? failed(index, error, message) : failed(index, admission, null)
    }
    if (typeof admitted === 'string') refuse(admitted)
    else {
      answers[at] = failed(index, error, message)
      this.pending.push(durableOf(admitted).then(refuse))
    }
  }

  private append(
    batch: Buffer,
    { log, leaderEpoch, index, answers, at }: Destination,
  ): Promise<void> | undefined {
    const result = log.append(batch, { origin: 'client', leaderEpoch })
    answers[at] = answerOf(index, result)
    if (result.kind === 'refused') {
      if (!WITHOUT_START.has(result.error)) {
        answers[at] = { ...answers[at], logStartOffset: log.logStartOffset }
      }
      this.services.metrics.produceRefused(result.error)
      return undefined
    }
    this.services.metrics.produced(batch.length)
    const durable = log.whenDurable(result.lastOffset).catch((error: unknown) => {
      answers[at] = storageFailure(index, error)
    })
    if (this.request.acks !== 0) this.pending.push(durable)
    return durable
  }
}

async function durableOf(admitted: Admission | Promise<Admission>): Promise<ErrorName> {
  const admission = await admitted
  return typeof admission === 'string' ? admission : admission.durable
}

/** What is wrong with a batch at first sight; the log looks closer. */
function batchFault(batch: Buffer, apiVersion: number): Refused | undefined {
  if (isCorrupt(batch)) return { error: 'CORRUPT_MESSAGE', message: null }
  if (batch.length < MINIMUM_BATCH_BYTES) {
    return { error: 'INVALID_RECORD', message: 'Produce requests must have exactly one batch' }
  }
  if (batch.readUInt8(MAGIC_POSITION) < MAGIC) {
    return { error: 'INVALID_RECORD', message: 'Record batches must have magic 2' }
  }
  if (compressionOf(batch) === ZSTD && apiVersion < 7) {
    return {
      error: 'UNSUPPORTED_COMPRESSION_TYPE',
      message: 'zstd needs version 7 of Produce or later',
    }
  }
  if (batch.readInt32BE(SIZE_POSITION) + SIZE_POSITION + 4 !== batch.length) {
    return { error: 'INVALID_RECORD', message: 'Produce requests must have exactly one batch' }
  }
  return undefined
}

/** What spoils the whole request: a batch that is none, or one of a transaction nobody named. */
function requestFault({ transactionalId, topicData }: ProduceRequest): ErrorName | undefined {
  for (const { partitionData } of topicData) {
    for (const { records } of partitionData) {
      const batch = contiguousRecords(records)
      if (isCorrupt(batch)) return 'CORRUPT_MESSAGE'
      if (batch.length < MINIMUM_BATCH_BYTES || !isTransactional(batch)) continue
      // Apache Kafka has seen enough: what comes behind is looked at by itself.
      return transactionalId === null ? 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED' : undefined
    }
  }
  return undefined
}

/** Its first bytes cannot be those of a batch of any version. */
function isCorrupt(batch: Buffer): boolean {
  if (batch.length < MAGIC_POSITION) return false
  if (batch.readInt32BE(SIZE_POSITION) < SIZE_MIN) return true
  return batch.length > MAGIC_POSITION && batch.readUInt8(MAGIC_POSITION) > MAGIC
}

function answerOf(index: number, result: AppendResult): PartitionAnswer {
  if (result.kind !== 'refused') {
    return {
      index,
      errorCode: 0,
      baseOffset: result.baseOffset,
      logAppendTimeMs: result.logAppendTimeMs,
      logStartOffset: result.logStartOffset,
      recordErrors: [],
    }
  }
  return {
    ...failed(index, result.error, result.message),
    recordErrors: (result.recordErrors ?? []).map(({ batchIndex, message }) => ({
      batchIndex,
      batchIndexErrorMessage: message,
    })),
  }
}

const failed = (index: number, error: ErrorName, errorMessage: string | null): PartitionAnswer => ({
  index,
  errorCode: errorCode(error),
  baseOffset: -1,
  recordErrors: [],
  errorMessage,
})

function storageFailure(index: number, error: unknown): PartitionAnswer {
  const name = error instanceof StorageError ? error.errorName : 'KAFKA_STORAGE_ERROR'
  return failed(index, name, error instanceof Error ? error.message : String(error))
}
