/**
 * What a consumer knows about one of its partitions.
 *
 *   consumed <= position <= fetchOffset
 *
 * - `consumed`: behind what the loop has finished with; what a commit stores
 * - `position`: behind what the loop has been given
 * - `fetchOffset`: behind what has been fetched; the next request begins there
 *
 * A partition without a position is being looked up (committed offset, then `from`). Every seek and
 * every lookup raises `version`; an answer to a request of an older version is thrown away.
 */
import type { AnyTopic } from '../serde/topic.ts'
import type { StartFrom } from './consumer-options.ts'
import type { FetchLane } from './fetch-lane.ts'
import type { FetchedPartition } from './fetched-partition.ts'

export class PartitionState {
  readonly topic: AnyTopic
  readonly partition: number
  version = 0
  position: number | undefined
  consumed: number | undefined
  /** Leader epoch of the last record before `consumed`, and before `position`; -1 unknown. */
  consumedEpoch = -1
  positionEpoch = -1
  fetchOffset = 0
  committed: number | undefined
  isPaused = false
  /** Records of it are with handlers: the next batch comes when they are done. */
  isAtWork = false
  /** How to find a position; undefined means the committed offset first. */
  startFrom: StartFrom | undefined
  /** Leader epoch the position was last checked against. */
  validatedEpoch = -1
  highWatermark = -1
  lastStableOffset = -1
  logStartOffset = -1
  /** Monotonic time before which the partition is left alone. */
  notBeforeMs = 0
  /** Where it is read from instead of at the leader, until then. */
  readReplica: { readonly nodeId: number; readonly untilMs: number } | undefined
  /** The lane that a request for its `fetchOffset` is on its way in. */
  fetching: FetchLane | undefined
  /** Fetched and not yet given to the loop, oldest first. */
  readonly fetched: FetchedPartition[] = []

  constructor(topic: AnyTopic, partition: number) {
    this.topic = topic
    this.partition = partition
  }

  get name(): string {
    return this.topic.name
  }

  get bufferedBytes(): number {
    let bytes = 0
    for (const fetched of this.fetched) bytes += fetched.remainingBytes
    return bytes
  }

  /** Goes on from an offset, forgetting what was fetched before. */
  seek(offset: number, leaderEpoch: number): void {
    this.version++
    this.fetching = undefined
    this.position = offset
    this.consumed = offset
    this.fetchOffset = offset
    this.positionEpoch = leaderEpoch
    this.consumedEpoch = leaderEpoch
    this.validatedEpoch = -1
    this.startFrom = undefined
    this.notBeforeMs = 0
    this.fetched.length = 0
  }

  /** Looks for a new position. */
  reset(from: StartFrom | undefined): void {
    this.version++
    this.fetching = undefined
    this.position = undefined
    this.fetched.length = 0
    this.startFrom = from
  }
}

export const partitionKey = (topic: string, partition: number): string => `${topic}:${partition}`
