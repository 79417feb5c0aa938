/**
 * ShareFetch (key 78), versions 1-2.
 *
 * Behaviour: acknowledges what it brings along, then acquires records of the session's partitions;
 * waits on them as a Fetch does, and also for records that others give back. Answered once the
 * acknowledgements are durable.
 * Version notes: record-limit mode and renewing of locks from 2.
 */
import {
  apis,
  type ErrorName,
  errorCode,
  type InferInput,
  type ShareFetchRequest,
  type ShareFetchResponse,
} from '@ottla/protocol'
import type { BrokerServices, RequestContext } from '../broker-services.ts'
import { isMemberId } from '../coordinator/share-group/heartbeat.ts'
import { handler } from '../handler.ts'
import { waitForNews } from '../purgatory.ts'
import {
  type AckResult,
  acknowledgeAll,
  hasAcknowledgements,
} from '../share/share-acknowledging.ts'
import { type PartitionReading, type ReadingRound, ShareReading } from '../share/share-reading.ts'
import { FINAL_EPOCH, OPENING_EPOCH, type ShareSession } from '../share/share-sessions.ts'
import { servesShareGroups } from './share-group-heartbeat.ts'

type Answer = InferInput<typeof ShareFetchResponse>
type TopicAnswer = Answer['responses'][number]
type PartitionAnswer = TopicAnswer['partitions'][number]

const AcquireMode = { BATCH_OPTIMIZED: 0, RECORD_LIMIT: 1 } as const
const ACQUIRE_MODES = new Set<number>(Object.values(AcquireMode))

const refused = (error: ErrorName, errorMessage: string | null = null): Answer => ({
  throttleTimeMs: 0,
  errorCode: errorCode(error),
  errorMessage,
  acquisitionLockTimeoutMs: 0,
  responses: [],
  nodeEndpoints: [],
})

export const shareFetch = handler(
  apis.shareFetch,
  { lowest: 1, highest: 2 },
  async (services, context, request) => {
    if (!servesShareGroups(services)) return refused('UNSUPPORTED_VERSION')
    const { groupId, memberId, shareSessionEpoch: epoch } = request
    const message = invalid(request)
    if (message || groupId === null || !isMemberId(memberId))
      return refused('INVALID_REQUEST', message ?? null)
    const { share } = services
    const session = share.sessions.use({ groupId, memberId, epoch }, context.connection)
    if (typeof session === 'string') {
      if (session === 'SHARE_SESSION_LIMIT_REACHED') await waitInVain(services, context, request)
      return refused(session)
    }
    if (epoch !== FINAL_EPOCH && !ACQUIRE_MODES.has(request.shareAcquireMode)) {
      return refused('UNKNOWN_SERVER_ERROR', 'ShareAcquireMode is not known.')
    }
    const acked = hasAcknowledgements(request)
      ? await acknowledgeAll(share, { ...request, groupId, memberId })
      : []
    if (epoch === FINAL_EPOCH) {
      share.sessions.remove(groupId, memberId)
      await share.release(groupId, memberId)
      return answerOf(services, session, [], acked)
    }
    update(services, session, request)
    const round = await readUntilDone(services, context, request, session)
    return answerOf(services, session, round.readings, acked)
  },
)

/** As long as for records, so that a member for whom there is no room does not ask all the time. */
function waitInVain(
  { clock, stopping }: BrokerServices,
  { connection }: RequestContext,
  { maxWaitMs }: ShareFetchRequest,
): Promise<void> {
  return waitForNews([], { waitMs: maxWaitMs, clock, connection, stopping })
}

function invalid(request: ShareFetchRequest): string | undefined {
  const { memberId, shareSessionEpoch, isRenewAck, maxBytes, minBytes } = request
  if (!memberId) return 'MemberId is empty.'
  if (shareSessionEpoch === OPENING_EPOCH && hasAcknowledgements(request)) {
    return 'A request that opens a session cannot acknowledge anything.'
  }
  const asks =
    maxBytes !== 0 || minBytes !== 0 || request.maxRecords !== 0 || request.maxWaitMs !== 0
  return isRenewAck && asks ? 'A request that renews locks cannot ask for records.' : undefined
}

