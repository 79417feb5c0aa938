import { describe, expect, test } from 'vitest'
import type { ConnectionPool } from '../cluster/connection-pool.ts'
import { topicOf } from '../serde/topic.ts'
import { type FetchLane, FetchLanes } from './fetch-lane.ts'
import type { FetchedPartition } from './fetched-partition.ts'
import { PartitionState } from './partition-state.ts'

// Lanes hand pools out and do nothing with them.
const pools = ['first', 'second'] as unknown as [ConnectionPool, ConnectionPool]
const NODE = 1

/** Read up to `fetchOffset` of a log that ended at 10. */
function partition(index: number, fetchOffset: number): PartitionState {
  const state = new PartitionState(topicOf('t'), index)
  state.seek(fetchOffset, -1)
  state.highWatermark = 10
  return state
}

function send(lane: FetchLane | undefined, states: readonly PartitionState[]): FetchLane {
  if (!lane) throw new Error('no lane is free')
  lane.isBusy = true
  for (const state of states) state.fetching = lane
  return lane
}

describe('the lanes to one broker', () => {
  test('take what is wanted by the first, then what nothing is left of by the second', () => {
    const lanes = new FetchLanes(pools)
    const [a, b, c] = [0, 1, 2].map((index) => partition(index, 10)) as [
      PartitionState,
      PartitionState,
      PartitionState,
    ]
    expect(send(lanes.free(NODE, [a]), [a]).pool).toBe(pools[0])
    b.fetched.push({} as FetchedPartition)
    expect(lanes.free(NODE, [b])).toBeUndefined()
    b.fetched.length = 0
    expect(send(lanes.free(NODE, [b]), [b]).pool).toBe(pools[1])
    expect(lanes.free(NODE, [c])).toBeUndefined()
  })

  test('have one of them awaited, until a seek or another leader', () => {
    const lanes = new FetchLanes(pools)
    const state = partition(0, 10)
    send(lanes.free(NODE, [state]), [state])
    expect(lanes.isAwaited(state, NODE)).toBe(true)
    expect(lanes.isAwaited(state, 2)).toBe(false)
    state.seek(0, -1)
    expect(lanes.isAwaited(state, NODE)).toBe(false)
  })

  test('go together again at the end of the log, and only there', () => {
    const lanes = new FetchLanes(pools)
    const [resting, behind, other] = [partition(0, 10), partition(1, 4), partition(2, 10)]
    const first = send(lanes.free(NODE, [other]), [other])
    send(lanes.free(NODE, [resting, behind]), [resting, behind])
    expect(lanes.isAwaited(resting, NODE)).toBe(true)
    first.isBusy = false
    expect(lanes.isAwaited(resting, NODE)).toBe(false)
    expect(lanes.isAwaited(behind, NODE)).toBe(true)
  })
})
