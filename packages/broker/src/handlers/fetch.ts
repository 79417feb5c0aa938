/**
 * Fetch (key 1), versions 4-18.
 *
 * Behaviour: reads whole batches, the first of which contains the fetch offset; the first partition
 * with data gives at least one batch however large. When less than min_bytes is there, the request
 * waits on its partitions, not on a timer, and is woken by the commit round that moves their high
 * watermark. read_committed ends at the last stable offset and names the aborted transactions.
 * Version notes: sessions from 7, zstd from 10, diverging epochs from 12, topic ids from 13.
 * Differences: no follower ever fetches from this node; replica ids are taken for consumers.
 *
 * HOT: guarded by bench/macro/broker.ts
 */
import {
  apis,
  type ErrorName,
  errorCode,
  type FetchRequest,
  type FetchResponse,
  type InferInput,
  sizeOfRecords,
} from '@ottla/protocol'
import { type PartitionLog, type ReadResult, StorageError } from '@ottla/storage'
import type { BrokerServices, RequestContext } from '../broker-services.ts'
import type { FetchContext, FetchTarget } from '../fetch-session.ts'
import { handler } from '../handler.ts'
import { waitForNews } from '../purgatory.ts'

type TopicAnswer = InferInput<typeof FetchResponse>['responses'][number]
type PartitionAnswer = TopicAnswer['partitions'][number]

const READ_COMMITTED = 1
const NO_BYTES = Buffer.alloc(0)

interface Limits {
  readonly maxBytes: number
  readonly minBytes: number
  readonly isCommittedOnly: boolean
}

interface Round {
  readonly answers: PartitionAnswer[]
  readonly logs: PartitionLog[]
  bytes: number
  /** Memory of the log that the answers refer to. */
  readonly results: ReadResult[]
  /** Something that must be told at once. */
  isUrgent: boolean
}

type Established = Exclude<FetchContext, { kind: 'refused' }>

export const fetch = handler(
  apis.fetch,
  { lowest: 4, highest: 18 },
  (services, context, request) => {
    const usesTopicIds = context.apiVersion >= 13
    const now = services.clock.monotonicMs()
    const fetching = services.fetchSessions.begin(request, usesTopicIds, now)
    if (fetching.kind === 'refused') {
      return {
        throttleTimeMs: 0,
        errorCode: errorCode(fetching.error),
        sessionId: 0,
        responses: [],
      }
    }
    return serve(services, context, request, fetching)
  },
)

async function serve(
  services: BrokerServices,
  context: RequestContext,
  request: FetchRequest,
  fetching: Established,
): Promise<InferInput<typeof FetchResponse>> {
  const maxBytes = Math.min(request.maxBytes, services.config.get('fetch.max.bytes'))
  const limits: Limits = {
    maxBytes,
    minBytes: Math.min(request.minBytes, maxBytes),
    isCommittedOnly: request.isolationLevel === READ_COMMITTED,
  }
  const { clock, stopping } = services
  const deadlineMs = clock.monotonicMs() + request.maxWaitMs
  for (;;) {
    const round = await read(services, context.apiVersion, fetching, limits)
    const leftMs = deadlineMs - clock.monotonicMs()
    const isDone =
      leftMs <= 0 ||
      round.bytes >= limits.minBytes ||
      round.isUrgent ||
      fetching.targets.length === 0 ||
      context.connection.isClosed ||
      stopping.aborted
    if (isDone) {
      if (round.bytes > 0) context.onSent = () => release(round)
      return respond(services, fetching, round)
    }
    release(round)
    const { connection } = context
    await waitForNews(round.logs, { waitMs: leftMs, clock, connection, stopping })
  }
}

function release(round: Round): void {
  for (const result of round.results) result.release()
}

async function read(
  services: BrokerServices,
  apiVersion: number,
  fetching: Established,
  limits: Limits,
): Promise<Round> {
  const round: Round = { answers: [], logs: [], bytes: 0, results: [], isUrgent: false }
  for (const target of fetching.targets) {
    const log = locate(services, apiVersion, target)
    if (typeof log === 'string') {
      // As Apache Kafka does: an empty list where nothing is known, none where a log refuses.
      const isUnknown = log.startsWith('UNKNOWN_TOPIC')
      const abortedTransactions = isUnknown ? [] : null
      round.answers.push({ ...failed(target.partition, log), abortedTransactions })
      round.isUrgent = true
      continue
    }
    if (!log.isOpen) {
      const failure = await opened(log)
      if (failure) {
        round.answers.push(failed(target.partition, failure))
        round.isUrgent = true
        continue
      }
    }
    round.logs.push(log)
    const answer = readPartition(log, target, limits, round)
    round.answers.push(answer instanceof Promise ? await answer : answer)
  }
  return round
}

async function opened(log: PartitionLog): Promise<ErrorName | undefined> {
  try {
    await log.ready()
    return undefined
  } catch (error) {
    return storageErrorName(error)
  }
}

