/**
 * The client's half of a share session (KIP-932): one for each broker, in which requests are
 * counted and a fetch names only the partitions that changed.
 *
 *   epoch 0 (opens, names all) --> 1 --> 2 --> ... --> -1 (ends, gives back what is held)
 *      ^                                      |
 *      +--------- any error, lost ------------+
 *
 * Must always hold: fetches and acknowledgements of a session go out one at a time, since both
 * count; and a request that opens a session acknowledges nothing.
 */

export interface SharePartition {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
}

export interface ShareSessionRequest {
  readonly epoch: number
  readonly toAdd: readonly SharePartition[]
  readonly toForget: readonly SharePartition[]
}

export const FINAL_EPOCH = -1
const EPOCH_MAX = 0x7fffffff

export class ShareSession {
  /** Epoch of the next request. */
  private epoch = 0
  private known = new Map<string, SharePartition>()

  get isOpen(): boolean {
    return this.epoch > 0
  }

  /** The next fetch, of exactly these partitions. */
  nextFetch(wanted: readonly SharePartition[]): ShareSessionRequest {
    const { epoch, known } = this
    this.known = new Map(wanted.map((partition) => [sharePartitionKey(partition), partition]))
    if (epoch === 0) return { epoch, toAdd: wanted, toForget: [] }
    const toAdd = wanted.filter((partition) => !known.has(sharePartitionKey(partition)))
    const toForget = [...known].filter(([key]) => !this.known.has(key)).map(([, gone]) => gone)
    return { epoch, toAdd, toForget }
  }

  /** Epoch of the next request that only acknowledges. */
  nextAcknowledgement(): number {
    return this.epoch
  }

  handleSuccess(): void {
    this.epoch = this.epoch === EPOCH_MAX ? 1 : this.epoch + 1
  }

  /** The broker does not know the session, or counts otherwise, or nobody knows. */
  reset(): void {
    this.epoch = 0
    this.known.clear()
  }
}

/** By id: a topic that was created anew under its name is another one. */
export const sharePartitionKey = (at: Pick<SharePartition, 'topicId' | 'partition'>): string =>
  `${at.topicId}:${at.partition}`