function update(
  { image }: BrokerServices,
  session: ShareSession,
  request: ShareFetchRequest,
): void {
  for (const { topicId, partitions } of request.topics) {
    const isKnown = image.topicsById.has(topicId)
    for (const { partitionIndex } of partitions) session.add(topicId, partitionIndex, isKnown)
  }
  // One that opens its session has nothing to forget.
  if (request.shareSessionEpoch === OPENING_EPOCH) return
  for (const { topicId, partitions } of request.forgottenTopicsData) {
    for (const partition of partitions) session.forget(topicId, partition)
  }
}

async function readUntilDone(
  services: BrokerServices,
  { connection }: RequestContext,
  request: ShareFetchRequest,
  session: ShareSession,
): Promise<ReadingRound> {
  const { clock, stopping, share } = services
  const deadlineMs = clock.monotonicMs() + request.maxWaitMs
  const maxBytes = Math.min(request.maxBytes, services.config.get('fetch.max.bytes'))
  const reading = new ShareReading(share, session, {
    epoch: request.shareSessionEpoch,
    maxBytes,
    minBytes: Math.min(request.minBytes, maxBytes),
    maxRecords: request.maxRecords,
    batchSize: Math.max(1, request.batchSize),
    isRecordLimit: request.shareAcquireMode === AcquireMode.RECORD_LIMIT,
  })
  try {
    for (;;) {
      const isLastRound = deadlineMs <= clock.monotonicMs()
      const round = await reading.round(isLastRound)
      if (round.isDone || connection.isClosed || stopping.aborted) {
        reading.openRest()
        return round
      }
      if (await reading.openNext()) continue
      if (isLastRound) return round
      const waitMs = Math.max(1, deadlineMs - clock.monotonicMs())
      await waitForNews([reading], { waitMs, clock, connection, stopping })
    }
  } finally {
    reading.close()
  }
}

/** Partitions that are new to the session are named once; others only with something to tell. */
function answerOf(
  services: BrokerServices,
  session: ShareSession,
  readings: readonly PartitionReading[],
  acked: readonly AckResult[],
): Answer {
  const answers = new Map<string, Map<number, PartitionAnswer>>()
  const put = (topicId: string, partition: number, fields: Partial<PartitionAnswer>) => {
    const partitions = answers.get(topicId) ?? new Map<number, PartitionAnswer>()
    answers.set(topicId, partitions)
    partitions.set(partition, { ...blank(partition), ...partitions.get(partition), ...fields })
  }
  for (const target of session.partitions.values()) {
    if (target.mustTell) put(target.topicId, target.partition, {})
    target.mustTell = false
  }
  let bytes = 0
  for (const { target, error, acquired, records } of readings) {
    const code = errorCode(error ?? 'NONE')
    const acquiredRecords = [...acquired]
    put(target.topicId, target.partition, { errorCode: code, acquiredRecords, records })
    for (const chunk of records) bytes += chunk.length
    if (records.length > 0) session.moveBack(target)
  }
  for (const { topicId, partition, error } of acked) {
    put(topicId, partition, { acknowledgeErrorCode: errorCode(error) })
  }
  services.metrics.fetched(bytes)
  return {
    throttleTimeMs: 0,
    errorCode: 0,
    acquisitionLockTimeoutMs: services.share.settingsOf(session.groupId).lockDurationMs,
    responses: [...answers].map(([topicId, partitions]) => ({
      topicId,
      partitions: [...partitions.values()],
    })),
    nodeEndpoints: [],
  }
}

const blank = (partitionIndex: number): PartitionAnswer => ({
  partitionIndex,
  errorCode: 0,
  acknowledgeErrorCode: 0,
  currentLeader: { leaderId: 0, leaderEpoch: 0 },
  records: NO_BYTES,
  acquiredRecords: [],
})

const NO_BYTES = Buffer.alloc(0)