function locate(
  services: BrokerServices,
  apiVersion: number,
  target: FetchTarget,
): PartitionLog | ErrorName {
  const { image } = services
  const topic =
    apiVersion >= 13 ? image.topicsById.get(target.topicId) : image.topics.get(target.topic)
  if (!topic) return apiVersion >= 13 ? 'UNKNOWN_TOPIC_ID' : 'UNKNOWN_TOPIC_OR_PARTITION'
  const partition = topic.partitions[target.partition]
  const log = services.partitions.get(topic.name, target.partition)
  if (!partition || !log) return 'UNKNOWN_TOPIC_OR_PARTITION'
  if (target.currentLeaderEpoch >= 0) {
    if (target.currentLeaderEpoch < partition.leaderEpoch) return 'FENCED_LEADER_EPOCH'
    if (target.currentLeaderEpoch > partition.leaderEpoch) return 'UNKNOWN_LEADER_EPOCH'
  }
  return log
}

function readPartition(
  log: PartitionLog,
  target: FetchTarget,
  limits: Limits,
  round: Round,
): PartitionAnswer | Promise<PartitionAnswer> {
  const { fetchOffset } = target
  if (fetchOffset < log.logStartOffset || fetchOffset > log.logEndOffset) {
    round.isUrgent = true
    return failed(target.partition, 'OFFSET_OUT_OF_RANGE')
  }
  const diverging = divergence(log, target)
  if (diverging) {
    round.isUrgent = true
    return { ...found(log, target, undefined, limits), divergingEpoch: diverging }
  }
  const upTo = limits.isCommittedOnly ? 'last-stable-offset' : 'high-watermark'
  const end = limits.isCommittedOnly ? log.lastStableOffset : log.highWatermark
  const bytesMax = Math.min(target.maxBytes, limits.maxBytes - round.bytes)
  const isFirst = round.bytes === 0
  if (fetchOffset >= end || (bytesMax <= 0 && !isFirst)) {
    return found(log, target, undefined, limits)
  }
  const take = (result: ReadResult): PartitionAnswer => {
    round.bytes += result.size
    round.results.push(result)
    return found(log, target, result, limits)
  }
  const fail = (error: unknown): PartitionAnswer => {
    round.isUrgent = true
    return failed(target.partition, storageErrorName(error))
  }
  try {
    const result = log.read(fetchOffset, {
      bytesMax: Math.max(bytesMax, 0),
      upTo,
      atLeastOneBatch: isFirst,
    })
    return result instanceof Promise ? result.then(take, fail) : take(result)
  } catch (error) {
    return fail(error)
  }
}

/** Where the log of a client that fetched (epoch, offset) parts from ours (KIP-595). */
function divergence(
  log: PartitionLog,
  target: FetchTarget,
): { epoch: number; endOffset: number } | undefined {
  if (target.lastFetchedEpoch < 0) return undefined
  const end = log.offsetForLeaderEpoch(target.lastFetchedEpoch)
  if (end.leaderEpoch < target.lastFetchedEpoch || end.endOffset < target.fetchOffset) {
    return { epoch: end.leaderEpoch, endOffset: end.endOffset }
  }
  return undefined
}

function found(
  log: PartitionLog,
  target: FetchTarget,
  result: ReadResult | undefined,
  limits: Limits,
): PartitionAnswer {
  return {
    partitionIndex: target.partition,
    errorCode: 0,
    highWatermark: log.highWatermark,
    lastStableOffset: log.lastStableOffset,
    logStartOffset: log.logStartOffset,
    abortedTransactions: limits.isCommittedOnly ? (result?.abortedTransactions ?? []) : null,
    records: result ? result.chunks : NO_BYTES,
  }
}

const failed = (partitionIndex: number, error: ErrorName): PartitionAnswer => ({
  partitionIndex,
  errorCode: errorCode(error),
  highWatermark: -1,
  abortedTransactions: null,
  records: NO_BYTES,
})

function storageErrorName(error: unknown): ErrorName {
  if (error instanceof StorageError) return error.errorName
  throw error
}

/** Puts the answers of a round together; an incremental one holds only what is news. */
function respond(
  services: BrokerServices,
  fetching: Established,
  round: Round,
): InferInput<typeof FetchResponse> {
  const responses: TopicAnswer[] = []
  const { session } = fetching
  fetching.targets.forEach((target, i) => {
    const answer = round.answers[i] as PartitionAnswer
    if (session && !isNews(target, answer, fetching.kind)) return
    if (session) {
      target.toldHighWatermark = answer.errorCode === 0 ? answer.highWatermark : -1
      target.toldLogStartOffset = answer.logStartOffset ?? -1
      if (sizeOfRecords(answer.records) > 0) session.rotate(target)
    }
    const last = responses.at(-1)
    if (last && last.topic === target.topic && last.topicId === target.topicId) {
      ;(last.partitions as PartitionAnswer[]).push(answer)
    } else {
      responses.push({ topic: target.topic, topicId: target.topicId, partitions: [answer] })
    }
  })
  services.metrics.fetched(round.bytes)
  return { throttleTimeMs: 0, errorCode: 0, sessionId: fetching.sessionId, responses }
}

function isNews(target: FetchTarget, answer: PartitionAnswer, kind: 'full' | 'incremental') {
  return (
    kind === 'full' ||
    answer.errorCode !== 0 ||
    answer.divergingEpoch !== undefined ||
    sizeOfRecords(answer.records) > 0 ||
    answer.highWatermark !== target.toldHighWatermark ||
    answer.logStartOffset !== target.toldLogStartOffset
  )
}
