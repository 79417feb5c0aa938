/**
 * The client's half of an incremental fetch session (KIP-227): the broker remembers what is being
 * fetched, a request names only what changed.
 *
 *   epoch 0 (full request) --session id--> 1 --> 2 --> ... --error--> 0
 *
 * Must always hold: `known` is what the broker believes the session holds. Partitions that are not
 * to be fetched now are forgotten, and come back as new.
 */
import { errorCode } from '@ottla/protocol'

export interface FetchPartition {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  readonly currentLeaderEpoch: number
  readonly fetchOffset: number
  readonly partitionMaxBytes: number
}

export interface SessionRequest {
  readonly sessionId: number
  readonly sessionEpoch: number
  readonly toFetch: readonly FetchPartition[]
  readonly toForget: readonly FetchPartition[]
}

const FINAL_EPOCH = -1
const EPOCH_MAX = 0x7fffffff

export class FetchSession {
  private sessionId = 0
  private epoch = 0
  private known = new Map<string, FetchPartition>()

  /** The next request for exactly these partitions. */
  next(partitions: readonly FetchPartition[]): SessionRequest {
    const wanted = new Map(partitions.map((p) => [keyOf(p), p]))
    if (this.sessionId === 0 || this.epoch === 0) {
      this.known = wanted
      return { sessionId: this.sessionId, sessionEpoch: 0, toFetch: partitions, toForget: [] }
    }
    const toFetch: FetchPartition[] = []
    const toForget: FetchPartition[] = []
    for (const [key, partition] of wanted) {
      const before = this.known.get(key)
      if (!before || !isSame(before, partition)) toFetch.push(partition)
      // The topic was created anew under the same name: for the broker that is another one.
      if (before && before.topicId !== partition.topicId) toForget.push(before)
    }
    for (const [key, partition] of this.known) if (!wanted.has(key)) toForget.push(partition)
    this.known = wanted
    return { sessionId: this.sessionId, sessionEpoch: this.epoch, toFetch, toForget }
  }

  /** Takes note of the answer's session; the error is that of the whole response. */
  handleResponse(error: number, sessionId: number): void {
    if (error === errorCode('FETCH_SESSION_ID_NOT_FOUND')) {
      this.reset()
    } else if (error !== 0) {
      // The session may live on in the broker: a full request under its id replaces it.
      this.epoch = 0
    } else if (sessionId === 0) this.reset()
    else {
      this.sessionId = sessionId
      this.epoch = this.epoch === EPOCH_MAX ? 1 : this.epoch + 1
    }
  }

  /** The request got no answer: whether the broker took it in is unknown. */
  handleFailure(): void {
    this.epoch = 0
  }

  /** For the request that ends the session. */
  final(): SessionRequest | undefined {
    if (this.sessionId === 0) return undefined
    return { sessionId: this.sessionId, sessionEpoch: FINAL_EPOCH, toFetch: [], toForget: [] }
  }

  private reset(): void {
    this.sessionId = 0
    this.epoch = 0
    this.known.clear()
  }
}

const keyOf = (p: FetchPartition): string => `${p.topic}:${p.partition}`

const isSame = (a: FetchPartition, b: FetchPartition): boolean =>
  a.fetchOffset === b.fetchOffset &&
  a.currentLeaderEpoch === b.currentLeaderEpoch &&
  a.partitionMaxBytes === b.partitionMaxBytes &&
  a.topicId === b.topicId
