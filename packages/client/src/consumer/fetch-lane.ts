/**
 * The ways to one broker that fetches go: two, each with a connection and a session of its own and
 * at most one request on its way, since a broker answers the requests of a connection in their
 * order.
 *
 * The first lane takes all that is wanted. While its request waits at the broker for records, or
 * comes a long way, the second goes for partitions that nothing is left of: sought, resumed,
 * assigned or used up meanwhile. As long as something is left they wait for the first, which costs
 * both sides fewer requests. When the first goes again it takes over what waits in the second at
 * the end of its log, so that one request waits for all of them; until then the second asks often,
 * to be free for the next.
 *
 * Must always hold: an answer counts for a partition only while it is `fetching` in the lane the
 * answer came by. A seek takes it out of the lane, another leader or another lane takes it over,
 * and what the old request brings is thrown away. A session that still remembers a partition
 * answers for it only in requests of its lane, and each of these names exactly what it is for.
 */
import type { ConnectionPool } from '../cluster/connection-pool.ts'
import { FetchSession } from './fetch-session.ts'
import type { PartitionState } from './partition-state.ts'

/** Longest wait of a request in the second lane. */
const SECOND_WAIT_MS = 100

export class FetchLane {
  readonly nodeId: number
  readonly pool: ConnectionPool
  /** Longest time its requests wait at the broker. */
  readonly waitMsMax: number
  readonly session = new FetchSession()
  isBusy = false

  constructor(nodeId: number, pool: ConnectionPool, waitMsMax: number) {
    this.nodeId = nodeId
    this.pool = pool
    this.waitMsMax = waitMsMax
  }
}

/** Connections of the first and of the second lane of every broker. */
export type LanePools = readonly [ConnectionPool, ConnectionPool]

export class FetchLanes {
  private readonly pools: LanePools
  private readonly byNode = new Map<number, readonly [FetchLane, FetchLane]>()

  constructor(pools: LanePools) {
    this.pools = pools
  }

  /** The lane for a request for these partitions now; undefined when they have to wait. */
  free(nodeId: number, wanted: readonly PartitionState[]): FetchLane | undefined {
    const [first, second] = this.of(nodeId)
    if (!first.isBusy) return first
    if (second.isBusy) return undefined
    return wanted.some((state) => state.fetched.length === 0) ? second : undefined
  }

  /** True while a request to the broker is on its way whose answer the partition has to await. */
  isAwaited(state: PartitionState, nodeId: number): boolean {
    if (state.fetching?.nodeId !== nodeId) return false
    const [first, second] = this.of(nodeId)
    return first.isBusy || state.fetching !== second || !isAtEnd(state)
  }

  private of(nodeId: number): readonly [FetchLane, FetchLane] {
    let lanes = this.byNode.get(nodeId)
    if (!lanes) {
      const [first, second] = this.pools
      lanes = [
        new FetchLane(nodeId, first, Number.POSITIVE_INFINITY),
        new FetchLane(nodeId, second, SECOND_WAIT_MS),
      ]
      this.byNode.set(nodeId, lanes)
    }
    return lanes
  }

  all(): FetchLane[] {
    return [...this.byNode.values()].flat()
  }
}

/** As of the last answer nothing is there to come, so a request for it waits at the broker. */
const isAtEnd = ({ fetchOffset, highWatermark }: PartitionState): boolean =>
  highWatermark >= 0 && fetchOffset >= highWatermark
