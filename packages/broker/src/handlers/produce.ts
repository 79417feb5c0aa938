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
  type RecordBytes,
} from '@ottla/protocol'
import { type AppendResult, type PartitionLog, StorageError } from '@ottla/storage'
import type { BrokerServices } from '../broker-services.ts'
import { handler } from '../handler.ts'
import type { TopicImage } from '../metadata/metadata-image.ts'
import { isInternalTopic } from '../metadata/topic-names.ts'

type TopicAnswer = InferInput<typeof ProduceResponse>['responses'][number]
type PartitionAnswer = TopicAnswer['partitionResponses'][number]

const ZSTD = 4
/** Client id with which Apache Kafka's tools may write to internal topics. */
const ADMIN_CLIENT_ID = '__admin_client'
const MINIMUM_BATCH_BYTES = 61

export const produce = handler(
  apis.produce,
  { lowest: 3, highest: 13, advertisedLowest: 0 },
  (services, { apiVersion, clientId }, request) => {
    const { acks } = request
    const pending: Promise<void>[] = []
    const responses: TopicAnswer[] = []
    const append = new Append(services, apiVersion, clientId, acks, pending)
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

class Append {
  readonly opening: Promise<void>[] = []
  private readonly services: BrokerServices
  private readonly apiVersion: number
  private readonly clientId: string
  private readonly acks: number
  private readonly pending: Promise<void>[]

  constructor(
    services: BrokerServices,
    apiVersion: number,
    clientId: string,
    acks: number,
    pending: Promise<void>[],
  ) {
    this.services = services
    this.apiVersion = apiVersion
    this.clientId = clientId
    this.acks = acks
    this.pending = pending
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
    const { name } = topic as TopicImage
    const log = this.services.partitions.get(name, index)
    if (!log) {
      answers[at] = failed(index, 'UNKNOWN_TOPIC_OR_PARTITION', null)
      return
    }
    const batch = contiguousRecords(records)
    const leaderEpoch = (topic as TopicImage).partitions[index]?.leaderEpoch ?? 0
    const codec = compressionOf(batch)
    if (log.isOpen && isCodecReady(codec)) {
      this.append(log, batch, leaderEpoch, index, answers, at)
      return
    }
    answers[at] = failed(index, 'KAFKA_STORAGE_ERROR', null)
    const opened = Promise.all([log.ready(), loadCodec(codec)]).then(
      () => this.append(log, batch, leaderEpoch, index, answers, at),
      (error) => {
        answers[at] = storageFailure(index, error)
        return undefined
      },
    )
    this.opening.push(opened.then(() => undefined))
    this.pending.push(opened.then((durable) => durable))
  }

  private refuse(
    topic: TopicImage | ErrorName,
    index: number,
    records: RecordBytes | null,
  ): { error: ErrorName; message: string | null } | undefined {
    if (this.acks < -1 || this.acks > 1) return { error: 'INVALID_REQUIRED_ACKS', message: null }
    if (typeof topic === 'string') return { error: topic, message: null }
    if (!topic.partitions[index]) return { error: 'UNKNOWN_TOPIC_OR_PARTITION', message: null }
    if (isInternalTopic(topic.name) && this.clientId !== ADMIN_CLIENT_ID) {
      return {
        error: 'INVALID_TOPIC_EXCEPTION',
        message: `Cannot append to internal topic ${topic.name}`,
      }
    }
    const batch = contiguousRecords(records)
    if (batch.length < MINIMUM_BATCH_BYTES) {
      return { error: 'INVALID_RECORD', message: 'Produce requests must have exactly one batch' }
    }
    if (compressionOf(batch) === ZSTD && this.apiVersion < 7) {
      return {
        error: 'UNSUPPORTED_COMPRESSION_TYPE',
        message: 'zstd needs version 7 of Produce or later',
      }
    }
    if (isTransactional(batch)) {
      return { error: 'INVALID_TXN_STATE', message: 'The transaction is not known to this broker' }
    }
    return undefined
  }

  private append(
    log: PartitionLog,
    batch: Buffer,
    leaderEpoch: number,
    index: number,
    answers: PartitionAnswer[],
    at: number,
  ): Promise<void> | undefined {
    const result = log.append(batch, { origin: 'client', leaderEpoch })
    answers[at] = answerOf(index, result)
    if (result.kind === 'refused') {
      this.services.metrics.produceRefused(result.error)
      return undefined
    }
    this.services.metrics.produced(batch.length)
    const durable = log.whenDurable(result.lastOffset).catch((error: unknown) => {
      answers[at] = storageFailure(index, error)
    })
    if (this.acks !== 0) this.pending.push(durable)
    return durable
  }
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
