/**
 * Incremental fetch sessions (KIP-227). A consumer names its partitions once; afterwards a request
 * lists only what changed and an answer holds only partitions that have news.
 *
 *   session id  epoch   meaning                               answer
 *   0           -1      full fetch without a session          id 0
 *   0           0       full fetch, make a session            new id, or 0 when there is no room
 *   n           -1      close session n, full fetch           id 0
 *   n           0       replace session n                     new id
 *   n           k > 0   incremental fetch of session n        id n
 *
 * Must always hold: a session uses topic names or topic ids for all its partitions, never both; the
 * epoch of an incremental request is exactly the next one. Pure: no clock, no I/O.
 */
import type { Random, Uuid } from '@ottla/base'
import type { ErrorName, FetchRequest } from '@ottla/protocol'

/** One partition of a fetch, with what the client was last told about it. */
export interface FetchTarget {
  readonly topic: string
  readonly topicId: Uuid
  readonly partition: number
  fetchOffset: number
  maxBytes: number
  currentLeaderEpoch: number
  lastFetchedEpoch: number
  /** Last told to the client; -1 when the partition must be told again. */
  toldHighWatermark: number
  toldLogStartOffset: number
}

export type FetchContext =
  | { readonly kind: 'refused'; readonly error: ErrorName }
  | {
      readonly kind: 'full' | 'incremental'
      readonly sessionId: number
      readonly targets: readonly FetchTarget[]
      readonly session: FetchSession | undefined
    }

const FINAL_EPOCH = -1
const INITIAL_EPOCH = 0
const EPOCH_MAX = 0x7fffffff
/** A session may be evicted for another one when it was not used for this long. */
const EVICTABLE_AFTER_MS = 120_000

export class FetchSession {
  readonly id: number
  readonly usesTopicIds: boolean
  epoch = 1
  lastUsedMs: number
  readonly targets = new Map<string, FetchTarget>()

  constructor(id: number, usesTopicIds: boolean, nowMs: number) {
    this.id = id
    this.usesTopicIds = usesTopicIds
    this.lastUsedMs = nowMs
  }

  /** Partitions that got data go to the end, so that all get their turn. */
  rotate(target: FetchTarget): void {
    const key = keyOf(this.usesTopicIds ? target.topicId : target.topic, target.partition)
    this.targets.delete(key)
    this.targets.set(key, target)
  }
}

const keyOf = (topic: string, partition: number): string => `${topic}:${partition}`

export class FetchSessionCache {
  private readonly sessions = new Map<number, FetchSession>()
  private readonly slotsMax: number
  private readonly random: Random

  constructor(slotsMax: number, random: Random) {
    this.slotsMax = slotsMax
    this.random = random
  }

  get size(): number {
    return this.sessions.size
  }

  /** Works out which partitions a request is about. `usesTopicIds` holds from version 13. */
  begin(request: FetchRequest, usesTopicIds: boolean, nowMs: number): FetchContext {
    const { sessionId, sessionEpoch } = request
    if (sessionEpoch === FINAL_EPOCH || sessionEpoch === INITIAL_EPOCH) {
      if (sessionId !== 0) this.sessions.delete(sessionId)
      return this.full(request, usesTopicIds, nowMs)
    }
    const session = this.sessions.get(sessionId)
    if (!session) return { kind: 'refused', error: 'FETCH_SESSION_ID_NOT_FOUND' }
    if (session.epoch !== sessionEpoch) {
      return { kind: 'refused', error: 'INVALID_FETCH_SESSION_EPOCH' }
    }
    if (session.usesTopicIds !== usesTopicIds) {
      return { kind: 'refused', error: 'FETCH_SESSION_TOPIC_ID_ERROR' }
    }
    session.epoch = session.epoch === EPOCH_MAX ? 1 : session.epoch + 1
    session.lastUsedMs = nowMs
    update(session, request)
    const targets = [...session.targets.values()]
    return { kind: 'incremental', sessionId: session.id, targets, session }
  }

  private full(request: FetchRequest, usesTopicIds: boolean, nowMs: number): FetchContext {
    const targets = targetsOf(request)
    const wantsSession = request.sessionEpoch === INITIAL_EPOCH && targets.length > 0
    const session = wantsSession ? this.create(usesTopicIds, nowMs) : undefined
    for (const target of targets) {
      session?.targets.set(
        keyOf(usesTopicIds ? target.topicId : target.topic, target.partition),
        target,
      )
    }
    return { kind: 'full', sessionId: session?.id ?? 0, targets, session }
  }

  private create(usesTopicIds: boolean, nowMs: number): FetchSession | undefined {
    if (this.sessions.size >= this.slotsMax && !this.evictOne(nowMs)) return undefined
    let id = 0
    while (id === 0 || this.sessions.has(id)) id = this.random.integer(0x7fffffff)
    const session = new FetchSession(id, usesTopicIds, nowMs)
    this.sessions.set(id, session)
    return session
  }

  private evictOne(nowMs: number): boolean {
    let oldest: FetchSession | undefined
    for (const session of this.sessions.values()) {
      if (!oldest || session.lastUsedMs < oldest.lastUsedMs) oldest = session
    }
    if (!oldest || nowMs - oldest.lastUsedMs < EVICTABLE_AFTER_MS) return false
    return this.sessions.delete(oldest.id)
  }
}

function targetsOf(request: FetchRequest): FetchTarget[] {
  const targets: FetchTarget[] = []
  for (const { topic, topicId, partitions } of request.topics) {
    for (const partition of partitions) {
      targets.push({
        topic,
        topicId,
        partition: partition.partition,
        fetchOffset: partition.fetchOffset,
        maxBytes: partition.partitionMaxBytes,
        currentLeaderEpoch: partition.currentLeaderEpoch,
        lastFetchedEpoch: partition.lastFetchedEpoch,
        toldHighWatermark: -1,
        toldLogStartOffset: -1,
      })
    }
  }
  return targets
}

function update(session: FetchSession, request: FetchRequest): void {
  for (const target of targetsOf(request)) {
    const key = keyOf(session.usesTopicIds ? target.topicId : target.topic, target.partition)
    const known = session.targets.get(key)
    if (known) {
      known.fetchOffset = target.fetchOffset
      known.maxBytes = target.maxBytes
      known.currentLeaderEpoch = target.currentLeaderEpoch
      known.lastFetchedEpoch = target.lastFetchedEpoch
    } else session.targets.set(key, target)
  }
  for (const { topic, topicId, partitions } of request.forgottenTopicsData) {
    for (const partition of partitions) {
      session.targets.delete(keyOf(session.usesTopicIds ? topicId : topic, partition))
    }
  }
}
